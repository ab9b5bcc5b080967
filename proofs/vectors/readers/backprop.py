"""Backpropagation with the standard library alone, judged by the test vectors: python backprop.py [-FLAG...] FILE..."""

import json
import math
import struct
import sys


def single(x):
    """x rounded to float32. Rounding each double result so gives float32 arithmetic exactly."""
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def double(x):
    return x


def exp(x):
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


SILU_ROOT = {  # where the derivative of SiLU is 0: the next float, and the rest
    "float64": (-1.2784645427610737, -1.0946994183093437e-16),
    "float32": (-1.2784645557403564, 1.2979282537628478e-08),
}


def functions(dtype):
    """Activations with their derivatives by name, and outputs, each rounded to the format of the case step by step."""
    r = double if dtype == "float64" else single

    def sigmoid(z):
        return r(1 / r(1 + r(exp(-z))))

    def softplus(z):
        return r(max(z, 0) + r(math.log1p(r(exp(-abs(z))))))

    def tanh_derivative(z):
        e = r(exp(r(-2 * abs(z))))  # 1 / cosh² without overflow
        return r(r(4 * e) / r(r(1 + e) * r(1 + e)))

    def silu(z):
        return 0.0 if z == -math.inf else r(z * sigmoid(z))

    def silu_derivative(z):
        if math.isinf(z):
            return float(z > 0)
        if not -2 < z < -1:
            return r(sigmoid(z) * r(1 + r(z * sigmoid(-z))))
        root, rest = SILU_ROOT[dtype]
        d = r(r(z - root) - rest)  # 1 + z + exp z from its root: two terms of one sign
        return r(r(sigmoid(z) * sigmoid(-z)) * r(d - r(r(1 + root) * r(math.expm1(d)))))

    def leaky(slope):
        return lambda z: z if z > 0 else r(r(slope) * z), lambda z: 1.0 if z > 0 else r(slope)

    activations = {
        "sigmoid": (sigmoid, lambda z: r(sigmoid(z) * sigmoid(-z))),
        "tanh": (lambda z: r(math.tanh(z)), tanh_derivative),
        "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
        "softplus": (softplus, sigmoid),
        "silu": (silu, silu_derivative),
        "identity": (lambda z: z, lambda _: 1.0),
    }

    def activation(word):
        name, _, slope = word.rstrip(")").partition("(")
        return leaky(float(slope or 0.01)) if name == "leaky_relu" else activations[name]

    def softmax(z, y):
        """Of one column: A, the loss of each entry and the derivative of their sum by z."""
        top = z.index(max(z))
        d = [r(x - z[top]) for x in z]
        e = [r(exp(x)) for x in d]
        rest = r(math.log1p(total(e[:top] + e[top + 1 :], r)))
        a = [r(x / total(e, r)) for x in e]
        others = [(total(y[:i] + y[i + 1 :], r), total(a[:i] + a[i + 1 :], r)) for i in range(len(z))]
        losses = [r(label * r(rest - x)) for label, x in zip(y, d)]
        return a, losses, [r(r(s * x) - r(label * t)) for (s, t), x, label in zip(others, a, y)]

    def entrywise(word, cost):
        """The same of an output that works entry by entry."""
        g, derivative = activation(word)
        share = 1 if cost == "squared_error" else 0.5

        def column(z, y):
            a = [g(x) for x in z]
            if cost == "cross_entropy":
                losses = [r(r(t * softplus(-x)) + r(r(1 - t) * softplus(x))) for x, t in zip(z, y)]
                return a, losses, [r(r(r(1 - t) * p) - r(t * sigmoid(-x))) for p, x, t in zip(a, z, y)]
            e = [r(p - t) for p, t in zip(a, y)]
            return a, [r(r(x * x) * share) for x in e], [r(r(2 * share * x) * derivative(t)) for x, t in zip(e, z)]

        return column

    def output(word, cost):
        """Of matrices Z and Y: A, the loss of each example, and its derivative by Z."""
        column = softmax if word == "softmax" else entrywise(word, cost)

        def of(Z, Y):
            A, losses, dZ = zip(*(column(list(z), list(y)) for z, y in zip(zip(*Z), zip(*Y))))
            return transposed(A), [[total(entries, r) for entries in losses]], transposed(dZ)

        return of

    return r, activation, output


def total(terms, r):
    result = 0.0
    for term in terms:
        result = r(result + term)
    return result


def transposed(P):
    return [list(column) for column in zip(*P)]


def run(case):
    """All quantities of the case by name."""
    v = {name: matrix(value) for name, value in case["inputs"].items()}
    r, activation, output = functions(case["dtype"])
    if "activation" in case:
        g, derivative = activation(case["activation"])
        return {name: [[f(z) for z in row] for row in v["Z"]] for name, f in (("A", g), ("derivative", derivative))}
    last = output(case.get("output", "sigmoid"), case.get("cost", "cross_entropy"))
    if "layer_dims" not in case:
        return dict(zip(("A", "loss", "dZ"), last(v["Z"], v["Y"])))

    def product(P, Q):
        columns = list(zip(*Q))
        return [[total((r(p * q) for p, q in zip(row, column)), r) for column in columns] for row in P]

    L, m = len(case["layer_dims"]) - 1, case["m"]
    hidden = [activation(word) for word in case.get("hidden", ["sigmoid"] * (L - 1))]
    v["A0"] = v["X"]
    for l in range(1, L + 1):
        WA = product(v[f"W{l}"], v[f"A{l - 1}"])
        v[f"Z{l}"] = [[r(z + b) for z in row] for row, (b,) in zip(WA, v[f"b{l}"])]
        if l < L:
            v[f"A{l}"] = [[hidden[l - 1][0](z) for z in row] for row in v[f"Z{l}"]]
    v[f"A{L}"], (losses,), dZ = last(v[f"Z{L}"], v["Y"])
    v["cost"] = [[r(total(losses, r) / m)]]
    v[f"dZ{L}"] = [[r(dz / m) for dz in row] for row in dZ]
    for l in range(L, 0, -1):
        v[f"dW{l}"] = product(v[f"dZ{l}"], transposed(v[f"A{l - 1}"]))
        v[f"db{l}"] = [[total(row, r)] for row in v[f"dZ{l}"]]
        v[f"dA{l - 1}"] = product(transposed(v[f"W{l}"]), v[f"dZ{l}"])
        if l > 1:
            rows = zip(v[f"dA{l - 1}"], v[f"Z{l - 1}"])
            v[f"dZ{l - 1}"] = [[r(da * hidden[l - 2][1](z)) for da, z in zip(*row)] for row in rows]
    return v


def matrix(value):
    numbers = [float.fromhex(numeral) for numeral in value["hex"]]
    rows, columns = value["shape"] or (1, 1)
    return [numbers[i * columns : (i + 1) * columns] for i in range(rows)]


def ulp(x, dtype):
    """The gap between floats at x; at 0 the smallest subnormal."""
    least, digits = (-1021, 53) if dtype == "float64" else (-125, 24)
    exponent = math.frexp(x)[1] if x else least
    return math.ldexp(1.0, max(exponent, least) - digits)


def misses(case):
    """The entries of this implementation that are not within the ulps allowed."""
    results = run(case)
    for name, value in case["expected"].items():
        found = [x for row in results[name] for x in row]
        wanted = [x for row in matrix(value) for x in row]
        for i, (x, expected, ulps) in enumerate(zip(found, wanted, value["ulps"], strict=True)):
            if not (x == expected or abs(x - expected) <= ulps * ulp(expected, case["dtype"])):
                yield f"{case['id']}: {name}[{i}] is {x!r}, expected {expected!r} within {ulps} ulp"


def cases(words):
    """Those of the files, without those that have a flag written as -FLAG."""
    left_out = {word[1:] for word in words if word.startswith("-")}
    for word in words:
        if not word.startswith("-"):
            with open(word) as file:
                yield from (case for case in json.load(file)["cases"] if not left_out.intersection(case["flags"]))


def main(words):
    count, wrong = 0, []
    for case in cases(words):
        count += 1
        found = list(misses(case))
        if case["result"] == "valid":
            wrong += found
        elif not found:
            wrong.append(f"{case['id']}: this is the gradient of a bug")
    if not count:
        wrong.append("no vector to judge: python backprop.py [-FLAG...] FILE...")
    print("\n".join(wrong) if wrong else f"Python: all {count} vectors pass")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
