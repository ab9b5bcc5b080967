"""Prove that the expected values of test vectors are correctly rounded: python proofs/vectors/check.py FILE...

It shares nothing with the generator: the standard library alone, decimal intervals rounded outwards in place of balls,
and the textbook's formulas, A (1 - A), 1 - A² and A - Y, where the generator takes what keeps digits. What subtraction
loses, more digits bring back: the precision rises until each interval lies between the midpoints to the neighbours of
the expected float. Infinity among the inputs stands for the limit, and is taken at 1e400, beyond all floats.
Of an invalid case it proves that some entry is farther from the true gradient than its ulps allow.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal, DivisionByZero, InvalidOperation
from fractions import Fraction
from struct import pack, unpack
from typing import Any

DIGITS = (40, 400, 2000)
FORMATS = {"float64": ("<d", "<q"), "float32": ("<f", "<i")}


class Interval:
    """All numbers from low to high; every operation rounds outwards, to the digits that `digits` has set, and an
    overflow to infinity."""

    down, up = Context(), Context()

    def __init__(self, low: Decimal, high: Decimal) -> None:
        self.low, self.high = low, high

    @classmethod
    def digits(cls, count: int) -> None:
        traps = [InvalidOperation, DivisionByZero]
        modes = (ROUND_FLOOR, ROUND_CEILING)
        cls.down, cls.up = (Context(count, mode, MIN_EMIN, MAX_EMAX, traps=traps) for mode in modes)

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.down.add(self.low, other.low), self.up.add(self.high, other.high))

    def __sub__(self, other: Interval) -> Interval:
        return Interval(self.down.subtract(self.low, other.high), self.up.subtract(self.high, other.low))

    def __neg__(self) -> Interval:
        return Interval(self.high.copy_negate(), self.low.copy_negate())

    def __mul__(self, other: Interval) -> Interval:
        pairs = [(x, y) for x in (self.low, self.high) for y in (other.low, other.high)]
        return Interval(min(self.down.multiply(x, y) for x, y in pairs), max(self.up.multiply(x, y) for x, y in pairs))

    def inverse(self) -> Interval:
        return Interval(self.down.divide(Decimal(1), self.high), self.up.divide(Decimal(1), self.low))

    # decimal rounds exp and ln to nearest in every mode, so one step outwards encloses them; ln 1 = 0 is exact.
    def exp(self) -> Interval:
        return Interval(self.down.next_minus(self.down.exp(self.low)), self.up.next_plus(self.up.exp(self.high)))

    def log(self) -> Interval:
        low, high = self.down.ln(self.low), self.up.ln(self.high)
        return Interval(low and self.down.next_minus(low), high and self.up.next_plus(high))


Matrix = list[list[Interval]]
Function = Callable[[Interval], Interval]


def exactly(x: float | str) -> Interval:
    """A float, or a decimal number as it is written."""
    number = Decimal(x)
    number = number if number.is_finite() else Decimal("1e400").copy_sign(number)
    return Interval(number, number)


ONE, TWO = exactly(1), exactly(2)


def total(terms: list[Interval]) -> Interval:
    return sum(terms[1:], start=terms[0])


def product(P: Matrix, Q: Matrix) -> Matrix:
    return [[total([p * q for p, q in zip(row, column, strict=True)]) for column in zip(*Q, strict=True)] for row in P]


def transposed(P: Matrix) -> Matrix:
    return [list(column) for column in zip(*P, strict=True)]


def entrywise(function: Callable[..., Interval], *matrices: Matrix) -> Matrix:
    return [[function(*entries) for entries in zip(*rows, strict=True)] for rows in zip(*matrices, strict=True)]


# ---------------------------------------------------------------------- the formulas


def sigmoid(z: Interval) -> Interval:
    return (ONE + (-z).exp()).inverse()


def softplus(z: Interval) -> Interval:
    return z + (ONE + (-z).exp()).log() if z.low > 0 else (ONE + z.exp()).log()


def step(z: Interval) -> Interval:
    """1 above 0, else 0; both where z may lie on either side."""
    return Interval(Decimal(z.low > 0), Decimal(z.high > 0))


def tanh(z: Interval) -> Interval:
    return ONE - TWO * (ONE + (TWO * z).exp()).inverse()


def function(word: str) -> tuple[Function, Function]:
    """An activation and its derivative; the slope stands in the word, as in "leaky_relu(0.2)"."""
    name, _, number = word.partition("(")
    slope = exactly(number.rstrip(")") or "0.01")

    def leaky_step(z: Interval) -> Interval:
        return step(z) + (ONE - step(z)) * slope

    functions: dict[str, tuple[Function, Function]] = {
        "sigmoid": (sigmoid, lambda z: sigmoid(z) * (ONE - sigmoid(z))),
        "tanh": (tanh, lambda z: ONE - tanh(z) * tanh(z)),
        "relu": (lambda z: z * step(z), step),
        "leaky_relu": (lambda z: z * leaky_step(z), leaky_step),
        "softplus": (softplus, sigmoid),
        "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (ONE + z * (ONE - sigmoid(z)))),
        "identity": (lambda z: z, lambda _: ONE),
    }
    return functions[name]


def output(word: str, cost: str, Z: Matrix, Y: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """A of Z, the loss of each entry with its label, and the derivative of their sum by Z."""
    if word == "softmax":
        columns = [softmax(z, y) for z, y in zip(transposed(Z), transposed(Y), strict=True)]
        A, losses, dZ = (transposed(list(parts)) for parts in zip(*columns, strict=True))
        return A, losses, dZ
    g, derivative = function(word)
    A = entrywise(g, Z)
    E = entrywise(lambda a, y: a - y, A, Y)
    if cost == "cross_entropy":
        return A, entrywise(lambda z, y: y * softplus(-z) + (ONE - y) * softplus(z), Z, Y), E
    share = {"half_squared_error": TWO.inverse(), "squared_error": ONE}[cost]
    dZ = entrywise(lambda e, z: TWO * share * e * derivative(z), E, Z)
    return A, entrywise(lambda e: share * e * e, E), dZ


def softmax(z: list[Interval], y: list[Interval]) -> tuple[list[Interval], list[Interval], list[Interval]]:
    """The same of one column."""
    a = [total([(other - this).exp() for other in z]).inverse() for this in z]
    most = max(z, key=lambda entry: entry.low)
    log_of_sum = most + total([(this - most).exp() for this in z]).log()
    losses = [label * (log_of_sum - this) for label, this in zip(y, z, strict=True)]
    return a, losses, [part * total(y) - label for part, label in zip(a, y, strict=True)]


def solve(case: Any) -> dict[str, Matrix]:
    """Every quantity of the case, by the definitions."""
    v: dict[str, Matrix] = {}
    for name, array in case["inputs"].items():
        rows, columns = array["shape"]
        v[name] = [[exactly(x) for x in floats(array)[i * columns :][:columns]] for i in range(rows)]
    if "activation" in case:
        return {name: entrywise(f, v["Z"]) for name, f in zip(("A", "derivative"), function(case["activation"]))}
    last, cost = case.get("output", "sigmoid"), case.get("cost", "cross_entropy")
    if "layer_dims" not in case:
        A, losses, dZ = output(last, cost, v["Z"], v["Y"])
        return {"A": A, "loss": [[total(column) for column in transposed(losses)]], "dZ": dZ}
    v["A0"], Y = v.pop("X"), v.pop("Y")
    L, mean = len(case["layer_dims"]) - 1, exactly(case["m"]).inverse()
    hidden = [function(word) for word in case.get("hidden", ["sigmoid"] * (L - 1))]
    for l in range(1, L + 1):
        WA = product(v[f"W{l}"], v[f"A{l - 1}"])
        v[f"Z{l}"] = [[z + b for z in row] for row, (b,) in zip(WA, v[f"b{l}"], strict=True)]
        if l < L:
            v[f"A{l}"] = entrywise(hidden[l - 1][0], v[f"Z{l}"])
    v[f"A{L}"], losses, dZ = output(last, cost, v[f"Z{L}"], Y)
    v["cost"] = [[mean * total([loss for row in losses for loss in row])]]
    v[f"dZ{L}"] = entrywise(lambda dz: dz * mean, dZ)
    for l in range(L, 0, -1):
        v[f"dW{l}"] = product(v[f"dZ{l}"], transposed(v[f"A{l - 1}"]))
        v[f"db{l}"] = [[total(row)] for row in v[f"dZ{l}"]]
        v[f"dA{l - 1}"] = product(transposed(v[f"W{l}"]), v[f"dZ{l}"])
        if l > 1:
            slopes = entrywise(hidden[l - 2][1], v[f"Z{l - 1}"])
            v[f"dZ{l - 1}"] = entrywise(lambda da, slope: da * slope, v[f"dA{l - 1}"], slopes)
    return v


# ---------------------------------------------------------------------- the judgement


def around(x: float, dtype: str) -> tuple[Fraction, Fraction, Fraction]:
    """The float of this format next below |x|, |x|, and next above, as if exponents went on beyond the largest."""
    real, integer = FORMATS[dtype]
    bits = unpack(integer, pack(real, abs(x)))[0]

    def at(bits: int) -> Fraction:
        number = unpack(real, pack(integer, bits))[0]
        return Fraction(number) if math.isfinite(number) else 2 * at(bits - 1) - at(bits - 2)

    here = at(bits)
    return (at(bits - 1) if bits else -at(1)), here, at(bits + 1) if math.isfinite(x) else 2 * here


def rounds_to(interval: Interval, x: float, dtype: str) -> bool | None:
    """Whether x is the float nearest to the enclosed number, ties to even; None if the interval does not decide it."""
    below, here, above = around(x, dtype)
    low, high = (here + below) / 2, (here + above) / 2 if math.isfinite(x) else Decimal("Infinity")
    if x < 0:
        interval = -interval
    if low < interval.low and interval.high < high:
        return True
    if interval.high < low or high < interval.low:
        return False
    even = pack(FORMATS[dtype][0], x)[0] % 2 == 0
    return (even or None) if low <= interval.low and interval.high <= high else None


def differs(interval: Interval, x: float, ulps: int, dtype: str) -> bool:
    """Whether every number in the interval is farther from x than so many ulps."""
    _, here, above = around(x, dtype)
    reach = ulps * (above - here)
    return interval.low > Fraction(x) + reach or interval.high < Fraction(x) - reach


def floats(value: Any) -> list[float]:
    """The decimal numbers of an array; infinity is a string, as JSON has no number for it."""
    return [float(x) for x in value["decimal"]]


def entries(case: Any) -> Iterator[tuple[str, Interval, float, int]]:
    """The name of each entry, an interval around the truth, what is expected, and the ulps allowed."""
    truth = solve(case)
    for name, value in case["expected"].items():
        flat = (x for row in truth[name] for x in row)
        for i, (interval, x, ulps) in enumerate(zip(flat, floats(value), value["ulps"], strict=True)):
            yield f"{name}[{i}]", interval, x, ulps


def incomplete(case: Any) -> list[str]:
    """The arrays that the case should expect and does not, or has no business to, or in another shape."""
    Interval.digits(DIGITS[0])
    try:
        truth = solve(case)
    except (ValueError, IndexError, KeyError) as error:
        return [f"its inputs do not fit together: {error!r}"]
    inputs = {"A0", *case["inputs"]}
    wanted = {
        name: [len(value), len(value[0])]
        for name, value in truth.items()
        if name not in inputs and (case["result"] == "valid" or name.startswith(("dW", "db")))
    }
    shapes = {name: value["shape"] or [1, 1] for name, value in case["expected"].items()}
    return [
        f"{name} is {shapes.get(name, 'not there')}, expected {wanted.get(name, 'none such')}"
        for name in sorted(wanted.keys() | shapes)
        if wanted.get(name) != shapes.get(name)
    ]


def problems(case: Any, flags: Any) -> list[str]:
    """What is wrong with a case; empty if its values are proved."""
    found = [f"flag {flag} is not explained" for flag in case["flags"] if flag not in flags]
    for name, value in (case["inputs"] | case["expected"]).items():
        if [float.fromhex(numeral) for numeral in value["hex"]] != floats(value):
            found.append(f"{name}: hexadecimal and decimal numbers differ")
        real = FORMATS[case["dtype"]][0]
        if [unpack(real, pack(real, x))[0] for x in floats(value)] != floats(value):
            found.append(f"{name}: not all numbers are {case['dtype']}")
        if math.prod(value["shape"]) != len(value["hex"]) or len(value.get("ulps", value["hex"])) != len(value["hex"]):
            found.append(f"{name}: the number of entries is not that of the shape")
    if found := found or incomplete(case):
        return found
    for digits in DIGITS:
        Interval.digits(digits)
        if case["result"] == "invalid":
            if any(differs(interval, x, ulps, case["dtype"]) for _, interval, x, ulps in entries(case)):
                return []
        else:
            proved = {name: rounds_to(interval, x, case["dtype"]) for name, interval, x, _ in entries(case)}
            if all(proved.values()) or False in proved.values():
                return [f"{name} is not correctly rounded" for name, holds in proved.items() if holds is False]
    return [f"not decided with {DIGITS[-1]} digits"]


def main(paths: list[str]) -> int:
    wrong, count, ids = [], 0, set()
    for path in paths:
        with open(path) as file:
            document = json.load(file)
        for case in document["cases"]:
            wrong += [f"{path}: {case['id']}: {problem}" for problem in problems(case, document["flags"])]
            wrong += [f"{path}: {case['id']} occurs twice"] * (case["id"] in ids)
            count += len(case["expected"])
            ids.add(case["id"])
    print("\n".join(wrong) if wrong else f"proved: {len(ids)} cases, {count} arrays")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
