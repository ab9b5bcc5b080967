"""The structure of an error: what is said of a gradient that no known bug explains."""

import numpy as np
import pytest

from refnn.gradcheck.faults.structure import structure

# What is seen of an error, on one square parameter "dW2" beside the right "dW1"; m = 7.
RNG = np.random.default_rng(0)
TRUE = {"dW1": RNG.standard_normal((4, 4)), "dW2": RNG.standard_normal((4, 4)), "db2": RNG.standard_normal((4, 1))}
T = TRUE["dW2"]


def spoil(index, value):
    V = T.copy()
    V[index] = value
    return V


SEEN = [
    ("factor", 7 * T, "7 times the true gradient in every entry, m: the mean over examples is missing"),
    ("factor", -7 * T, "m: the mean over examples is missing, and the sign is flipped"),
    ("factor", 0.5 * T, "0.5 times"),
    ("factor", np.pi * T, "3.14159 times"),
    ("factor", 1e-310 * T, "1e-310 times"),
    ("digits", (1 + 1e-9) * T, "right to 9 digits only"),
    ("sign", -T, "the sign is flipped in every entry"),
    ("zero", 0 * T, "zero in every entry"),
    ("swapped", TRUE["dW1"], "holds what belongs to dW1"),
    ("transposed", T.T, "the transpose of the true gradient"),
    ("row", spoil(2, 0.0), "wrong in row 2 only, where it is zero"),
    ("row", spoil(2, 3 * T[2]), "wrong in row 2 only, by the factor 3"),
    ("column", spoil((slice(None), 1), 1.0), "wrong in column 1 only"),
    ("entries", spoil((3, 1), 5.0), "wrong in 1 of 16 entries: [3, 1] is 5.0, not"),
    ("digits", T * (1 + 1e-7 * np.cos(np.arange(16)).reshape(4, 4)), "right to 7 digits only"),
    ("direction", np.arange(16.0).reshape(4, 4), "cosine"),
    ("not-finite", spoil((0, 0), np.nan), "1 of 16 entries are NaN or infinite"),
    ("shape", T[:3].T, "has shape (4, 3), expected (4, 4)"),
    ("shape", T.ravel(), "the entries of the true gradient in another shape"),
]


@pytest.mark.parametrize(("kind", "given", "text"), SEEN, ids=[text for _, _, text in SEEN])
def test_structure_says_what_it_sees(kind, given, text):
    tolerance = {key: 1e-14 * np.ones_like(V) for key, V in TRUE.items()}
    (finding,) = structure({**TRUE, "dW2": given}, TRUE, tolerance, factors={7: "m: the mean over examples is missing"})
    assert finding.parameters == ("dW2",)
    assert finding.kind == kind
    assert text in finding.text
    assert str(finding) == f"dW2: {finding.text}"


def test_parameters_that_differ_alike_share_a_finding():
    tolerance = {key: 1e-14 * np.ones_like(V) for key, V in TRUE.items()}
    (finding,) = structure({key: 2 * V for key, V in TRUE.items()}, TRUE, tolerance)
    assert finding.parameters == ("dW1", "dW2", "db2")
    assert structure(TRUE, TRUE, tolerance) == ()
