"""formulas.py: each activation and output as the witness and the rounding analysis know it, against balls.

The truth is g itself, and the loss itself, in balls of BITS bits: differences and derivatives of it are taken by
subtraction, which there costs nothing, and by no formula. In (n_L, m), examples lie side by side.
"""

import flint
import numpy as np
import pytest

from refnn.gradcheck import formulas
from refnn.gradcheck.verdict.rounding import STEPS
from refnn.numbers import balls

arb = flint.arb
BITS = 3200  # at Z = -700, 1 - tanh Z is 2^-2018
U, U32 = 2.0**-53, 2.0**-24
TINY, TINY32 = float(np.finfo(np.float64).tiny), 2.0**-120  # below which a result may vanish, or a factor of it
FEW = 24 * U  # a few roundoffs
H, NEAR = arb((1, -200)), 2.0**-198  # the step of a derivative in balls, and how far it is off beside a kink
STEP = 2.0**-100  # of the complex step

# ---------------------------------------------------------------------- the truth


def of_balls(f):
    """A function of a ball, entry by entry of arrays of floats or balls."""
    return np.frompyfunc(lambda number: f(arb(number)), 1, 1)


def bent(slope):
    return of_balls(lambda z: z if z > 0 else arb(slope) * z)


SLOPES = {"relu": 0.0, "leaky_relu": 0.01, "leaky_relu(0.2)": 0.2, "leaky_relu(3)": 3.0}
TRUTH = {
    "sigmoid": of_balls(lambda z: 1 / (1 + (-z).exp())),
    "tanh": of_balls(lambda z: z.tanh()),
    "softplus": of_balls(lambda z: (1 + z.exp()).log()),
    "silu": of_balls(lambda z: z / (1 + (-z).exp())),
    "identity": of_balls(lambda z: z),
    **{name: bent(slope) for name, slope in SLOPES.items()},
}


def size(ball):
    """An upper bound on a ball, as an array of floats; NaN for what is none."""
    return np.frompyfunc(lambda b: float(b.abs_upper()), 1, 1)(ball).astype(float)


to_arb = np.frompyfunc(arb, 1, 1)


def off(found, truth):
    return size(to_arb(np.asarray(found, float)) - truth)


def slope(f):
    """The derivative of a function of balls; at a kink the middle."""
    return lambda Z: (f(Z + H) - f(Z - H)) / (2 * H)


@pytest.fixture(autouse=True, scope="module")
def many_bits():
    with balls.precision(BITS):
        yield


# ---------------------------------------------------------------------- activations

HALF = (2.0**-60, 1e-10, 1e-3, 0.4, 1.2785, 2.4, 5.0, 20.3, 37.0, 300.0, 700.0)
Z = np.array([*(-z for z in HALF), 0.0, *HALF])
MOVES = np.array([sign * d for sign in (1, -1) for d in (2.0**-60, 2.0**-30, 1e-3, 0.3, 1.0, 10.0)])
# Every move of every Z, and those that lead to a kink, as far again beyond, and half-way.
FROM = np.concatenate([np.repeat(Z, len(MOVES)), *(Z[np.abs(Z) < 10],) * 3])
BY = np.concatenate([np.tile(MOVES, len(Z)), *(-c * Z[np.abs(Z) < 10] for c in (1, 2, 0.5))])
ERRORS = np.abs(BY)
Z32 = np.concatenate([Z[np.abs(Z) < 80], np.linspace(-80, 80, 1601)]).astype(np.float32)


def usual_sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def usual_tanh(Z):
    return (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z))


def leaky(slope):
    return lambda Z: np.where(Z > 0, Z, Z.dtype.type(slope) * Z)


def leaky_slope(slope):
    return lambda Z, _: np.where(Z > 0, 1, Z.dtype.type(slope))


# As they are written: values of Z; slopes of Z and A; and slopes that keep 1 - A as a number of its own.
USUAL = {
    "sigmoid": (usual_sigmoid, lambda Z: (1 + np.tanh(Z / 2)) / 2),
    "tanh": (np.tanh, usual_tanh, lambda Z: 2 * usual_sigmoid(2 * Z) - 1),
    "softplus": (lambda Z: np.log(1 + np.exp(Z)), lambda Z: np.logaddexp(0 * Z, Z)),
    "silu": (lambda Z: Z * usual_sigmoid(Z), lambda Z: Z / (1 + np.exp(-Z))),
    "identity": (lambda Z: Z,),
    **{name: (leaky(slope),) for name, slope in SLOPES.items()},
}
USUAL_SLOPES = {
    "sigmoid": (lambda _, A: A * (1 - A), lambda _, A: A - A * A),
    "tanh": (lambda _, A: 1 - A * A, lambda _, A: (1 - A) * (1 + A)),
    "softplus": (lambda Z, _: usual_sigmoid(Z), lambda _, A: 1 - np.exp(-A)),
    "silu": (lambda Z, A: A + usual_sigmoid(Z) * (1 - A), lambda Z, _: (s := usual_sigmoid(Z)) + Z * s * (1 - s)),
    "identity": (lambda Z, _: np.ones_like(Z),),
    **{name: (leaky_slope(slope),) for name, slope in SLOPES.items()},
}
CAREFUL_SLOPES = {
    **USUAL_SLOPES,
    "sigmoid": (lambda Z, A: A * usual_sigmoid(-Z),),
    "tanh": (lambda Z, _: 4 * usual_sigmoid(2 * Z) * usual_sigmoid(-2 * Z),),
    "softplus": (lambda Z, _: usual_sigmoid(Z),),
    "silu": (lambda Z, _: (s := usual_sigmoid(Z)) + Z * s * usual_sigmoid(-Z),),
}
_KNOWN = {}


def known(name):
    """The truth of an activation at the points above: value, differences, slopes and their changes."""
    if name not in _KNOWN:
        g = TRUTH[name]
        at, start, end = slope(g), to_arb(FROM), to_arb(FROM) + to_arb(BY)
        right = at(to_arb(Z32))
        with np.errstate(over="ignore"):
            A32 = [f(Z32) for f in USUAL[name]]
            usual, careful = (
                np.max([off(f(Z32, A32[0]), right) for f in slopes[name]], axis=0)
                for slopes in (USUAL_SLOPES, CAREFUL_SLOPES)
            )
        _KNOWN[name] = {
            "A": g(Z),
            "difference": g(end) - g(start),
            "slope": at(to_arb(Z)),
            "terms": size(g(end) - g(start)) if name != "silu" else silu_terms(start, end),
            "bent": size(at(end) - at(start)),
            "errors of A": np.max([off(A, g(Z32)) for A in A32], axis=0),
            "errors of slopes": usual,
            "careful errors": careful,
        }
    return _KNOWN[name]


def silu_terms(start, end):
    """Of D A(Z) + (Z + D) [A(Z + D) - A(Z)], which may cancel."""
    A = TRUTH["sigmoid"]
    return size((end - start) * A(start)) + size(end * (A(end) - A(start)))


def loss_of_digits(name, D):
    """1 + C t, for t near -1, loses what exp D is beside 1, and tanh takes twice D; a move of a witness is tiny."""
    return np.exp((2 if name == "tanh" else 1) * np.abs(D))


def broken_laws(name, g):
    """The laws that this activation breaks, by name."""
    true = known(name)
    wide, zero = Z32.astype(float), Z == 0
    kinks = g.kinked & (wide == 0)  # where all slopes are usual
    moved = size(true["difference"])
    with np.errstate(all="ignore"):
        difference = g.difference(g.parts(FROM), BY.copy())
        shift, bend = g.shift(FROM, ERRORS), g.bend(FROM, ERRORS)
        by_complex_step = g.value(Z + 1j * STEP).imag / STEP
        slopes = g.derivative(Z)
        room = 1 + FEW * loss_of_digits(name, BY)
        sides = [(TRUTH[name](s * H) - TRUTH[name](0)) / (s * H) for s in (1, -1)]
        laws = {
            "value": off(g.value(Z), true["A"]) <= FEW * size(true["A"]) + TINY,
            "difference": off(difference, true["difference"]) <= FEW * loss_of_digits(name, BY) * true["terms"] + TINY,
            "shift holds": moved <= shift * room + TINY,
            "shift is no larger than the steepest": shift <= g.steepest * ERRORS * room + TINY,
            "derivative": off(slopes, true["slope"]) <= FEW * g.slope_terms(Z) + FEW * np.abs(slopes) + TINY,
            "complex step": np.abs(by_complex_step - slopes)[~zero] <= FEW * (1 + np.abs(Z[~zero])) * 1.1 + TINY,
            "bend holds": true["bent"] <= bend * room + FEW * (np.abs(FROM) + 1) * true["bent"] + TINY,
            "bend is in proportion": (bend <= 8 * ERRORS * (1 + ERRORS)) | g.kinked,
            "bend is that of the two sides": ~np.array(g.kinked) | (bend <= float(abs(sides[0] - sides[1]))),
            "steepest": moved <= g.steepest * np.abs(BY) * (1 + FEW),
            "size": true["errors of A"] <= STEPS * U32 * g.size(wide) + TINY32,
            "slope_size": kinks | (true["errors of slopes"] <= STEPS * U32 * g.slope_size(wide) + TINY32),
            "slope_terms": kinks | (true["careful errors"] <= STEPS * U32 * g.slope_terms(wide) + TINY32),
            "kinked": np.array(g.kinked == bool(abs(sides[0] - sides[1]) > 1e-9)),
            "bounded": np.array(g.bounded == bool(np.abs(g.value(np.array([-700.0, 700.0]))).max() <= 1)),
        }
    return [law for law, holds in laws.items() if not np.all(holds)]


@pytest.mark.parametrize("name", TRUTH)
def test_an_activation_keeps_every_law(name):
    assert broken_laws(name, formulas.activation(name)) == []


# ---------------------------------------------------------------------- outputs

OUTPUTS = [("sigmoid", "cross_entropy"), ("softmax", "cross_entropy")]
OUTPUTS += [(name, cost) for name in TRUTH for cost in ("half_squared_error", "squared_error")]
RNG = np.random.default_rng(0)
EXAMPLES = 40
ZL = RNG.choice(np.concatenate([Z, RNG.standard_normal(60), 8 * RNG.standard_normal(20)]), (3, EXAMPLES))
HARD = np.eye(3)[:, RNG.integers(0, 3, EXAMPLES)]
SOFT = RNG.random((3, EXAMPLES))
YL = np.where(np.arange(EXAMPLES) % 2, HARD, SOFT / SOFT.sum(axis=0))
DL = RNG.standard_normal((3, 12, EXAMPLES)) * (2.0 ** RNG.choice([-60, -30, -8, 0, 2], (1, 12, 1)))
ZL32 = np.float32(np.clip(np.tile(ZL, 8) + RNG.standard_normal((3, 8 * EXAMPLES)), -80, 80))
YL32 = np.float32(np.tile(YL, 8))
MOVED = (0.0, 1e-3, 0.5)  # errors of Z, in which a computation has been led astray


def softmax_losses(Z, Y):
    """-Y_k log A_k of one example, in balls."""
    E = [z.exp() for z in Z]
    return [y * (sum(E).log() - z) for y, z in zip(Y, Z)]


def true_losses(word, Z, Y):
    """Of balls or floats (n_L, m)."""
    (name, cost), Z, Y = word, to_arb(Z), to_arb(Y)
    if name == "softmax":
        return np.array([softmax_losses(z, y) for z, y in zip(Z.T, Y.T)]).T
    if cost == "cross_entropy":
        softplus = TRUTH["softplus"]
        return Y * softplus(-Z) + (1 - Y) * softplus(Z)
    return (TRUTH[name](Z) - Y) ** 2 / (2 if cost == "half_squared_error" else 1)


def true_residual(word, Z, Y):
    """∂loss/∂Z by the difference in balls: of each unit alone, or of all for a softmax."""
    Z = to_arb(Z)
    if word[0] != "softmax":
        return (true_losses(word, Z + H, Y) - true_losses(word, Z - H, Y)) / (2 * H)
    rows = []
    for i in range(len(Z)):
        e = np.array([[H if j == i else arb(0)] for j in range(len(Z))])
        rows.append((true_losses(word, Z + e, Y) - true_losses(word, Z - e, Y)).sum(axis=0) / (2 * H))
    return np.array(rows)


def quotient(A, Y, S):
    """The article's dA_L ∘ σ′, as far as it has no 0 / 0."""
    return np.asarray(-(Y / A - (1 - Y) / (1 - A)) * S)


def usual_softmax(Z):
    E = np.exp(Z - Z.max(axis=0))
    return E / E.sum(axis=0)


def plain_residuals(word, Z, Y):
    """As most people write them."""
    (name, cost), one = word, Z.dtype.type(1)
    if name == "softmax":
        yield usual_softmax(Z) - Y
        yield np.exp(Z) / np.exp(Z).sum(axis=0) - Y
        yield np.exp(Z - np.log(np.exp(Z).sum(axis=0))) * Y.sum(axis=0) - Y
    elif cost == "cross_entropy":
        A = usual_sigmoid(Z)
        yield A - Y
        yield np.exp(Z - np.logaddexp(0 * Z, Z)) - Y
        yield quotient(A, Y, A * (1 - A))
        yield quotient(A, Y, one / (2 + 2 * np.cosh(Z)))
    else:
        share = one * (2 if cost == "half_squared_error" else 1)
        for value in USUAL[name]:
            for derivative in USUAL_SLOPES[name]:
                A = value(Z)
                yield 2 * (A - Y) * derivative(Z, USUAL[name][0](Z)) / share


def careful_residuals(word, Z, Y):
    """As one writes them to keep the digits of 1 - A."""
    name, cost = word
    if name == "softmax":
        A, off_diagonal = usual_softmax(Z), (1 - np.eye(len(Z))).astype(Z.dtype)
        yield (off_diagonal @ Y) * A - Y * (off_diagonal @ A)
    elif cost == "cross_entropy":
        yield (1 - Y) * usual_sigmoid(Z) - Y * usual_sigmoid(-Z)
    else:
        A = np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z))) if name == "softplus" else USUAL[name][0](Z)
        for derivative in CAREFUL_SLOPES[name]:
            yield (2 if cost == "squared_error" else 1) * (A - Y) * derivative(Z, A)


def known_of_output(word):
    if word not in _KNOWN:
        losses = true_losses(word, ZL, YL)
        moved = np.array([true_losses(word, to_arb(ZL) + to_arb(DL[:, p]), YL) - losses for p in range(DL.shape[1])])
        right = true_residual(word, ZL32, YL32)
        errors = {}
        with np.errstate(all="ignore"):
            for E in MOVED:
                sides = [np.float32(ZL32 + side * E) for side in ((1, -1) if E else (1,))]
                for kind, written in (("plain", plain_residuals), ("careful", careful_residuals)):
                    found = [off(V, right) for Z in sides for V in written(word, Z, YL32)]
                    errors[kind, E] = np.nanmax([np.where(np.isfinite(V), V, np.nan) for V in found], axis=0)
        _KNOWN[word] = {
            "losses": losses,
            "moved": moved.sum(axis=1),
            "terms": size(moved).sum(axis=1),
            "residual": true_residual(word, ZL, YL),
            "errors": errors,
        }
    return _KNOWN[word]


def broken_laws_of_output(word, last):
    """The laws that this output breaks, by name."""
    true, (name, cost) = known_of_output(word), word
    Z, Y = ZL32.astype(float), YL32.astype(float)
    square, kinks = cost != "cross_entropy", last.kinked & (Z == 0)
    share = 1 if cost == "squared_error" else 2
    with np.errstate(all="ignore"):
        A = TRUTH[name](ZL) if name != "softmax" else np.exp(true_losses(word, ZL, 0 * YL + 1) * arb(-1))
        A64, residual = size(A), last.residual(ZL, YL)
        # (A - Y)² has the digits that the subtraction leaves.
        digits = FEW * size(true["losses"]) + square * (FEW * (A64 + YL) * size(A - to_arb(YL)) + (FEW * A64) ** 2)
        if name == "softmax":  # exp of a distance that is rounded
            wide = 1 + np.ptp(ZL, axis=0)
            digits, A64 = digits * wide, A64 * wide
        difference = last.difference(ZL, YL, DL.copy())
        lost = FEW * np.exp(2 * (2 if name in ("tanh", "softmax") else 1) * np.abs(DL).max(axis=(0, 2)))[:, None]
        terms = true["terms"]
        if square:
            g = formulas.activation(name)
            d = np.abs(g.difference(tuple(V[:, None] for V in g.parts(ZL)), DL.copy()))
            terms = (d * (2 * (A64 + np.abs(YL))[:, None] + d)).sum(axis=0) / share
            if name == "silu":
                terms = terms + (np.abs(DL) * (2 * (A64 + np.abs(YL))[:, None] + d)).sum(axis=0)
        elif name == "softmax":
            S = size(A)[:, None]
            terms = sum(YL[k] * (S * np.abs(np.expm1(DL - DL[k]))).sum(axis=0) for k in range(len(YL)))
        else:
            S, C = (size(TRUTH["sigmoid"](V))[:, None] for V in (ZL, -ZL))
            terms = (YL[:, None] * C * np.abs(np.expm1(-DL)) + (1 - YL)[:, None] * S * np.abs(np.expm1(DL))).sum(axis=0)
        own = last.careful(ZL, YL, 0 * ZL, STEPS * U)
        steps = []
        for i in range(len(ZL)):
            e = 1j * STEP * (np.arange(len(ZL)) == i)[:, None]
            steps.append(last.loss(ZL + e, YL).imag.sum(axis=0) / STEP)
        smooth = ~(last.kinked & (ZL == 0))
        laws = {
            "value": off(last.value(ZL), A) <= FEW * A64 + TINY,
            "loss": off(last.loss(ZL, YL), true["losses"]) <= digits + TINY,
            "difference": off(difference, true["moved"]) <= lost * terms + TINY,
            "residual": off(residual, true["residual"]) <= own + FEW * np.abs(residual) + NEAR * (ZL == 0) + TINY,
            "complex step": (np.abs(np.array(steps) - residual) <= 8 * own + FEW * (1 + np.abs(ZL)) + TINY) | ~smooth,
            "kinked": np.array(last.kinked == (name in SLOPES)),
        }
        for (kind, E), errors in true["errors"].items():
            bound = getattr(last, kind)(Z, Y, np.full_like(Z, E * (1 + 1e-6) + 80 * U32 * (E > 0)), STEPS * U32)
            laws[f"{kind}, errors {E:g}"] = kinks | np.isnan(errors) | (errors <= bound * (1 + 1e-6) + TINY32)
    return [law for law, holds in laws.items() if not np.all(holds)]


@pytest.mark.parametrize("word", OUTPUTS, ids="-".join)
def test_an_output_keeps_every_law(word):
    assert broken_laws_of_output(word, formulas.output(word)) == []


# ---------------------------------------------------------------------- each law is seen to fail


def scaled(factor):
    return lambda f: lambda *arguments: factor * f(*arguments)


def with_other_parts(parts):
    return lambda Z: tuple(V * (1 + 1e-9) for V in parts(Z))


# A fault in a field, as a function of the field as it is, and the laws of which it breaks one at least.
FIELDS = {
    "value": (scaled(1 + 1e-9), {"value"}),
    "parts": (with_other_parts, {"difference"}),
    "difference": (scaled(1 + 1e-9), {"difference"}),
    "shift": (scaled(0.9), {"shift holds"}),
    "size": (scaled(1 / 512), {"size"}),
    "derivative": (scaled(1 + 1e-9), {"derivative"}),
    "bend": (scaled(0.4), {"bend holds"}),
    "slope_size": (scaled(1 / 512), {"slope_size"}),
    "slope_terms": (scaled(1 / 512), {"slope_terms"}),
    "steepest": (lambda number: 0.99 * number, {"steepest"}),
    "kinked": (lambda flag: not flag, {"kinked"}),
    "bounded": (lambda flag: not flag, {"bounded"}),
}
FIELDS_OF_OUTPUT = {
    "value": (scaled(1 + 1e-9), {"value"}),
    "loss": (scaled(1 + 1e-9), {"loss"}),
    "difference": (scaled(1 + 1e-9), {"difference"}),
    "residual": (scaled(1 + 1e-9), {"residual"}),
    "careful": (scaled(1 / 512), {f"careful, errors {E:g}" for E in MOVED}),
    "plain": (scaled(1 / 512), {f"plain, errors {E:g}" for E in MOVED}),
    "kinked": (lambda flag: not flag, {"kinked"}),
}
# Nothing of these is rounded, or moved, or needed: zero is right, and so is more.
NOTHING = {("identity", field) for field in ("parts", "size", "bend", "slope_size", "slope_terms")}
NOTHING |= {("relu", field) for field in ("size", "slope_size", "slope_terms")}
NOTHING |= {("leaky_relu(3)", field) for field in ("slope_size", "slope_terms")}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", TRUTH)
def test_a_fault_in_a_field_breaks_the_law_that_is_there_for_it(name, field):
    g = formulas.activation(name)
    plant, laws = FIELDS[field]
    broken = broken_laws(name, g._replace(**{field: plant(getattr(g, field))}))
    assert not broken if (name, field) in NOTHING else laws & set(broken)


@pytest.mark.parametrize("field", FIELDS_OF_OUTPUT)
@pytest.mark.parametrize("word", OUTPUTS, ids="-".join)
def test_a_fault_in_a_field_of_an_output_breaks_the_law_that_is_there_for_it(word, field):
    last = formulas.output(word)
    plant, laws = FIELDS_OF_OUTPUT[field]
    assert laws & set(broken_laws_of_output(word, last._replace(**{field: plant(getattr(last, field))})))


SIGMOID, SILU = formulas.ACTIVATIONS["sigmoid"], formulas.ACTIVATIONS["silu"]
MISTAKES = {
    "the kink is not crossed": ("relu", "difference", lambda parts, D: np.where(parts[0] > 0, D, 0), "difference"),
    "the kink is crossed too far": (
        "relu",
        "difference",
        lambda parts, D: np.where((parts[0] > 0) | (parts[0] + D > 0), D, 0),
        "difference",
    ),
    "no slope below": ("leaky_relu(0.2)", "difference", lambda parts, D: np.maximum(parts[0] + D, 0), "difference"),
    "a ReLU that does not bend": ("relu", "bend", lambda Z, _: np.zeros_like(Z), "bend holds"),
    "a bend everywhere": ("relu", "bend", lambda Z, _: 2 * np.ones_like(Z), "bend is that of the two sides"),
    "the slope from above at the kink": ("relu", "derivative", lambda Z: np.where(Z >= 0, 1.0, 0.0), "derivative"),
    "shift as by the derivative": ("sigmoid", "shift", lambda Z, E: SIGMOID.derivative(Z) * E, "shift holds"),
    "shift without a limit": ("sigmoid", "shift", lambda _, E: E, "shift is no larger than the steepest"),
    "bend without a limit": ("tanh", "bend", lambda Z, E: np.ones_like(Z * E), "bend is in proportion"),
    "half of a product": ("silu", "derivative", lambda Z: formulas.sigmoid(Z), "derivative"),
    "a slope with the wrong sign": (
        "silu",
        "derivative",
        lambda Z: formulas.sigmoid(Z) * (1 - Z * formulas.sigmoid(-Z)),
        "derivative",
    ),
    "tanh moved by D, not 2 D": (
        "tanh",
        "difference",
        lambda parts, D: 2 * formulas.sigmoid_difference(parts, D),
        "difference",
    ),
    "a difference by subtraction": (
        "softplus",
        "difference",
        lambda parts, D: formulas.softplus(np.log(parts[0] / (1 - parts[0])) + D) + np.log1p(-parts[0]),
        "difference",
    ),
    "the difference by the derivative": (
        "sigmoid",
        "difference",
        lambda parts, D: parts[0] * parts[1] * D,
        "difference",
    ),
    "abs, which loses the imaginary part": (
        "relu",
        "value",
        lambda Z: np.maximum(Z.real, 0) + 0 * Z.real,
        "complex step",
    ),
    "overflow": ("softplus", "value", lambda Z: np.log(1 + np.exp(Z)), "value"),
    "1 - A in sizes of A": ("sigmoid", "slope_size", lambda Z: 3 * SIGMOID.derivative(Z), "slope_size"),
    "sizes of silu at 0": ("silu", "slope_terms", lambda Z: np.abs(SILU.derivative(Z)), "slope_terms"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_that_people_make_breaks_a_law(mistake):
    name, field, wrong, law = MISTAKES[mistake]
    assert law in broken_laws(name, formulas.activation(name)._replace(**{field: wrong}))


def others_forgotten(_, Y, D):
    return -(Y[:, None] * np.log1p(0 * D) + Y[:, None] * D).sum(axis=0)


MISTAKES_OF_OUTPUT = {
    "softmax without its other units": (OUTPUTS[1], "difference", others_forgotten, "difference"),
    "softmax at its own unit": (OUTPUTS[1], "residual", lambda Z, Y: -Y * (1 - formulas.softmax(Z)), "residual"),
    "A - Y": (OUTPUTS[0], "residual", lambda Z, Y: formulas.sigmoid(Z) - Y, "residual"),
    "labels forgotten in the difference": (
        OUTPUTS[0],
        "difference",
        lambda Z, _, D: np.log1p(formulas.sigmoid(Z)[:, None] * np.expm1(D)).sum(axis=0),
        "difference",
    ),
    "a plain bound as if it were careful": (
        OUTPUTS[0],
        "plain",
        formulas.OUTPUTS["sigmoid"].careful,
        "plain, errors 0",
    ),
    "softmax plain as if it were careful": (
        OUTPUTS[1],
        "plain",
        formulas.OUTPUTS["softmax"].careful,
        "plain, errors 0",
    ),
    "the square of the move forgotten": (
        ("identity", "squared_error"),
        "difference",
        lambda Z, Y, D: (2 * D * (Z - Y)[:, None]).sum(axis=0),
        "difference",
    ),
    "errors of Z forgotten": (
        ("tanh", "squared_error"),
        "careful",
        lambda Z, Y, E, e: formulas.output(("tanh", "squared_error")).careful(Z, Y, 0 * E, e),
        "careful, errors 0.001",
    ),
    "loss from A, which has lost it": (OUTPUTS[0], "loss", lambda Z, Y: _log_loss(Z, Y), "loss"),
}


def _log_loss(Z, Y):
    A = formulas.sigmoid(Z)
    return -Y * np.log(A) - (1 - Y) * np.log(1 - A)


@pytest.mark.parametrize("mistake", MISTAKES_OF_OUTPUT)
def test_a_mistake_that_people_make_at_the_output_breaks_a_law(mistake):
    word, field, wrong, law = MISTAKES_OF_OUTPUT[mistake]
    assert law in broken_laws_of_output(word, formulas.output(word)._replace(**{field: wrong}))


def test_every_field_has_a_fault():
    assert set(FIELDS) == set(formulas.Activation._fields)
    assert set(FIELDS_OF_OUTPUT) == set(formulas.Output._fields)
    assert {name.partition("(")[0] for name in TRUTH} == set(formulas.ACTIVATIONS) | {"leaky_relu"}


def test_what_is_left_of_one_has_its_digits():
    for word, others in (("sigmoid", lambda Z: TRUTH["sigmoid"](-Z)), ("tanh", lambda Z: 1 - TRUTH["tanh"](Z))):
        left = others(to_arb(Z))
        slack = FEW if word == "tanh" else FEW * size(left)  # tanh has no such formula
        assert (off(formulas.complement(word, Z), left) <= slack + TINY).all()
        if word == "sigmoid":
            assert not (off(1 - formulas.sigmoid(Z), left) <= slack + TINY).all()
    losses = true_losses(OUTPUTS[1], ZL, 0 * ZL + 1)
    left = 1 - np.exp(-losses)
    assert (off(formulas.complement("softmax", ZL), left) <= FEW * size(left) * (1 + np.ptp(ZL, axis=0)) + TINY).all()


def test_anothers_activation_has_no_addition_formula():
    """The cancellation-free witness has none to use: another's pair is judged by the general ones."""
    own = formulas.activation((np.sin, np.cos))
    with pytest.raises(TypeError, match="another's activation has no addition formula"):
        own.difference((), np.zeros(2))


@pytest.mark.parametrize("Z", [5.0, 20.0, 40.0])
def test_of_a_hard_label_the_bounds_count_its_own_side_alone(Z):
    """A bound that counts the other side too would let pass a gradient that is wrong where a prediction is right."""
    e, none, last = STEPS * U, np.zeros((1, 1)), formulas.OUTPUTS["sigmoid"]
    for sign, Y in ((1, 1.0), (-1, 0.0)):
        given = np.full((1, 1), sign * Z), np.full((1, 1), Y), none, e
        assert last.careful(*given) <= 4 * e * np.exp(-Z)
        assert last.plain(*given) <= e * (Z + 6)


@pytest.mark.parametrize("Y", [0.0, 1.0, 0.3])
def test_the_bound_holds_the_articles_quotient_with_a_derivative_of_another_make(Y):
    """dA_L ∘ σ′ with σ by tanh, good to a roundoff of 1, and σ′ by cosh, which does not cancel its error."""
    Z = np.linspace(-30, 30, 2001)[None]
    A = (1 + np.tanh(Z / 2)) / 2
    found = ((1 - Y) / (1 - A) - Y / A) / (2 + 2 * np.cosh(Z))
    labels, last = np.full_like(Z, Y), formulas.OUTPUTS["sigmoid"]
    bound = last.plain(Z, labels, 0 * Z, STEPS * U)
    off = np.abs(found - last.residual(Z, labels))
    assert (off <= bound).all()
    assert (off > bound / 100).any()


def test_a_bound_is_no_wider_than_what_a_gradient_that_has_lost_every_digit_is_off_by():
    """dZ of a logistic output lies between -1 and 1; where the quotient has no digit left, half of that is let pass."""
    for Z, Y in ((100.0, 0.0), (-100.0, 1.0)):
        bound = formulas.OUTPUTS["sigmoid"].plain(*(np.full((1, 1), V) for V in (Z, Y, 0.0)), STEPS * U)
        assert 0.5 <= bound <= 0.5 + 1e-10
