"""Any function along directions: sums of many entries at once, where moving each would take too long."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from refnn._progress import bar
from refnn.gradcheck.faults.diagnosis import Diagnosis, structure
from refnn.gradcheck.problem import Array
from refnn.gradcheck.verdict.judgement import worst_first
from refnn.gradcheck.verdict.result import GradientCheck, Testimony, Verdict
from refnn.gradcheck.witness import bisection, central, complex_step
from refnn.gradcheck.witness.bisection import Derivative, Search
from refnn.gradcheck.witness.function import Behaviour, Scalar, typical_size

FAINT = 1e-6  # of the typical gradient: an entry given as smaller is judged at this size
TOLERANCE = (
    "for a sum of entries under random signs, the error of its derivative and, by Hoeffding's bound at 4e-16, a few "
    "roundoffs of each entry in its dtype"
)


def check(
    function: Scalar,
    params: dict[str, Array],
    behaviour: Behaviour,
    given: dict[str, Array],
    names: dict[str, str],
    rng: np.random.Generator,
    progress: bool,
) -> GradientCheck:
    """Compare random sums of entries, by the complex step or central differences, and search where one is off."""
    defect = complex_step.defect(function, params, behaviour, rng)
    points = complex_step.neighbours(params, rng)
    found: dict[str, Search] = {}
    counts: dict[str, list[int]] = {}
    for key in bar(params, "directions", total=len(params), show=progress):
        g, u = given[key], float(np.finfo(given[key].dtype).eps) / 2
        calls = counts[key] = []
        if defect:
            scale, along = 1 / typical_size(params[key]), _by_differences(function, params, behaviour, key, calls)
        else:
            size = np.abs(np.where(np.isfinite(g), g, 0)).astype(np.float64)
            scale = np.maximum(size, FAINT * (float(np.sqrt(np.mean(size**2))) if g.size else 0.0) or 1.0)
            along = _by_complex_step(function, points, key, u, calls)
        found[key] = bisection.search(
            names[key], g, along, scale, complex_step.SAFETY * u * np.abs(g), rng, formula_known=False
        )
    checks = [search.check for search in found.values()]
    verdict = min((c.verdict for c in checks), key=lambda v: v.rank)
    witness = f"{central.NAME if defect else complex_step.NAME} along random directions"
    return GradientCheck(
        verdict,
        worst_first(checks),
        (Testimony(witness, sum(map(sum, counts.values()))),),
        TOLERANCE,
        notes=(f"the complex step is not used: {defect}",) if defect else (),
        diagnosis=diagnosis(found, given, names) if verdict is Verdict.WRONG else None,
    )


def diagnosis(found: Mapping[str, Search], given: Mapping[str, Array], names: Mapping[str, str]) -> Diagnosis | None:
    """The structure of what is wrong, in entries taken at random, where more is wrong than a few entries."""
    looked = {key: search for key, search in found.items() if search.sampled}
    if not looked:
        return None
    return Diagnosis(
        (),
        structure(
            {names[key]: given[key].ravel()[search.entries] for key, search in looked.items()},
            {names[key]: search.estimate.value for key, search in looked.items()},
            {names[key]: search.estimate.error for key, search in looked.items()},
        ),
    )


def _by_complex_step(
    function: Scalar, points: list[dict[str, Array]], key: str, u: float, calls: list[int]
) -> Derivative:
    def along(V: Array) -> tuple[float, float]:
        size = float(np.max(np.abs(V) / typical_size(points[0][key]), initial=0))
        if size == 0:
            return 0.0, 0.0
        calls.append(len(points))
        h = complex_step.STEP / size
        values = np.array([[complex_step.along(function, point, {key: V}, h) for point in points]])
        precision = complex_step.precision(values)
        return float(values[0, 0]), float(precision.error(values[0, 0], u).item())

    return along


def _by_differences(
    function: Scalar, params: dict[str, Array], behaviour: Behaviour, key: str, calls: list[int]
) -> Derivative:
    def along(V: Array) -> tuple[float, float]:
        if not V.any():
            return 0.0, 0.0
        found = central.along(function, params, {key: V}, behaviour)
        calls.append(found.evaluations)
        return found.value, found.error

    return along
