"""Make the networks of a report again: from their seeds, and by training once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from refnn._shapes import Params
from refnn.gradcheck.faults.probes import Probe
from refnn.report import networks
from refnn.report.read import Case, ReportError, training_data
from refnn.report.record import Record, number
from refnn.report.replay.ledger import HALF_THE_DIGITS, Ledger

PER_UNIT = 80  # multiplications in the time that an activation takes, with its derivative

Probes = Callable[[tuple[int, ...] | None, int | None, int], Sequence[Probe]]


def origin_again(case: Case, default_probes: Probes, ledger: Ledger) -> None:
    """The network from its seed; `default_probes` makes those of the declaration, of widths, m and seed."""
    origin, path = case.found["origin"], f"content.{case.path}.origin"
    if case.is_trained:
        return
    if origin["kind"] == "seeded":
        again = networks.seeded(origin["seed"])
    else:
        dims = networks.layer_dims(case.probe.params)
        if origin["layer_dims"] not in (None, dims) or origin["m"] not in (None, case.probe.X.shape[1]):
            ledger.differences.append(f"{path} has other sizes than the network: {dims}, m = {case.probe.X.shape[1]}")
            return
        made = default_probes(origin["layer_dims"] and tuple(dims), origin["m"], origin["seed"])
        if origin["index"] >= len(made):
            ledger.differences.append(f"{path}.index is {origin['index']}, there are {len(made)} probes")
            return
        probe = made[origin["index"]]
        again = probe._replace(params=_nearest(case.probe.params, probe.params, networks.PROBES_GRID))
    _same_network(case, again, ledger)


def none_left_out(recorded: Sequence[Case], default_probes: Probes, ledger: Ledger) -> None:
    """Whether all networks of a seed are there: a fault may show on few of them only."""
    if ledger.differences:
        return  # and nothing of an invented size was made
    families = dict[tuple[tuple[int, ...] | None, int | None, int], list[int]]()
    chosen = []
    for origin in (case.found["origin"] for case in recorded):
        if origin["kind"] == "probe":
            dims = origin["layer_dims"] and tuple(origin["layer_dims"])
            families.setdefault((dims, origin["m"], origin["seed"]), []).append(origin["index"])
        else:
            chosen.append(origin["seed" if origin["kind"] == "seeded" else "epoch"])
    for family, indices in families.items():
        ledger.same(f"origin.index of those of seed {family[-1]}", indices, [*range(len(default_probes(*family)))])
    if chosen and chosen != [*networks.SEEDS, *networks.RECIPE.epochs]:
        ledger.trusted.append("that no network was left out, for seeds and epochs may be chosen")


def _same_network(case: Case, again: Probe, ledger: Ledger) -> None:
    path = f"content.{case.path}"
    ledger.same(f"{path}.name", case.probe.name, again.name)
    ledger.same(f"{path}.params", sorted(case.probe.params), sorted(again.params))
    for key, V in again.params.items():
        if key in case.probe.params:
            ledger.close("parameters", f"{path}.params.{key}", case.probe.params[key], V)
    for name in "XY":
        ledger.close("data", f"{path}.data.{name}", getattr(case.probe, name), getattr(again, name))


def training_work(report: Record, cases: list[Case]) -> int:
    """About how many multiplications it takes to train once more, other work counted as such."""
    training = report["content"]["training"]
    data = training_data(training)
    if data is None or _widths(cases) != {tuple(training["layer_dims"])}:
        return 0  # nothing is trained
    dims, epochs = training["layer_dims"], training["epochs"]
    per_example = 3 * sum(n * n_prev for n_prev, n in pairwise(dims)) + PER_UNIT * sum(dims[1:])
    examples = sum(Y.shape[-1] for Y in (data.Y, data.Y_test) if Y.ndim)
    return int(max(epochs) * examples * per_example)


def _widths(cases: list[Case]) -> set[tuple[int, ...]]:
    return {tuple(networks.layer_dims(case.probe.params)) for case in cases if case.is_trained}


def training_again(report: Record, cases: list[Case], ledger: Ledger) -> None:
    """Train once more, from each recorded checkpoint to the next, on the recorded data."""
    training, measured = report["content"]["training"], report["measured"]
    data = training_data(training)
    recorded = [case for case in cases if case.is_trained]
    if data is None:
        ledger.same("networks from a training", len(recorded), 0)
        for part, recorded_costs in measured["costs"].items():
            ledger.same(f"measured.costs.{part}", len(recorded_costs), 0)
        return
    for name, V in networks.breast_cancer()._asdict().items():
        ledger.close("data", f"content.training.{name}", getattr(data, name), V)
    rate = number("content.training.learning_rate", training["learning_rate"])
    recipe = networks.Recipe(tuple(training["layer_dims"]), rate, tuple(training["epochs"]))
    epochs = [case.found["origin"]["epoch"] for case in recorded]
    ledger.same("the epochs of content.training and of the networks", list(recipe.epochs), epochs)
    widths = _widths(recorded)
    ledger.same("the layer_dims of content.training and of the networks", {recipe.layer_dims}, widths)
    if epochs != list(recipe.epochs) or widths != {recipe.layer_dims}:
        return  # and nothing of an invented size was made
    try:
        again = list(networks.checkpoints(data, recipe, [case.probe.params for case in recorded]))
    except (TypeError, ValueError) as error:
        raise ReportError(f"content.training is no training: {error}") from None
    for case, point in zip(recorded, again):
        params = _nearest(case.probe.params, point.reached, networks.PARAMS_GRID)
        _same_network(case, point.probe(data)._replace(params=params), ledger)
    ledger.same("content.training.correct", training["correct"], [point.correct(data) for point in again])
    for part, costs in measured["costs"].items():
        path = f"measured.costs.{part}"
        before, now = [number(path, x) for x in costs], [cost[part] for point in again for cost in point.costs]
        ledger.close("costs", path, np.array(before), np.array(now), HALF_THE_DIGITS * np.array(now))


def _nearest(recorded: Params, reached: Params, unit: float) -> Params:
    """The numbers reached, on the grid; where two points of it are equally near, up to rounding, the recorded one."""
    nearest = {}
    for key, V in reached.items():
        nearest[key] = networks.on_grid(V, unit)
        before = recorded.get(key)
        if before is not None and before.shape == V.shape:
            tie = np.abs(before - V) <= unit * (0.5 + HALF_THE_DIGITS)
            nearest[key] = np.where(tie & (np.abs(before - nearest[key]) == unit), before, nearest[key])
    return nearest
