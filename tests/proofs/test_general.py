"""What `make bench-general` measures with: the corpus is the derivative, no bug is, and the truths are true."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tables
from general import calibration
from general.bugs import BUGS
from general.corpus import HALVES, MODELS, cases
from general.faults import MECHANICAL, bugs, differs, planted
from general.truth import truth

CASES = {case.name: case for case in cases()}
ROUNDINGS = 2_000  # of the largest entry, in units of eps: what a formula with cancellation loses at the worst here
MEASURED = Path(calibration.__file__).with_name("general.json")

of_every_model = pytest.mark.parametrize("model", MODELS)


def of(model):
    return [case for case in CASES.values() if case.function == model]


@cache
def truth_of(name):
    return truth(CASES[name])


def agrees(grads, true):
    """Whether a gradient is the true one but for rounding, of numbers of the size of its entries, or of 1 for zeros."""
    largest = max(np.abs(V).max() for V in true.values())
    size = 1.0 if largest < 1e-40 else largest
    return all((np.abs(V - true[key]) <= ROUNDINGS * np.finfo(V.dtype).eps * size).all() for key, V in grads.items())


@of_every_model
def test_the_right_gradient_is_the_derivative_in_balls(model):
    for case in of(model):
        means, true = truth_of(case.name)
        assert means == "balls"
        assert {key: V.shape for key, V in case.right.items()} == {key: V.shape for key, V in case.params.items()}
        assert agrees(case.right, true), case.name


@of_every_model
def test_f_and_its_gradient_have_the_dtype_of_their_variant(model):
    for case in of(model):
        dtype = np.float32 if case.kind == "float32" else np.float64
        assert {V.dtype for V in case.right.values()} == {np.dtype(dtype)}, case.name
        assert np.asarray(case.f(dict(case.params))).dtype == dtype, case.name


@pytest.mark.parametrize("model", BUGS)
def test_every_bug_is_wrong_in_balls_at_some_point(model):
    seen = Counter()
    for case in of(model):
        if not case.accuracy or MODELS[model].accuracy:
            _, true = truth_of(case.name)
            for what, backward in bugs(model):
                grads = case.by(backward)(dict(case.params))
                if differs(case, grads):
                    assert not agrees(grads, true), (case.name, what)
                    seen[what] += 1
    assert set(seen) == {what for what, _, _ in BUGS[model]}


def test_planted_faults_are_faults_and_the_same_every_time():
    for name in list(CASES)[::10]:
        case = CASES[name]
        first, again = list(planted(case)), list(planted(case))
        assert len(first) >= 4 or case.expected == ("PASS", "BLIND"), name
        for (_, fault, grads), (_, same, others) in zip(first, again):
            assert fault == same
            assert differs(case, grads)
            assert all(np.array_equal(grads[key], others[key], equal_nan=True) for key in grads)
            assert {key: V.shape for key, V in grads.items()} == {key: V.shape for key, V in case.right.items()}
        assert not differs(case, case.right)


def test_every_kind_of_fault_is_planted():
    kinds = Counter(kind for case in CASES.values() for kind, *_ in planted(case))
    assert set(kinds) == {*MECHANICAL, "bug"}
    assert min(kinds.values()) >= 30


def test_the_corpus_is_as_large_as_it_says_and_its_halves_are_alike():
    assert len(MODELS) >= 130
    assert sum(map(len, BUGS.values())) >= 284
    halves = {model: {case.half for case in of(model)} for model in MODELS}
    assert all(len(half) == 1 for half in halves.values())
    for kind in ("layer", "loss", "numeric", "kink", "zero", "saturated"):
        first, second = (sum(halves[m] == {h} for m in MODELS if MODELS[m].kind == kind) for h in HALVES)
        assert abs(first - second) <= 3, kind


@cache
def drawn():
    return [calibration.drawn(seed)[0] for seed in range(2_000)]


@pytest.mark.parametrize("family", [name for name, (*_, sides) in calibration.FAMILIES.items() if sides is None])
def test_the_truth_of_the_calibration_is_the_complex_step(family):
    functions = [f for f in drawn() if f.family == family and f.arithmetic == "float64"][:6]
    assert functions
    for f in functions:
        for i, true in enumerate(f.truth):
            x = f.x.astype(complex)
            h = 1e-30 * f.scales[i]
            x[i] += 1j * h
            step, derivative = f({"x": x}).imag / h, float(true.mid())
            scale = max(abs(float(V.mid()) * s) for V, s in zip(f.truth, f.scales)) / f.scales[i]
            assert abs(step - derivative) <= 1e-8 * abs(derivative) + 1e-10 * scale


def test_the_printed_tables_are_the_committed_numbers():
    content = json.loads(MEASURED.read_text())
    assert tables.between("general")[1] == "\n\n".join(tables.general(content))
    assert content["calibration"][0]["entries"] >= 100_000
