"""What a check prints: in 80 columns, the worst first; one line as its repr; a table in a notebook."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import few

from refnn import Verdict, check_backprop, check_gradients
from refnn._printing import WIDTH
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.verdict import result
from refnn.gradcheck.verdict.result import ROWS, GradientCheck

words = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=200)
names = st.from_regex(r"[a-z_.<&]{1,90}", fullmatch=True)
numbers = st.floats() | st.sampled_from([0.0, -1.2345678901234567e-300])
sizes = st.lists(st.integers(1, 9999), max_size=4).map(tuple)
verdicts = st.sampled_from(Verdict)
entries = st.none() | st.builds(result.Entry, sizes, numbers, numbers, st.floats(0))
arrays = st.builds(
    result.ParameterCheck,
    names,
    sizes,
    verdicts,
    wrong=st.integers(0, 10**9),
    worst=entries,
    largest_relative=entries,
    sees=st.none() | st.floats(0, 1),
    reason=words,
)
texts = st.lists(words, max_size=3).map(tuple)
diagnoses = st.builds(
    result.Diagnosis,
    st.lists(st.builds(result.Cause, st.just(("f",)), st.just(("D1",)), words, st.floats(0, 1)), max_size=2).map(tuple),
    st.lists(st.builds(result.Finding, st.just(("dW1",)), st.sampled_from(["onset", "factor"]), words), max_size=3).map(
        tuple
    ),
)


def checks_of(probes):
    return st.builds(
        GradientCheck,
        verdicts,
        st.lists(arrays, max_size=ROWS + 2).map(tuple),
        st.lists(st.builds(result.Testimony, words, st.integers(0, 10**9)), max_size=2).map(tuple),
        words,
        reasons=texts,
        notes=texts,
        diagnosis=st.none() | diagnoses,
        probe=words,
        probes=probes,
    )


checks = checks_of(st.lists(checks_of(st.just(())), max_size=3).map(tuple))


def test_a_name_that_is_too_long_has_a_line_of_its_own():
    name = "of the second layer of the left branch before it is joined"
    check = check_gradients(lambda p: float(np.sum(p[name] ** 2)), {name: np.ones(3)}, {name: 2 * np.ones(3)})
    assert name in str(check).splitlines()


def test_of_many_arrays_the_worst_are_in_print_and_how_many_there_are_besides():
    arrays = {f"x{k}": np.ones(2) for k in range(ROWS + 3)}
    grads = {name: (1 + 0.01 * (name == "x9")) * 2 * V for name, V in arrays.items()}
    check = check_gradients(lambda p: sum(np.sum(V**2) for V in p.values()), arrays, grads)
    lines = str(check).splitlines()
    assert f"… and {len(arrays) - ROWS} more, none worse" in lines
    assert next(line for line in lines if line.startswith("x")).split()[:3] == ["x9", "2", "WRONG"]
    html = check._repr_html_()
    assert [f"<td>{array.name}</td>" in html for array in check.parameters] == [True] * ROWS + [False] * 3


def test_what_was_not_seen_at_all_is_said_in_its_row():
    """The second entry of x takes part in nothing that float64 holds."""
    x = np.array([1.0, 1.0])
    check = check_gradients(lambda p: float(p["x"][0] + 1e-30 * p["x"][1]), {"x": x}, {"x": [1.0, 1e-30]})
    alone = check_gradients(lambda p: float(p["x"][0]), {"x": x[:1], "y": x}, {"x": [1.0], "y": [1e-20, 1e-20]})
    assert check.verdict is alone.verdict is Verdict.PASS
    (row,) = (line.split() for line in str(alone).splitlines() if line.startswith("y "))
    assert row[-1] == "nothing"
    assert "2 of 2 entries of y are not told from 0: no fault in them shows" in alone.notes


@few
@given(checks)
def test_nothing_is_wider_than_80_columns_and_no_array_is_left_out_in_print_or_a_notebook(check):
    lines = str(check).splitlines()
    assert max(map(len, lines)) <= WIDTH == 80
    for array in check.parameters[:ROWS]:
        assert array.name in "".join(str(check).split())
    assert re.fullmatch(r"<GradientCheck .*>", repr(check))
    assert len(repr(check)) <= WIDTH
    # A notebook takes no word for markup.
    html = check._repr_html_().replace("<br>", "<br/>")
    body = ElementTree.fromstring(f"<body>{html}</body>")
    assert {element.tag for element in body.iter()} <= {"body", "p", "b", "br", "table", "tr", "th", "td"}
    shown = check.parameters[:ROWS]
    assert [tr[0].text for tr in body.find("table") if len(tr) > 1][1:] == [array.name for array in shown]


def test_a_wrong_gradient_in_print():
    w = np.arange(1.0, 7.0).reshape(2, 3)
    check = check_gradients(
        lambda p: np.sum(p["w"] ** 2), {"v": w, "w": w}, {"v": 0 * w, "w": [[2, 4, 6], [-8, -10, -12]]}
    )
    worst = check.parameters[0].worst
    excess, tolerance = f"{worst.excess:.2g}", f"{worst.tolerance:.1e}"
    assert float(excess) == pytest.approx(2 * worst.expected / float(tolerance), rel=0.1)
    lines = str(check).splitlines()
    assert lines[:2] == ["WRONG", "error: w: wrong in row 1 only, by the factor -1"]
    assert lines[2].split("  ")[0] == "gradient"
    assert lines[3].split()[:6] == ["w", "2×3", "WRONG", "3", "2.0e+00", excess]
    assert lines[4] == f"  worst [1, {worst.index[1]}]: {-worst.expected:g}, expected {worst.expected:g} ± {tolerance}"
    assert lines[5].split()[:4] == ["v", "2×3", "PASS", "0"]
    assert repr(check) == "<GradientCheck WRONG: w: wrong in row 1 only, by the factor -1>"


def test_a_cause_in_print_and_probes_of_one_outcome_together():
    check = check_backprop(FAULTS["missing-mean"].gradient, layer_dims=[4, 6, 3], progress=False)
    text = str(check)
    assert text.splitlines()[1].startswith("cause: missing-mean: the mean over examples is missing (D7)")
    assert "\nstart: dW2, db2: wrong from the output on: look at dZ2\n" in text
    outcomes = [line.split()[0] for line in text.partition("probes:\n")[2].splitlines() if re.match("  [A-Z]", line)]
    assert outcomes == ["WRONG", "BLIND"]
    assert repr(check).startswith("<GradientCheck WRONG on generic, soft labels: missing-mean: ")
