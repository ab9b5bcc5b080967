"""Judged code that is hostile: whatever it does, the judge answers in words, and is fooled by nothing hidden."""

import datetime
import json
import os
import signal
import threading
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from backprops import reference

from refnn import (
    Verdict,
    certify,
    check_backprop,
    check_gradients,
    check_jvp,
    check_network,
    check_vjp,
    numerical_gradient,
)
from refnn.gradcheck import Entry
from refnn.gradcheck.cached import cached_property
from refnn.gradcheck.faults.probes import Probe, default_probes
from refnn.numbers import balls

PROBES = default_probes([3, 4, 2])[:1]
ESCAPE = "\x1b[2J\x1b]0;PASS\x07"


def judged(gradient, **options):
    return check_backprop(gradient, probes=PROBES, progress=False, **options)


def square(params):
    return np.sum(params["x"] ** 2)


# ---------------------------------------------------------------------- gradients


def giving_dA_on(*calls):
    """The reference with dA0 on these calls alone: the judge asks on the probe, on another network, on the probe."""
    count = 0

    def gradient(params, X, Y):
        nonlocal count
        count += 1
        grads = reference(params, X, Y)
        return {key: V for key, V in grads.items() if key[:2] != "dA" or (key == "dA0" and count in calls)}

    return gradient


@pytest.mark.parametrize("calls", [[1], [3]])
def test_an_entry_that_is_there_once_is_two_answers(calls):
    check = judged(giving_dA_on(*calls))
    assert check.verdict is Verdict.WRONG
    assert check.reasons[0] == "gradient gave two answers to one question: dA0"


def hidden(V):
    return np.ma.array(V, mask=np.ones(V.shape))


def test_what_a_mask_hides_is_no_gradient_and_a_mask_that_hides_nothing_is_no_fault():
    check = judged(lambda *network: {key: hidden(V) for key, V in reference(*network).items()})
    assert check.verdict is Verdict.WRONG
    assert "grads['dW1'] has masked entries, expected an array without missing ones" in check.reasons
    assert judged(lambda *network: {key: np.ma.array(V) for key, V in reference(*network).items()})
    for params, grads in (({"x": np.ones(2)}, {"dx": hidden(np.ones(2))}), ([np.ones(2)], [hidden(np.ones(2))])):
        with pytest.raises(ValueError, match="has masked entries"):
            check_gradients(lambda _: 1.0, params, grads)


class OldArray:
    """Numbers as a framework hands them over that does not know NumPy's `copy`."""

    def __init__(self, V):
        self.V = V

    def __array__(self, dtype=None):
        return np.asarray(self.V, dtype)


def test_an_array_that_knows_no_copy_keyword_is_read_without_a_warning():
    assert judged(lambda *network: {key: OldArray(V) for key, V in reference(*network).items()})


class UnspeakableError(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnspeakableError(), "gradient raised UnspeakableError: <UnspeakableError that raises RuntimeError when print"),
        (ValueError(ESCAPE), "gradient raised ValueError:  [2J ]0;PASS , at line"),
        (ValueError("x" * 10**6), f"gradient raised ValueError: {'x' * 200} …, at line"),
    ],
)
def test_the_text_of_an_error_is_short_and_nothing_that_a_terminal_obeys(error, said):
    def gradient(*_):
        raise error

    check = judged(gradient)
    assert check.verdict is Verdict.WRONG
    assert check.reasons[0].startswith(said)


def test_no_name_reaches_the_terminal_as_it_is():
    def grows(params, X, Y):
        grads = reference(params, X, Y)
        params[ESCAPE] = 1
        return grads

    for gradient in (grows, lambda *network: {**reference(*network), ESCAPE: 1}):
        check = judged(gradient)
        assert check.verdict is Verdict.WRONG
        assert all(c.isprintable() or c == "\n" for c in str(check) + repr(check))
    named = check_gradients(lambda p: np.sum(p[ESCAPE]), {ESCAPE: np.ones(2)}, {ESCAPE: np.zeros(2)})
    assert ESCAPE not in str(named) + repr(named)


# ---------------------------------------------------------------------- values of f


@pytest.mark.parametrize(
    "value",
    [
        *("3", b"3", np.array("3"), np.array(["3"], object), None),
        *(datetime.datetime(2020, 1, 1), np.datetime64(3, "ns"), np.timedelta64(3, "ns")),
        *(
            np.ma.masked,
            hidden(np.ones(1)),
            hidden(np.array(1j)),
            Decimal("sNaN"),
            10**400,
            10**5000,
            Fraction(10**400),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_number_does_not_count_as_one(value):
    for ask in (
        lambda: numerical_gradient(lambda _: value, np.ones(2)),
        lambda: check_gradients(lambda _: value, {"x": np.ones(2)}, {"dx": np.ones(2)}),
        lambda: judged(reference, cost=lambda *_: value),
    ):
        with pytest.raises(TypeError, match=rf"f returned .*\({type(value).__name__}\), expected a number") as refusal:
            ask()
        assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("number", [int, float, np.float32, np.array, np.ma.array, lambda x: np.array([[x]]), Fraction])
def test_a_number_in_another_form_does(number):
    assert check_gradients(lambda p: number(3 * p["x"].item().real), {"x": np.ones(1)}, {"dx": np.ones(1)}) is not None


# ---------------------------------------------------------------------- the caller's process


def everything(scale):
    """The judges on numbers of this size."""
    _, params, X, Y = PROBES[0]
    params, X = {key: scale * V for key, V in params.items()}, scale * X
    with np.errstate(all="ignore"):
        grads = {f"d{key}": np.nan_to_num(V) for key, V in params.items()}
    x = X.ravel()
    yield lambda: check_network(params, X, Y, grads)
    yield lambda: check_network(params, X, Y, grads, method="directions")
    yield lambda: check_network(params, X, Y, grads, hidden="silu", output="identity")
    yield lambda: check_backprop(reference, probes=[Probe("one", params, X, Y)])
    yield lambda: check_gradients(square, {"x": x}, lambda p: {"dx": 2 * p["x"]})
    yield lambda: check_gradients(square, {"x": x}, {"dx": x})
    yield lambda: numerical_gradient(square, {"x": x})
    yield lambda: numerical_gradient(square, {"x": x}, method="central")
    yield lambda: check_vjp(lambda x: x**2, lambda x, u: (2 * x * u,), (x,))
    yield lambda: check_jvp(lambda x: x**2, lambda x, v: 2 * x * v, (x,))
    yield lambda: certify(params, X, Y, grads)


@pytest.mark.parametrize("scale", [0.0, 1e-320, 1e-300, 1e-160, 1e5, 1e77, 1e160, 1e300])
def test_numbers_of_any_size_raise_no_floating_point_error_and_leak_no_warning(scale):
    """Whatever the caller's settings are; an answer, or a refusal in words."""
    refusals = []
    for ask in everything(scale):
        with np.errstate(all="raise"), warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                ask()
            except (ValueError, ArithmeticError) as refusal:
                refusals.append(refusal)
    assert [refusal for refusal in refusals if "encountered" in str(refusal)] == []


def test_threads_leave_nothing_behind_that_makes_an_error_of_a_warning():
    """The one that comes second leaves last: it finds the filters of the first."""
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()

    def asked(before, inside, after):
        def f(params):
            if np.iscomplexobj(params["x"]) and not inside.is_set():
                inside.set()
                assert after.wait(10)
            return square(params)

        assert before is None or before.wait(10)
        numerical_gradient(f, {"x": np.ones(1)})

    def second():
        asked(first_is_in, second_is_in, first_is_out)

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        thread = threading.Thread(target=second)
        thread.start()
        asked(None, first_is_in, second_is_in)
        first_is_out.set()
        thread.join()
        assert np.array([1j]).astype(float) == 0
    assert [entry.category for entry in heard] == [np.exceptions.ComplexWarning]


def test_silence_is_that_of_one_thread():
    def f(params):
        thread = threading.Thread(target=warnings.warn, args=["of another thread"])
        thread.start()
        thread.join()
        warnings.warn("of this thread", stacklevel=1)
        return square(params)

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        numerical_gradient(f, {"x": np.ones(1)})
    said = [str(entry.message) for entry in heard]
    assert said.count("of this thread") <= 2  # where f is asked as its caller would ask
    assert said.count("of another thread") > 20


def test_an_imaginary_part_that_is_dropped_is_an_error_even_where_it_was_warned_of_before():
    def f(params):
        return square({"x": params["x"].astype(float)})

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        numerical_gradient(f, {"x": np.ones(2)})
        with pytest.warns(np.exceptions.ComplexWarning):
            f({"x": np.ones(2) + 0j})
        check = check_gradients(f, {"x": np.ones(2)}, {"dx": 2 * np.ones(2)})
    assert check
    assert any("f refuses complex numbers: ComplexWarning" in note for note in check.notes)


# ---------------------------------------------------------------------- probes, and results as JSON


def test_probes_may_be_made_one_by_one_and_of_lists():
    assert check_backprop(reference, probes=iter(PROBES), progress=False)
    name, params, X, Y = PROBES[0]
    listed = Probe(name, {key: V.tolist() for key, V in params.items()}, X.tolist(), Y.tolist())
    assert check_backprop(reference, probes=[listed], progress=False)


@pytest.mark.parametrize(
    ("probes", "said"),
    [
        (5, "probes is int, expected a sequence of Probe"),
        (PROBES[0], "probes is Probe, expected a sequence of Probe"),
        ("ab", r"probes\[0\] is str, expected a Probe\(name, params, X, Y\)"),
        ([*PROBES, None], r"probes\[1\] is NoneType, expected a Probe"),
        (np.array(5), "probes is ndarray, expected a sequence of Probe"),
        (np.ones(3), r"probes\[0\] is float64, expected a Probe"),
        ([("a name", *PROBES[0][1:])], r"probes\[0\] is tuple, expected a Probe"),
    ],
)
def test_probes_that_are_none_are_refused_in_words(probes, said):
    with pytest.raises(TypeError, match=said):
        check_backprop(reference, probes=probes, progress=False)


def test_a_result_of_numbers_of_any_kind_is_json():
    entry = Entry((np.int64(1),), np.float32(np.nan), np.float64(np.inf), np.longdouble("1e4000"))
    assert json.loads(json.dumps(entry.to_json(), allow_nan=False)) == {
        **{"index": [1], "given": "nan", "expected": "inf"},
        **{"error": "nan", "relative_error": "nan", "tolerance": "inf"},
    }


# ---------------------------------------------------------------------- a process that is forked


class Kept:
    @cached_property
    def value(self):
        return next(self.values)


def while_another_thread_is_in(held):
    """The exit status of a process that goes through it while another thread of its parent has not come out."""
    inside, leave = threading.Event(), threading.Event()

    def wait():
        inside.set()
        leave.wait(30)
        return 0

    thread = threading.Thread(target=held, args=(wait,))
    thread.start()
    inside.wait(30)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # that of Python about threads
        child = os.fork()
    if not child:
        signal.alarm(10)
        os._exit(held(int))
    _, status = os.waitpid(child, 0)
    leave.set()
    thread.join()
    return status


def in_a_kept_property(wait):
    kept = Kept()
    kept.values = iter(wait, None)
    return kept.value


def in_a_precision(wait):
    with balls.precision(128):
        return wait()


@pytest.mark.parametrize("held", [in_a_kept_property, in_a_precision])
def test_what_another_thread_was_doing_holds_no_process_that_is_forked(held):
    assert while_another_thread_is_in(held) == 0


def test_a_kept_property_is_computed_once():
    kept = Kept()
    kept.values = iter([1, 2])
    assert [kept.value, kept.value] == [1, 1]
    assert isinstance(Kept.value, cached_property)
