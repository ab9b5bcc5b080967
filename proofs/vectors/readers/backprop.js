// Backpropagation in plain JavaScript, judged by the test vectors: node backprop.js [-FLAG...] FILE...
'use strict';
const fs = require('fs');

const transposed = (P) => P[0].map((_, j) => P.map((row) => row[j]));

// Activations with their derivatives, and outputs. r rounds to the format of the case: rounding each double result with
// Math.fround gives float32 arithmetic exactly.
function functions(dtype) {
  const r = dtype === 'float64' ? (x) => x : Math.fround;
  // Where the derivative of SiLU is 0: the next float, and the rest.
  const [root, rest] =
    dtype === 'float64' ? [-1.2784645427610737, -1.0946994183093437e-16] : [-1.2784645557403564, 1.2979282537628478e-8];
  const total = (terms) => terms.reduce((sum, term) => r(sum + term), 0);
  const sigmoid = (z) => r(1 / r(1 + r(Math.exp(-z))));
  const softplus = (z) => r(Math.max(z, 0) + r(Math.log1p(r(Math.exp(-Math.abs(z))))));
  const tanhDerivative = (z) => {
    const e = r(Math.exp(-2 * Math.abs(z))); // 1 / cosh² without overflow
    return r(r(4 * e) / r(r(1 + e) * r(1 + e)));
  };
  const siluDerivative = (z) => {
    if (Math.abs(z) === Infinity) return z > 0 ? 1 : 0;
    if (z <= -2 || z >= -1) return r(sigmoid(z) * r(1 + r(z * sigmoid(-z))));
    const d = r(r(z - root) - rest); // 1 + z + exp z from its root: two terms of one sign
    return r(r(sigmoid(z) * sigmoid(-z)) * r(d - r(r(1 + root) * r(Math.expm1(d)))));
  };
  const leaky = (slope) => [(z) => (z > 0 ? z : r(r(slope) * z)), (z) => (z > 0 ? 1 : r(slope))];
  const activations = {
    sigmoid: [sigmoid, (z) => r(sigmoid(z) * sigmoid(-z))],
    tanh: [(z) => r(Math.tanh(z)), tanhDerivative],
    relu: [(z) => Math.max(z, 0), (z) => (z > 0 ? 1 : 0)],
    softplus: [softplus, sigmoid],
    silu: [(z) => (z === -Infinity ? 0 : r(z * sigmoid(z))), siluDerivative],
    identity: [(z) => z, () => 1],
  };
  const activation = (word) => {
    const [name, slope] = word.split(/[()]/);
    return name === 'leaky_relu' ? leaky(Number(slope || 0.01)) : activations[name];
  };

  // Of one column: A, the loss of each entry and the derivative of their sum by z.
  const softmax = (z, y) => {
    const top = z.indexOf(Math.max(...z));
    const but = (list, i) => list.filter((_, j) => j !== i);
    const d = z.map((x) => r(x - z[top]));
    const e = d.map((x) => r(Math.exp(x)));
    const others = r(Math.log1p(total(but(e, top))));
    const a = e.map((x) => r(x / total(e)));
    const dz = a.map((x, i) => r(r(total(but(y, i)) * x) - r(y[i] * total(but(a, i)))));
    return [a, d.map((x, i) => r(y[i] * r(others - x))), dz];
  };
  const entrywise = (word, cost) => (z, y) => {
    const [g, derivative] = activation(word);
    const a = z.map(g);
    if (cost === 'cross_entropy') {
      const losses = z.map((x, i) => r(r(y[i] * softplus(-x)) + r(r(1 - y[i]) * softplus(x))));
      return [a, losses, a.map((x, i) => r(r(r(1 - y[i]) * x) - r(y[i] * sigmoid(-z[i]))))];
    }
    const share = cost === 'squared_error' ? 1 : 0.5;
    const e = a.map((x, i) => r(x - y[i]));
    return [a, e.map((x) => r(r(x * x) * share)), e.map((x, i) => r(r(2 * share * x) * derivative(z[i])))];
  };
  // Of matrices Z and Y: A, the loss of each example, and its derivative by Z.
  const output = (word, cost) => (Z, Y) => {
    const column = word === 'softmax' ? softmax : entrywise(word, cost);
    const columns = transposed(Z).map((z, k) => column(z, Y.map((row) => row[k])));
    const [A, losses, dZ] = [0, 1, 2].map((part) => columns.map((parts) => parts[part]));
    return [transposed(A), [losses.map(total)], transposed(dZ)];
  };
  return { r, total, activation, output };
}

// All quantities of the case by name.
function run(vector) {
  const { layer_dims: dims, m, inputs } = vector;
  const { r, total, activation, output } = functions(vector.dtype);
  const product = (P, Q) => P.map((row) => transposed(Q).map((column) => total(row.map((p, j) => r(p * column[j])))));
  const entries = (f, P) => P.map((row, i) => row.map((x, k) => f(x, i, k)));
  const v = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, matrix(value)]));
  if (vector.activation) {
    const [g, derivative] = activation(vector.activation);
    return { A: entries((z) => g(z), v.Z), derivative: entries((z) => derivative(z), v.Z) };
  }
  const last = output(vector.output || 'sigmoid', vector.cost || 'cross_entropy');
  if (!dims) {
    const [A, loss, dZ] = last(v.Z, v.Y);
    return { A, loss, dZ };
  }
  const L = dims.length - 1;
  const g = (vector.hidden || Array(L - 1).fill('sigmoid')).map(activation);
  v.A0 = v.X;
  for (let l = 1; l <= L; l++) {
    const b = v['b' + l];
    v['Z' + l] = entries((z, i) => r(z + b[i][0]), product(v['W' + l], v['A' + (l - 1)]));
    if (l < L) v['A' + l] = entries((z) => g[l - 1][0](z), v['Z' + l]);
  }
  const [A, [losses], dZ] = last(v['Z' + L], v.Y);
  v['A' + L] = A;
  v.cost = [[r(total(losses) / m)]];
  v['dZ' + L] = entries((dz) => r(dz / m), dZ);
  for (let l = L; l >= 1; l--) {
    v['dW' + l] = product(v['dZ' + l], transposed(v['A' + (l - 1)]));
    v['db' + l] = v['dZ' + l].map((row) => [total(row)]);
    v['dA' + (l - 1)] = product(transposed(v['W' + l]), v['dZ' + l]);
    if (l > 1) {
      const Z = v['Z' + (l - 1)];
      v['dZ' + (l - 1)] = entries((dA, i, k) => r(dA * g[l - 2][1](Z[i][k])), v['dA' + (l - 1)]);
    }
  }
  return v;
}

// JSON.parse reads the decimal numbers to the nearest double, which is the very number that was written. Infinity, for
// which JSON has no number, is a string.
function matrix({ shape, decimal }) {
  const [rows, columns] = shape.length ? shape : [1, 1];
  return Array.from({ length: rows }, (_, i) => decimal.slice(i * columns, (i + 1) * columns).map(Number));
}

// The gap between floats at x; at 0 the smallest subnormal.
function ulp(x, dtype) {
  const [least, digits] = dtype === 'float64' ? [-1022, 52] : [-126, 23];
  const high = new Uint32Array(new Float64Array([x]).buffer)[1];
  return 2 ** (Math.max(((high >>> 20) & 0x7ff) - 1023, least) - digits);
}

function misses(vector) {
  const { id, dtype, expected } = vector;
  const results = run(vector);
  return Object.entries(expected).flatMap(([name, { decimal, ulps }]) =>
    results[name].flat().flatMap((x, i) => {
      const wanted = Number(decimal[i]);
      const close = x === wanted || Math.abs(x - wanted) <= ulps[i] * ulp(wanted, dtype);
      return close ? [] : [`${id}: ${name}[${i}] is ${x}, expected ${wanted} within ${ulps[i]} ulp`];
    })
  );
}

// The vectors of the files, without those that have a flag written as -FLAG.
const words = process.argv.slice(2);
const isFlag = (word) => word.startsWith('-');
const leftOut = words.filter(isFlag).map((word) => word.slice(1));
const vectors = words
  .filter((word) => !isFlag(word))
  .flatMap((path) => JSON.parse(fs.readFileSync(path, 'utf8')).cases)
  .filter(({ flags }) => !leftOut.some((flag) => flags.includes(flag)));

const wrong = vectors.length ? [] : ['no vector to judge: node backprop.js [-FLAG...] FILE...'];
for (const vector of vectors) {
  const found = misses(vector);
  if (vector.result === 'valid') wrong.push(...found);
  else if (!found.length) wrong.push(`${vector.id}: this is the gradient of a bug`);
}
console.log(wrong.length ? wrong.join('\n') : `JavaScript: all ${vectors.length} vectors pass`);
process.exitCode = wrong.length ? 1 : 0;
