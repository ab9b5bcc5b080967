"""Functions of PyTorch tensors as the judge of pullbacks takes them: dicts of tensors in and out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch.autograd import forward_ad

from refnn.gradcheck.containers import leaves_of, of_argument, rebuilt
from refnn.gradcheck.leaves import placed

Tensors = Mapping[str, torch.Tensor]


def is_number(value: object) -> bool:
    """Whether it is a tensor that can have a gradient."""
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())


def beside(value: Any, others: Collection[torch.Tensor]) -> Any:
    """A tensor in the precision of others, and complex if they are; what is no number as it is."""
    if not is_number(value):
        return value
    dtype = max((other.dtype for other in others), key=lambda dtype: (dtype.is_complex, torch.finfo(dtype).bits))
    return value.to(dtype if dtype.is_complex or not value.is_complex() else torch.complex128)


@dataclass(frozen=True, eq=False)
class Subject:
    """A function as one of its differentiable tensors, by name; those that it has inside, a module's, with them.

    The judge's witnesses ask the function as it was before compilation, vjp and jvp as it is.
    """

    func: Callable[..., Any]
    inputs: tuple[Any, ...]
    tensors: dict[str, torch.Tensor]
    connected: Collection[str] = field(default=(), kw_only=True)  # outputs that require a gradient, or all if none does

    @classmethod
    def of(cls, func: Any, inputs: Any) -> Subject:
        """A TypeError or ValueError where there is nothing to judge."""
        if inspect.isclass(func) and issubclass(func, torch.autograd.Function) and hasattr(func, "apply"):
            func = func.apply
        if not callable(func):
            raise TypeError(f"func is {type(func).__name__}, expected a callable func(*inputs) -> tensors")
        inputs = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
        found = {name: leaf for name, leaf in _named(inputs) if is_number(leaf) and leaf.requires_grad}
        for name, leaf in found.items():
            if leaf.layout is not torch.strided:
                raise TypeError(f"{name} is {leaf.layout}, expected torch.strided: let func make it of its values")
        if isinstance(func, torch.nn.Module):
            found |= {name: p for name, p in _before(func).named_parameters() if p.requires_grad}
        if not found:
            raise ValueError("inputs hold no tensor of floats with requires_grad, expected at least one")
        subject = cls(func, inputs, {name: tensor.detach() for name, tensor in found.items()})
        return replace(subject, connected=tuple(subject._graph(subject.tensors)[1]))

    def __call__(self, moved: Tensors) -> dict[str, torch.Tensor]:
        # Of tensors that require a gradient, as `gradcheck` hands them over: func may differentiate by them itself.
        moved = {name: V.detach().requires_grad_() for name, V in moved.items()}
        return {name: V.detach() for name, V in self.outputs(_before(self.func), moved).items()}

    def outputs(self, func: Any, moved: Tensors) -> dict[str, torch.Tensor]:
        """The outputs that are floating-point or complex numbers. Where the moved tensors are wider than they came, or
        complex, all others are so too."""
        wide = any(tensor.dtype != self.tensors[name].dtype for name, tensor in moved.items())
        fit: Callable[[Any], Any] = partial(beside, others=moved.values()) if wide else lambda V: V
        given = rebuilt(self.inputs, (moved.get(name, fit(leaf)) for name, leaf in _named(self.inputs)))
        if isinstance(func, torch.nn.Module):
            own = {**dict(func.named_parameters()), **{name: b.clone() for name, b in func.named_buffers()}}
            prefix = "" if func is _before(func) else "_orig_mod."
            state = {name: moved.get(name.removeprefix(prefix), fit(V)) for name, V in own.items()}
            found = torch.func.functional_call(func, state, given)
        else:
            found = func(*given)
        outputs = {f"output{path}": leaf for path, leaf in leaves_of(found) if is_number(leaf)}
        return {name: outputs[name] for name in self.connected or outputs}

    def vjp(self, tensors: Tensors, cotangents: Tensors) -> dict[str, Any]:
        """Of the outputs that require a gradient, for backward is asked for no others."""
        moved, outputs = self._graph(tensors)
        return _gradients(outputs, moved, cotangents)

    def jvp(self, tensors: Tensors, tangents: Tensors) -> dict[str, Any]:
        with forward_ad.dual_level():
            moved = {name: forward_ad.make_dual(tensor.detach(), tangents[name]) for name, tensor in tensors.items()}
            duals = {name: forward_ad.unpack_dual(V) for name, V in self.outputs(self.func, moved).items()}
            return {name: torch.zeros_like(V.primal) if V.tangent is None else V.tangent for name, V in duals.items()}

    def _pushed(self, tensors: Tensors, tangents: Tensors) -> Any:
        """The jvp in a form that vmap accepts."""
        return torch.func.jvp(partial(self.outputs, self.func), (dict(tensors),), (dict(tangents),))[1]

    def _graph(self, tensors: Tensors) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """New tensors with the same numbers, and the outputs computed from them."""
        moved = {name: placed(V, V.detach(), V.dtype).requires_grad_() for name, V in tensors.items()}
        return moved, {name: V for name, V in self.outputs(self.func, moved).items() if V.requires_grad}

    # ------------------------------------------------------------------ what PyTorch asks besides the numbers

    def undefined_defects(self, nondeterminism: float) -> list[str]:
        """What is wrong with the backward where the gradients of some outputs are undefined and the others zero."""
        names = set(self._graph(self.tensors)[1])
        for lost in {frozenset(some) for name in names for some in ({name}, names - {name}, names) if some}:
            moved, outputs = self._graph(self.tensors)
            marked = {k: torch._C._functions.UndefinedGrad()(V) if k in lost else V for k, V in outputs.items()}
            try:
                grads = _gradients(marked, moved, {k: torch.zeros_like(V) for k, V in outputs.items()})
            except Exception as error:  # the backward may refuse in any way
                return [f"check_undefined_grad: backward raised {type(error).__name__}: {error}"]
            if any(G is not None and bool((G.abs() > nondeterminism).any()) for G in grads.values()):
                return ["check_undefined_grad: an undefined gradient of an output is not taken as zero"]
        return []

    def batched_defects(self, kind: str) -> list[str]:
        """Whether vmap over cotangents or tangents gives what one after the other do, to half the digits."""
        if kind == "vjp":
            word, one = "check_batched_grad", partial(self.vjp, self.tensors)
            moved, domain = self._graph(self.tensors)
            batched: Callable[..., Any] = partial(_gradients, domain, moved, is_grads_batched=True)
        else:
            word, one, domain = "check_batched_forward_grad", partial(self._pushed, self.tensors), self.tensors
            batched = torch.func.vmap(one)
        several = _drawn(torch.randn, domain, 2)
        try:
            together = batched(several)
        except RuntimeError as error:
            return [f"{word}: vmap raised {error}"]
        for k in range(2):
            for name, V in one({name: U[k] for name, U in several.items()}).items():
                if V is not None and not torch.allclose(together[name][k], V, rtol=0, atol=_half_the_digits(V)):
                    return [f"{word}: under vmap {name} is another"]
        return []


@dataclass(frozen=True, eq=False)
class Backward(Subject):
    """The backward of a subject, as a function of its tensors and of the gradients of its outputs."""

    first: Subject
    scattered: bool  # gradients that are not contiguous

    @classmethod
    def of_subject(cls, first: Subject, grad_outputs: Any, scattered: bool) -> Backward:
        _, outputs = first._graph(first.tensors)
        given = grad_outputs if isinstance(grad_outputs, tuple | list) else [grad_outputs]
        if grad_outputs is None:
            given = [2 * V - 1 for V in _drawn(torch.rand, outputs).values()]
        if len(given) != len(outputs):
            raise ValueError(f"grad_outputs has {len(given)} tensors, expected {len(outputs)}: one for each output")
        named = {f"grad of {name}": g.detach() for name, g in zip(outputs, given, strict=True)}
        return cls(first.func, first.inputs, {**first.tensors, **named}, first, scattered)

    def outputs(self, func: Any, moved: Tensors) -> dict[str, torch.Tensor]:
        moved = {name: V if V.requires_grad else V.requires_grad_() for name, V in moved.items()}
        inner = {name: moved[name] for name in self.first.tensors}
        outputs = {name: V for name, V in self.first.outputs(func, inner).items() if V.requires_grad}
        given = {name: moved[f"grad of {name}"] for name in outputs}
        if self.scattered:
            given = {name: torch.stack([V, V], -1)[..., 0] for name, V in given.items()}
        grads = _gradients(outputs, inner, given, create_graph=True)
        return {f"grad of {name}": G for name, G in grads.items() if G is not None}


def _drawn(draw: Callable[..., torch.Tensor], tensors: Tensors, *axes: int) -> dict[str, torch.Tensor]:
    """Random tensors like these, with such axes before; PyTorch's own random numbers stay as they are."""
    own = torch.Generator().manual_seed(0)
    return {name: draw((*axes, *V.shape), dtype=V.dtype, generator=own).to(V.device) for name, V in tensors.items()}


def _before(func: Any) -> Any:
    """The function as it was before compilation."""
    return getattr(func, "_orig_mod", getattr(func, "_torchdynamo_orig_callable", func))


def _named(inputs: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    return ((of_argument(path), leaf) for path, leaf in leaves_of(inputs))


def _gradients(outputs: Tensors, moved: Tensors, cotangents: Tensors, **options: Any) -> dict[str, Any]:
    names = [name for name, V in outputs.items() if V.requires_grad]
    if not names:
        return dict.fromkeys(moved)
    several = [outputs[name] for name in names]
    given = [cotangents[name] for name in names]
    grads = torch.autograd.grad(several, list(moved.values()), given, allow_unused=True, **options)
    return dict(zip(moved, grads, strict=True))


def _half_the_digits(V: torch.Tensor) -> float:
    return float(torch.finfo(V.dtype).eps ** 0.5 * V.abs().max()) if V.numel() else 0.0
