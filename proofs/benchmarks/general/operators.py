"""PyTorch's operators and modules with the sample inputs of its own tests, and autograd's functions, as cases.

f is the sum of all differentiable outputs times fixed random numbers, in float64; the right gradient is that of the
framework's own reverse mode. `skipped` says what is left out, and why.
"""

import os
import warnings
import zlib
from collections import Counter
from types import MappingProxyType

import autograd
import autograd.numpy as anp
import autograd.scipy.special as special
import numpy as np
import torch

from general.cases import Case

ENTRIES = 40  # of all inputs of a sample together, at most; of larger ones some are taken at random
SAMPLES = 3  # of an operator or a module, at most
# What is no right gradient of what f computes.
NOT_RIGHT = {"nn.functional.hardsigmoid": "its backward is off by 3e-8 in float64, for its 1/6 is one of float32"}
KINDS = {"operators": "PyTorch operator", "modules": "PyTorch module", "autograd": "autograd function"}

os.environ.setdefault("PYTORCH_TESTING_DEVICE_ONLY_FOR", "cpu")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import module_db


class Unfit(Exception):  # noqa: N818  (no error: a reason)
    """Why a sample is no case."""


def _random(shape, name):
    return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)


def _leaves(tree):
    """The tensors in nested tuples, lists and dicts, in order."""
    return [V for V in torch.utils._pytree.tree_leaves(tree) if isinstance(V, torch.Tensor)]


def _is_parameter(V):
    return isinstance(V, torch.Tensor) and V.layout == torch.strided and V.dtype == torch.float64 and V.requires_grad


def _total(outputs, differentiable, name):
    """The sum of the outputs that are differentiable, each times random numbers; complex ones as their two parts.

    `differentiable` tells for each output of real inputs its dtype if it is, and None if not.
    """
    total = 0
    for i, (V, dtype) in enumerate(zip(_leaves(outputs), differentiable)):
        if dtype is not None:
            V = V.to_dense() if V.layout != torch.strided else V
            V = torch.view_as_real(V.resolve_conj()) if dtype.is_complex else V
            total = total + (V * torch.tensor(_random(V.shape, f"{name} {i}"))).sum()
    return total


def _shared_out(leaves, name):
    """Of each leaf the flat places that are parameters: all, or of too many some at random, one at least."""
    total = sum(V.numel() for V in leaves)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    counts = [V.numel() if total <= ENTRIES else -(-V.numel() * (ENTRIES - len(leaves)) // total) for V in leaves]
    return [np.sort(rng.choice(V.numel(), n, replace=False)) for V, n in zip(leaves, counts)]


def _torch_case(name, source, function, call, leaves):
    """A case of `call`, a function of the leaves that are parameters."""
    if any(torch.nn.parameter.is_lazy(V) for V in leaves):
        raise Unfit("parameters without a shape")
    leaves = [V for V in leaves if V.numel()]
    if not leaves:
        raise Unfit("no entries")
    places = _shared_out(leaves, name)
    whole = [len(chosen) == V.numel() for V, chosen in zip(leaves, places)]
    arrays = [V.detach().numpy().copy() for V in leaves]
    params = {f"x{i}": V if every else V.ravel()[k] for i, (V, k, every) in enumerate(zip(arrays, places, whole))}
    fixed = [torch.tensor(V) for V in arrays]

    def outputs(tensors):
        parts = [
            x if every else V.to(x.dtype).flatten().index_put((torch.tensor(k),), x).reshape(V.shape)
            for x, V, k, every in zip(tensors, fixed, places, whole)
        ]
        return call(dict(zip(map(id, leaves), parts)))

    if not all(np.isfinite(V).all() for V in params.values()):
        raise Unfit("an input is not finite")
    with torch.enable_grad():
        first = _leaves(outputs([torch.tensor(V, requires_grad=True) for V in params.values()]))
    differentiable = [V.dtype if V.requires_grad and V.numel() else None for V in first]
    if not any(differentiable):
        raise Unfit("no output that depends on a parameter, for torch")

    def f(p):
        with torch.no_grad():
            return _total(outputs([torch.tensor(V) for V in p.values()]), differentiable, name).item()

    def gradient(p):
        tensors = [torch.tensor(V, requires_grad=True) for V in p.values()]
        with torch.enable_grad():
            total = _total(outputs(tensors), differentiable, name)
        found = torch.autograd.grad(total, tensors, allow_unused=True)
        return {key: np.zeros_like(V) if G is None else G.numpy() for (key, V), G in zip(p.items(), found)}

    first, again = (f(params), gradient(params)), (f(params), gradient(params))
    if not np.isfinite(first[0]):
        raise Unfit("f is not finite")
    if first[0] != again[0] or any((first[1][key] != again[1][key]).any() for key in params):
        raise Unfit("random, or not deterministic")
    if any(not np.isfinite(V).all() for V in first[1].values()):
        raise Unfit("torch's own gradient is not finite")
    return Case(name, source, function, KINDS[source], f, gradient, params)


def _replaced(tree, new):
    """The tree with each leaf that is in `new`, by identity, replaced."""
    return torch.utils._pytree.tree_map(lambda V: new.get(id(V), V), tree)


def _is_skipped(entry, suite, test):
    """Whether torch skips this test of its own, or expects it to fail, on the CPU in float64."""
    return any(
        getattr(mark, "__module__", "") == "unittest.case"
        for decorator in entry.decorators
        if hasattr(decorator, "is_active") and decorator.is_active(suite, test, "cpu", torch.float64, {})
        for mark in decorator.decorators
    )


def _samples_of(op):
    torch.manual_seed(0)
    if not op.supports_autograd:
        raise Unfit("not differentiable, says torch")
    if not op.supports_dtype(torch.float64, "cpu"):
        raise Unfit("not in float64")
    if _is_skipped(op, "TestBwdGradients", "test_fn_grad"):
        raise Unfit("torch skips its own gradient test")
    return list(op.sample_inputs("cpu", torch.float64, requires_grad=True))


def _case_of_op(op, name, sample):
    inputs = (sample.input, sample.args, sample.kwargs)
    leaves = [V for V in _leaves(inputs) if _is_parameter(V)]

    def call(new):
        first, args, kwargs = _replaced(inputs, new)
        return sample.output_process_fn_grad(op.gradcheck_wrapper(op.op, first, *args, **kwargs))

    return _torch_case(name, "operators", name.rpartition(" ")[0], call, leaves)


def _samples_of_module(info):
    torch.manual_seed(0)
    if torch.float64 not in info.dtypes and not info.dtypes_if_mps:
        raise Unfit("not in float64")
    if _is_skipped(info, "TestModule", "test_grad"):
        raise Unfit("torch skips its own gradient test")
    return [
        (info.module_cls, one)
        for one in info.module_inputs_func(info, device="cpu", dtype=torch.float64, requires_grad=True, training=True)
    ]


def _case_of_module(_, name, sample):
    make, one = sample
    torch.manual_seed(0)
    module = make(*one.constructor_input.args, **one.constructor_input.kwargs).to(torch.float64)
    inputs = (one.forward_input.args, one.forward_input.kwargs)
    own = dict(module.named_parameters())
    leaves = [*own.values(), *(V for V in _leaves(inputs) if _is_parameter(V))]

    def call(new):
        args, kwargs = _replaced(inputs, new)
        state = {key: V.clone() for key, V in module.named_buffers()} | _replaced(own, new)
        return torch.func.functional_call(module, state, args, kwargs)

    return _torch_case(name, "modules", name.rpartition(" ")[0], call, leaves)


def _of_each(entries, samples_of, case_of, name_of):
    """Cases of each entry, and why there are none of the others."""
    found, skipped = [], {}
    for entry in entries:
        name, cases, why = name_of(entry), [], Counter({"no sample inputs": 0})
        try:
            if name in NOT_RIGHT:
                raise Unfit(NOT_RIGHT[name])
            samples = samples_of(entry)
            # Of all samples some from everywhere, since neighbours are alike.
            order = sorted(range(len(samples)), key=lambda i: (i * 0.618034) % 1)
            for i in order:
                try:
                    cases.append(case_of(entry, f"{name} {i}", samples[i]))
                except Unfit as reason:
                    why[str(reason)] += 1
                if len(cases) == SAMPLES:
                    break
        except Unfit as reason:
            why[str(reason)] += 1
        except Exception as error:
            why[f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:100]] += 1
        found += cases
        if not cases:
            skipped[name] = why.most_common(1)[0][0]
    return found, skipped


def _op_name(op):
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


# ---------------------------------------------------------------------- autograd

POSITIVE, UNIT, ABOVE_1 = (0.2, 3.0), (-0.9, 0.9), (1.2, 4.0)
ANY = (-2.0, 2.0)
ELEMENTWISE = {
    **dict.fromkeys(("exp", "expm1", "sin", "cos", "sinh", "cosh", "tanh", "arctan", "arcsinh", "exp2", "sinc"), ANY),
    **dict.fromkeys(("abs", "fabs", "square", "negative", "reciprocal", "sign", "floor", "degrees", "radians"), ANY),
    **dict.fromkeys(("log", "log2", "log10", "log1p", "sqrt"), POSITIVE),
    **dict.fromkeys(("arcsin", "arccos", "arctanh", "tan"), UNIT),
    "arccosh": ABOVE_1,
}
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "logaddexp", "logaddexp2", "arctan2", "hypot")
REDUCTIONS = ("sum", "mean", "var", "std", "prod", "max", "min", "cumsum", "ravel", "transpose", "sort", "diag")
SPECIAL = {
    **dict.fromkeys(("erf", "erfc", "expit", "j0", "j1", "i0", "i1"), ANY),
    **dict.fromkeys(("gamma", "gammaln", "digamma", "y0", "y1", "rgamma"), POSITIVE),
    **dict.fromkeys(("erfinv",), UNIT),
    **dict.fromkeys(("logit", "erfcinv"), (0.1, 0.9)),
}
LINEAR_ALGEBRA = ("inv", "det", "pinv", "norm", "solve")


def _autograd_functions():
    """(name, function of arrays, arrays) for each."""

    def uniform(name, ends, shape=(2, 3)):
        return np.random.default_rng(zlib.crc32(name.encode())).uniform(*ends, shape)

    for name, ends in ELEMENTWISE.items():
        yield name, getattr(anp, name, None), (uniform(name, ends),)
    for name in BINARY:
        yield name, getattr(anp, name, None), (uniform(name, ANY), uniform(name + "'", ABOVE_1))
    yield "power", anp.power, (uniform("power", POSITIVE), uniform("power'", ANY))
    for name in REDUCTIONS:
        V = uniform(name, ANY, (5,) if name in ("sort", "diag") else (2, 3))
        yield name, getattr(anp, name, None), (V,)
    for name, ends in SPECIAL.items():
        yield f"special.{name}", getattr(special, name, None), (uniform(name, ends),)
    A = uniform("matrix", UNIT, (3, 3)) + 2 * np.eye(3)
    for name in LINEAR_ALGEBRA:
        function = getattr(anp.linalg, name)
        yield f"linalg.{name}", function, (A, uniform("b", ANY, (3,))) if name == "solve" else (A,)
    yield "linalg.slogdet", lambda M: anp.linalg.slogdet(M)[1], (A,)
    yield "linalg.cholesky", lambda M: anp.linalg.cholesky(M @ M.T + anp.eye(3)), (A,)
    yield "linalg.eigh", lambda M: anp.vstack(tuple(anp.linalg.eigh(M + M.T))), (A,)
    a, b = uniform("a", ANY, (2, 3)), uniform("b", ANY, (3, 2))
    yield "dot", anp.dot, (a, b)
    yield "matmul", anp.matmul, (a, b)
    yield "tensordot", lambda x, y: anp.tensordot(x, y, axes=((0,), (1,))), (a, b)
    yield "einsum", lambda x, y: anp.einsum("ij,jk->ik", x, y), (a, b)
    yield "outer", anp.outer, (a[0], b[:, 0])
    yield "kron", anp.kron, (a, b)
    yield "inner", anp.inner, (a, b.T.copy())
    yield "where", lambda x, y: anp.where(a > 0, x, y), (a, b.T.copy())
    yield "concatenate", lambda x, y: anp.concatenate([x, y.T]), (a, b)
    yield "roll", lambda x: anp.roll(x, 1), (a,)
    yield "clip", lambda x: anp.clip(x, -1, 1), (a,)
    yield "repeat", lambda x: anp.repeat(x, 2, axis=1), (a,)
    yield "tile", lambda x: anp.tile(x, (2, 1)), (a,)
    yield "pad", lambda x: anp.pad(x, 1, mode="constant"), (a,)
    yield "gather", lambda x: x[np.array([0, 1, 1])], (a,)
    yield "fft", lambda x: anp.abs(anp.fft.fft(x)), (a,)


def _autograd_case(name, function, arrays):
    def total(p):
        V = function(*p.values())
        return anp.sum(V * _random(np.shape(V), name))

    def gradient(p):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {key: np.asarray(V) for key, V in autograd.grad(total)(dict(p)).items()}

    params = {f"x{i}": V for i, V in enumerate(arrays)}
    if not all(np.isfinite(V).all() and V.shape == params[key].shape for key, V in gradient(params).items()):
        raise Unfit("autograd's own gradient is not finite, or of another shape")
    return Case(f"autograd {name}", "autograd", f"autograd {name}", KINDS["autograd"], total, gradient, params)


def _of_autograd():
    found, skipped = [], {}
    for name, function, arrays in _autograd_functions():
        try:
            if function is None:
                raise Unfit("not in this version of autograd")
            found.append(_autograd_case(name, function, arrays))
        except Unfit as reason:
            skipped[f"autograd {name}"] = str(reason)
        except Exception as error:
            skipped[f"autograd {name}"] = f"{type(error).__name__}: {error}"[:100]
    return found, skipped


def operators():
    """All cases, and a reason for each operator, module or function of which there is none."""
    torch.set_num_threads(1)
    found, skipped = [], {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for cases, left_out in (
            _of_each(op_db, _samples_of, _case_of_op, _op_name),
            _of_each(module_db, _samples_of_module, _case_of_module, lambda info: info.name),
            _of_autograd(),
        ):
            found += cases
            skipped |= left_out
    return found, MappingProxyType(skipped)
