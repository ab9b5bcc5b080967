"""Backpropagation with the standard library alone, judged by the test vectors: python backprop.py FILE..."""

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


def run(X, Y, params, r):
    """All quantities by name; r rounds to the format of the case."""

    def sigmoid(z):
        return r(1 / r(1 + r(exp(-z))))

    def softplus(z):
        return r(max(z, 0) + r(math.log1p(r(exp(-abs(z))))))

    def total(terms):
        result = 0.0
        for term in terms:
            result = r(result + term)
        return result

    def product(P, Q):
        columns = list(zip(*Q))
        return [[total(r(p * q) for p, q in zip(row, column)) for column in columns] for row in P]

    def transposed(P):
        return [list(column) for column in zip(*P)]

    L, m = len(params) // 2, len(X[0])
    v = {"A0": X}
    for l in range(1, L + 1):
        WA = product(params[f"W{l}"], v[f"A{l - 1}"])
        v[f"Z{l}"] = [[r(z + b) for z in row] for row, (b,) in zip(WA, params[f"b{l}"])]
        v[f"A{l}"] = [[sigmoid(z) for z in row] for row in v[f"Z{l}"]]
    outputs = [list(zip(y, z, a)) for y, z, a in zip(Y, v[f"Z{L}"], v[f"A{L}"])]
    losses = (r(r(y * softplus(-z)) + r(r(1 - y) * softplus(z))) for row in outputs for y, z, _ in row)
    v["cost"] = [[r(total(losses) / m)]]
    v[f"dZ{L}"] = [[r(r(r(r(1 - y) * a) - r(y * sigmoid(-z))) / m) for y, z, a in row] for row in outputs]
    for l in range(L, 0, -1):
        v[f"dW{l}"] = product(v[f"dZ{l}"], transposed(v[f"A{l - 1}"]))
        v[f"db{l}"] = [[total(row)] for row in v[f"dZ{l}"]]
        v[f"dA{l - 1}"] = product(transposed(params[f"W{l}"]), v[f"dZ{l}"])
        if l > 1:
            layer = zip(v[f"dA{l - 1}"], v[f"A{l - 1}"], v[f"Z{l - 1}"])
            v[f"dZ{l - 1}"] = [[r(r(da * a) * sigmoid(-z)) for da, a, z in zip(*rows)] for rows in layer]
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
    inputs = {name: matrix(value) for name, value in case["inputs"].items()}
    results = run(inputs.pop("X"), inputs.pop("Y"), inputs, double if case["dtype"] == "float64" else single)
    for name, value in case["expected"].items():
        found = [x for row in results[name] for x in row]
        wanted = [x for row in matrix(value) for x in row]
        for i, (x, expected, ulps) in enumerate(zip(found, wanted, value["ulps"], strict=True)):
            if not abs(x - expected) <= ulps * ulp(expected, case["dtype"]):
                yield f"{case['id']}: {name}[{i}] is {x!r}, expected {expected!r} within {ulps} ulp"


def main(paths):
    count, wrong = 0, []
    for path in paths:
        with open(path) as file:
            for case in json.load(file)["cases"]:
                count += 1
                found = list(misses(case))
                if case["result"] == "valid":
                    wrong += found
                elif not found:
                    wrong.append(f"{case['id']}: this is the gradient of a bug")
    print("\n".join(wrong) if wrong else f"Python: all {count} vectors pass")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
