"""Errors of the right formulas, and of the witness of networks, stay within the bounds of the rounding analysis."""

import numpy as np
import pytest
from backprops import SCALES, by_logarithms, made_of, plain, random_network, reference

from refnn import forward_prop, logistic_cost
from refnn.gradcheck.faults.probes import default_probes
from refnn.gradcheck.problem import Gradient, Problem
from refnn.gradcheck.verdict.judgement import Comparison, Estimate, Unknown, judge
from refnn.gradcheck.verdict.result import Verdict
from refnn.gradcheck.verdict.rounding import gradient_bounds, levels
from refnn.gradcheck.witness import cancellation_free


def test_bounds_hold_the_plain_formulas_and_are_not_idle():
    rng = np.random.default_rng(5)
    nearest = 0.0
    for scale in SCALES:
        for _ in range(20):
            params, X, Y = random_network(rng, scale)
            exact = reference(params, X, Y)
            for dtype in (np.float64, np.float32):
                bounds = gradient_bounds(Problem.of(params, X, Y), np.dtype(dtype), plain=True, rounds_inputs=True)
                for key, V in made_of(dtype=dtype)(params, X, Y).items():
                    gap = np.abs(V.astype(np.float64) - exact[key])
                    assert (gap <= bounds[key[1:]]).all()
                    nearest = max(nearest, float(np.max(gap / bounds[key[1:]])))
    assert nearest > 0.01


def test_bounds_hold_a_cost_in_logarithms_with_room():
    for Z in np.linspace(5, 40, 200):
        params, X, Y = {"W1": np.array([[Z]]), "b1": np.zeros((1, 1))}, np.ones((1, 1)), np.zeros((1, 1))
        bounds = gradient_bounds(Problem.of(params, X, Y), np.dtype(np.float64), plain=True)
        gap = np.abs(by_logarithms(params, X, Y)["dW1"] - reference(params, X, Y)["dW1"])
        assert (gap <= bounds["W1"] / 2).all()


def test_inputs_that_were_rounded_first_widen_the_bounds():
    problem = Problem.of(*random_network(np.random.default_rng(8), 1.0))
    rounded, exact = (
        gradient_bounds(problem, np.dtype(np.float32), plain=True, rounds_inputs=r) for r in (True, False)
    )
    assert all((rounded[key] > exact[key]).all() for key in problem.params)


def test_levels_shrink_the_bounds_of_wide_networks_and_still_hold_the_errors():
    rng = np.random.default_rng(6)
    dims, params = (200, 150, 100, 10), {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = rng.standard_normal((dims[l], dims[l - 1])) * np.sqrt(2 / (dims[l] + dims[l - 1]))
        params[f"b{l}"] = rng.standard_normal((dims[l], 1))
    X, Y = rng.standard_normal((200, 32)), np.eye(10)[:, rng.integers(0, 10, 32)]
    problem = Problem.of(params, X, Y)
    level = levels(problem, rng)
    bounds = gradient_bounds(problem, np.dtype(np.float64), plain=True)
    exact = reference(params, X, Y)
    for key, V in plain(params, X, Y).items():
        assert (np.abs(V - exact[key]) <= level[key[1:]] * bounds[key[1:]] / 4).all()
    assert level["W1"] < 0.05


@pytest.mark.parametrize("unknown", [None, Unknown(np.zeros(1), 2.0**-52)], ids=["known", "unknown"])
def test_what_witness_and_rounding_explain_together_passes_and_no_more(unknown):
    """And where both together are as large as the entry, while the witness is the worse of them, nothing is decided."""

    def verdict(given, error, allowance):
        estimate = Estimate(np.ones(1), np.array([error]))
        return judge("x", np.array([given]), estimate, np.array([allowance]), unknown).verdict

    assert verdict(1.0029, 1e-3, 2e-3) == verdict(0.9971, 1e-3, 2e-3) == Verdict.PASS
    assert verdict(1.0031, 1e-3, 2e-3) == verdict(0.9969, 1e-3, 2e-3) == Verdict.WRONG
    assert verdict(1.0, 0.55, 0.1) == verdict(1.0, 0.55, 0.25) == Verdict.UNRELIABLE
    assert verdict(1.0, 0.45, 0.1) == (Verdict.UNRELIABLE if unknown else Verdict.PASS)
    assert verdict(1.0, 0.45, 0.3) == Verdict.PASS


def test_of_an_array_that_is_wrong_no_lost_digits_are_said_to_be_right():
    def notes(second):
        given = Gradient.of({"x": np.array([1 + 1e-8, second])}, {"x": np.ones(2)})
        return [*Comparison(given, {"x": Estimate(np.ones(2), np.zeros(2))}, {"x": np.full(2, 1e-7)}).notes]

    assert [note for note in notes(1.0) if "right, but imprecise" in note]
    assert notes(2.0) == []


@pytest.mark.parametrize(("size", "decided"), [(1e-8, False), (1e-6, True)])
def test_of_a_faint_entry_more_may_be_lost_by_a_formula_that_cancels(size, decided):
    """Ten times what it is allowed: undecided beside numbers 1e8 times as large, and wrong elsewhere."""
    off = 10 * 16 * 1e-16
    check = judge(
        "x",
        np.array([size + off]),
        Estimate(np.array([size]), np.zeros(1)),
        np.zeros(1),
        Unknown(np.full(1, 1e-16), 2.0**-52),
    )
    assert check.verdict is (Verdict.WRONG if decided else Verdict.UNRELIABLE)


def test_an_entry_that_is_exactly_right_is_not_the_worst_though_nothing_is_allowed_there():
    estimate = Estimate(np.array([3.0, 1.0]), np.array([0.0, 1e-3]))
    check = judge("x", np.array([3.0, 1.0005]), estimate, np.zeros(2))
    assert (check.verdict, check.worst.index, check.reason) == (Verdict.PASS, (1,), "")


def test_what_is_wrong_by_its_numbers_needs_no_other_reason():
    check = judge("x", np.array([3.0, 2.0]), Estimate(np.array([3.0, 1.0]), np.full(2, 1e-3)), np.zeros(2))
    assert (check.verdict, check.worst.index, check.reason) == (Verdict.WRONG, (1,), "")


@pytest.mark.parametrize("scale", SCALES)
def test_the_witness_stays_within_half_of_its_error_bound_of_the_reference(scale):
    rng = np.random.default_rng(1)
    for _ in range(20):
        params, X, Y = random_network(rng, scale)
        problem = Problem.of(params, X, Y)
        grads = reference(params, X, Y)
        for key, estimate in cancellation_free.estimates(problem, range(problem.L)).items():
            gap = np.abs(estimate.value - grads[f"d{key}"])
            assert (gap <= estimate.error / 2 + estimate.underflow).all()


def test_the_witness_knows_a_vanishing_gradient_to_twelve_digits():
    (probe,) = (probe for probe in default_probes() if probe.name == "the article's initialisation")
    params, X, Y = probe[1:]
    found = cancellation_free.estimates(Problem.of(params, X, Y))
    assert np.median(np.abs(found["W1"].value)) < 1e-9
    for key, estimate in found.items():
        assert np.median(estimate.error / np.abs(estimate.value)) < 1e-12, key


def test_the_cost_that_the_complex_step_takes_is_that_of_the_network():
    rng = np.random.default_rng(4)
    for scale in SCALES:
        params, X, Y = random_network(rng, scale)
        expected = logistic_cost(forward_prop(X, params)[1][-1][1], Y)
        assert Problem.of(params, X, Y).cost({}) == pytest.approx(expected, rel=1e-12)
