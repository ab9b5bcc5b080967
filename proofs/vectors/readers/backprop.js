// Backpropagation in plain JavaScript, judged by the test vectors: node backprop.js FILE...
'use strict';
const fs = require('fs');

const transposed = (P) => P[0].map((_, j) => P.map((row) => row[j]));

// All quantities by name. r rounds to the format of the case: rounding each double result with Math.fround gives float32
// arithmetic exactly.
function run(X, Y, params, r) {
  const sigmoid = (z) => r(1 / r(1 + r(Math.exp(-z))));
  const softplus = (z) => r(Math.max(z, 0) + r(Math.log1p(r(Math.exp(-Math.abs(z))))));
  const total = (terms) => terms.reduce((sum, term) => r(sum + term), 0);
  const product = (P, Q) => P.map((row) => transposed(Q).map((column) => total(row.map((p, j) => r(p * column[j])))));
  const entries = (f, P) => P.map((row, i) => row.map((x, k) => f(x, i, k)));

  const L = Object.keys(params).length / 2;
  const m = X[0].length;
  const v = { A0: X };
  for (let l = 1; l <= L; l++) {
    const b = params['b' + l];
    v['Z' + l] = entries((z, i) => r(z + b[i][0]), product(params['W' + l], v['A' + (l - 1)]));
    v['A' + l] = entries(sigmoid, v['Z' + l]);
  }
  const ZL = v['Z' + L];
  const loss = (y, i, k) => r(r(y * softplus(-ZL[i][k])) + r(r(1 - y) * softplus(ZL[i][k])));
  v.cost = [[r(total(entries(loss, Y).flat()) / m)]];
  v['dZ' + L] = entries((y, i, k) => r(r(r(r(1 - y) * v['A' + L][i][k]) - r(y * sigmoid(-ZL[i][k]))) / m), Y);
  for (let l = L; l >= 1; l--) {
    const [A, Z, dZ] = [v['A' + (l - 1)], v['Z' + (l - 1)], v['dZ' + l]];
    v['dW' + l] = product(dZ, transposed(A));
    v['db' + l] = dZ.map((row) => [total(row)]);
    v['dA' + (l - 1)] = product(transposed(params['W' + l]), dZ);
    if (l > 1) {
      v['dZ' + (l - 1)] = entries((dA, i, k) => r(r(dA * A[i][k]) * sigmoid(-Z[i][k])), v['dA' + (l - 1)]);
    }
  }
  return v;
}

// JSON.parse reads the decimal numbers to the nearest double, which is the very number that was written.
function matrix({ shape, decimal }) {
  const [rows, columns] = shape.length ? shape : [1, 1];
  return Array.from({ length: rows }, (_, i) => decimal.slice(i * columns, (i + 1) * columns));
}

// The gap between floats at x; at 0 the smallest subnormal.
function ulp(x, dtype) {
  const [least, digits] = dtype === 'float64' ? [-1022, 52] : [-126, 23];
  const high = new Uint32Array(new Float64Array([x]).buffer)[1];
  return 2 ** (Math.max(((high >>> 20) & 0x7ff) - 1023, least) - digits);
}

function misses(id, { dtype, inputs, expected }) {
  const { X, Y, ...params } = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, matrix(value)]));
  const results = run(X, Y, params, dtype === 'float64' ? (x) => x : Math.fround);
  return Object.entries(expected).flatMap(([name, { decimal, ulps }]) =>
    results[name].flat().flatMap((x, i) => {
      const close = Math.abs(x - decimal[i]) <= ulps[i] * ulp(decimal[i], dtype);
      return close ? [] : [`${id}: ${name}[${i}] is ${x}, expected ${decimal[i]} within ${ulps[i]} ulp`];
    })
  );
}

const wrong = [];
let count = 0;
for (const path of process.argv.slice(2)) {
  for (const { id, result, ...vector } of JSON.parse(fs.readFileSync(path, 'utf8')).cases) {
    count++;
    const found = misses(id, vector);
    if (result === 'valid') wrong.push(...found);
    else if (!found.length) wrong.push(`${id}: this is the gradient of a bug`);
  }
}
console.log(wrong.length ? wrong.join('\n') : `JavaScript: all ${count} vectors pass`);
process.exitCode = wrong.length ? 1 : 0;
