"""How long each checker takes for one right gradient, by the number of entries."""

import numpy as np

from general.cases import Case
from general.checkers import ask

ENTRIES = (10, 100, 1_000)
REPEATS = 3


def _case(n, real):
    """A tanh layer of n weights on 16 examples, as written or so that no complex number passes."""
    rng = np.random.default_rng(n)
    X, C = rng.standard_normal((16, 10)), rng.standard_normal((16, n // 10))
    W = rng.standard_normal((10, n // 10)) / 3

    def f(p):
        value = np.sum(C * np.tanh(X @ p["W"]))
        return float(np.real(value)) if real else value

    def gradient(p):
        return {"W": X.T @ (C * (1 - np.tanh(X @ p["W"]) ** 2))}

    return Case(f"tanh {n}", "speed", "tanh", "real" if real else "plain", f, gradient, {"W": W})


def measured(checkers):
    """Rows of seconds, the least of several."""
    rows = []
    for real in (False, True):
        for n in ENTRIES:
            case = _case(n, real)
            for checker in checkers:
                answers = [ask(checker, case, case.right) for _ in range(REPEATS)]
                verdict, seconds = answers[0][0], min(took for *_, took in answers)
                rows.append({"f": case.kind, "entries": n, "checker": checker, "verdict": verdict, "seconds": seconds})
    return rows
