"""Prove that the expected values of test vectors are correctly rounded: python proofs/vectors/check.py FILE...

It shares nothing with the generator: the standard library alone, decimal intervals rounded outwards in place of balls,
and the article's formulas, A (1 - A) and A - Y, where the generator uses sigma(-Z). What subtraction loses, more digits
bring back: the precision rises until each interval lies between the midpoints to the neighbours of the expected float.
Of an invalid case it proves that some entry is farther from the true gradient than its ulps allow.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from struct import pack, unpack
from typing import Any

DIGITS = (40, 400, 2000)
FORMATS = {"float64": ("<d", "<q"), "float32": ("<f", "<i")}


class Interval:
    """All numbers from low to high; every operation rounds outwards, to the digits that `digits` has set."""

    down, up = Context(), Context()

    def __init__(self, low: Decimal, high: Decimal) -> None:
        self.low, self.high = low, high

    @classmethod
    def digits(cls, count: int) -> None:
        cls.down, cls.up = (Context(count, mode, MIN_EMIN, MAX_EMAX) for mode in (ROUND_FLOOR, ROUND_CEILING))

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


def exactly(x: float) -> Interval:
    return Interval(Decimal(x), Decimal(x))


def total(terms: list[Interval]) -> Interval:
    return sum(terms[1:], start=terms[0])


def product(P: Matrix, Q: Matrix) -> Matrix:
    return [[total([p * q for p, q in zip(row, column, strict=True)]) for column in zip(*Q, strict=True)] for row in P]


def transposed(P: Matrix) -> Matrix:
    return [list(column) for column in zip(*P, strict=True)]


def entrywise(function: Callable[..., Interval], *matrices: Matrix) -> Matrix:
    return [[function(*entries) for entries in zip(*rows, strict=True)] for rows in zip(*matrices, strict=True)]


def solve(case: Any) -> dict[str, Matrix]:
    """Every quantity of the case, by the definitions D1 to D11."""
    v: dict[str, Matrix] = {}
    for name, value in case["inputs"].items():
        rows, columns = value["shape"]
        v[name] = [[exactly(x) for x in value["decimal"][i * columns :][:columns]] for i in range(rows)]
    v["A0"], Y = v.pop("X"), v.pop("Y")
    L, one, mean = len(case["layer_dims"]) - 1, exactly(1), exactly(case["m"]).inverse()
    for l in range(1, L + 1):
        WA = product(v[f"W{l}"], v[f"A{l - 1}"])
        v[f"Z{l}"] = [[z + b for z in row] for row, (b,) in zip(WA, v[f"b{l}"], strict=True)]
        v[f"A{l}"] = entrywise(lambda z: (one + (-z).exp()).inverse(), v[f"Z{l}"])
    losses = entrywise(lambda y, z: y * (one + (-z).exp()).log() + (one - y) * (one + z.exp()).log(), Y, v[f"Z{L}"])
    v["cost"] = [[mean * total([loss for row in losses for loss in row])]]
    v[f"dZ{L}"] = entrywise(lambda a, y: (a - y) * mean, v[f"A{L}"], Y)
    for l in range(L, 0, -1):
        v[f"dW{l}"] = product(v[f"dZ{l}"], transposed(v[f"A{l - 1}"]))
        v[f"db{l}"] = [[total(row)] for row in v[f"dZ{l}"]]
        v[f"dA{l - 1}"] = product(transposed(v[f"W{l}"]), v[f"dZ{l}"])
        if l > 1:
            v[f"dZ{l - 1}"] = entrywise(lambda da, a: da * a * (one - a), v[f"dA{l - 1}"], v[f"A{l - 1}"])
    return v


def neighbours(x: float, dtype: str) -> tuple[Fraction, Fraction]:
    """The floats of this format next below and next above |x|."""
    real, integer = FORMATS[dtype]
    bits = unpack(integer, pack(real, abs(x)))[0]
    above = Fraction(unpack(real, pack(integer, bits + 1))[0])
    return (Fraction(unpack(real, pack(integer, bits - 1))[0]) if bits else -above), above


def rounds_to(interval: Interval, x: float, dtype: str) -> bool | None:
    """Whether x is the float nearest to the enclosed number, ties to even; None if the interval does not decide it."""
    below, above = neighbours(x, dtype)
    low, high = (Fraction(abs(x)) + below) / 2, (Fraction(abs(x)) + above) / 2
    least, most = Fraction(interval.low), Fraction(interval.high)
    if x < 0:
        least, most = -most, -least
    if low < least and most < high:
        return True
    if most < low or high < least:
        return False
    even = pack(FORMATS[dtype][0], x)[0] % 2 == 0
    return (even or None) if low <= least and most <= high else None


def differs(interval: Interval, x: float, ulps: int, dtype: str) -> bool:
    """Whether every number in the interval is farther from x than so many ulps."""
    reach = ulps * (neighbours(x, dtype)[1] - Fraction(abs(x)))
    return Fraction(interval.low) > Fraction(x) + reach or Fraction(interval.high) < Fraction(x) - reach


def entries(case: Any) -> Iterator[tuple[str, Interval, float, int]]:
    """The name of each entry, an interval around the truth, what is expected, and the ulps allowed."""
    truth = solve(case)
    for name, value in case["expected"].items():
        flat = (x for row in truth[name] for x in row)
        for i, (interval, x, ulps) in enumerate(zip(flat, value["decimal"], value["ulps"], strict=True)):
            yield f"{name}[{i}]", interval, x, ulps


def problems(case: Any, flags: Any) -> list[str]:
    """What is wrong with a case; empty if its values are proved."""
    found = [f"flag {flag} is not explained" for flag in case["flags"] if flag not in flags]
    for name, value in (case["inputs"] | case["expected"]).items():
        if [float.fromhex(numeral) for numeral in value["hex"]] != value["decimal"]:
            found.append(f"{name}: hexadecimal and decimal numbers differ")
        real = FORMATS[case["dtype"]][0]
        if [unpack(real, pack(real, x))[0] for x in value["decimal"]] != value["decimal"]:
            found.append(f"{name}: not all numbers are {case['dtype']}")
        if math.prod(value["shape"]) != len(value["hex"]) or len(value.get("ulps", value["hex"])) != len(value["hex"]):
            found.append(f"{name}: the number of entries is not that of the shape")
    if found:
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
