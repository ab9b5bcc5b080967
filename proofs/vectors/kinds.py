"""More that is chosen by hand: the arguments of each activation and each output alone, and networks of each kind."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from cases import Case, Draw, float32, hard, network, uniform

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "leaky_relu(0.3)", "softplus", "silu", "identity")
LOGISTIC, SOFTMAX = ("sigmoid", "cross_entropy"), ("softmax", "cross_entropy")

Vector = tuple[float, ...]
Column = tuple[Vector, Vector]  # Z and labels of one example

# ---------------------------------------------------------------------- activations alone

MAGNITUDES: dict[str, list[Vector]] = {  # of arguments, by flag; where two, in float64 and in float32
    "generic": [(0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 1.0)],
    "tiny": [
        (1e-3, 1e-5, 1e-8, 3e-9, 1e-16, 1e-17, 1e-20, 1e-100, 1e-160, 1e-300),
        (1e-3, 1e-4, 3e-5, 1e-7, 1e-8, 1e-20, 1e-37),
    ],
    "subnormal": [
        (5e-324, 1e-323, 3.3e-320, 1e-310, 2.225073858507201e-308, 2.0**-1022),
        (2.0**-149, 2.0**-148, 1e-44, 1e-40, 2.0**-126 - 2.0**-149, 2.0**-126),
    ],
    "saturated": [
        (
            2.0,
            3.1,
            5.0,
            8.0,
            12.0,
            18.0,
            20.5,
            30.0,
            36.5,
            37.0,
            38.0,
            40.0,
            100.0,
            300.0,
            354.0,
            360.0,
            372.0,
            500.0,
            700.0,
            709.0,
        ),
        (2.0, 3.1, 5.0, 8.0, 10.5, 15.0, 16.5, 17.0, 18.0, 20.0, 40.0, 44.0, 51.0, 60.0, 80.0, 88.0),
    ],
    "overflow": [
        (709.5, 710.0, 711.0, 720.0, 740.0, 745.0, 746.0, 750.0, 1e3, 1e5, 1e19, 1e30, 1e100, sys.float_info.max),
        (88.7, 89.0, 90.0, 95.0, 103.0, 104.0, 105.0, 1e3, 1e5, 1e10, 1e19, 1e30, 2.0**128 - 2.0**104),
    ],
    "infinite": [(math.inf,)],
}


def both_signs(values: Vector) -> list[float]:
    return [sign * value for value in values for sign in (-1, 1)]


def near_root(last: float) -> list[float]:
    """Floats around the root of the derivative of SiLU, spaced by the last bit: its neighbours, and ever farther."""
    root = round(-1.2784645427610738 / last) * last
    steps = [-3, -2, -1, 0, 1, 2, 3, *(sign * 2**k for k in range(5, 45, 5) for sign in (-1, 1))]
    return [z for z in (root + step * last for step in steps) if -2 < z < -1] + [-1.99, -1.5, -1.3, -1.27, -1.1, -1.01]


def activations_alone() -> Iterator[Case]:
    for which, last in enumerate((2.0**-52, 2.0**-23)):
        for word in ACTIVATIONS:
            arguments = {"kink" if "relu" in word else "signed-zero": [0.0, -0.0]}
            arguments |= {flag: both_signs(values[min(which, len(values) - 1)]) for flag, values in MAGNITUDES.items()}
            if word == "silu":
                arguments["root"] = near_root(last)
            for flag, Z in arguments.items():
                id = f"{named(word)}-{flag}"
                case = Case(id, f"{word} and its derivative", (flag,), [], {"Z": [Z]}, activation=word)
                yield float32(case) if which else case


def named(word: str) -> str:
    """A word as a part of an id."""
    return re.sub("[_(]", "-", word).replace(")", "")


# ---------------------------------------------------------------------- outputs alone


def output(
    id: str,
    flags: str,
    comment: str,
    word: tuple[str, str],
    columns: Sequence[Column],
    singles: Sequence[Column] = (),
) -> Iterator[Case]:
    """An output on columns of Z with their labels; in float32 on others, or on those that it can hold."""

    def case(columns: Sequence[Column]) -> Case:
        Z, Y = ([list(row) for row in zip(*vectors)] for vectors in zip(*columns))
        more = ["several-outputs"] * (len(Z) > 1)
        return Case(id, comment, (*flags.split(), *more), [], {"Z": Z, "Y": Y}, output=word)

    yield case(columns)
    yield float32(case(singles or [column for column in columns if all(map(fits_float32, (*column[0], *column[1])))]))


def fits_float32(x: float) -> bool:
    return x == 0 or 2.0**-126 < abs(x) < 2.0**127


def each_label(*columns: Vector) -> list[Column]:
    """Every class in turn as the label of each column."""
    return [(Z, tuple(float(i == label) for i in range(len(Z)))) for Z in columns for label in range(len(Z))]


def draws(rng: Random, n: int, entry: Draw) -> Vector:
    return tuple(entry(rng) for _ in range(n))


def shares(rng: Random, n: int) -> Vector:
    parts = draws(rng, n, Random.random)
    return tuple(part / sum(parts) for part in parts)


def sigmoid_costs() -> Iterator[Case]:
    for flag in ("generic", "tiny", "saturated", "overflow"):
        doubles, singles = (
            [((z,), (y,)) for z in both_signs(values) if abs(z) < 1e50 for y in (0.0, 1.0, 0.7)]
            for values in (MAGNITUDES[flag][0], MAGNITUDES[flag][-1])
        )
        yield from output(f"sigmoid-cost-{flag}", flag, "sigmoid with its cross-entropy", LOGISTIC, doubles, singles)
    rng = Random("sigmoid-cost 1")
    several = [(draws(rng, 3, uniform(1)), draws(rng, 3, hard)) for _ in range(4)]
    yield from output("sigmoid-cost-several", "generic", "the loss is the sum over outputs", LOGISTIC, several)


def softmax_costs() -> Iterator[Case]:
    rng = Random("softmax-cost 1")
    sections: list[tuple[str, str, str, list[Column]]] = [
        ("three", "generic", "three classes", each_label(draws(rng, 3, uniform(1)), draws(rng, 3, uniform(2)))),
        ("ten", "wide", "ten classes", each_label(draws(rng, 10, uniform(1)))),
        ("two", "zeros", "two classes: a sigmoid of the difference", each_label((0.75, 0.0), (0.0, 1.0), (0.0, 0.0))),
        ("tiny", "tiny", "almost equal Z", each_label((1e-8, 0.0, -1e-8), (1e-20, 0.0, 2e-20), (1e-37, 0.0, 0.0))),
        ("ties", "ties", "several classes share the largest Z", [
            *each_label((0.0,) * 4, (2.0, 2.0, 0.0, 0.0)), ((0.5,) * 4, (0.5, 0.5, 0.0, 0.0)),
        ]),
        ("large-ties", "ties overflow", "the same where exp of Z is beyond the range", each_label(
            (-800.0,) * 3, (1e5, 1e5, 0.0),
        )),
        ("saturated", "saturated", "one of the classes has nearly all of the probability", each_label(
            (20.0, 0.0, -1.0), (-3.0, 40.0, 0.0), (0.0, 1.0, 80.0),
        )),
        ("overflow", "overflow", "exp of some Z, or of all, is beyond the range", [
            *each_label((1e3, 999.0, 998.0), (-1e3, -1001.0, -1002.0), (720.0, 0.0, 0.0), (700.0, 0.0, -40.0)),
            *each_label((1e5, 0.0, 1.0), (1e30, 0.0, -1e30)), ((790.0, 700.0, 780.0), (0.25, 0.5, 0.25)),
        ]),
        ("soft", "soft-labels", "labels that are shares of all classes", [
            (draws(rng, 3, uniform(1)), shares(rng, 3)) for _ in range(6)
        ]),
    ]  # fmt: skip
    for name, flags, comment, columns in sections:
        yield from output(f"softmax-cost-{name}", flags, comment, SOFTMAX, columns)


def squared_errors() -> Iterator[Case]:
    rng = Random("squared-error 1")
    sections: dict[str, list[Column]] = {
        "generic": [(draws(rng, 2, uniform(3)), draws(rng, 2, uniform(3))) for _ in range(6)],
        "zeros": [((0.0, 1.5), (0.0, 1.5)), ((-0.0, 0.1), (0.0, 0.1))],
        "cancellation": [((1 + 2.0**-k, 3.0), (1.0, 3 - 2.0**-k)) for k in (5, 10, 20, 30)],
        "tiny": [((1e-8, -1e-18), (0.0, 0.0)), ((1e-100, 3e-160), (0.0, 0.0)), ((2.0**-30, 0.0), (0.0, 2.0**-40))],
        "wide": [((x,), (-x,)) for x in (1e3, 1e9, 1e15, 1e100, 1e150)],
    }
    for cost in ("half_squared_error", "squared_error"):
        for flag, columns in sections.items():
            comment = f"a linear output with {cost.replace('_', ' ')}"
            yield from output(f"{named(cost)}-{flag}", flag, comment, ("identity", cost), columns)


def alone() -> list[Case]:
    """Each function alone."""
    return [*activations_alone(), *sigmoid_costs(), *softmax_costs(), *squared_errors()]


# ---------------------------------------------------------------------- networks


def of_kind(hidden: tuple[str, ...], output: tuple[str, str], flag: str, W: Draw) -> Case:
    widths = [2, *(3 + l % 2 for l in range(len(hidden))), 3 if output == SOFTMAX else 2]
    id = named("-".join((*hidden, "to", *output, flag))).replace("-generic", "")
    comment = f"hidden {', '.join(hidden)}; output {output[0]}, {output[1].replace('_', ' ')}"
    case = network(id, comment, flag, widths, 3, W, Y=hard if output[1] == "cross_entropy" else uniform(0.9))
    if output == SOFTMAX:
        case.arrays["Y"] = [[1.0, 0.0, 0.25], [0.0, 0.0, 0.25], [0.0, 1.0, 0.5]]
    return replace(case, hidden=hidden, output=output)


def declared() -> list[Case]:
    """Networks of each hidden activation with each output, and of mixed ones; every fourth in float32 too."""
    hidden: list[tuple[str, ...]] = [
        (word,) for word in ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "identity")
    ]
    hidden += [("tanh", "leaky_relu(0.3)", "silu"), ("softplus", "relu")]
    linear, bounded = ("identity", "half_squared_error"), ("tanh", "half_squared_error")
    outputs = [LOGISTIC, SOFTMAX, linear, bounded, ("softplus", "squared_error")]
    found = [of_kind(words, output, "generic", uniform(1.5)) for output in outputs for words in hidden]
    for words in (("tanh",), ("silu", "softplus")):
        found += [of_kind(words, output, "saturated", uniform(20)) for output in (LOGISTIC, SOFTMAX, bounded)]
    return found + [float32(case) for case in found[::4]]
