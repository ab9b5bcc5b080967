"""What a report holds, what its identity stands for, and how it looks."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import in_float32, missing_mean_in_layer_1, raises, report_on, right, with_nan

from refnn.report import arrays, build, networks, record
from refnn.report.replay import load
from refnn.report.resources import SCHEMA
from refnn.report.write import write

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report():
    return report_on(right)


# ---------------------------------------------------------------------- the record


def leaves(value):
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


def test_the_identity_is_the_sha256_of_the_canonical_content(report):
    text = json.dumps(report["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert report["identity"] == hashlib.sha256(text.encode("utf-8")).hexdigest()


def test_a_report_holds_no_floating_point_literal(report):
    assert {type(value) for value in leaves(report)} <= {str, int, type(None)}


def test_the_schema_is_a_json_schema_and_allows_nothing_unnamed():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)

    def objects(value):
        if isinstance(value, dict):
            if value.get("type") == "object":
                yield value
            for inner in value.values():
                yield from objects(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from objects(inner)

    assert all("additionalProperties" in found for found in objects(schema))


@pytest.mark.parametrize("gradient", [right, missing_mean_in_layer_1, in_float32, with_nan, raises])
def test_every_report_is_as_the_schema_says_and_can_be_read_back(gradient, tmp_path):
    report = report_on(gradient)
    write(report, tmp_path)
    assert load.load(tmp_path / "report.json") == report
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert text == record.canonical(report) + "\n"


def test_a_report_on_longdouble_is_refused_for_it_would_lose_bits():
    with pytest.raises(TypeError, match=r"not (longdouble|float128)"):
        report_on(lambda *a: {key: dV.astype(np.longdouble) for key, dV in right(*a).items()})


def test_the_environment_stands_outside_the_identity(report, monkeypatch):
    monkeypatch.setattr(build, "environment", lambda: {**report["environment"], "date": "1999-01-01T00:00:00Z"})
    again = report_on(right)
    assert again["environment"] != report["environment"]
    assert again["identity"] == report["identity"]
    assert again["seal"] != report["seal"]


def test_the_environment_names_no_machine_user_or_folder(report):
    said = json.dumps(report["environment"])
    assert os.sep not in said
    assert os.uname().nodename not in said


@given(seed=st.integers(0, 2**32), dtype=st.sampled_from([np.float32, np.float64]))
def test_the_identity_forgives_last_bits_and_nothing_more(seed, dtype):
    rng = np.random.default_rng(seed)
    grads = {"dW1": rng.standard_normal((4, 3)).astype(dtype), "db1": np.zeros((4, 1), dtype)}
    unit = np.sqrt(np.finfo(dtype).eps) * np.exp2(np.frexp(np.abs(grads["dW1"]).max())[1])
    grads["dW1"] = (np.round(grads["dW1"] / unit) * unit).astype(dtype)  # far from where rounding turns
    digest = record.gradient_digest(grads)
    nudged = {key: np.nextafter(dV, dtype(9)) for key, dV in grads.items()}
    assert record.gradient_digest({**grads, "dW1": nudged["dW1"]}) == digest
    changed = grads["dW1"].copy()
    changed[rng.integers(4), rng.integers(3)] += dtype(2 * unit)
    assert record.gradient_digest({**grads, "dW1": changed}) != digest


def test_a_gradient_that_reuses_its_memory_is_recorded_as_it_was():
    held = {}

    def gradient(params, X, Y):
        for key, dV in right(params, X, Y).items():
            held.setdefault((key, dV.shape), np.empty_like(dV))[...] = dV
        return {key: held[key, dV.shape] for key, dV in right(params, X, Y).items()}

    make = (build.report_on(f, "tests:gradient", layer_dims=[2, 3, 1], examples=4)[0] for f in (gradient, right))
    reused, fresh = make
    assert reused["content"] == fresh["content"]
    assert reused["measured"] == fresh["measured"]


def test_a_gradient_of_foreign_arrays_is_recorded():
    class Tensor:
        """Its `size` is a method, as PyTorch's is."""

        def __init__(self, array):
            self.array, self.shape = array, array.shape

        def size(self):
            return self.shape

        def __array__(self, dtype=None, copy=None):
            return np.array(self.array, dtype)

    foreign = report_on(lambda *a: {key: Tensor(dV) for key, dV in right(*a).items()})
    assert foreign["content"] == report_on(right)["content"]


def identities():
    """Of a report on seeded networks, and of one on default probes."""
    on_probes, _ = build.report_on(right, "tests:gradient")
    return [report_on(right)["identity"], on_probes["identity"]]


def test_another_machine_finds_the_same_identity(report):
    """Other kernels, no vector instructions beyond the oldest, one thread: what another machine would use."""
    code = "import sys; sys.path.insert(0, 'tests/report'); from test_report import identities; print(*identities())"
    features = " ".join(report["environment"]["cpu_features"])
    others = {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": features}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **others},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == identities(), done.stderr


def test_a_report_too_large_to_be_read_is_not_begun(monkeypatch):
    monkeypatch.setattr(build, "LARGEST", 10)
    with pytest.raises(ValueError, match="numbers, expected at most 10"):
        report_on(right)


@given(st.integers(1, 5), st.integers(-40, 40), st.integers(0, 2**32))
def test_arrays_are_read_back_to_the_last_bit(n, exponent, seed):
    array = np.random.default_rng(seed).standard_normal((n, 3)) * 2.0**exponent
    assert np.array_equal(arrays.decode("a", arrays.encode(array)), array)
    gridded = networks.on_grid(array, 2.0**-10)
    assert np.array_equal(arrays.decode("a", arrays.encode_on_grid(gridded, 2.0**-10)), gridded)


# ---------------------------------------------------------------------- the networks


def test_a_seeded_network_is_what_its_documentation_says():
    words = iter(np.random.PCG64(7).random_raw(1000).tolist())
    dims = [1 + next(words) % 12 for _ in range(1 + (1 + next(words) % 6))]
    m, scale = 2 + next(words) % 8, networks.SCALES[next(words) % 7]

    def numbers(rows, columns):
        return np.array([[(next(words) >> 11) / 2**53 for _ in range(columns)] for _ in range(rows)])

    probe = networks.seeded(7)
    for l in range(1, len(dims)):
        for key, columns in (("W", dims[l - 1]), ("b", 1)):
            expected = scale * (np.sqrt(3) * (2 * numbers(dims[l], columns) - 1))
            assert np.array_equal(probe.params[f"{key}{l}"], expected)
    assert np.array_equal(probe.X, np.sqrt(3) * (2 * numbers(dims[0], m) - 1))
    assert np.array_equal(probe.Y, numbers(dims[-1], m))


def test_the_seeded_networks_are_fifty_of_all_depths_widths_and_scales():
    probes = [networks.seeded(seed) for seed in networks.SEEDS]
    assert len(probes) >= 50
    assert {len(probe.params) // 2 for probe in probes} == set(range(1, 7))
    assert {n for probe in probes for V in probe.params.values() for n in V.shape[:1]} == set(range(1, 13))
    assert {float(re.search(r"scale (.*)", probe.name)[1]) for probe in probes} == set(networks.SCALES)
    assert (min(networks.SCALES), max(networks.SCALES)) == (0.01, 10)


def test_training_passes_through_its_checkpoints_and_learns():
    data = networks.breast_cancer()
    points = list(networks.checkpoints(data, networks.RECIPE))
    assert [point.epoch for point in points] == list(networks.RECIPE.epochs)
    assert [len(point.costs) for point in points] == list(np.diff([0, *networks.RECIPE.epochs]))
    assert points[-1].correct(data)["test"] >= 0.95 * data.Y_test.size
    again = list(networks.checkpoints(data, networks.RECIPE, [point.params for point in points]))
    assert all(np.array_equal(p.params["W1"], q.params["W1"]) for p, q in zip(points, again))


def test_a_checkpoint_is_the_trained_network_to_half_a_step_of_the_grid():
    point = list(networks.checkpoints(networks.breast_cancer(), networks.Recipe((30, 3, 1), 0.5, (0, 5))))[-1]
    for key, V in point.params.items():
        assert np.array_equal(V, np.round(V * 2**20) / 2**20)
        assert np.abs(V - point.reached[key]).max() <= 2.0**-21
