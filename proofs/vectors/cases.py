"""The networks and arguments of the test vectors: what is chosen by hand. `generate.py` computes what follows from it.

Random numbers come from Python's `random.Random`, whose stream is the same in every version and on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from struct import pack, unpack

Matrix = list[list[float]]
Draw = Callable[[Random], float]

FLAGS = {
    "generic": "Random values of moderate size: what any correct implementation passes.",
    "one-example": "m = 1: sums over examples have one term, and a missing mean cannot be seen.",
    "deep": "Five or more layers.",
    "several-outputs": "n_L > 1: the cost sums over outputs and averages over examples only.",
    "soft-labels": "Labels strictly between 0 and 1.",
    "saturated": "Some |Z| is so large that A rounds to 1, or 1 - A loses digits. A_L - Y and A (1 - A), computed from "
    "A, fail here; the forms with sigma(-Z) pass.",
    "overflow": "Some exp(Z) or exp(-Z) is beyond the range of the format. A sigmoid may then be 0; NaN is a bug.",
    "vanishing": "Gradients many orders of magnitude below 1. Absolute tolerances see nothing here.",
    "subnormal": "Inputs or results are subnormal numbers. Flushing them to zero fails.",
    "signed-zero": "Some inputs are -0.0. The sign of a zero result is not judged.",
    "zeros": "Inputs or weights that are exactly 0 give gradients that are exactly 0.",
    "cancellation": "W A + b nearly cancels in some Z. The ulps allow for what rounding then loses.",
    "wide": "Sums of many terms.",
    "tiny": "Arguments so near 0 that 1 + Z loses digits, or is 1.",
    "kink": "Z = 0, where a ReLU has no derivative: its derivative from below is expected, 0 or the slope.",
    "root": "Z around -1.2784645, where the derivative of SiLU changes its sign. sigma(Z) (1 + Z sigma(-Z)) cancels "
    "there and fails; the same taken from the root, which two floats hold, passes.",
    "infinite": "Z is infinite, and the limits are expected.",
    "ties": "Several classes share the largest Z.",
    "float32": "Inputs are float32 numbers; expected values are rounded to float32 and judged in its ulps.",
    "fault": "Invalid: the expected gradient is what a common bug returns. A correct implementation differs from it.",
}


@dataclass(frozen=True)
class Case:
    """A network with data, or an activation or an output alone; each array is a list of rows."""

    id: str
    comment: str
    flags: tuple[str, ...]
    layer_dims: list[int]  # empty for a function alone
    arrays: dict[str, Matrix]
    dtype: str = "float64"
    activation: str = ""  # alone
    hidden: tuple[str, ...] = ()  # as _declaration.py has them; without them the sigmoid and its cross-entropy
    output: tuple[str, ...] = ()

    def declaration(self) -> dict[str, object]:
        """What the case says of itself beside its numbers."""
        shape = {"layer_dims": self.layer_dims, "m": len(self.arrays["X"][0])} if self.layer_dims else {}
        words = {"activation": self.activation, "hidden": list(self.hidden)}
        return shape | {name: word for name, word in words.items() if word} | dict(zip(("output", "cost"), self.output))


def uniform(scale: float = 1.0) -> Draw:
    return lambda rng: (2 * rng.random() - 1) * scale


def constant(value: float) -> Draw:
    return lambda _: value


def either(*values: float) -> Draw:
    return lambda rng: values[rng.randrange(len(values))]


def soft(rng: Random) -> float:
    return rng.random()


hard = either(0.0, 1.0)
moderate = uniform(1.0)


def network(
    id: str,
    comment: str,
    flags: str,
    layer_dims: list[int],
    m: int,
    W: Draw = moderate,
    *,
    X: Draw = moderate,
    b: Draw = moderate,
    Y: Draw = hard,
) -> Case:
    """A case whose arrays are drawn entry by entry, seeded by its id."""
    rng = Random(f"{id} 1")

    def draw(rows: int, columns: int, entry: Draw) -> Matrix:
        return [[entry(rng) for _ in range(columns)] for _ in range(rows)]

    arrays = {"X": draw(layer_dims[0], m, X), "Y": draw(layer_dims[-1], m, Y)}
    for l in range(1, len(layer_dims)):
        arrays[f"W{l}"] = draw(layer_dims[l], layer_dims[l - 1], W)
        arrays[f"b{l}"] = draw(layer_dims[l], 1, b)
    L = len(layer_dims) - 1
    shape_flags = ["one-example"] * (m == 1) + ["deep"] * (L >= 5) + ["several-outputs"] * (layer_dims[-1] > 1)
    return Case(id, comment, tuple(flags.split() + shape_flags), layer_dims, arrays)


def at(z: float, y: float, x: float = 1.0) -> Case:
    """One unit that is driven to Z = z exactly."""
    flags = "saturated overflow" if abs(z) > 709 else "saturated" if abs(z) >= 20 else "generic"
    comment = f"one unit at Z = {z:g}, label {y:g}" + (f", input {x:g}" if x != 1 else "")
    return network(
        f"unit-z{z:g}-y{y:g}" + (f"-x{x:g}" if x != 1 else ""), comment, flags, [1, 1], 1,
        constant(z / x), X=constant(x), b=constant(0.0), Y=constant(y),
    )  # fmt: skip


def shapes() -> Iterator[Case]:
    dims = [[1, 1], [2, 1], [1, 2], [3, 3], [1, 1, 1], [2, 3, 1], [3, 2, 4], [4, 4, 4], [2, 1, 2], [5, 4, 3, 2]]
    dims += [[1, 5, 1], [3, 3, 3, 3], [2, 2, 2, 2, 2], [6, 1, 6], [4, 3, 2, 1]]
    for widths in dims:
        for m in (1, 2, 5):
            name = "-".join(map(str, widths))
            yield network(f"shape-{name}-m{m}", f"layers {widths}, {m} examples", "generic", widths, m)
    for L in (5, 6, 7, 8, 10):
        widths = [2 + (l % 3) for l in range(L)] + [1 + L % 2]
        yield network(f"deep-{L}", f"{L} layers", "generic", widths, 3, uniform(2))
    yield network("wide-30", "30 inputs, as in the breast cancer data", "wide", [30, 8, 1], 12)
    yield network("examples-60", "60 examples", "wide", [2, 3, 1], 60)
    yield network("outputs-10", "ten outputs", "generic", [4, 5, 10], 3)


def labels() -> Iterator[Case]:
    for widths in ([1, 1], [3, 2], [2, 3, 1], [4, 3, 3, 2]):
        name = "-".join(map(str, widths))
        yield network(f"soft-{name}", "labels uniform in (0, 1)", "soft-labels", widths, 4, Y=soft)
        yield network(f"half-{name}", "all labels 1/2", "soft-labels", widths, 3, Y=constant(0.5))
        yield network(f"ones-{name}", "all labels 1", "generic", widths, 3, Y=constant(1.0))
        yield network(f"nulls-{name}", "all labels 0", "generic", widths, 3, Y=constant(0.0))
    near = either(2.0**-60, 1 - 2.0**-53, 1e-300)
    yield network("labels-near-0-and-1", "labels next to 0 and 1", "soft-labels", [2, 3, 2], 4, Y=near)


def extremes() -> Iterator[Case]:
    for z in (0, 1, 20, 36, 38, 100, 300, 700):
        for y in (0, 1):
            yield at(float(z), y)
            if z:
                yield at(-float(z), y)
    for z in (-709.5, -710.0, -745.0, -750.0, -1000.0, 710.0, 745.0, 1000.0):
        yield at(z, 0.0)
        yield at(z, 1.0)
    yield at(40.0, 0.25)
    yield at(-700.0, 0.75)
    for scale in (20, 50, 200):
        for widths in ([2, 3, 1], [3, 4, 2], [2, 3, 3, 1], [3, 3, 3, 3, 2]):
            name = f"saturated-{scale}-{'-'.join(map(str, widths))}"
            comment = f"weights uniform in ±{scale}"
            yield network(name, comment, "saturated", widths, 3, uniform(scale), b=uniform(scale))
    for L in (3, 4, 6, 8):
        widths = [2] * L + [1]
        yield network(f"vanishing-small-{L}", "weights of 0.01", "vanishing", widths, 3, uniform(0.01))
        yield network(f"vanishing-tiny-{L}", "weights of 1e-20", "vanishing", widths, 3, uniform(1e-20))
    for scale in (100, 300):
        comment = f"every layer saturated, Z up to ±{scale}"
        yield network(f"vanishing-saturated-{scale}", comment, "vanishing saturated", [2, 2, 2, 1], 2, uniform(scale))


def small() -> Iterator[Case]:
    least = 5e-324
    for name, x in {"least": least, "1e-310": 1e-310, "2e-308": 2.2e-308, "negative": -3e-320}.items():
        comment = f"inputs {x:g}: Z and dW are subnormal"
        yield network(f"subnormal-x-{name}", comment, "subnormal", [1, 1], 1, X=constant(x), b=constant(0.0), Y=soft)
        yield network(f"subnormal-layer-{name}", comment, "subnormal", [2, 3, 2], 3, X=constant(x), Y=soft)
    yield network("subnormal-weights", "subnormal weights", "subnormal", [2, 2, 1], 2, uniform(1e-310))
    yield network("subnormal-gradient", "dA0 is subnormal", "subnormal vanishing", [2, 2, 1], 2, uniform(1e-160))
    yield at(-720.0, 0.0, 2.0**-4)
    yield at(-720.0, 0.0, 16.0)
    zero = either(0.0, -0.0, 1.0, -1.0)
    yield network("signed-zero-x", "inputs ±0 and ±1", "signed-zero zeros", [3, 2, 1], 4, X=zero)
    yield network("signed-zero-w", "weights ±0 and ±1", "signed-zero zeros", [3, 3, 2], 3, zero, b=zero)
    yield network("minus-zero", "all inputs -0.0", "signed-zero zeros", [2, 2, 1], 2, X=constant(-0.0))
    minus = constant(-0.0)
    yield network("minus-zero-unit", "one unit at Z = -0.0", "signed-zero zeros", [1, 1], 1, X=minus, b=minus)
    yield network("zero-weights", "all weights 0: only the last layer has a dW", "zeros", [2, 3, 2], 3, constant(0.0))
    yield network("zero-bias", "biases 0, as init_params starts", "generic", [3, 4, 2], 4, b=constant(0.0))
    x, y = constant(0.3), constant(1.0)
    yield network("equal-examples", "one example three times", "generic", [1, 2, 1], 3, X=x, Y=y)
    for k in range(4):
        big = uniform(10.0 ** (3 * k + 3))
        comment = f"inputs to 1e{3 * k + 3}, weights to 1e-{3 * k + 3}"
        yield network(f"scaled-{k}", comment, "generic", [3, 3, 1], 3, uniform(10.0 ** -(3 * k + 3)), X=big)
    for k in (10, 30):
        comment = f"Z = w x + b with x = 1 + 2^-{k}, b = -w: {k} bits cancel"
        arrays = {"X": [[1 + 2.0**-k]], "Y": [[1.0]], "W1": [[0.7]], "b1": [[-0.7]]}
        yield Case(f"cancellation-{k}", comment, ("cancellation", "one-example"), [1, 1], arrays)


def float32(case: Case) -> Case:
    """The same case with every input rounded to float32."""

    def rounded(matrix: Matrix) -> Matrix:
        return [[unpack("<f", pack("<f", entry))[0] for entry in row] for row in matrix]

    arrays = {name: rounded(matrix) for name, matrix in case.arrays.items()}
    return replace(case, id=f"float32-{case.id}", flags=("float32", *case.flags), arrays=arrays, dtype="float32")


def singles() -> Iterator[Case]:
    for case in shapes():
        if case.id.endswith("-m2") or case.id in ("deep-5", "deep-7", "outputs-10"):
            yield float32(case)
    for case in labels():
        if case.id.startswith(("soft", "ones")):
            yield float32(case)
    for z in (18.0, -18.0, 40.0, -40.0, 80.0, -80.0, 95.0, -95.0, -104.0):
        for y in (0.0, 1.0):
            flags = ("saturated", "overflow") if abs(z) > 88 else ("saturated",)
            yield float32(replace(at(z, y), flags=(*flags, "one-example")))
    yield float32(network("subnormal-x", "inputs 1e-40", "subnormal", [2, 3, 2], 3, X=constant(1e-40), Y=soft))


def valid() -> list[Case]:
    """All of them, in order."""
    cases = [*shapes(), *labels(), *extremes(), *small(), *singles()]
    assert len({case.id for case in cases}) == len(cases)
    return cases
