"""One small network, ways to spoil it, and a test that what is spoilt is refused in words."""

import re

import numpy as np
import pytest

import refnn

PARAMS = refnn.init_params([4, 3, 2], rng=0)
X = np.linspace(-1, 1, 20).reshape(4, 5)
Y = (np.arange(10).reshape(2, 5) % 2).astype(float)
AL, CACHES = refnn.forward_prop(X, PARAMS)
GRADS = refnn.backprop(AL, Y, CACHES)


def changed(d, **entries):
    """A copy of d with some entries replaced, or left out where the entry is None."""
    return {key: V for key, V in {**d, **entries}.items() if V is not None}


def with_cache(l, **parts):
    (A_prev, W, b), Z = CACHES[l]
    new = {"A_prev": A_prev, "W": W, "b": b, "Z": Z, **parts}
    return [*CACHES[:l], ((new["A_prev"], new["W"], new["b"]), new["Z"]), *CACHES[l + 1 :]]


def refusals(*cases):
    """A test of each (call, error, text): the argument, what it is, and what was expected."""

    @pytest.mark.parametrize(("call", "error", "text"), cases, ids=[text[:60] for *_, text in cases])
    def test(call, error, text):
        with pytest.raises(error, match=re.escape(text)) as refusal:
            call()
        assert type(refusal.value) is error

    return test
