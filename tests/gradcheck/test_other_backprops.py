"""Other people's backprops: no false alarm on right ones in any style, and bugs that no catalogue has are seen."""

import numpy as np
import other_backprops
import pytest
from other_backprops import RIGHT, fused, layers

from refnn.gradcheck import Verdict, check_backprop

SEEDS = range(4)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_backprop_passes_in_every_style(name):
    for seed in SEEDS:
        check = check_backprop(RIGHT[name], seed=seed, progress=False)
        assert check, f"{name}, seed {seed}\n{check}"


def changed(change, key="dW1"):
    """The right gradient with one array replaced by change(array, params, X, Y)."""

    def gradient(params, X, Y):
        grads = fused(params, X, Y)
        return {**grads, key: np.asarray(change(grads[key], params, X, Y))}

    return gradient


def backwards(output=None, slope=None, sums=None, forward=None):
    """`fused` with another output error, slope, way to sum, or activation."""
    output = output or (lambda A, Y: (A - Y) / Y.shape[1])
    slope = slope or (lambda A: A * (1 - A))
    sums = sums or (lambda dZ, A: (dZ @ A.T, dZ.sum(axis=1, keepdims=True)))
    forward = forward or (lambda W, A, b: W @ A + b)

    def gradient(params, X, Y):
        A = [X]
        for l in layers(params):
            A.append(1 / (1 + np.exp(-forward(params[f"W{l}"], A[-1], params[f"b{l}"]))))
        grads, dZ = {}, output(A[-1], Y)
        for l in reversed(layers(params)):
            grads[f"dW{l}"], grads[f"db{l}"] = sums(dZ, A[l - 1])
            dZ = params[f"W{l}"].T @ dZ * slope(A[l - 1])
        return grads

    return gradient


def dropout(V, *_):
    return V * (np.arange(V.size).reshape(V.shape) % 5 != 4)


def clipped(params, X, Y):
    grads = fused(params, X, Y)
    norm = np.sqrt(sum(np.sum(V * V) for V in grads.values()))
    return {key: V / max(1, norm) for key, V in grads.items()}


def shuffled(params, X, Y):
    return fused(params, X[:, ::-1], Y)


def flipped_rows(V, *_):
    return V[::-1]


def of_the_batch_before(params, X, Y):
    return fused(params, X[:, :-1], Y[:, :-1])


UNCATALOGUED = {
    "weight decay left in": changed(lambda V, params, *_: V + 1e-4 * params["W1"]),
    "gradient clipped by its norm": clipped,
    "one entry dropped out of five": changed(dropout),
    "m - 1 in place of m": backwards(output=lambda A, Y: (A - Y) / max(1, Y.shape[1] - 1)),
    "mean of dZ taken over units": backwards(sums=lambda dZ, A: (dZ @ A.T, dZ.mean() + 0 * dZ[:, :1])),
    "labels shifted by one example": backwards(output=lambda A, Y: (A - np.roll(Y, 1, axis=1)) / Y.shape[1]),
    "labels rounded": backwards(output=lambda A, Y: (A - np.round(Y)) / Y.shape[1]),
    "labels smoothed": backwards(output=lambda A, Y: (A - (0.98 * Y + 0.01)) / Y.shape[1]),
    "predictions in place of probabilities": backwards(output=lambda A, Y: ((A > 0.5) - Y) / Y.shape[1]),
    "absolute error": backwards(output=lambda A, Y: np.sign(A - Y) * A * (1 - A) / Y.shape[1]),
    "slope without its square": backwards(slope=lambda A: 1 - A),
    "slope squared": backwards(slope=lambda A: (A * (1 - A)) ** 2),
    "slope with a constant added": backwards(slope=lambda A: A * (1 - A) + 1e-6),
    "slope bounded below": backwards(slope=lambda A: np.maximum(A * (1 - A), 1e-2)),
    "forward without the biases": backwards(forward=lambda W, A, _: W @ A),
    "leaky forward": backwards(forward=lambda W, A, b: 0.999 * (W @ A + b)),
    "examples in another order": shuffled,
    "the last example forgotten": of_the_batch_before,
    "rows in reverse": changed(flipped_rows),
    "columns in reverse": changed(lambda V, *_: V[:, ::-1], "dW2"),
    "rounded to six decimals": changed(lambda V, *_: np.round(V, 6)),
    "rounded to nine digits": changed(lambda V, *_: np.array([float(f"{v:.8e}") for v in V.flat]).reshape(V.shape)),
    "in half precision inside": changed(lambda V, *_: V.astype(np.float16).astype(float)),
    "data in float32": lambda params, X, Y: fused(params, np.float64(np.float32(X)), Y),
    "NaN in one entry": changed(lambda V, *_: np.where(np.arange(V.size).reshape(V.shape) == 0, np.nan, V)),
    "tiny entries flushed to zero": changed(lambda V, *_: np.where(np.abs(V) < 0.1 * np.abs(V).max(), 0, V)),
    "accumulated over calls": None,  # made anew for each test: it keeps a state
    "arguments changed": lambda params, X, Y: (fused(params, X, Y), params["W1"].__imul__(0.9))[0],
}


def accumulating():
    total = {}

    def gradient(params, X, Y):
        for key, V in fused(params, X, Y).items():
            total[key] = V + (total[key] if key in total and total[key].shape == V.shape else 0)
        return dict(total)

    return gradient


@pytest.mark.parametrize("name", UNCATALOGUED)
def test_a_bug_that_no_catalogue_has_is_wrong_and_gets_no_false_name(name):
    for seed in SEEDS:
        check = check_backprop(UNCATALOGUED[name] or accumulating(), seed=seed, progress=False)
        assert check.verdict is Verdict.WRONG, f"{name}, seed {seed}\n{check}"
        assert not check.diagnosis or not check.diagnosis.causes, f"{name}, seed {seed}\n{check}"


def test_the_right_ones_are_right_to_begin_with():
    assert set(RIGHT.values()) >= {other_backprops.einsum, other_backprops.scalar_autograd}
    assert check_backprop(backwards(), progress=False)
