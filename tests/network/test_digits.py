"""Each function of layers.py on floats, over their whole range, beside balls: how many ulps it may be off.

The truths are Arb's own functions, and share no formula with layers.py. Where a result is below the smallest normal
number, it may be anything from there to 0: an exp overflows before the last of the subnormal numbers is reached.
"""

from functools import cache

import numpy as np
import pytest
from planted import network_with

from refnn import layers
from refnn._floats import minus_log_softmax
from refnn.numbers import balls

BITS = 4000  # exp(-700) + 1 needs 1010, and some of what follows the square of that


def logistic(z):
    return 1 / (1 + (-z).exp())


TRUTH = {
    "sigmoid": (logistic, lambda z: logistic(z) * logistic(-z)),
    "tanh": (lambda z: z.tanh(), lambda z: z.sech() ** 2),
    "relu": (lambda z: z if z > 0 else 0 * z, lambda z: 0 * z + (z > 0)),
    "leaky_relu(0.3)": (lambda z: z if z > 0 else z * 3 / 10, lambda z: 0 * z + 1 if z > 0 else (0 * z + 3) / 10),
    "softplus": (lambda z: z.exp().log1p(), logistic),
    "silu": (lambda z: z * logistic(z), lambda z: logistic(z) + z * logistic(z) * logistic(-z)),
    "identity": (lambda z: z, lambda z: 0 * z + 1),
}
# The worst of 20,000 points was (float64 and float32), and is allowed to be:
ULPS = {
    ("sigmoid", "value"): 4,  #               1.9 2.8
    ("sigmoid", "derivative"): 4,  #          2.3 3.1
    ("tanh", "value"): 2,  #                  1.1 1.3
    ("tanh", "derivative"): 4,  #             2.0 2.9
    ("relu", "value"): 0,
    ("relu", "derivative"): 0,
    ("leaky_relu(0.3)", "value"): 1.5,  #     0.9 1.0
    ("leaky_relu(0.3)", "derivative"): 0.5,
    ("softplus", "value"): 4,  #              1.3 3.1
    ("softplus", "derivative"): 4,  #         1.9 2.8
    ("silu", "value"): 5,  #                  2.3 3.7
    ("silu", "derivative"): 8,  #             6.4 6.3
    ("identity", "value"): 0,
    ("identity", "derivative"): 0,
    ("softmax", "value"): 8,  #               4.4 4.9 of columns of up to 10
    ("softmax", "loss"): 4,  #                2.2 2.9
    ("softmax", "residual"): 8,  #            4.4 4.9
    ("logistic", "loss"): 4,  #               as softplus
    ("logistic", "residual"): 4,  #           as sigmoid
}
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])
SILU_ROOT = -1.2784645427610738  # where its derivative is 0


def points(dtype, n=300):
    """Of every magnitude to 2**11, near the root of SiLU's derivative, at and near the kink, where exp overflows."""
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    sizes = 2.0 ** rng.uniform(np.log2(float(info.smallest_subnormal)), 11, n)
    near_root = SILU_ROOT + rng.standard_normal(n) * 10.0 ** rng.uniform(-18, -1, n)
    ends = [info.tiny, info.smallest_subnormal, 88.7, 88.8, 89.5, 700, 709.7, 709.8, 710.5, 745]
    parts = (sizes, -sizes, rng.uniform(-3, 3, n), rng.uniform(-50, 50, n), rng.uniform(-760, 760, n), near_root)
    Z = np.concatenate([*parts, ends, np.negative(ends), [0.0, -0.0]]).astype(dtype)
    root = dtype(SILU_ROOT)
    return np.concatenate([Z, [root, np.nextafter(root, dtype(0)), np.nextafter(root, dtype(-2))]])


@np.errstate(all="ignore")
def worst(found, truth):
    """The largest error in ulps; where the truth is below the normal numbers, 0 for what is there or at 0."""
    dtype = found.dtype
    normal = np.abs(balls.nearest(truth, dtype)[0]) >= np.finfo(dtype).tiny
    assert (np.abs(found[~normal]) <= np.finfo(dtype).tiny).all()
    return balls.upper_bounds((balls.to_balls(found) - truth)[normal] / balls.ulps(truth[normal], dtype)).max(initial=0)


def entrywise(f, *arrays):
    return np.frompyfunc(f, len(arrays), 1)(*arrays)


@cache
def true_values(name, part, dtype):
    with balls.precision(BITS):
        return entrywise(TRUTH[name][part == "derivative"], balls.to_balls(points(dtype)))


@cache
def activation_error(module, name, part, dtype):
    Z = points(dtype)
    with balls.precision(BITS), np.errstate(all="ignore"):
        value_and_derivative = module.activation(name)
        found = getattr(value_and_derivative, part)(Z)
        assert found.dtype == dtype
        return worst(found, true_values(name, part, dtype))


ACTIVATIONS = pytest.mark.parametrize(("name", "part"), [key for key in ULPS if key[0] in TRUTH])


@DTYPES
@ACTIVATIONS
def test_every_activation_keeps_its_digits_over_the_whole_range(name, part, dtype):
    assert activation_error(layers, name, part, dtype) <= ULPS[name, part]


LIMITS = {  # of value and derivative at -infinity and at infinity
    "sigmoid": (0, 1, 0, 0),
    "tanh": (-1, 1, 0, 0),
    "relu": (0, np.inf, 0, 1),
    "leaky_relu(0.3)": (-np.inf, np.inf, 0.3, 1),
    "softplus": (0, np.inf, 0, 1),
    "silu": (0, np.inf, 0, 1),
    "identity": (-np.inf, np.inf, 1, 1),
}


def limits_kept(module, name, dtype):
    """At infinity, and nearly so at the largest number, which has a finite value."""
    g, limits = module.activation(name), [dtype(str(limit)) for limit in LIMITS[name]]
    ends, largest = np.array([-np.inf, np.inf], dtype), np.array([np.finfo(dtype).min, np.finfo(dtype).max])
    near = np.where(np.isinf(limits[:2]), largest * [limits[2], 1], limits[:2])
    return np.array_equal([*g.value(ends), *g.derivative(ends)], limits) and np.array_equal(
        [*g.value(largest), *g.derivative(largest)], [*near.astype(dtype), *limits[2:]]
    )


@np.errstate(all="ignore")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("name", LIMITS)
def test_every_activation_has_its_limits(name, dtype):
    assert limits_kept(layers, name, dtype)


@cache
def columns(dtype):
    """Columns with the largest entry and with others labelled; and the truth of softmax, its loss and its residual."""
    rng, found = np.random.default_rng(0), []
    for n in (1, 2, 3, 10):
        m = 60
        Z = (rng.standard_normal((n, m)) * 10.0 ** rng.uniform(-3, 2.3, m)).astype(dtype)
        Y = np.eye(n, dtype=dtype)[:, rng.integers(0, n, m)]
        with balls.precision(BITS):
            B, exact = balls.to_balls(Z), np.empty((2, n, m), object)
            for i, k in np.ndindex(n, m):
                rest = sum(((B[j, k] - B[i, k]).exp() for j in range(n) if j != i), 0 * B[i, k])
                exact[:, i, k] = 1 / (1 + rest), rest
            probability, rest = exact
            logs = entrywise(lambda r: r.log1p(), rest)
            truths = {
                "value": probability,
                "loss": np.where(Y == 1, logs, 0 * logs),
                "residual": np.where(Y == 1, -rest * probability, probability),
                "every loss": logs,
            }
        found.append((Z, Y, truths))
    return found


@cache
def column_errors(module, dtype):
    """The errors of softmax, of its loss and of its residual."""
    output, errors = module.output("softmax"), {}
    with balls.precision(BITS), np.errstate(all="ignore"):
        for Z, Y, truths in columns(dtype):
            AL = output.value(Z)
            found = (AL, output.loss(Z, Y), output.residual(AL, Z, Y), minus_log_softmax(Z))
            for (part, truth), V in zip(truths.items(), found, strict=True):
                assert V.dtype == dtype
                errors[part] = max(errors.get(part, 0), worst(V, truth))
    return errors


@DTYPES
def test_softmax_keeps_its_digits_with_its_cost_and_its_derivative(dtype):
    errors = column_errors(layers, dtype)
    assert errors.pop("every loss") <= ULPS["softmax", "loss"]
    assert [part for part, error in errors.items() if error > ULPS["softmax", part]] == []


def softmax_limits_kept(module, dtype):
    largest = np.finfo(dtype).max
    Z = np.array([[np.inf, 1, largest, largest], [0, -np.inf, -largest, largest]], dtype)
    Y = np.array([[1, 1, 1, 0], [0, 0, 0, 1]], dtype)
    output = module.output("softmax")
    AL = output.value(Z)
    return (
        AL.tolist() == [[1, 1, 1, 0.5], [0, 0, 0, 0.5]]
        and output.loss(Z, Y)[:, :3].tolist() == [[0, 0, 0], [0, 0, 0]]
        and output.residual(AL, Z, Y).tolist() == [[0, 0, 0, 0.5], [0, 0, 0, -0.5]]
    )


@np.errstate(all="ignore")
@DTYPES
def test_softmax_has_its_limits(dtype):
    assert softmax_limits_kept(layers, dtype)


@cache
def logistic_truths(dtype):
    """Of the loss and the residual, for each label."""
    with balls.precision(BITS):
        B = balls.to_balls(points(dtype))
        return {
            Y: (
                entrywise(lambda z, side=1 - 2 * Y: (side * z).exp().log1p(), B),
                entrywise(lambda z, side=1 - 2 * Y: side * logistic(side * z), B),
            )
            for Y in (0, 1)
        }


@cache
def logistic_errors(module, dtype):
    Z, output = points(dtype), module.output("sigmoid")
    errors = {"loss": 0, "residual": 0}
    with balls.precision(BITS), np.errstate(all="ignore"):
        for label, (loss, residual) in logistic_truths(dtype).items():
            Y = np.full_like(Z, label)
            errors["loss"] = max(errors["loss"], worst(output.loss(Z, Y), loss))
            errors["residual"] = max(errors["residual"], worst(output.residual(output.value(Z), Z, Y), residual))
    return errors


@DTYPES
def test_the_sigmoid_keeps_its_digits_with_its_cost_and_its_derivative(dtype):
    assert [part for part, error in logistic_errors(layers, dtype).items() if error > ULPS["logistic", part]] == []


# ---------------------------------------------------------------------- the usual formulas, each seen to lose


def keeps(module, name, part, dtype=np.float64):
    """Whether a function of these layers keeps its limits, or its digits."""
    if part == "limits":
        return softmax_limits_kept(module, dtype) if name == "softmax" else limits_kept(module, name, dtype)
    if name in TRUTH:
        return activation_error(module, name, part, dtype) <= ULPS[name, part]
    errors = column_errors(module, dtype) if name == "softmax" else logistic_errors(module, dtype)
    return errors[part] <= ULPS[name, part]


USUAL = {
    "A (1 - A)": ("1 / (2 + 2 * cosh(Z))", "sigmoid(Z) * (1 - sigmoid(Z))", ("sigmoid", "derivative")),
    "1 - σ(Z)": ("(1 - Y) * AL - Y * sigmoid(-ZL)", "(1 - Y) * AL - Y * (1 - sigmoid(ZL))", ("logistic", "residual")),
    "1 - tanh²": (
        "np.where(np.isfinite(doubled), 2 / (1 + doubled), (1 / cosh(Z)) ** 2)",
        "1 - np.tanh(Z) ** 2",
        ("tanh", "derivative"),
    ),
    "tanh by exp": (
        "if Z.dtype != object:\n        return np.asarray(np.tanh",
        "if 0:\n        return np.asarray(np.tanh",
        ("tanh", "value"),
    ),
    "log(1 + exp)": ("np.log1p(np.exp(-np.abs(Z)))", "np.log(1 + np.exp(-np.abs(Z)))", ("softplus", "value")),
    "Z σ(Z)": ("np.where(Z > 0, above, N", "np.where(Z > -9e9, above, N", ("silu", "value")),
    "-inf times 0": ("np.clip(Z, np.finfo(Z.dtype).min, 0)", "np.minimum(Z, 0)", ("silu", "limits")),
    "inf times 0": ("np.minimum(Z, np.finfo(Z.dtype).max) * C", "Z * C", ("silu", "limits")),
    "1 + Z σ(-Z)": ("np.where(Z > 0, above, (D", "np.where(Z > -9e9, above, (D", ("silu", "derivative")),
    "a root in 53 bits": (
        "D = (N - root) - rest",
        "D = N - root",
        ("silu", "derivative"),
    ),
    "0.3 in 24 bits": ("V.dtype.type(repr(slope))", "np.float32(repr(slope))", ("leaky_relu(0.3)", "value")),
    "softmax of the rounded distance": ("* (1 + np.where(np.isfinite(D), lost, 0))", "", ("softmax", "value")),
    "inf - inf in softmax": ("np.where(np.isfinite(D), lost, 0)", "lost", ("softmax", "limits")),
    "softmax of infinity": (
        'if Z.dtype.kind == "f" else Z\n    largest',
        "if False else Z\n    largest",
        ("softmax", "limits"),
    ),
    "log Σ exp": (
        "np.log1p(E.sum(axis=0, keepdims=True)) - D",
        "np.log(1 + E.sum(axis=0, keepdims=True)) - D",
        ("softmax", "loss"),
    ),
    "0 times infinity": ("weigh(Y, minus_log_softmax(ZL))", "Y * minus_log_softmax(ZL)", ("softmax", "limits")),
    "others with itself": ("(1 - np.eye", "(1 + np.eye", ("softmax", "residual")),
    "1 - A": ("Y * others(AL)", "Y * (1 - AL)", ("softmax", "residual")),
}


@np.errstate(all="ignore")
@pytest.mark.parametrize("name", USUAL)
def test_a_usual_formula_loses_digits_or_a_limit(name):
    text, instead, lost = USUAL[name]
    assert keeps(layers, *lost)
    assert not keeps(network_with({text: instead}).layers, *lost)
