"""Small reports for the tests: of a right gradient, and of others."""

import contextlib
import copy
import json
from unittest import mock

import numpy as np

from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.report import findings, make, networks, record
from refnn.report.findings import reference_gradient
from refnn.report.make import Subject, report_on_subjects

PLANTED = ("missing-mean", "sign-flipped", "missing-hidden-derivative", "bias-missing-mean", "dW-transposed")


@contextlib.contextmanager
def few_faults():
    """A part of the catalogue in reports and replays, with one fault that none of the networks here can have.

    The whole is planted by `make report`, and by `make recheck`.
    """
    with mock.patch.object(findings, "FAULTS", {name: FAULTS[name] for name in (*PLANTED, "penalty-missing")}):
        yield


@contextlib.contextmanager
def short_training():
    """`refnn report` is of two stages of a short training then, and of one seeded network, with no planted faults."""
    recipe = networks.Recipe((30, 2, 1), 0.5, (0, 3))
    with mock.patch.multiple(networks, SEEDS=range(10, 11), RECIPE=recipe), mock.patch.object(findings, "FAULTS", {}):
        yield


def subjects(*seeds):
    return [Subject(networks.seeded(seed), {"kind": "seeded", "seed": seed}) for seed in seeds]


def report_on(gradient, *seeds, name="tests:gradient"):
    report, _ = report_on_subjects(name, gradient, subjects(*(seeds or (10, 30))))
    return report


def right(params, X, Y):
    return reference_gradient(params, X, Y)


def missing_mean_in_layer_1(params, X, Y):
    grads = reference_gradient(params, X, Y)
    return {key: dV * Y.shape[1] if key in ("dW1", "db1") else dV for key, dV in grads.items()}


def in_float32(params, X, Y):
    return reference_gradient({key: V.astype("f4") for key, V in params.items()}, X.astype("f4"), Y.astype("f4"))


def with_nan(params, X, Y):
    grads = reference_gradient(params, X, Y)
    grads["dW1"][0, 0] = np.nan
    return grads


def raises(*_):
    raise RuntimeError("no such\nlayer \x1b[31m")


def changes_its_input(params, X, Y):
    grads = reference_gradient(params, X, Y)
    X[0, 0] += 1
    return grads


def changed(report, path, value):
    """A copy in which the entry at the path, a sequence of keys, is the value, or what the value makes of it."""
    report = copy.deepcopy(report)
    *parents, last = path
    inner = report
    for key in parents:
        inner = inner[key]
    inner[last] = value(inner[last]) if callable(value) else value
    return report


def forged(report):
    """The report with all its hashes and its citation made anew, as one who tampers with it would."""
    old, new = report["identity"], record.sha256(report["content"])
    cited = {
        kind: text and text.replace(old, new).replace(old[:12], new[:12]) for kind, text in report["citation"].items()
    }
    return record.sealed(report["content"], report["measured"], report["environment"], cited)


def written(report, path):
    path.write_text(json.dumps(report), encoding="utf-8")
    return path


def identities():
    """Of a report on seeded networks, and of one on default probes."""
    with few_faults():
        on_probes, _ = make.report_on(right, "tests:gradient")
        return [report_on(right)["identity"], on_probes["identity"]]


def leaves(value, path=()):
    """The words and numbers of a report, each with its path."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def twice(text):
    """A hexadecimal float, doubled."""
    return (2 * float.fromhex(text)).hex()


def slightly_more(text):
    return (float.fromhex(text) * 1.0001).hex()


def moved(text):
    return (float.fromhex(text) + 0.125).hex()


TAMPERED = {
    "a weight": (("content", "networks", 1, "params", "W1", "hex", 0), twice),
    "an input": (("content", "networks", 0, "data", "X", "hex", 1), twice),
    "a label": (("content", "networks", 0, "data", "Y", "hex", 0), "0x1.0000000000000p-1"),
    "a seed": (("content", "networks", 0, "origin", "seed"), 11),
    "a name": (("content", "networks", 0, "name"), "a larger network"),
    "a verdict": (("content", "networks", 0, "verdict"), "WRONG"),
    "the verdict": (("content", "verdict"), "BLIND"),
    "a verdict on a parameter": (("content", "networks", 0, "parameters", "dW1", "verdict"), "WRONG"),
    "a count of wrong entries": (("content", "networks", 0, "parameters", "dW1", "wrong"), 1),
    "a digest": (("content", "networks", 0, "gradient_digest"), "0" * 64),
    "the cause": (("content", "causes"), [["missing-mean"]]),
    "the tolerance": (("content", "tolerance"), "1e-7"),
    "the witnesses": (("content", "witnesses"), ["complex step"]),
    "faults seen": (("content", "faults", 2, "seen"), lambda n: n + 1),
    "faults tried": (("content", "faults", 0, "tried"), lambda n: n + 7),
    "no faults": (("content", "faults"), []),
    "a fault left out": (("content", "faults"), lambda faults: faults[:3] + faults[4:]),
    "a fault twice": (("content", "faults"), lambda faults: [*faults, faults[2]]),
    "a fault's equation": (("content", "faults", 0, "equation"), "D8"),
    "a gradient": (("measured", "networks", 1, "gradient", "dW1", "hex", 2), slightly_more),
    "a gradient, by its sign": (
        ("measured", "networks", 0, "gradient", "db1", "hex", 0),
        lambda x: (-float.fromhex(x)).hex(),
    ),
    "a step": (("measured", "networks", 0, "step"), twice),
    "an expected derivative": (("measured", "networks", 0, "worst", "dW1", "expected"), slightly_more),
    "a tolerance": (("measured", "networks", 0, "worst", "dW1", "tolerance"), slightly_more),
    "a worst entry": (("measured", "networks", 1, "worst", "dW1", "index"), [0, 9]),
    "a certified bound": (("measured", "networks", 0, "certificate", "ulps", "dW1", "hex", 0), slightly_more),
    "a certified derivative": (("measured", "networks", 0, "certificate", "truth", "db1", "hex", 0), slightly_more),
    "the precision of a certificate": (("measured", "networks", 0, "certificate", "bits"), 256),
    "a finding": (("measured", "findings"), ["dW1: nothing to see"]),
    "costs of no training": (("measured", "costs", "test"), ["0x1.0000000000000p-1"]),
}
