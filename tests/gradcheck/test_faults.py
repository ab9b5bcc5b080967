"""The catalogue of faults and the probes: every bug changes the gradient where it can be made, and is seen."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tables
from backprops import homes, judged, played, probes
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import DECLARATIONS, few

import refnn
from refnn.gradcheck import Verdict, check_network
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults import at_output, lines
from refnn.gradcheck.faults import probes as networks
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.probes import blindness, default_probes, random_labels, random_probe

CATALOGUE = [
    "missing-mean",
    "bias-missing-mean",
    "mean-over-outputs",
    "sign-flipped",
    "extra-output-derivative",
    "missing-hidden-derivative",
    "activation-as-derivative",
    "derivative-alone",
    "slope-assigned",
    "tanh-derivative",
    "double-sigmoid",
    "wrong-layer-activation",
    "weights-not-transposed",
    "dW-transposed",
    "bias-summed-over-units",
    "last-example-only",
    "weights-updated-first",
    "off-by-one-layer-keys",
    "output-layer-overwritten",
    "first-layer-zero",
    "input-as-previous-activation",
    "bias-gradient-zero",
    "squared-error-loss",
    "labels-flipped",
    "clipped-probabilities",
    "float32-inside",
    "article-dA-convention",
    "labels-forgotten",
    "label-smoothing",
    "factor-of-the-square",
    "missing-output-derivative",
    "epsilon-in-denominator",
    "derivative-subtracted",
    "sigmoid-derivative",
    "relu-derivative",
    "mask-inverted",
    "other-slope",
    "dW-reshaped",
    "penalty-missing",
    "penalty-doubled",
    "penalty-over-m",
    "penalty-in-db",
    "last-batch-dropped",
    "gradient-as-weights",
    "clipped-norm",
    "clipped-entries",
    "mean-taken-twice",
    "divided-by-inputs",
    "divided-by-units",
    "class-off-by-one",
    "extra-softmax-derivative",
    "output-activated-twice",
    "own-class-alone",
    "softmax-over-examples",
    "softmax-over-everything",
    "clipped-before-subtraction",
    "formula-in-A-of-Z",
    "square-of-the-difference",
    "derivative-negated",
    "derivative-of-the-gradient",
    "derivative-of-another-layer",
    "penalty-subtracted",
    "penalty-halved",
    "lasso-without-sign",
    "bias-without-derivative",
    "error-passed-down",
    "inputs-reshaped",
]
SAID = [Declaration.of(words) for words in DECLARATIONS]
SEEDS = st.integers(0, 2**32 - 1)


def relative_change(faulty, right):
    return max(np.max(np.abs(faulty[key] - V)) / (np.max(np.abs(V)) or 1.0) for key, V in right.items())


def test_the_catalogue_is_complete():
    assert sorted(FAULTS) == sorted(CATALOGUE)
    with pytest.raises(TypeError):
        FAULTS["another"] = FAULTS["missing-mean"]


def test_every_fault_cites_an_equation_that_is_derived():
    derivation = (Path(__file__).parents[2] / "proofs" / "derivation.md").read_text()
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert re.search(rf"\\tag{{{fault.equation}}}", derivation), name
        assert fault.summary


@pytest.mark.parametrize("name", ["epsilon-in-denominator", "clipped-before-subtraction"])
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_with_an_epsilon_of_0_there_is_no_fault(name, output):
    """Soft labels and hard ones: what is left is the right residual."""
    declaration = Declaration.of({"output": output})
    for _, params, X, Y in default_probes(declaration=declaration, mild=True):
        run = lines.forward(params, X, Y, declaration)
        right = run.residual(run.Y)
        found = FAULTS[name].set_to(0).replace(run, run.L, right)
        assert np.max(np.abs(found - right)) <= 1e-12 * np.max(np.abs(right))


CLIPPED = [  # Z_L and labels of one output; whether the clip takes hold of right answers, and of no wrong one
    ([50, 50], [1, 1], True),
    ([-50, -50], [0, 0], True),
    ([50, -50], [1, 0], True),
    ([50, 50], [1, 0], False),
    ([-50, -50], [0, 1], False),
    ([0.5, -0.5], [1, 0], False),
]


@pytest.mark.parametrize(("Z", "labels", "clips"), CLIPPED)
def test_a_clip_could_show_where_it_takes_hold_of_right_answers_alone(Z, labels, clips):
    one = {"W1": np.ones((1, 1)), "b1": np.zeros((1, 1))}
    run = lines.forward(one, np.array([Z], float), np.array([labels], float), Declaration.of({}))
    assert at_output._clips_what_is_right(run) is clips


LABELS = {  # of words: the least and the largest label, soft and hard
    ("sigmoid", "cross_entropy"): (0, 1),
    ("softmax", "cross_entropy"): (0, 1),
    ("tanh", "squared_error"): (-1, 1),
    ("identity", "squared_error"): (-2, 2),
}


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("output", LABELS)
def test_random_labels_fill_the_range_of_the_output(output, soft):
    low, high = LABELS[output]
    Y = random_labels(np.random.default_rng(0), 3, 1000, soft, Declaration.of({"output": output}))
    assert low <= Y.min() < low + 0.1
    assert high - 0.1 < Y.max() <= high
    assert np.unique(Y).size == (Y.size if soft or low else 2)
    if output[0] == "softmax":
        assert np.allclose(Y.sum(axis=0), 1, rtol=0, atol=1e-15)


def test_the_units_far_from_0_are_as_far_as_is_said():
    """Of softplus no Z is above 20, from where PyTorch's is another function."""
    for hidden, highest in (("sigmoid", 35), ("softplus", 19)):
        probes = default_probes(declaration=Declaration.of({"hidden": hidden}))
        (far,) = (probe for probe in probes if probe.name == "a hidden layer far from 0")
        Z = far.params["W1"] @ far.X + far.params["b1"]
        assert np.allclose(np.abs(Z).max(axis=1), 35, rtol=1e-12, atol=0) or hidden == "softplus"
        assert -35 * (1 + 1e-12) <= Z.min()
        assert Z.max() <= highest * (1 + 1e-12)


@few
@given(SEEDS)
def test_with_no_line_replaced_it_is_the_reference(seed):
    for _, params, X, Y in default_probes(seed=seed):
        right = lines.backprop(lines.forward(params, X, Y))
        grads = refnn.backprop(*forward(params, X, Y))
        assert grads.keys() == right.keys()
        assert relative_change(grads, right) < 1e-12


def forward(params, X, Y):
    AL, caches = refnn.forward_prop(X, params)
    return AL, Y, caches


of_a_declaration = st.integers(0, len(DECLARATIONS) - 1)


@few
@given(SEEDS, of_a_declaration)
def test_every_fault_shows_on_the_default_probes(seed, i):
    """Wherever a declaration makes it possible."""
    possible, seen = set(), set()
    for probe in default_probes(seed=seed, declaration=SAID[i]):
        right = lines.backprop(lines.forward(*probe[1:], SAID[i]))
        for name, fault in FAULTS.items():
            if fault.applies(*probe[1:], SAID[i]):
                possible.add(name)
                with np.errstate(all="ignore"):  # a few leave the range
                    faulty = fault.gradient(*probe[1:], SAID[i])
                    if not relative_change(faulty, right) <= 1e-8:
                        seen.add(name)
    assert seen == possible, SAID[i].says


@few
@given(SEEDS, of_a_declaration)
@example(500, 1)  # the labels of one output nearly cancel
def test_a_fault_that_does_not_apply_changes_nothing(seed, i):
    """Where the declared network can have it at all, but not with these widths, examples or labels."""
    rng, said = np.random.default_rng(seed), SAID[i]
    tried = [
        *default_probes(seed=seed, declaration=said),
        *(random_probe(rng, (1, 1, 1), m, 1.0, m % 2 == 0, said) for m in range(1, 9)),
        *(random_probe(rng, (3, 1), 1, scale, soft, said) for scale in (0.1, 1, 10) for soft in (False, True)),
    ]
    for probe in tried:
        right = lines.backprop(lines.forward(*probe[1:], said))
        for name, fault in FAULTS.items():
            # Off by one, the keys hold other shapes, unless all widths agree.
            if i in homes(name) and name != "off-by-one-layer-keys" and not fault.applies(*probe[1:], said):
                faulty = fault.gradient(*probe[1:], said)
                # Of a layer in all: Σ dZ may cancel in db, but not what a clipped probability adds to it.
                for l in range(1, len(probe.params) // 2 + 1):
                    layers = ({l: np.hstack([grads[f"dW{l}"], grads[f"db{l}"]])} for grads in (faulty, right))
                    assert relative_change(*layers) < 1e-6, (name, probe.name, said.says)


def test_random_networks_keep_their_distance_from_kinks(monkeypatch):
    """Near one, rounding decides on which side a unit stands, and right gradients differ."""
    monkeypatch.setattr(networks, "AWAY", 0.1)
    said = Declaration.of({"hidden": "relu", "output": ("relu", "half_squared_error")})
    for seed in range(20):
        _, params, X, Y = random_probe(np.random.default_rng(seed), (3, 2, 2), 3, 1.0, declaration=said)
        for Z in lines.forward(params, X, Y, said).Z[1:]:
            assert (np.abs(Z) > 0.1 * np.abs(Z).max()).all()


def test_a_gradient_is_float64_fresh_and_changes_nothing_of_the_callers():
    for probe in default_probes():
        for V in (*probe.params.values(), probe.X, probe.Y):
            V.setflags(write=False)
        for fault in FAULTS.values():
            grads = fault.gradient(*probe[1:])
            assert all(V.dtype == np.float64 for V in grads.values())
            assert not any(
                np.shares_memory(V, W) for V in grads.values() for W in (*probe.params.values(), probe.X, probe.Y)
            )


# By hand, one weight and two examples: W = b = 0, so A = 1/2, and X = (1, 2), Y = (1, 0): A - Y = (-1/2, 1/2).
BY_HAND = {
    "missing-mean": (0.5, 0.0),  # dW = -1/2 + 1 = 1/2; right: 1/4
    "sign-flipped": (-0.25, 0.0),
    "labels-flipped": (-0.25, 0.0),  # A - (1 - Y) = (1/2, -1/2)
    "extra-output-derivative": (0.0625, 0.0),  # A (1 - A) = 1/4
    "squared-error-loss": (0.125, 0.0),
    "last-example-only": (0.5, 0.25),  # 1/2 · (1/2 · 2), 1/2 · 1/2
    "bias-gradient-zero": (0.25, 0.0),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_worked_by_hand(name):
    params = {"W1": np.zeros((1, 1)), "b1": np.zeros((1, 1))}
    grads = FAULTS[name].gradient(params, np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]))
    assert (grads["dW1"].item(), grads["db1"].item()) == BY_HAND[name]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a few leave the range
@pytest.mark.parametrize("name", FAULTS)
def test_it_is_seen_wherever_it_can_be_made_and_named_alone(name):
    """On every network of one of the declarations, of each in turn."""
    i = homes(name)[[*FAULTS].index(name) % len(homes(name))]
    words, said = DECLARATIONS[i], SAID[i]
    check = judged(played(FAULTS[name], **words), every=True, **words)
    for probe, found in zip(probes(**words), check.probes, strict=True):
        if FAULTS[name].applies(*probe[1:], said):
            assert found.verdict is Verdict.WRONG, (said.says, probe.name, str(check))
    assert [cause.faults for cause in check.diagnosis.causes] == [(name,)], str(check)
    assert FAULTS[name].equation in str(check.diagnosis)


@few
@given(SEEDS, st.lists(st.integers(1, 6), min_size=2, max_size=6), st.integers(2, 9))
def test_probes_of_any_shape_can_see(seed, layer_dims, m):
    for name, params, X, Y in default_probes(layer_dims, m=m, seed=seed):
        assert X.shape == (layer_dims[0], m)
        assert Y.shape == (layer_dims[-1], m)
        assert [params[f"W{l}"].shape[0] for l in range(1, len(layer_dims))] == layer_dims[1:]
        assert blindness(params, X, Y) is None, name


def test_probes_are_a_function_of_their_seed():
    def numbers(seed):
        return np.concatenate([V.ravel() for p in default_probes(seed=seed) for V in (p.X, p.Y, *p.params.values())])

    assert np.array_equal(numbers(3), numbers(3))
    assert not np.array_equal(numbers(3), numbers(4))


@pytest.mark.parametrize("layer_dims", [[], [3], [3, 0], [3, 2.5], [3, True], "32", 4])
def test_bad_widths_are_refused(layer_dims):
    with pytest.raises((ValueError, TypeError), match="layer_dims"):
        default_probes(layer_dims)


def right_on(params, X, Y):
    return check_network(params, X, Y, lines.backprop(lines.forward(params, X, Y)), progress=False)


TRUE = {  # of (layer_dims, m), where a network has this name
    "square layers": lambda dims, _: len(set(dims)) == 1,
    "one output": lambda dims, _: dims[-1] == 1,
    "two outputs": lambda dims, _: dims[-1] == 2,
    "no hidden layer": lambda dims, _: len(dims) == 2,
    "deep and narrow": lambda dims, _: len(dims) > 5 and max(dims) == 2,
    "many examples": lambda _, m: m > 50,
    "one example": lambda _, m: m == 1,
    "a wide layer": lambda dims, _: max(dims) > 50,
    "eight layers": lambda dims, _: len(dims) == 9,
    "as many examples as units": lambda dims, m: set(dims) == {m},
    "a hidden layer far from 0": lambda dims, _: len(dims) > 2,
}


@pytest.mark.parametrize("layer_dims", [None, [4, 5, 5, 3], [3, 2]])
@pytest.mark.parametrize("m", [None, 4])
@pytest.mark.parametrize("mild", [False, True])
def test_a_probe_is_what_its_name_says(layer_dims, m, mild):
    names = set()
    for words in ({}, {"output": "softmax", "labels": "classes"}):
        for probe in default_probes(layer_dims, m=m, declaration=Declaration.of(words), mild=mild):
            name, soft, _ = probe.name.partition(", soft labels")
            dims = [probe.X.shape[0], *(len(b) for key, b in probe.params.items() if key[0] == "b")]
            assert TRUE.get(name, lambda *_: True)(dims, probe.X.shape[1]), probe.name
            assert not soft or ((probe.Y > 0) & (probe.Y < 1)).all(), probe.name
            names.add(name)
    assert mild or layer_dims or m or set(TRUE) < names


def symmetric(p):
    return {key: V + V.T if key[0] == "W" else V for key, V in p.items()}


BLIND = {
    "one example": lambda p, X, Y: (p, X[:, :1], Y[:, :1]),
    "all columns of X are equal": lambda p, X, Y: (p, np.repeat(X[:, :1], X.shape[1], axis=1), Y),
    "W2 is zero": lambda p, X, Y: ({**p, "W2": 0 * p["W2"]}, X, Y),
    "dA1 is zero here": lambda p, X, Y: ({**p, "W2": 1e-170 * p["W2"], "W3": 1e-170 * p["W3"]}, X, Y),
    "weights-not-transposed would change nothing": lambda p, X, Y: (symmetric(p), X, Y),
    "would change nothing|is zero here": lambda p, X, _: (p, X, refnn.forward_prop(X, p)[0]),
}


@pytest.mark.parametrize("reason", BLIND)
def test_a_probe_that_could_not_have_seen_a_fault_is_blind_and_not_a_pass(reason):
    square = default_probes()[1]
    assert right_on(*square[1:]).verdict is Verdict.PASS
    probe = BLIND[reason](*square[1:])
    said = blindness(*probe)
    assert said is not None
    assert re.search(reason, said), said
    check = right_on(*probe)
    assert check.verdict is Verdict.BLIND, str(check)
    assert said in check.reasons


BENCHMARKS = Path(__file__).parents[2] / "proofs" / "benchmarks"


def test_the_committed_table_of_detection_is_of_this_catalogue_and_misses_nothing():
    table = json.loads((BENCHMARKS / "power.json").read_text())
    ours = [row for row in table["detection"] if row["checker"] == "refnn"]
    assert {row["fault"] for row in ours} > set(FAULTS)
    assert {row["declared"] for row in ours} == set(table["declared"])
    for row in ours:
        if row["fault"] in FAULTS:
            assert row["told"] == row["trials"] > 0, row
        elif row["fault"] == "none":
            assert row["objections"] == 0 < row["trials"], row
    assert sum(row[str(verdict)] for row in table["right_gradients"] for verdict in Verdict) >= 2000
    assert not any(row["WRONG"] for row in table["right_gradients"])
    for name in table["declared"]:
        asked = {row["fault"] for row in table["cause_named"] if row["declared"] == name}
        assert asked == {row["fault"] for row in ours if row["declared"] == name and row["fault"] in FAULTS}


@pytest.mark.parametrize("name", ["power", "accuracy"])
def test_the_printed_tables_are_the_committed_numbers(name):
    table = json.loads((BENCHMARKS / f"{name}.json").read_text())
    assert tables.between(name)[1] == "\n\n".join(getattr(tables, name)(table))
