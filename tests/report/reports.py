"""Small reports for the tests: of a right gradient, and of others."""

import copy
import json

import numpy as np

from refnn.report import networks, record
from refnn.report.build import Subject, reference_gradient, report_on_subjects


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
    cited = {kind: text.replace(old, new).replace(old[:12], new[:12]) for kind, text in report["citation"].items()}
    return record.sealed(report["content"], report["measured"], report["environment"], cited)


def written(report, path):
    path.write_text(json.dumps(report), encoding="utf-8")
    return path
