"""What holds for every function of the network alike.

One source runs on every kind of number and keeps its dtype; arguments are never changed nor shared, and all are checked
before anything is computed; finite numbers of any size give no NaN and no warning.
"""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from strategies import field_network, float_network, shapes

import refnn
from refnn.numbers import exact_gradient
from refnn.testing import layer_dims

PARAMS, X, Y = float_network([3, 4, 2], 5, seed=2)
AL, CACHES = refnn.forward_prop(X, PARAMS)
GRADS = refnn.backprop(AL, Y, CACHES)


def run(X, Y, params):
    """Everything that the network computes, by name."""
    AL, caches = refnn.forward_prop(X, params)
    grads = refnn.backprop(AL, Y, caches)
    costs = {"cost_function": refnn.cost_function(AL, Y), "logistic_cost": refnn.logistic_cost(caches[-1][1], Y)}
    layer = dict(zip(("dA_prev", "dW", "db"), refnn.one_layer_backward(AL, caches[-1])))
    return {"sigmoid": refnn.sigmoid(X)[0], "AL": AL, **costs, **layer, **grads, **update(params, grads)}


def update(params, grads):
    return refnn.update_parameters(params, grads, 0.5)


class FloatDual:
    """A float and its derivative: the smallest number with + - * /, exp and log that carries a derivative."""

    def __init__(self, value, slope=0.0):
        self.value, self.slope = float(value), float(slope)

    def __neg__(self):
        return FloatDual(-self.value, -self.slope)

    def __add__(self, other):
        other = dual(other)
        return FloatDual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other):
        other = dual(other)
        return FloatDual(self.value * other.value, self.slope * other.value + self.value * other.slope)

    def __truediv__(self, other):
        other = dual(other)
        quotient = self.value / other.value
        return FloatDual(quotient, (self.slope - quotient * other.slope) / other.value)

    def __sub__(self, other):
        return self + -dual(other)

    def __rsub__(self, other):
        return dual(other) - self

    def __rtruediv__(self, other):
        return dual(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def exp(self):
        return FloatDual(math.exp(self.value), math.exp(self.value) * self.slope)

    def log(self):
        return FloatDual(math.log(self.value), self.slope / self.value)


def dual(x):
    return x if isinstance(x, FloatDual) else FloatDual(x)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128])
def test_the_dtype_stays(dtype):
    params = {key: V.astype(dtype) for key, V in PARAMS.items()}
    for labels in (Y, Y.round().astype(int), Y.round().astype(bool), Y.astype(np.float32)):
        for name, value in run(X.astype(dtype), labels, params).items():
            assert value.dtype == dtype, name
    trained, costs = refnn.train(X.astype(dtype), Y, [3, 4, 2], 2, 0.1, rng=0)
    assert {V.dtype for V in trained.values()} == {np.dtype(dtype)}
    assert costs[0].dtype == dtype


def test_integers_count_in_float64():
    assert refnn.forward_prop(X.round().astype(np.int8), PARAMS)[0].dtype == np.float64
    assert refnn.sigmoid([0, 1])[0].dtype == np.float64
    assert (
        refnn.forward_prop([[1], [0], [1]], {key: V.astype(np.float32) for key, V in PARAMS.items()})[0].dtype == float
    )


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble, np.complex128])
def test_every_float_computes_the_same(dtype):
    """A wider type differs from float64 by float64's rounding, a narrower by its own; 1000 bounds the operations."""
    expected = run(X, Y, PARAMS)
    found = run(X.astype(dtype), Y, {key: V.astype(dtype) for key, V in PARAMS.items()})
    eps = max(np.finfo(float).eps, float(np.finfo(dtype).eps))
    for name, value in found.items():
        assert np.max(np.abs(value - expected[name])) <= 1000 * eps, name


def test_the_layout_in_memory_does_not_matter():
    X = np.random.default_rng(0).standard_normal((1000, 3)).astype(np.float32).T
    Y = (X[:2] > 0).astype(np.float32)
    assert not X.flags.c_contiguous
    params = {key: np.asfortranarray(V.astype(np.float32)) for key, V in PARAMS.items()}
    rows = run(X, Y, params)
    for name, value in run(X.copy("C"), Y.copy("C"), {key: V.copy("C") for key, V in params.items()}).items():
        assert np.array_equal(value, rows[name]), name


def test_dual_floats_carry_the_derivative_of_the_cost():
    grads = run(X, Y, PARAMS)
    for key, V in {**PARAMS, "A0": X}.items():
        for index in np.ndindex(V.shape):
            point = {name: np.vectorize(FloatDual, otypes="O")(W) for name, W in {**PARAMS, "A0": X}.items()}
            point[key][index].slope = 1.0
            AL, caches = refnn.forward_prop(point.pop("A0"), point)
            for J in (refnn.cost_function(AL, Y), refnn.logistic_cost(caches[-1][1], Y)):
                assert abs(J.slope - grads[f"d{key}"][index]) <= 1000 * np.finfo(float).eps


def test_field_elements_carry_it_exactly():
    params, X, Y = field_network([3, 4, 2], 5, seed=3)

    def J(point):
        return refnn.cost_function(refnn.forward_prop(point["A0"], {key: point[key] for key in params})[0], Y)

    AL, caches = refnn.forward_prop(X, params)
    grads = refnn.backprop(AL, Y, caches)
    for key, dV in exact_gradient(J, {**params, "A0": X}).items():
        assert np.array_equal(grads[f"d{key}"], dV)


# ---------------------------------------------------------------------- arguments


def each_array(change, value):
    """The same structure with every array changed."""
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, dict):
        return {key: each_array(change, V) for key, V in value.items()}
    return type(value)(each_array(change, v) for v in value) if isinstance(value, list | tuple) else value


def memory(value):
    """Every array inside."""
    arrays = []
    each_array(arrays.append, value)
    return arrays


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def train_by_batches(X, Y, params):
    return refnn.train(X, Y, [3, 4, 2], 2, 0.1, params=params, batch_size=2, rng=0)


def train_no_epoch(X, Y, params):
    return refnn.train(X, Y, [3, 4, 2], 0, 0.1, params=params)


CALLS = {
    "sigmoid": (refnn.sigmoid, X),
    "forward_prop": (refnn.forward_prop, X, PARAMS),
    "cost_function": (refnn.cost_function, AL, Y),
    "logistic_cost": (refnn.logistic_cost, CACHES[-1][1], Y),
    "softmax_cost": (refnn.softmax_cost, CACHES[-1][1], Y),
    "one_layer_backward": (refnn.one_layer_backward, AL, CACHES[-1]),
    "backprop": (refnn.backprop, AL, Y, CACHES),
    "update_parameters": (update, PARAMS, {f"d{key}": GRADS[f"d{key}"] for key in PARAMS}),
    "train": (train_by_batches, X, Y, PARAMS),
    "train, no epoch": (train_no_epoch, X, Y, PARAMS),
    "predict": (refnn.predict, X, PARAMS),
}
parametrised = pytest.mark.parametrize(("function", "arguments"), [(f, a) for f, *a in CALLS.values()], ids=CALLS)


def test_every_function_is_called_here():
    functions = {name for name in vars(refnn.network) if name in refnn.__all__}
    assert functions == {name.split(",")[0] for name in CALLS} | {"init_params"}  # which takes no array


@parametrised
def test_arguments_may_be_read_only_and_are_never_shared(function, arguments):
    frozen = each_array(read_only, arguments)
    result = function(*frozen)
    for before, after in zip(memory(arguments), memory(frozen), strict=True):
        assert np.array_equal(before, after)
        assert not any(np.shares_memory(after, array) for array in memory(result))


class Untouchable:
    """Passes for a number until somebody computes with it."""

    def exp(self, *_):
        pytest.fail("computed")

    __neg__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = log = exp


@parametrised
def test_every_argument_is_checked_before_anything_is_computed(function, arguments):
    for i in range(len(memory(arguments))):
        untouchable = each_array(lambda A: np.full(A.shape, Untouchable(), object), arguments)
        memory(untouchable)[i].flat[-1] = np.nan
        with pytest.raises(ValueError, match="is nan, expected a"):
            function(*untouchable)


def test_no_global_random_state_is_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the legacy state is what must not move
    refnn.train(X, Y, [3, 4, 2], 2, 0.1, batch_size=2)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


# ---------------------------------------------------------------------- magnitudes


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex128])
@given(data=st.data())
def test_finite_input_of_any_magnitude_gives_no_nan_and_no_warning(dtype, data):
    def draw(shape):
        values = data.draw(arrays(real, shape, elements=st.floats(-limit, limit, width=8 * real.itemsize)), str(shape))
        return values.astype(dtype)

    limit, real = float(np.finfo(dtype).max), np.finfo(dtype).dtype
    dims, m = data.draw(layer_dims(max_layers=3, max_width=3), "dims"), data.draw(st.integers(1, 3), "m")
    params = {name: draw(shape) for name, shape in shapes(dims, m).items() if name != "Y"}
    X = params.pop("X")
    labels = data.draw(arrays(float, (dims[-1], m), elements=st.sampled_from([0, 1, 0.25])), "Y")
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        AL, caches = refnn.forward_prop(X, params)
        values = [AL, *refnn.backprop(AL, labels, caches).values()]
        costs = [refnn.cost_function(AL, labels), refnn.logistic_cost(caches[-1][1], labels)]
        if dtype != np.complex128:  # a cost beyond the range is infinite, which a complex number is in parts only
            values += costs
    assert not any(np.isnan(value).any() for value in values)
