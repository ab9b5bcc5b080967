"""Right gradients to try a checker on: an immutable record for each, made of a model at a point, in a variant.

A model is a function of arrays and its backward, both written by hand in NumPy and called by the names of the arrays.
It declares them by shape, or as they are: parameters, which are differentiated, and data, which are not.
"""

import inspect
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np

HALVES = ("tuning", "held-out")
SALT = 238  # of 300 tried the one whose halves have nearest to the same number of each kind
MODELS = {}


@dataclass(frozen=True, eq=False)
class Model:
    """`zeros` names the parameters whose gradient is zero whatever the numbers; `accuracy` is relative, that of f.

    `exact` is f once more, for truth.py, where f itself takes nothing but floats.
    """

    name: str
    kind: str
    forward: Callable
    backward: Callable
    params: Mapping
    data: Mapping
    scales: tuple
    variants: tuple
    zeros: tuple = ()
    accuracy: float = 0.0
    exact: Callable | None = None

    def point(self, scale):
        """Parameters and data; normal numbers for each shape, those of parameters of the given scale."""
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), round(1e6 * scale)])
        data = {key: _made(V, rng, 1.0) for key, V in self.data.items()}
        return {key: _made(V, rng, scale) for key, V in self.params.items()}, data


def _made(what, rng, scale):
    if isinstance(what, tuple):
        return scale * rng.standard_normal(what)
    return what(rng) if callable(what) else np.array(what)


def backward_of(forward, kind, params, data=None, *, scales=(0.1, 1), variants=("plain", "real", "float32"), **more):
    """Declares the function below as the backward of `forward`, and both as a model."""

    def declare(backward):
        MODELS[forward.__name__] = Model(
            forward.__name__, kind, forward, backward, params, data or {}, scales, variants, **more
        )
        return backward

    return declare


def _cast(arrays, dtype):
    return {k: V.astype(dtype) if np.issubdtype(V.dtype, np.floating) else V for k, V in arrays.items()}


COARSE = {"float32": "float32", "kernel": "noisy"}  # the kind of each
KINDS = {**COARSE, "told": "noisy, told"}
# What a variant makes of f. "plain" is f as written: most carry complex numbers.
VARIANTS = {
    "plain": lambda f: f,
    "real": lambda f: lambda p: float(np.real(f(p))),
    "float32": lambda f: f,  # all arrays are in float32
    "kernel": lambda f: lambda p: float(f(_cast(p, np.float32))),  # float32 inside, of which nothing shows
    "told": lambda f: lambda p: float(np.real(f(p))),  # and how well f is known is said, to a checker that asks
}


@dataclass(frozen=True, eq=False)
class Case:
    """f, a right gradient of it, and where.

    `accuracy` is relative: to which f is known, but for ordinary rounding; `told` whether checkers learn of it. `zeros`
    names the parameters whose gradient is zero whatever the numbers. `by` makes a gradient of another backward of the
    same model, if there is a model.
    """

    name: str
    source: str
    function: str
    kind: str
    f: Callable = field(repr=False)
    gradient: Callable = field(repr=False)
    params: Mapping = field(repr=False)
    accuracy: float = 0.0
    zeros: tuple = ()
    told: bool = False
    by: Callable | None = field(default=None, repr=False)
    model: Model | None = field(default=None, repr=False)
    data: Mapping | None = field(default=None, repr=False)

    @property
    def half(self):
        """By the name of the function: all its points and variants are in one half."""
        return HALVES[zlib.crc32(f"{SALT} {self.function}".encode()) // 7 % 2]

    @property
    def expected(self):
        """The verdicts that a right gradient may get: where all derivatives are zero, nothing could be seen."""
        flat = all(key in self.zeros or not V.any() for key, V in self.right.items())
        return ("PASS", "BLIND") if flat else ("PASS",)

    @cached_property
    def right(self):
        """The right gradient, here."""
        return self.gradient(dict(self.params))


def cases():
    """Every model at every scale in every variant; those in float32 at the scale nearest to 1."""
    return [
        _case(model, scale, variant)
        for model in MODELS.values()
        for scale in model.scales
        for variant in model.variants
        if variant not in COARSE or scale == min(model.scales, key=lambda s: abs(s - 1))
    ]


def _case(model, scale, variant):
    params, data = model.point(scale)
    if variant in COARSE:
        params, data = _cast(params, np.float32), _cast(data, np.float32)
    if variant == "kernel":
        params = _cast(params, np.float64)

    def by(backward):
        def gradient(p):
            with np.errstate(all="ignore"):
                return {key: np.asarray(V) for key, V in backward(**p, **data).items()}

        return gradient

    return Case(
        f"{model.name} {scale:g} {variant}",
        "corpus",
        model.name,
        KINDS.get(variant, model.kind),
        VARIANTS[variant](lambda p: model.forward(**p, **data)),
        by(model.backward),
        MappingProxyType(params),
        model.accuracy or (1e-6 if variant in COARSE else 0.0),
        model.zeros,
        variant == "told",
        by,
        model,
        MappingProxyType(data),
    )


def changed(backward, old, new):
    """The backward with one piece of its source replaced, which has to occur once."""
    source = inspect.getsource(backward)
    source = source[source.index("\ndef ") + 1 :]
    if source.count(old) != 1:
        raise ValueError(f"{old!r} occurs {source.count(old)} times in {backward.__name__}, expected once")
    scope = {}
    exec(source.replace(old, new), backward.__globals__, scope)
    return scope[backward.__name__]
