"""check_gradients takes any container of any numbers, hands it back as it came, and names what it cannot take."""

from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pytest
from functions import BFloat16

from refnn import Verdict, check_gradients, numerical_gradient
from refnn.gradcheck.problem import UnfitGradientError

rng = np.random.default_rng(0)
V, W = rng.standard_normal(4), rng.standard_normal((3, 4))
Pair = namedtuple("Pair", "W v")


class Two(tuple):
    """A tuple that is made of its parts, one by one."""

    def __new__(cls, W, v):
        self = super().__new__(cls, (W, v))
        self.factor = 1.0
        return self


@dataclass(frozen=True)
class Layer:
    W: np.ndarray
    v: np.ndarray
    name: str = "first"


class Tagged(np.ndarray):
    """An array type that inherits from NumPy's."""


class Sparse:
    """As SciPy's are."""

    def __init__(self, array):
        self.array = array

    def toarray(self):
        return self.array


class Foreign:
    """An array type that NumPy reads, and that is made of an array."""

    def __init__(self, array):
        self.array = np.asarray(array)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype, copy=copy)


class OneWay(Foreign):
    """And one that cannot be made of it."""

    def __init__(self, array, _key):
        super().__init__(array)


def product(W, v):
    return np.sum(np.sin(W @ v))


def slopes(W, v):
    c = np.cos(W @ v)
    return np.outer(c, v), W.T @ c


def square(v):
    return np.sum(np.asarray(v) ** 2)


def objects(*parts):
    """An array of objects."""
    return np.array([*parts, None], object)[:-1]


def nested(p):
    return product(p["a"][0], p["b"]["v"])


def frozen(**parts):
    return MappingProxyType(parts)


DW, DV = slopes(W, V)
# What one may ask: a function of a container, the container, a gradient of it, and the names that its parts have.
WHOLE = {
    "array": (square, V, 2 * V, ["params"]),
    "number": (lambda x: x**3, 2.0, 12.0, ["params"]),
    "NumPy number": (lambda x: x**3, np.float64(2), np.float64(12), ["params"]),
    "array of no axes": (lambda x: x**3, np.array(2.0), 12.0, ["params"]),
    "list of numbers": (lambda v: sum(x * x for x in v), [1.0, 2.0], [2.0, 4.0], ["params"]),
    "list of lists": (lambda M: M[0][1] * M[1][0], [[1.0, 2.0], [3.0, 4.0]], [[0.0, 3.0], [2.0, 0.0]], ["params"]),
    "list of arrays": (lambda p: product(*p), [W, V], [DW, DV], ["[0]", "[1]"]),
    "tuple": (lambda p: product(*p), (W, V), (DW, DV), ["[0]", "[1]"]),
    "named tuple": (lambda p: product(p.W, p.v), Pair(W, V), Pair(DW, DV), [".W", ".v"]),
    "tuple of one's own": (lambda p: p.factor * product(*p), Two(W, V), Two(DW, DV), ["[0]", "[1]"]),
    "dataclass": (lambda p: product(p.W, p.v), Layer(W, V), Layer(DW, DV), [".W", ".v"]),
    "dict": (lambda p: product(p["W"], p["v"]), {"W": W, "v": V}, {"W": DW, "v": DV}, ["W", "v"]),
    "dict of d": (lambda p: product(p["W"], p["v"]), {"W": W, "v": V}, {"dW": DW, "dv": DV}, ["dW", "dv"]),
    "ordered dict": (lambda p: product(p["W"], p["v"]), OrderedDict(W=W, v=V), {"W": DW, "v": DV}, ["W", "v"]),
    "read-only dict": (lambda p: product(p["W"], p["v"]), frozen(W=W, v=V), frozen(W=DW, v=DV), ["W", "v"]),
    "in order": (lambda p: product(p["W"], p["v"]), {"W": W, "v": V}, (DW, DV), ["W", "v"]),
    "numbered": (lambda p: product(p[1], p[2]), {1: W, 2: V}, {1: DW, 2: DV}, ["[1]", "[2]"]),
    "nested": (nested, {"a": [W], "b": {"v": V}}, {"a": [DW], "b": {"v": DV}}, ["['a'][0]", "['b']['v']"]),
    "nested d": (nested, {"a": [W], "b": {"v": V}}, {"a": [DW], "b": {"dv": DV}}, ["['a'][0]", "['b']['v']"]),
    "by name": (nested, {"a": [W], "b": {"v": V}}, {"['a'][0]": DW, "['b']['v']": DV}, ["['a'][0]", "['b']['v']"]),
    "foreign": (square, Foreign(V), Foreign(2 * V), ["params"]),
    "array of one's own": (square, W.view(Tagged), 2 * W.view(Tagged), ["params"]),
    "column order": (square, np.asfortranarray(W), 2 * W, ["params"]),
    "other end first": (square, V.astype(">f8"), (2 * V).astype(">f8"), ["params"]),
    "objects": (lambda p: product(*p), objects(W, V), objects(DW, DV), ["[0]", "[1]"]),
    "like objects": (lambda p: np.sum(p[0] * p[1] ** 2), objects(V, V), objects(V**2, 2 * V**2), ["[0]", "[1]"]),
}
SPREAD = {
    "arguments": (product, (W, V), (DW, DV), ["[0]", "[1]"]),
    "any arguments": (lambda *p: product(*p), (W, V), (DW, DV), ["[0]", "[1]"]),
    "arguments in a list": (product, [W, V], [DW, DV], ["[0]", "[1]"]),
    "numbers": (lambda a, b: a * b**2, (2.0, 3.0), np.array([9.0, 12.0]), ["[0]", "[1]"]),
}
FORMS = WHOLE | SPREAD
of_every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def spoilt(grads):
    """The gradient with its first leaf off by a thousandth."""
    if isinstance(grads, Mapping):
        (key, first), *others = grads.items()
        return {key: spoilt(first), **dict(others)}
    if isinstance(grads, Layer):
        return Layer(spoilt(grads.W), grads.v)
    if isinstance(grads, tuple) or (isinstance(grads, list) and isinstance(grads[0], np.ndarray)):
        first, *others = grads
        by_parts = isinstance(grads, Pair | Two)
        return type(grads)(spoilt(first), *others) if by_parts else type(grads)([spoilt(first), *others])
    if isinstance(grads, np.ndarray) and grads.dtype == object:
        return objects(spoilt(grads[0]), *grads[1:])
    return 1.001 * np.asarray(grads)


def kinds(value):
    """The types of a container and of all that it holds."""
    if isinstance(value, Mapping):
        return type(value), {key: kinds(part) for key, part in value.items()}
    if isinstance(value, Layer):
        return type(value), kinds(value.W), kinds(value.v), value.name
    if isinstance(value, tuple | list):
        return type(value), [kinds(part) for part in value]
    if isinstance(value, np.ndarray):
        return type(value), [kinds(part) for part in value] if value.dtype == object else value.shape
    return type(value)


@of_every_form
def test_a_right_gradient_passes_in_every_form(form):
    f, params, grads, names = form
    check = check_gradients(f, params, grads)
    assert check.verdict is Verdict.PASS, str(check)
    assert sorted(parameter.name for parameter in check.parameters) == names


@of_every_form
def test_a_wrong_gradient_is_wrong_in_every_form(form):
    f, params, grads, names = form
    check = check_gradients(f, params, spoilt(grads))
    assert check.verdict is Verdict.WRONG
    if grads is not FORMS["numbers"][2]:  # an array for two numbers has no first part
        assert [parameter.name for parameter in check.parameters if not parameter] == names[:1]


@of_every_form
def test_a_gradient_may_be_a_function_or_come_with_the_value(form):
    f, params, grads, _ = form
    spread = any(form is other for other in SPREAD.values())
    for returned, verdict in ((grads, Verdict.PASS), (spoilt(grads), Verdict.WRONG)):
        if spread:
            assert check_gradients(f, params, lambda *_, G=returned: G).verdict is verdict
            assert check_gradients(lambda a, b, G=returned: (f(a, b), G), params).verdict is verdict
        else:
            assert check_gradients(f, params, lambda _, G=returned: G).verdict is verdict
            assert check_gradients(lambda p, G=returned: (f(p), G), params).verdict is verdict


@pytest.mark.parametrize("form", WHOLE.values(), ids=WHOLE)
def test_f_and_the_gradient_are_given_what_came(form):
    f, params, grads, _ = form
    seen = []

    def watched(given):
        seen.append(kinds(given))
        return float(np.real(f(given)))  # no complex step, whose numbers are others

    def gradient(given):
        seen.append(kinds(given))
        return grads

    assert check_gradients(watched, params, gradient)
    # The complex step is tried, and an array of the checker's own.
    assert {str(kind) for kind in seen if "complex" not in str(kind) and "refnn" not in str(kind)} == {
        str(kinds(params))
    }


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_f_is_asked_in_float64_where_it_can_be_and_the_gradient_in_its_own_dtype(dtype):
    of_f, of_gradient = set(), set()

    def f(p):
        of_f.add(p["w"][0].dtype)
        return np.sum(p["w"][0] ** 2)

    def gradient(p):
        of_gradient.add(p["w"][0].dtype)
        return {"w": [2 * p["w"][0]]}

    params = {"w": [V.astype(dtype)]}
    assert check_gradients(f, params, gradient)
    assert np.dtype(np.result_type(dtype, np.float64)) in of_f
    assert of_gradient == {np.dtype(dtype)}
    assert check_gradients(f, params, lambda p: {"w": [dtype(3) * p["w"][0]]}).verdict is Verdict.WRONG


# ---------------------------------------------------------------------- what is converted, with a note


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({"v": 2 * V, "b": None}, "None is taken as a gradient of zero: b"),
        ({"v": 2 * V, "b": np.zeros(2, int)}, "integers are taken as float64: b"),
        ({"v": 2 * V, "b": Sparse(np.zeros(2))}, "the sparse gradient is taken with its zeros: b"),
    ],
)
def test_what_a_gradient_may_hold_is_converted_and_noted(given, note):
    params = {"v": V, "b": np.ones(2)}
    check = check_gradients(lambda p: square(p["v"]), params, given)
    assert check
    assert note in check.notes
    for f in (lambda p: square(p["v"]) + np.sum(p["b"]), lambda p: square(p["v"]) * 2):
        assert check_gradients(f, params, given).verdict is Verdict.WRONG


def test_what_holds_no_numbers_is_handed_on_and_noted():
    def f(p):
        assert (p["n"], p["name"], p["on"], p["none"]) == (3, "cube", True, None)
        assert type(p["n"]) is int
        assert p["index"].dtype == int
        return np.sum(p["x"][p["index"]] ** p["n"])

    params = {"x": V, "n": 3, "name": "cube", "on": True, "none": None, "index": np.array([0, 2])}
    right = {"x": 3 * V**2 * [1, 0, 1, 0]}
    check = check_gradients(f, params, right)
    assert check
    assert [
        note for note in check.notes if note.startswith("not differentiated, handed on as they came: n (int), name")
    ]
    assert check_gradients(f, params, {"x": 3 * V**2}).verdict is Verdict.WRONG


def test_an_integer_with_a_gradient_is_a_number_like_others():
    params, right = {"x": 2.0, "n": 3}, {"x": 12.0, "n": 8 * np.log(2)}
    assert check_gradients(lambda p: p["x"] ** p["n"], params, right)
    check = check_gradients(lambda p: p["x"] ** p["n"], params, {**right, "n": 8.0})
    assert [parameter.name for parameter in check.parameters if not parameter] == ["n"]


def test_complex_numbers_are_judged_in_both_conventions():
    Z = V + 1j * V[::-1]

    def f(p):
        return np.sum(np.abs(p["z"]) ** 2) + np.sum(p["z"].real)

    right = {"z": 2 * Z + 1}
    check = check_gradients(f, {"z": Z}, right)
    assert check
    assert any("z is complex and leaves no room for a complex step" in note for note in check.notes)
    assert check_gradients(f, {"z": Z}, {"z": right["z"].conj()}, conjugate=True)
    for gradient, options, hint in ((right["z"].conj(), {}, True), (right["z"], {"conjugate": True}, False)):
        check = check_gradients(f, {"z": Z}, {"z": gradient}, **options)
        assert check.verdict is Verdict.WRONG
        assert [p.name for p in check.parameters if not p] == ["z.imag"]
        assert any(f"conjugate={hint}" in note for note in check.notes)
    check = check_gradients(f, {"z": Z}, {"z": right["z"] * 1j})
    assert check.verdict is Verdict.WRONG
    assert not any("conjugate" in note for note in check.notes)


def test_a_pair_of_value_and_something_else_is_noted():
    check = check_gradients(lambda v: (square(v), "more"), V, 2 * V)
    assert check
    assert "f returns a pair: the first is taken as its value" in check.notes


def test_a_function_that_changes_a_container_of_its_own_is_named():
    def f(p):
        p[0] = p[0] * 2
        return p[0] ** 2

    def renames(p):
        p["new"] = p.pop("old")
        return p["new"][0] ** 2

    for g, params, grads in (
        (f, [2.0, np.ones(1)], [16.0, np.zeros(1)]),
        (renames, {"old": [2.0, "x"]}, {"old": [4.0, 0]}),
    ):
        check = check_gradients(g, params, grads)
        assert (check.verdict, check.reasons[0]) == (Verdict.UNRELIABLE, "f changes its argument")


def test_a_gradient_that_changes_its_argument_or_its_mind_is_wrong():
    noise = np.random.default_rng(0)

    def changes(p):
        found = {"v": 2 * p["v"]}
        p["v"] *= 2
        return found

    for params in ({"v": V}, {"v": V, "n": 3}):
        check = check_gradients(lambda p: square(p["v"]), params, changes)
        assert (check.verdict, check.reasons) == (Verdict.WRONG, ("grads changes its argument",))
    check = check_gradients(square, V, lambda v: 2 * v * (1 + 1e-6 * noise.random(4)))
    assert (check.verdict, check.reasons[0]) == (Verdict.WRONG, "grads gives two answers to one question: params")
    assert check_gradients(square, V, lambda v: 2 * v * (1 + 1e-16 * noise.random(4)))


def test_a_gradient_outside_both_slopes_of_a_kink_is_wrong_however_it_comes():
    v = np.array([1.0, 0, -1])
    for slope, verdict in ((0.3, Verdict.PASS), (-0.1, Verdict.WRONG)):
        given = np.array([1, slope, 0])
        for grads in (given, lambda v, s=slope: np.where(v == 0, s, v > 0)):
            check = check_gradients(lambda v: np.sum(np.maximum(v, 0)), v, grads, subgradient=True)
            assert check.verdict is verdict


# ---------------------------------------------------------------------- what cannot be judged is refused by name

EXPECTED = "expected an array, a number, or a list, tuple, dict or dataclass of them"


@pytest.mark.parametrize(
    ("params", "grads", "error", "text"),
    [
        ((x for x in V), V, TypeError, rf"params is generator without numbers, {EXPECTED}, such as list\(…\)"),
        ("abc", V, TypeError, f"params is str without numbers, {EXPECTED}"),
        (None, V, TypeError, f"params is NoneType without numbers, {EXPECTED}"),
        (square, V, TypeError, "params is function without numbers, .*: the arguments are f, params, grads"),
        (np.zeros(2, [("a", float)]), V, TypeError, f"params is ndarray without numbers, {EXPECTED}"),
        (np.zeros(2, "V8"), V, TypeError, f"params is ndarray without numbers, {EXPECTED}"),
        ({"a": "abc", "b": True}, V, TypeError, f"params is dict without numbers, {EXPECTED}"),
        ({}, {}, ValueError, "params is empty, expected at least one array"),
        ([], [], ValueError, "params is empty, expected at least one array"),
        ([V, {"a": np.array([1, np.nan])}], V, ValueError, r"params\[1\]\['a'\]\[1\] is nan, expected a finite number"),
        ([np.ma.masked_array(V)], V, TypeError, r"params\[0\] is a masked array, expected one without missing entries"),
        (Sparse(V), V, TypeError, r"params is sparse \(Sparse\), expected its dense array"),
        (OneWay(V, 1), V, TypeError, "params is OneWay, which cannot be made from an array: expected an array"),
        (V, None, TypeError, r"grads is None and f returned float64, expected grads or f -> \(value, gradient\)"),
        (V, "abc", ValueError, r"grads is str, expected an array of shape \(4,\)"),
        (V, 2 * W, ValueError, r"grads has shape \(3, 4\), expected \(4,\)"),
        (V, 2j * V, ValueError, "grads has dtype complex128, expected floating-point numbers"),
        ([V, W], [V], ValueError, "grads is list of length 1, expected 2 gradients, as params has parts"),
        ([V, W], V[:3], ValueError, "grads is ndarray of length 3, expected 2 gradients, as params has parts"),
        ([V, W], {"V": V}, ValueError, "grads is dict, expected 2 gradients, as params has parts"),
        (
            {"a": [V]},
            {"b": [V]},
            ValueError,
            r"grads has no 'a', the gradient of params\['a'\]\ngrads has an entry 'b'",
        ),
        ({"a": {"b": V}}, {"a": V}, ValueError, r"grads\['a'\] is ndarray, expected a dict .* keys of params\['a'\]"),
        (
            {"a": V, "b": V},
            np.ones(8),
            ValueError,
            "grads is ndarray, expected a dict of arrays with the keys of params",
        ),
        ({"a": 1, "b": 2}, {"a": None, "b": None}, ValueError, "params holds no numbers that grads has a gradient for"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_its_place(params, grads, error, text):
    with pytest.raises(error, match=text):
        check_gradients(lambda _: np.float64(1), params, grads)


def test_what_f_or_the_gradient_raise_says_how_they_were_called():
    def raises(*_):
        raise ZeroDivisionError

    def raises_on_two(_one, _other):
        raise ZeroDivisionError

    for f, params, grads, form in (
        (raises, [V], [V], "f(params)"),
        (lambda p: square(p[0]), [V], lambda _: raises(), "grads(params)"),
        (raises_on_two, (V, V), (V, V), "f(*params)"),
    ):
        with pytest.raises(ZeroDivisionError) as error:
            check_gradients(f, params, grads)
        assert error.value.__notes__ == [f"refnn: raised where it was called as {form}"]


# ---------------------------------------------------------------------- numerical_gradient


@of_every_form
def test_numerical_gradient_has_the_container_of_the_parameters(form):
    f, params, grads, names = form
    found = numerical_gradient(f, params)
    assert check_gradients(f, params, found)
    assert check_gradients(f, params, spoilt(found)).verdict is Verdict.WRONG
    if isinstance(params, dict):
        assert list(found) == list(params)
    if names == ["params"]:
        np.testing.assert_allclose(found, np.asarray(grads), rtol=1e-8)


def test_numerical_gradient_of_complex_numbers_is_complex():
    Z = V + 1j * V[::-1]
    np.testing.assert_allclose(numerical_gradient(lambda z: np.sum(np.abs(z) ** 2), Z), 2 * Z, rtol=1e-8)


def test_a_builtin_that_tells_no_signature_is_given_the_whole():
    assert check_gradients(max, (3.0, 2.0), (1.0, 0.0))
    assert check_gradients(max, (3.0, 2.0), (1.001, 0.0)).verdict is Verdict.WRONG


def test_a_list_that_holds_itself_is_refused_by_its_name():
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError, match="params holds itself, or is nested too deeply"):
        numerical_gradient(lambda _: 1.0, endless)
    with pytest.raises(ValueError, match=r"grads.* is list, expected an array of shape \(2,\)"):
        check_gradients(lambda x: x @ x, np.ones(2), endless)


def test_a_record_array_is_refused_and_not_read_in_float32():
    """Its dtype is of the kind that JAX's bfloat16 has for NumPy."""
    given = np.rec.array(np.array(2 * V * (1 + 1e-6), dtype=[("a", float)]))
    with pytest.raises(TypeError, match="params is recarray"):
        check_gradients(lambda p: np.sum(p["a"] ** 2), given, 2 * V, progress=False)
    with pytest.raises(UnfitGradientError, match="expected floating-point numbers"):
        check_gradients(lambda p: np.sum(p["x"] ** 2), {"x": V}, {"dx": given}, progress=False)


def test_an_array_of_c_is_read():
    given = np.ctypeslib.as_ctypes(2 * V)
    assert check_gradients(lambda p: np.sum(p["x"] ** 2), {"x": V}, {"dx": given}, progress=False)


def test_a_gradient_in_bfloat16_is_read_and_judged_as_such():
    check = check_gradients(lambda p: np.sum(p["x"] ** 2), {"x": V}, {"dx": BFloat16(2 * V)}, progress=False)
    assert check, str(check)
    assert not check.sees(1e-4)
    twice = check_gradients(lambda p: np.sum(p["x"] ** 2), {"x": V}, {"dx": BFloat16(4 * V)}, progress=False)
    assert twice.verdict is Verdict.WRONG


def test_a_gradient_may_be_a_tuple_of_numbers_or_of_tuples():
    assert check_gradients(lambda p: np.sum(p["x"] ** 2), {"x": V}, {"dx": tuple(2 * V)}, progress=False)
    assert check_gradients(lambda W: np.sum(W**2), W, tuple(map(tuple, 2 * W)), progress=False)
    assert check_gradients(lambda W: np.sum(W**2), W, tuple(map(tuple, 3 * W)), progress=False).verdict is Verdict.WRONG


def test_where_nothing_is_to_be_judged_the_check_says_so():
    empty = np.zeros((0, 3))
    check = check_gradients(lambda p: np.sum(p["x"]), {"x": empty}, {"dx": empty}, progress=False)
    assert "the gradient has no entry: there was nothing to judge" in check.notes
