"""The function f whose gradient is judged: called on copies, held to one number, and observed for noise and defects."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from refnn._printing import shown
from refnn._shapes import Array
from refnn.gradcheck.cached import cached_property
from refnn.gradcheck.verdict.judgement import ARITHMETIC, quantum
from refnn.gradcheck.witness.silence import quiet

Function = Callable[[dict[str, Array]], Any]

ORDERS = (3, 4, 5)  # of differences, which cancel the smooth part of f and leave its noise
STACKED = 2**20  # numbers, at most, in a stack of points for an f that takes stacks
REORDERED = 128  # roundoffs by which evaluations may differ because threads sum in another order
PRECISIONS = (8, 11, 24)  # bits of bfloat16, float16, float32
NOISE_STEPS = (2.0**-40, 2.0**-24)  # relative; the latter also moves a float32 hidden inside f
FLOAT32 = 2.0**-21  # relative; a step of half this and more moves most float32 numbers
COARSE_STEP = 2.0**-10  # relative; it moves even the coarsest dtype
ONLY = 16.0  # times the noise of f: numbers that are no larger may be nothing else
# Whether f goes up in stairs, as one that was rounded to a few digits does (`_stairs`):
STRIDES = (2.0**-24, 2.0**-17, 2.0**-10, 2.0**-5)  # relative steps at which it is asked
WALKS, ENOUGH = 4, 4  # walks at each stride, and the changes of f that they have to show in all
ITS_ROUNDING = 16.0  # roundoffs of f: changes that small are no stairs
APART = 8.0  # times that rounding, the least height of a stair
EXACT = 1e-3  # of the height: so far from a multiple of it a change may be
OF_THE_LEAST = 32.0  # times the height, the most that the least change may be
# Whether f moves in jumps that the finest steps seldom meet, as it does in half precision (`jumping`):
JUMPING = (2.0**-9, 2.0**-12)  # relative steps at which it is asked
WITHIN = 2.0**-18  # a relative step that few numbers of half precision feel
OUT_OF = 16.0  # times the noise of the finest steps, the least that they are
AS_NOISE = 1 / 16  # of what the first of these steps shows, the second has to; of a kink it shows less
LONGER = 8  # walks at each of these steps
COARSEST = PRECISIONS[:2]  # bits of half precision
ASKED, AWAY = 16, 2.0**-2  # points, and how far they are, at which it shows that f rounds a parameter to these


@dataclass(frozen=True, eq=False)
class Scalar:
    """f with the parameters at which it is differentiated, and what a few evaluations there have told of it."""

    f: Function
    params: Mapping[str, Array]
    dtypes: Mapping[str, np.dtype[Any]]  # of the arrays that f takes
    value: float = math.nan
    noise: float = 0.0  # how far apart two evaluations may be for no reason but rounding, or because f is inexact
    least_noise: float = 0.0  # the same at the finest steps alone: there f is not taken for noise that varies fast
    spread: float = 0.0  # of repeated evaluations at one point
    roundoff: float = 2.0**-53  # of the arithmetic in which f seems to be computed
    inexact: float = 0.0  # how far f may be off, as its caller says
    stairs: float = 0.0  # the height of a step, if f goes up in steps and is flat between them
    changed: tuple[str, ...] = ()  # parameters that f changed
    bits: Mapping[str, int] = field(default_factory=dict)  # of parameters that f rounds to so many before all else
    known: dict[tuple[bytes, ...], Any] = field(default_factory=dict)  # values that were asked for ahead

    @cached_property
    def sizes(self) -> dict[str, Array]:
        """The magnitude of each entry of the parameters, as `typical_size` has it."""
        return {key: typical_size(V) for key, V in self.params.items()}

    def __call__(self, moved: Mapping[str, Array]) -> complex:
        """f with some of its parameters replaced. It is given copies, so that it may change them."""
        point = self.copies({**self.params, **moved})
        return scalar(self.known.pop(_name(point)) if self.known and _name(point) in self.known else self.f(point))

    def ahead(self, moves: Iterable[Mapping[str, Array]]) -> None:
        """Ask f for all of these points at once, if it takes stacks; where that fails, each is asked when needed."""
        if (many := getattr(self.f, "many", None)) is None:
            return
        points = (self.copies({**self.params, **moved}) for moved in moves)
        size = max(1, STACKED // max(1, sum(V.size for V in self.params.values())))
        while stack := list(islice(points, size)):
            with quiet(strict=True), contextlib.suppress(Exception):
                self.known.update(zip(map(_name, stack), many(stack), strict=True))

    def copies(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """In the dtypes that f takes; complex arrays stay complex."""
        return {key: V.copy() if V.dtype.kind == "c" else V.astype(self.dtypes[key]) for key, V in arrays.items()}

    def real(self, moved: Mapping[str, Array]) -> float:
        """f of real parameters beside its own; NaN where it raises, as off its domain. To be asked in `quiet`."""
        try:
            value = self(moved)
        except Exception:  # f may refuse in any way
            return math.nan
        return value.real if value.imag == 0 else math.nan

    @property
    def arithmetic(self) -> str:
        return ARITHMETIC.get(self.roundoff, "float64")

    @property
    def unfit(self) -> tuple[str, ...]:
        """The reasons why no witness can be trusted with f."""
        reasons = [f"f changes its argument {key!r}" for key in self.changed]
        if not math.isfinite(self.value):
            reasons.append(f"f is {self.value} at the parameters")
        elif self.spread > max(REORDERED * self.roundoff * abs(self.value), self.inexact):
            reasons.append(f"f is random: evaluations at one point differ by {self.spread:.1e}")
        return tuple(reasons)


def _name(point: Mapping[str, Array]) -> tuple[bytes, ...]:
    return tuple(V.dtype.char.encode() + V.tobytes() for V in point.values())


def scalar(value: Any) -> complex:
    """The one number that f returned; a TypeError if it is something else."""
    try:
        array = np.asarray(value)
    except Exception as error:
        raise TypeError(f"f returned {type(value).__name__}, expected a number") from error
    if array.size != 1:
        raise TypeError(
            f"f returned an array of shape {array.shape}, expected a scalar; "
            "check_vjp judges functions with more outputs"
        )
    number = array.reshape(()).item()
    masked = isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value)
    if isinstance(number, complex) and not masked:
        return number
    try:  # float reads strings too, a time as its nanoseconds, and what a mask hides
        if array.dtype.kind in "biufO" and hasattr(number, "__float__") and not masked:
            return float(number)
    except Exception:  # a foreign number may refuse in any way
        pass
    raise TypeError(f"f returned {shown(value, repr)} ({type(value).__name__}), expected a number")


def observe(
    f: Function, params: Mapping[str, Array], rng: np.random.Generator, error: tuple[float, float] = (0.0, 0.0)
) -> Scalar:
    """Evaluate f at the parameters, three times, and along a few tiny steps.

    `error` is how far f may be off, absolutely and relative to its value, beyond rounding.
    """
    function = _prepared(f, params)
    handed = function.copies(function.params)
    with np.errstate(all="ignore"):
        value = _real(scalar(f(handed)))
        changed = tuple(key for key, V in function.params.items() if not _same(handed.get(key), V))
    with quiet():
        values = [value, function.real({}), function.real({})]
        walks = [_walk(function, step, rng) for step in NOISE_STEPS]
        narrow = any(dtype.itemsize < 8 for dtype in function.dtypes.values())  # f takes no other
        coarse = _walk(function, COARSE_STEP, rng) if narrow else None
    spread = max(values) - min(values) if all(map(math.isfinite, values)) else math.inf
    if coarse is None:
        roundoff = _roundoff(np.concatenate([walk[np.isfinite(walk)] for walk in walks]))
    else:
        roundoff = _roundoff(coarse, coarsest=8)
    inexact = error[0] + error[1] * abs(value)
    flat = 2 * np.count_nonzero(np.diff(walks[0])) < len(walks[0]) - 1  # at most of the finest steps
    stairs = _stairs(function, ITS_ROUNDING * roundoff * abs(value), rng) if flat else 0.0
    plateau = max(_plateau(walk, roundoff) for walk in walks)
    fine, coarse_noise = map(_noise, walks)
    least_noise = max(fine, spread, roundoff * abs(value), inexact, plateau, stairs)
    return replace(
        function,
        value=value,
        noise=max(least_noise, coarse_noise),
        least_noise=least_noise,
        spread=spread,
        roundoff=roundoff,
        inexact=inexact,
        stairs=stairs,
        changed=changed,
    )


def _real(value: complex) -> float:
    if value.imag != 0:
        raise TypeError(f"f returned the complex number {value} for real parameters, expected a real number")
    return value.real


def _prepared(f: Function, params: Mapping[str, Array]) -> Scalar:
    """f in float64 where it takes that, so that a float32 parameter costs no digits; else in the given dtypes."""
    given = {key: V.dtype for key, V in params.items()}
    wide = {key: np.result_type(dtype, np.float64) for key, dtype in given.items()}
    function = Scalar(f, {key: V.astype(wide[key]) for key, V in params.items()}, wide)
    if wide != given:
        try:
            function({})
        except Exception:  # f is made for its own dtype; whatever else is wrong shows there too
            return Scalar(f, params, given)
    return function


def _same(handed: Any, before: Array) -> bool:
    return isinstance(handed, np.ndarray) and handed.shape == before.shape and np.array_equal(handed, before)


def _roundoff(values: Array, coarsest: int = 24) -> float:
    """The roundoff of the arithmetic of f, by the bits that its values have; values that are round tell nothing."""
    mantissa, _ = np.frexp(values)
    bits = next((p for p in PRECISIONS if (np.rint(np.ldexp(mantissa, p)) == np.ldexp(mantissa, p)).all()), 53)
    return 2.0 ** -(bits if bits >= coarsest else 53)


def _walk(
    function: Scalar,
    step: float,
    rng: np.random.Generator,
    keys: Collection[str] | None = None,
    entries: Array | bool = True,
) -> Array:
    """Values of f at equal steps in a random direction of all parameters, or of these, or of some of their entries;
    without those at its parameters, where f may jump."""
    params = {key: V for key, V in function.params.items() if keys is None or key in keys}
    D = {key: random_direction(V, rng) * entries for key, V in params.items()}
    moved = [{key: V + k * step * D[key] for key, V in params.items()} for k in range(1, max(ORDERS) + 3)]
    function.ahead(moved)
    return np.array([function.real(point) for point in moved])


def _noise(walk: Array) -> float:
    """Noise of f by differences of high order, which a smooth function cancels and noise does not.

    A difference of order k of values with standard deviation s has the standard deviation s sqrt((2k)!) / k!
    (Hamming; Moré and Wild, Estimating computational noise, 2011).
    """
    if not np.isfinite(walk).all():
        return 0.0
    estimates = [
        float(np.sqrt(np.mean(np.diff(walk, k) ** 2)) * math.factorial(k) / math.sqrt(math.factorial(2 * k)))
        for k in ORDERS
    ]
    return min(estimates)


def _plateau(walk: Array, roundoff: float) -> float:
    """Half the quantum of values that have lost digits to a subtraction, as those of 1 - cos x near 0 have; or 0."""
    return float(quantum(walk, 2 * roundoff)) / 2 if np.isfinite(walk).all() else 0.0


def _stairs(function: Scalar, rounding: float, rng: np.random.Generator) -> float:
    """The height of the stairs in which f goes up, as an f does that was rounded to a few digits; 0 if it has none.

    All its changes are then multiples of one height. They are not where f is made of floor or round, nor where it is
    smooth and adds a constant so large that fine changes are lost beside it.
    """
    gaps: list[float] = []
    for step in STRIDES:
        walks = np.array([_walk(function, step, rng) for _ in range(WALKS)])
        gaps += [gap for gap in np.abs(np.diff(walks)).ravel().tolist() if 0 < gap < math.inf]
    if len(gaps) < ENOUGH:
        return 0.0
    height = gaps[0]
    for gap in gaps:  # Euclid's algorithm; a rest is nothing if rounding may have left it
        while (rest := abs(math.remainder(gap, height))) > rounding * (1 + gap / height) + EXACT * height:
            gap, height = height, rest
    return height if APART * rounding < height >= min(gaps) / OF_THE_LEAST else 0.0


@quiet()
def jumping(function: Scalar, key: str, rng: np.random.Generator, entries: Array | None = None) -> Scalar:
    """The function with the noise of its jumps, if it moves in some along these entries of a parameter, or along all,
    as one does that computes in half precision inside; where it reads the parameter so, at what it reads.

    The finest steps seldom meet these. Longer ones do, and of two lengths of step the noise is much the same, where
    what they show of a kink or of a smooth f falls with the step, or faster.
    """
    some = rng.permutation(function.params[key].size)[:LONGER] if entries is None else entries
    if bits := _read(function, key):
        read = {**function.params, key: rounded(function.params[key], bits)}
        moved = replace(function, params=read, bits={**function.bits, key: bits})
        noise = max(function.noise, *(_noise(_next_to(moved, key, i)) for i in some))
        return replace(moved, noise=noise, least_noise=noise)
    coarse, fine = (_usual_noise(function, step, function.params, rng) for step in JUMPING)
    along = _usual_noise(function, JUMPING[0], {key}, rng)
    if min(coarse, along) <= OUT_OF * function.least_noise or fine < AS_NOISE * coarse:
        return function
    near = [_walk(function, WITHIN, rng, {key}, _only(function, key, i)) - function.value for i in some[:LONGER]]
    if np.median(np.abs(near)) > coarse / 4:  # so near the point half precision has not moved yet, but fast waves have
        return function
    return replace(function, noise=coarse, least_noise=coarse)


def _usual_noise(function: Scalar, step: float, keys: Collection[str], rng: np.random.Generator) -> float:
    return float(np.median([_noise(_walk(function, step, rng, keys)) for _ in range(LONGER)]))


def rounded(V: Array | float, bits: int) -> Array:
    mantissa, exponent = np.frexp(V)
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits))


def _read(function: Scalar, key: str) -> int:
    """The bits with which f reads a parameter, for it rounds that before all else, if they are as few as those of half
    precision; or 0.

    Wherever one asks, f is the same to the bit for the rounded numbers, and another for most of their neighbours, which
    it is not where it goes up in steps of its own.
    """
    V, rng = function.params[key], np.random.default_rng(0)
    points = [V + AWAY * random_direction(V, rng) for _ in range(ASKED)]
    values = [function.real({key: W}) for W in points]
    for bits in COARSEST:
        read = [rounded(W, bits) for W in points]
        if all(function.real({key: R}) == value for R, value in zip(read, values, strict=True)):
            next_to = (R + rng.choice([-1, 1], R.shape) * _spacing(R, bits) for R in read)
            others = [function.real({key: N}) != value for N, value in zip(next_to, values, strict=True)]
            return bits if 2 * sum(others) > ASKED else 0
    return 0


def _spacing(V: Array, bits: int) -> Array:
    """From a number of so many bits to the next one, away from 0."""
    return np.asarray(np.ldexp(1.0, np.frexp(V)[1] - bits))


def _only(function: Scalar, key: str, index: int) -> Array:
    """True at one entry of a parameter, and False at the others."""
    V = function.params[key]
    return np.asarray(np.arange(V.size).reshape(V.shape) == index)


def _next_to(function: Scalar, key: str, index: int) -> Array:
    """Values of f at every fourth of the numbers that it reads, from one entry on."""
    V = function.params[key]
    step = 4 * _spacing(V, function.bits[key]) * _only(function, key, index)
    return np.array([function.real({key: V + k * step}) for k in range(max(ORDERS) + 2)])


@quiet()
def is_noise(function: Scalar, rng: np.random.Generator) -> bool:
    """Whether f is zero but for rounding, here and at most points far away."""
    if function.inexact or function.stairs or not math.isfinite(function.noise):
        return False
    far = ({key: V + random_direction(V, rng) for key, V in function.params.items()} for _ in range(WALKS))
    return bool(max(abs(function.value), np.median(np.abs([*map(function.real, far)]))) <= ONLY * function.noise)


@quiet()
def stepped(function: Scalar, key: str, rng: np.random.Generator) -> float:
    """The noise of the jumps in which f moves along a parameter where it moves in nothing else; or 0."""
    fine, coarse = (np.diff(_walk(function, step, rng, {key})).any() for step in (NOISE_STEPS[0], JUMPING[0]))
    some = rng.permutation(function.params[key].size)[:WALKS].tolist()
    if fine or not coarse or any(rounding(function, key, i, rng) for i in some):
        return 0.0
    found = jumping(function, key, rng)
    return found.noise if found is not function else 0.0


@quiet()
def rounding(function: Scalar, key: str, index: int, rng: np.random.Generator) -> float:
    """The noise of an entry that f rounds to float32, or to steps as fine: f stays as it is in most of the finest
    steps, and changes in most of those of a float32. Otherwise 0."""
    entry = _only(function, key, index)
    finest, fine = (_walk(function, step, rng, {key}, entry) for step in (NOISE_STEPS[0], FLOAT32))
    few, most = (np.count_nonzero(np.diff(walk)) / (len(walk) - 1) for walk in (finest, fine))
    return _noise(fine) if few < 1 / 2 < most else 0.0


def typical_size(V: Array) -> Array:
    """The magnitude at which each entry counts: its own, or that of its array where it is smaller; 1 for zeros."""
    V = np.asarray(V, np.result_type(V, np.float64))
    largest = float(np.abs(V).max(initial=0))  # taken out, for squares may leave the range of the float
    rms = largest * float(np.sqrt(np.mean((V / largest) ** 2))) if largest else 1.0
    return np.asarray(np.maximum(np.abs(V), rms))


def own_size(V: Array) -> Array:
    """The magnitude of each entry, or for zeros what is typical."""
    return np.where(V == 0, typical_size(V), np.abs(V))


def random_direction(V: Array, rng: np.random.Generator) -> Array:
    """Moves of every entry by half its size to all of it, up or down."""
    return np.asarray(rng.choice([-1.0, 1.0], V.shape) * rng.uniform(0.5, 1, V.shape) * own_size(V))
