"""The edge: a public function is its core behind one check, and leaves nothing of the caller's in the core's hands."""

import inspect
import pickle
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from small_network import CACHES, PARAMS, X, Y
from strategies import float_networks

import refnn
from refnn import _arguments, _shapes, network
from refnn._floats import Saturating

PUBLIC = sorted(name for name in refnn.__all__ if hasattr(network, name))


def all_finite(arrays):
    return all(np.isfinite(V).all() for V in arrays)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_has_the_signature_the_words_and_the_place_of_its_core(name):
    public, core, check = (getattr(module, name) for module in (refnn, network, _arguments))
    assert inspect.signature(public) == inspect.signature(core)
    assert public.__doc__ == f"{inspect.cleandoc(core.__doc__)}\n\n{_arguments.RAISES}"
    assert list(inspect.signature(check).parameters) == list(inspect.signature(core).parameters)
    assert pickle.loads(pickle.dumps(public)) is public


def test_the_core_checks_and_casts_nothing():
    source = inspect.getsource(network)
    assert [
        word
        for word in ("raise ", "isinstance", "asarray", "errstate", "np.array", "_arguments import")
        if word in source
    ] == []
    assert re.findall(r"^@.*", source, re.MULTILINE) == []


@given(float_networks())
def test_checked_functions_return_the_bits_of_the_core(data):
    params, X, Y = data
    results = []
    for functions in (network, refnn):
        AL, caches = functions.forward_prop(X, params)
        grads = functions.backprop(AL, Y, caches)
        costs = [functions.cost_function(AL, Y), functions.logistic_cost(caches[-1][1], Y)]
        layer = functions.one_layer_backward(AL, caches[-1])
        results.append([AL, *grads.values(), *costs, *layer, *functions.update_parameters(params, grads, 0.3).values()])
    assert all(np.array_equal(core, checked) for core, checked in zip(*results, strict=True))


def test_backprop_without_the_inputs_leaves_out_dA0_alone():
    AL = refnn.forward_prop(X, PARAMS)[0]
    whole, without = (refnn.backprop(AL, Y, CACHES, inputs=inputs) for inputs in (True, False))
    assert without.pop("dA0") is None
    assert without.keys() == whole.keys() - {"dA0"}
    assert all(np.array_equal(dV, whole[key]) for key, dV in without.items())
    assert refnn.one_layer_backward(AL, CACHES[1], inputs=False)[0] is None


# ---------------------------------------------------------------------- products that leave the range


@np.errstate(all="ignore")
def test_a_product_saturates_and_its_value_is_right_where_it_can_be_held():
    A, ones = np.array([[1e308, 1e308, -1e308, -5e307]]), np.ones((4, 1))
    assert (A.view(Saturating) @ ones).item() == (A.T.view(Saturating).T @ ones).item() == 5e307
    assert (A @ ones.view(Saturating)).item() == 5e307
    assert (A[:, :2].view(Saturating) @ ones[:2]).item() == np.finfo(float).max
    assert (np.float32([[3e38, 3e38, -3e38]]).view(Saturating) @ ones[:3].astype(np.float32)).item() == np.float32(3e38)


@np.errstate(all="ignore")
def test_products_of_the_largest_numbers_cancel_and_what_is_left_has_its_value():
    A = np.array([[2.0**1023] * 3]).view(Saturating)
    assert (A @ np.array([[2.0**1023], [-(2.0**1023)], [0.125]])).item() == 2.0**1020


@np.errstate(all="ignore")
def test_a_sum_that_would_be_inf_minus_inf_has_the_value_of_what_is_left():
    total = np.array([[np.inf, -np.inf, 3.0], [np.nan, 1.0, 2.0]]).view(Saturating).sum(axis=1, keepdims=True)
    assert total.tolist()[0] == [3.0]
    assert np.isnan(total[1, 0])  # what is no number stays none
    assert type(total) is Saturating  # and what comes of it saturates too


def test_a_sum_beyond_the_range_is_no_nan_forward_backward_or_in_a_prediction():
    params = {"W1": [[1e308, 1e308, -1e308, -1e308]], "b1": [[0.0]], "W2": [[1.0]], "b2": [[0.0]]}
    X = [[2.0, -2.0], [2.0, -2.0], [2.0, -2.0], [-1.0, 1.0]]  # 5e308 and -5e308
    AL, caches = refnn.forward_prop(X, params)
    assert caches[1][0][0].tolist() == [[1, 0]]
    assert all(type(V) is np.ndarray for V in (AL, *caches[0][0], caches[0][1]))
    assert all_finite(refnn.backprop(AL, [[0, 1]], caches).values())
    assert refnn.predict(X, {"W1": params["W1"], "b1": [[0.0]]}).tolist() == [[1, 0]]
    dA_prev, _, _ = refnn.one_layer_backward(
        [[1e308], [1e308], [-1e308]], (([[0.0]], 4 * np.ones((3, 1)), np.zeros((3, 1))), np.zeros((3, 1)))
    )
    assert dA_prev == 1e308  # σ′(0) = 1/4 and the weights 4: 1e308 + 1e308 - 1e308


def test_a_product_of_products_saturates_too():
    """dZ and A of a hidden ReLU, 1e200 each with both signs: dW is a sum of 1e400 and -1e400."""
    params = {f"{kind}{l}": [[float(kind == "W")]] for l in (1, 2, 3) for kind in "Wb"}
    trained, costs = refnn.train(
        [[1e200, 1e200]], [[3e200, -1e200]], [1] * 4, 1, 1e-300, params=params, hidden="relu", output="identity"
    )
    assert all_finite(trained.values())
    assert costs == [np.inf]


def test_an_infinite_Z_costs_nothing_on_the_side_of_its_label():
    assert refnn.logistic_cost([[np.inf, -np.inf]], [[1, 0]]) == 0
    assert refnn.logistic_cost([[np.inf, -np.inf]], [[0, 1]]) == np.inf
    assert refnn.logistic_cost([[np.inf]], [[0.5]]) == np.inf


# ---------------------------------------------------------------------- training


def test_a_run_that_diverges_is_refused_by_its_rate():
    with pytest.raises(
        ValueError, match=r"lr is 1e\+308: the cost of epoch 2 is nan, expected a rate that keeps to float64"
    ):
        refnn.train([[10, -10, 5], [10, 10, 5]], [[0, 1, 1]], [2, 1], 50, 1e308, rng=0)


def test_a_callback_reaches_no_state_of_the_run():
    given, labels, start = X.copy(), Y.copy(), {key: V.copy() for key, V in PARAMS.items()}

    def spoil(*_):
        given[:], labels[:] = np.nan, np.nan
        for V in start.values():
            V[:] = np.nan

    spoilt, costs = refnn.train(given, labels, [4, 3, 2], 3, 0.1, params=start, progress=spoil)
    expected, expected_costs = refnn.train(X, Y, [4, 3, 2], 3, 0.1, params=PARAMS)
    np.testing.assert_equal(spoilt, expected)
    assert costs == expected_costs


# ---------------------------------------------------------------------- what a sceptic found, each once wrong


def test_no_result_is_of_the_class_that_saturates():
    prediction = refnn.predict(X, PARAMS)
    assert type(prediction) is np.ndarray
    start = {"W1": np.array([[9.0]]), "b1": np.zeros((1, 1))}
    trained, costs = refnn.train([[1e308]], [[1]], [1, 1], 1, 0.1, params=start)
    assert all(type(V) is np.ndarray for V in trained.values())
    assert costs == [0.0]


@pytest.mark.parametrize("rate", [np.float64(0.1), np.int64(1), np.longdouble(0.1), Fraction(1, 10)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64])
def test_the_rate_takes_the_dtype_of_the_run(rate, dtype):
    trained, costs = refnn.train(X.astype(dtype), Y, [4, 3, 2], 2, rate, rng=0)
    assert {V.dtype for V in trained.values()} == {cost.dtype for cost in costs} == {np.dtype(dtype)}


def test_the_cost_of_many_batches_loses_nothing_to_their_number():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 4000)), rng.integers(0, 2, (1, 4000))
    start = {"W1": np.array([[0.3, -0.2]]), "b1": np.zeros((1, 1))}
    expected = refnn.logistic_cost(refnn.forward_prop(X, start)[1][-1][1], Y)
    half = {key: V.astype(np.float16) for key, V in start.items()}
    _, costs = refnn.train(X.astype(np.float16), Y, [2, 1], 1, 1e-7, batch_size=1, rng=0, params=half)
    assert costs[0] == pytest.approx(expected, rel=1e-2)


def test_a_complex_run_that_diverges_is_refused_too():
    with pytest.raises(ValueError, match=r"lr is 1e\+308: the cost of epoch 2 is .*nan"):
        refnn.train([[10 + 0j, -10, 5], [10, 10, 5]], [[0, 1, 1]], [2, 1], 50, 1e308, rng=0)


def test_an_infinite_complex_Z_has_the_limits_of_a_real_one():
    assert refnn.logistic_cost([[np.inf + 0j, -np.inf + 0j]], [[1, 0]]) == 0


@pytest.mark.parametrize("function", [refnn.cost_function, refnn.logistic_cost])
def test_casts_raise_no_floating_point_error(function):
    with np.errstate(all="raise"):
        assert np.isfinite(function(np.float32([[0.5]]), [[1e-50]]))
        refnn.train(np.float32([[0.5]]), [[1e-50]], [1, 1], 1, 0.1)


def test_a_callback_sees_the_error_state_of_the_caller():
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        refnn.train(X, Y, [4, 3, 2], 1, 0.1, progress=lambda *_: np.log(np.zeros(1)))


def test_numbers_in_another_byte_order_become_native():
    assert refnn.sigmoid(np.array([1.0], ">f8"))[1].dtype.isnative
    assert refnn.forward_prop(X.astype(">f8"), {k: V.astype(">f8") for k, V in PARAMS.items()})[0].dtype.isnative


def test_an_infinite_number_keeps_its_type():
    assert type(refnn.sigmoid(np.inf)[0]) is type(refnn.sigmoid(1.0)[0]) is np.float64


def test_shapes_are_said_before_entries_and_positions_by_their_number():
    with pytest.raises(ValueError, match="params") as refusal:
        refnn.forward_prop(X, {"W1": [[np.nan, 1, 1, 1]], "b1": np.zeros((2, 1))})
    shape, entry = str(refusal.value).splitlines()
    assert "params['b1'] has shape" in shape
    assert "params['W1'][0, 0] is nan" in entry
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        refnn.predict(X, PARAMS, 0.5)
    with pytest.raises(TypeError, match=r"inputs is 'no' \(str\), expected True or False"):
        refnn.backprop(refnn.forward_prop(X, PARAMS)[0], Y, CACHES, inputs="no")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.complex128])
@pytest.mark.parametrize("size", [1, 9_999, 10_000, 10_001, 25_000])
def test_a_large_array_is_read_to_its_last_entry_and_large_numbers_are_finite(size, dtype):
    for number in (0, np.finfo(dtype).max):
        Z = np.full((1, size), number, dtype)
        assert np.isfinite(refnn.sigmoid(Z)[0]).all()
        for k in {0, size // 2, size - 1}:
            Z[0, k] = np.nan
            with pytest.raises(ValueError, match=rf"Z\[0, {k}\] is .*nan.*, expected a number$"):
                refnn.sigmoid(Z)
            Z[0, k] = number


def test_arrays_of_several_dtypes_and_layouts_are_all_read():
    arrays = [np.ones((3, 4), dtype) for dtype in ("f2", "f4", ">f8", "f8", "g", "c16", "i8", "O")]
    arrays += [np.ones((40, 50)).T, np.ones(4000)[::2], np.ones((0, 3)), np.array([1e300])]
    assert all(map(_shapes.finite, arrays))
    for array in arrays[:6] + arrays[8:10]:
        array[-1:] = np.inf
        assert not _shapes.finite(array)
        array[-1:] = 1


def test_a_wider_derivative_widens_the_layer():
    cache = tuple(np.float32(V) for V in CACHES[0][0]), np.float32(CACHES[0][1])
    assert {V.dtype for V in refnn.one_layer_backward(np.ones((3, 5)), cache)} == {np.dtype(float)}


def test_one_layer_leaves_out_its_inputs_too():
    params = {"W1": PARAMS["W1"], "b1": PARAMS["b1"]}
    AL, caches = refnn.forward_prop(X, params)
    assert refnn.backprop(AL, Y[[0, 1, 0]], caches, inputs=False)["dA0"] is None


@np.errstate(all="ignore")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_long_sum_of_the_largest_numbers_saturates_and_cancels(dtype):
    largest = np.finfo(dtype).max
    A = np.repeat(np.array([[1, -1]], dtype), [2000, 1999]).reshape(1, -1) * largest
    assert (A.view(Saturating) @ np.ones((3999, 1), dtype)).item() == pytest.approx(float(largest), rel=1e-2)


def test_a_prediction_in_another_dtype_than_its_caches_is_of_the_same_point():
    _, caches = refnn.forward_prop(X.astype(np.float32), {key: V.astype(np.float32) for key, V in PARAMS.items()})
    AL, _ = refnn.sigmoid(caches[-1][1].astype(float))  # which rounds less than the caches did
    grads = refnn.backprop(AL, Y, caches)
    assert {dV.dtype for dV in grads.values()} == {np.dtype(float)}


# ---------------------------------------------------------------------- numbers that are no floats

LARGE = [10**400, 10**5000, Fraction(10**400), Decimal("sNaN"), Decimal("nan")]
ONE = {"W1": [[1.0]], "b1": [[0.0]]}
SLOPES = {"dW1": [[1.0]], "db1": [[1.0]]}


def takers(V):
    """Each function, given V once, as each of its arguments."""
    W = {"W1": V, "b1": [[0.0]]}
    yield lambda: refnn.sigmoid(V)
    yield lambda: refnn.forward_prop(V, ONE)
    yield lambda: refnn.forward_prop([[1.0]], W)
    yield lambda: refnn.predict(V, ONE)
    yield lambda: refnn.predict([[1.0]], W)
    yield lambda: refnn.cost_function(V, [[1.0]])
    yield lambda: refnn.logistic_cost(V, [[1.0]])
    yield lambda: refnn.softmax_cost(V, [[1.0]])
    yield lambda: refnn.one_layer_backward(V, (([[1.0]], [[1.0]], [[0.0]]), [[1.0]]))
    yield lambda: refnn.one_layer_backward([[1.0]], ((V, [[1.0]], [[0.0]]), [[1.0]]))
    yield lambda: refnn.backprop([[0.5]], [[1.0]], [(([[1.0]], V, [[0.0]]), [[0.0]])])
    yield lambda: refnn.update_parameters(W, SLOPES, 0.1)
    yield lambda: refnn.update_parameters(ONE, {"dW1": V, "db1": [[1.0]]}, 0.1)
    yield lambda: refnn.train(V, [[1.0]], [1, 1], 1, 0.1)


@pytest.mark.parametrize("number", LARGE, ids=["int", "longer int", "Fraction", "sNaN", "NaN"])
def test_a_number_that_no_float_can_hold_is_refused_by_its_name(number):
    for function in takers(np.array([[number]], object)):
        with pytest.raises(ValueError, match=r"\[0, 0\] is .* expected a (finite )?number") as refusal:
            function()
        assert len(str(refusal.value)) < 400
    for call in (lambda: refnn.cost_function([[0.5]], [[number]]), lambda: refnn.init_params([2, 1], scale=number)):
        with pytest.raises((ValueError, TypeError), match="expected"):
            call()


@pytest.mark.parametrize("number", [1, True, 0.25, 0.25j, Fraction(1, 4), Decimal("0.25")], ids=repr)
def test_objects_that_are_numbers_count_as_floats_of_their_value(number):
    value = complex(number) if isinstance(number, complex) else float(number)
    for objects, floats in zip(takers(np.array([[number]], object)), takers(np.array([[value]])), strict=True):
        if "train" not in objects.__code__.co_names:  # which has no seed here
            np.testing.assert_equal(objects(), floats())


@pytest.mark.parametrize(("other", "dtype"), [("f4", "f8"), ("c8", "c16"), ("g", "g"), ("i8", "f8")])
def test_fractions_beside_other_numbers_lose_nothing_of_them(other, dtype):
    third = np.array([[Fraction(1, 3)]], object)
    AL, caches = refnn.forward_prop(third, {"W1": np.ones((1, 1), other), "b1": third})
    assert {V.dtype for V in (AL, *caches[0][0], caches[0][1])} == {np.dtype(dtype)}


@pytest.mark.parametrize("inside", [np.ma.masked, np.ma.masked_array([1.0, 2.0], [False, True]), [[np.ma.masked]]])
def test_what_a_mask_hides_is_no_number_in_a_list_either(inside):
    endless = [inside]
    endless.append(endless)
    for value in ([inside], (1.0, [inside]), endless):
        with pytest.raises(TypeError, match="Z holds a masked array, expected one without missing entries"):
            refnn.sigmoid(value)


def test_labels_that_are_complex_objects_are_refused():
    with pytest.raises(TypeError, match="Y has dtype complex128, expected real labels"):
        refnn.cost_function([[0.5]], np.array([[1j]], object))


def test_weights_that_float64_could_not_hold_are_refused():
    with pytest.raises(ValueError, match=r"scale is 1e\+308, expected at most 1e\+307, for weights that float64 can"):
        refnn.init_params([2, 2], scale=1e308)
    assert all_finite(refnn.init_params([300, 300], scale=1e307, rng=0).values())


def unaligned(V):
    shifted = np.ndarray(V.shape, V.dtype, buffer=np.zeros(V.nbytes + 1, np.uint8), offset=1)
    shifted[...] = V
    assert not shifted.flags.aligned
    return shifted


def test_where_an_array_lies_in_memory_changes_no_bit():
    rng = np.random.default_rng(0)
    params, X, Y = refnn.init_params([37, 41, 23], rng=0), rng.standard_normal((37, 53)), rng.random((23, 53))
    AL, caches = refnn.forward_prop(X, params)
    elsewhere = [(tuple(map(unaligned, linear)), unaligned(Z)) for linear, Z in caches]
    for expected, found in (
        (refnn.backprop(AL, Y, caches), refnn.backprop(unaligned(AL), unaligned(Y), elsewhere)),
        (refnn.one_layer_backward(AL, caches[1]), refnn.one_layer_backward(unaligned(AL), elsewhere[1])),
    ):
        np.testing.assert_equal(found, expected)


RAGGED = [[1.0], [1.0, 2.0]]


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (lambda: refnn.softmax_cost(np.ones((2, 2)), RAGGED), "Y"),
        (lambda: refnn.forward_prop(X, PARAMS | {"W1": RAGGED}), r"params\['W1'\]"),
        (lambda: refnn.one_layer_backward(Y, ((X, RAGGED, PARAMS["b1"]), Y)), "W of cache"),
    ],
)
def test_rows_of_different_lengths_are_refused_by_the_name_of_their_argument(ask, name):
    with pytest.raises(ValueError, match=f"{name} has rows of different lengths, expected a rectangular array"):
        ask()


class Refuses:
    """As a tensor that requires a gradient does."""

    def __array__(self, *_, **__):
        raise RuntimeError("detach me first")


def test_what_numpy_cannot_read_is_refused_by_the_name_of_its_argument():
    with pytest.raises(TypeError, match=r"^params\['W1'\] is Refuses, expected an array: detach me first$"):
        refnn.forward_prop(X, PARAMS | {"W1": Refuses()})


def test_a_seed_that_holds_itself_is_refused_and_takes_nothing_down():
    endless = []
    endless.append(endless)
    with pytest.raises(TypeError, match=r"rng is \[\[\.\.\.\]\], expected a seed"):
        refnn.init_params([2, 1], rng=endless)
