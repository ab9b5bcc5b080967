"""refnn.torch, and containers of tensors: `make peers` runs these laws, for they need PyTorch."""

import inspect
import re

import numpy as np
import pytest
import torch
from torch import nn

from refnn import (
    Verdict,
    backprop,
    check_backprop,
    check_gradients,
    check_jacobian,
    check_vjp,
    forward_prop,
    numerical_gradient,
)
from refnn.gradcheck.faults.probes import default_probes
from refnn.torch import GradcheckError, gradcheck, gradgradcheck

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # which PyTorch itself still uses
torch.manual_seed(0)
X, W = torch.randn(3, 4, dtype=torch.double), torch.randn(4, 2, dtype=torch.double)


def grad(tensor, dtype=torch.double):
    return tensor.detach().to(dtype).requires_grad_()


def refused(func, inputs, check=gradcheck, **options):
    """The check in print with which it is refused, without its line breaks."""
    assert check(func, inputs, raise_exception=False, **options) is False
    with pytest.raises(GradcheckError) as error:
        check(func, inputs, **options)
    return " ".join(str(error.value).split())


class Tanh(torch.autograd.Function):
    """Right in every way, with a backward that can be differentiated."""

    @staticmethod
    def forward(x):
        return torch.tanh(x)

    @staticmethod
    def setup_context(ctx, _inputs, output):
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx, g):
        return g * (1 - ctx.saved_tensors[0] ** 2)

    @staticmethod
    def jvp(ctx, t):
        return t * (1 - ctx.saved_tensors[0] ** 2)


class OffBackward(Tanh):
    @staticmethod
    def backward(ctx, g):
        return 1.001 * Tanh.backward(ctx, g)


class OffForward(Tanh):
    @staticmethod
    def jvp(ctx, t):
        return 1.001 * Tanh.jvp(ctx, t)


class OffTwice(Tanh):
    """Right once; its backward is 1 - tanh² as a number, whose own derivative is lost."""

    @staticmethod
    def backward(ctx, g):
        return g * (1 - ctx.saved_tensors[0].detach() ** 2)


class Contiguous(Tanh):
    @staticmethod
    def backward(ctx, g):
        if not g.is_contiguous():
            raise ArithmeticError("not contiguous")
        return Tanh.backward(ctx, g)


class OffUnderVmap(Tanh):
    @staticmethod
    def backward(ctx, g):
        try:
            return Tanh.backward(ctx, g) * (1 + 0 * g.sum().item())
        except RuntimeError:  # under vmap there is no such number
            return 2 * Tanh.backward(ctx, g)


class Square(torch.autograd.Function):
    """x², of which those below have a backward."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x


def test_the_signatures_are_those_of_pytorch():
    for ours, theirs in ((gradcheck, torch.autograd.gradcheck), (gradgradcheck, torch.autograd.gradgradcheck)):
        ours, theirs = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
        assert [(p.name, p.kind) for p in ours.values()] == [(p.name, p.kind) for p in theirs.values()]
        differ = {name for name in ours if ours[name].default != theirs[name].default}
        assert differ == {"eps", "atol", "rtol"}


@pytest.mark.parametrize("dtype", [torch.double, torch.float, torch.half, torch.bfloat16])
def test_right_functions_pass_in_every_dtype_and_wrong_ones_do_not(dtype):
    x, w = grad(X, dtype), grad(W, dtype)
    assert gradcheck(torch.mm, (x, w))
    assert gradcheck(lambda x: (x * x).sum(), x)
    off = 1.001 if dtype in (torch.double, torch.float) else 1.5  # bfloat16 has 8 bits

    class Off(Square):
        @staticmethod
        def backward(ctx, g):
            return 2 * off * g * ctx.saved_tensors[0]

    text = refused(Off.apply, x)
    assert text.startswith("WRONG on a random cotangent")
    assert "input 0" in text
    assert "WRONG" in refused(Off, x)  # the class itself


def test_functions_with_forward_and_second_derivatives():
    x = grad(X)
    assert gradcheck(Tanh.apply, x, check_forward_ad=True)
    assert gradgradcheck(Tanh.apply, x, check_fwd_over_rev=True)
    assert "forward mode" not in refused(OffBackward.apply, x)
    assert refused(OffForward.apply, x, check_forward_ad=True).startswith("WRONG on forward mode")
    assert gradcheck(OffForward.apply, x)
    assert gradcheck(OffBackward.apply, x, check_forward_ad=True, check_backward_ad=False)
    assert gradcheck(OffTwice.apply, x)
    assert "grad of output" in refused(OffTwice.apply, x, gradgradcheck)
    with pytest.raises(ValueError, match="check_backward_ad and check_forward_ad are False"):
        gradcheck(Tanh.apply, x, check_backward_ad=False)


def test_second_derivatives_with_gradients_of_ones_own():
    x, g = grad(X), grad(torch.ones(3, 4))
    assert gradgradcheck(torch.tanh, x, g)
    assert gradgradcheck(torch.tanh, (x,), (g,), gen_non_contig_grad_outputs=True)
    assert gradgradcheck(torch.mm, (x, grad(W)))
    assert gradgradcheck(Contiguous.apply, x)
    with pytest.raises(ArithmeticError, match="not contiguous"):
        gradgradcheck(Contiguous.apply, x, gen_non_contig_grad_outputs=True)
    with pytest.raises(ValueError, match="grad_outputs has 2 tensors, expected 1: one for each output"):
        gradgradcheck(torch.tanh, x, (g, g))


def test_modules_are_judged_with_their_parameters():
    module = nn.Sequential(nn.Linear(4, 3), nn.GELU(), nn.LayerNorm(3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    buffers = {name: b.clone() for name, b in module.named_buffers()}
    assert gradcheck(module, torch.randn(5, 4))
    assert gradcheck(module.double(), grad(torch.randn(5, 4)))
    assert all(torch.equal(b, buffers[name].to(b.dtype)) for name, b in module.named_buffers())

    class Off(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.bias = nn.Linear(4, 3), nn.Parameter(torch.ones(3))

        def forward(self, x):
            return OffBackward.apply(self.bias) + self.inner(x)

    text = refused(Off(), torch.randn(5, 4))
    assert "error: bias: 1.001 times the true gradient" in text


def test_compiled_functions_and_modules():
    x = grad(X)
    assert gradcheck(torch.compile(torch.tanh, backend="aot_eager"), x)
    assert gradcheck(torch.compile(nn.Linear(4, 2).double(), backend="aot_eager"), x)
    assert "WRONG" in refused(torch.compile(lambda x: x * x.detach(), backend="aot_eager"), x)

    def miscompiles(graph, _inputs):
        return lambda *given: tuple(1.01 * V for V in graph(*given))

    assert "WRONG" in refused(torch.compile(torch.tanh, backend=miscompiles), x)


def test_inputs_and_outputs_in_containers_and_inputs_without_a_gradient():
    def func(pair, options, n, name):
        assert (n, name) == (2, "sum")
        return {"out": torch.cat(pair) * options["k"] ** n, "count": n, "index": torch.argmax(pair[0])}

    x, k = grad(X), torch.tensor(2.0, requires_grad=True)
    assert gradcheck(func, ([x, grad(X + 1)], {"k": k}, 2, "sum"))
    assert gradcheck(torch.mm, (grad(X, torch.float), W.float()))  # the other in float32, which float64 does not take
    detached = refused(lambda pair: torch.cat([pair[0], pair[1].detach()]), ([x, grad(X + 1)],))
    assert "input 0[1]: zero in every entry" in detached


def test_complex_tensors():
    z = grad(torch.complex(X, X.flip(0)), torch.complex128)
    assert gradcheck(lambda z: z * z.conj() * z, z)
    assert gradgradcheck(lambda z: z * z * z, z)
    assert gradcheck(torch.view_as_complex, grad(X.reshape(3, 2, 2)))

    class Off(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]  # without the conjugate

    assert "input 0.imag" in refused(Off.apply, z)


class Both(torch.autograd.Function):
    """Two outputs, of which one may have no gradient."""

    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return 2 * x, 3 * x

    @staticmethod
    def backward(_ctx, g, h):
        return sum((factor * G for factor, G in ((2, g), (3, h)) if G is not None), torch.zeros(3, 4))


class NoneForgotten(Both):
    @staticmethod
    def backward(_ctx, g, h):
        return 2 * g + 3 * h


class NoneIsOne(Both):
    @staticmethod
    def backward(_ctx, g, h):
        return (1 if g is None else 2 * g) + (torch.zeros(3, 4) if h is None else 3 * h)


def test_what_pytorch_asks_besides_numbers():
    x = grad(X)
    every = dict.fromkeys(["check_undefined_grad", "check_grad_dtypes", "check_batched_grad"], True)
    assert gradcheck(torch.mm, (x, grad(W)), **every, check_forward_ad=True, check_batched_forward_grad=True)
    assert gradcheck(Both.apply, x)
    assert "check_undefined_grad: backward raised TypeError" in refused(NoneForgotten.apply, x)
    assert "check_undefined_grad: an undefined gradient of an output is not taken as zero" in refused(
        NoneIsOne.apply, x
    )
    assert gradcheck(NoneForgotten.apply, x, check_undefined_grad=False)
    assert "check_batched_grad: vmap raised" in refused(Numpy.apply, x, check_batched_grad=True)
    assert "check_batched_grad: under vmap input 0 is another" in refused(
        OffUnderVmap.apply, x, check_batched_grad=True
    )
    assert gradcheck(Numpy.apply, x)
    assert gradcheck(OffUnderVmap.apply, x)


class Numpy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.tensor(np.sin(x.numpy()))

    @staticmethod
    def backward(ctx, g):
        return torch.tensor(g.numpy() * np.cos(ctx.saved_tensors[0].numpy()))


def test_two_answers_are_refused_unless_allowed():
    class Noisy(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0] + 1e-10 * torch.rand(3, 4)

    assert "vjp gives two answers to one question" in refused(Noisy.apply, grad(X))
    assert gradcheck(Noisy.apply, grad(X), nondet_tol=1e-9)
    assert "f is random" in refused(nn.Dropout(), grad(X))


def test_what_is_not_used_is_said():
    note = "eps, atol and rtol are not used: there is no tolerance to choose"
    assert gradcheck(torch.tanh, grad(X), eps=1e-3, atol=1e-2, rtol=1e-2)
    assert note in refused(OffBackward.apply, grad(X), eps=1e-6)
    assert note not in refused(OffBackward.apply, grad(X))
    assert gradcheck(torch.tanh, grad(X), fast_mode=True)
    assert "WRONG" in refused(OffBackward.apply, grad(X), fast_mode=True)


@pytest.mark.parametrize(
    ("func", "inputs", "error", "text"),
    [
        (torch.tanh, X, ValueError, "inputs hold no tensor of floats with requires_grad, expected at least one"),
        (3, grad(X), TypeError, r"func is int, expected a callable func\(\*inputs\) -> tensors"),
        (torch.tanh, grad(X.to_sparse()), TypeError, "input 0 is torch.sparse_coo, expected torch.strided"),
        (lambda _: None, grad(X), TypeError, "f returned dict, expected"),
    ],
)
def test_what_cannot_be_judged_is_refused(func, inputs, error, text):
    with pytest.raises(error, match=text):
        gradcheck(func, inputs)


# ---------------------------------------------------------------------- containers of tensors


@pytest.mark.parametrize("dtype", [torch.double, torch.float, torch.bfloat16])
def test_tensors_are_handed_back_as_they_came(dtype):
    torch.manual_seed(0)
    module = nn.Linear(4, 2).to(dtype)
    x = X.to(dtype)

    def loss(params):
        assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in params.values())
        return torch.func.functional_call(module, params, (x.to(next(iter(params.values())).dtype),)).square().sum()

    def gradient(params):
        assert {p.dtype for p in params.values()} == {dtype}
        return torch.autograd.grad(loss(params), tuple(params.values()))

    params = dict(module.named_parameters())
    assert check_gradients(loss, params, gradient)
    off = 1.001 if dtype is not torch.bfloat16 else 1.5
    wrong = check_gradients(loss, params, lambda p: [off * G for G in gradient(p)])
    assert wrong.verdict is Verdict.WRONG
    if dtype is torch.double:
        assert check_gradients(loss, params, gradient(params))
        found = numerical_gradient(loss, params)
        np.testing.assert_allclose(found["weight"], gradient(params)[0], rtol=1e-7)


def test_a_value_with_a_gradient_sparse_gradients_and_none():
    t = grad(X)
    (t**2).sum().backward()

    def f(t):
        assert t.requires_grad
        assert not t.is_complex() or t.dtype is torch.complex128
        return (t**2).sum()

    assert check_gradients(f, t, t.grad)
    check = check_gradients(lambda t: (t**2).sum(), t, t.grad.to_sparse())
    assert check
    assert "the sparse gradient is taken with its zeros: params" in check.notes
    assert check_gradients(lambda a, b: (a**2).sum() + 0 * b.sum(), (t, grad(W)), (t.grad, None))


def test_check_vjp_of_tensors():
    def vjp(x, w, g):
        return g @ w.T, x.T @ g

    check = check_vjp(torch.mm, vjp, (X, W))
    assert check
    assert [testimony.witness for testimony in check.witnesses] == ["complex step"]
    assert check_vjp(torch.mm, vjp, (X.float(), W.float()))
    check = check_vjp(torch.mm, lambda x, w, g: (g @ w.T, 1.001 * x.T @ g), (X, W))
    assert [p.name for p in check.parameters if not p] == ["input 1"]


def test_functions_that_differentiate_by_their_inputs_are_judged():
    def force(x, factor=1.0):
        return factor * torch.autograd.grad((x**3).sum(), x, create_graph=True)[0]

    def hooked(x):
        y = x**2
        y.register_hook(lambda g: 1.001 * g)
        return y.sin()

    assert gradcheck(force, (grad(X),))
    assert gradgradcheck(force, (grad(X),))
    assert "1.001 times" in refused(hooked, (grad(X),))


def test_the_random_numbers_of_pytorch_stay_as_they_are():
    before = torch.get_rng_state()
    assert gradcheck(Tanh.apply, grad(X), check_batched_grad=True)
    assert gradgradcheck(Tanh.apply, grad(X), check_batched_grad=True)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_jacobian_in_bfloat16_is_as_coarse_as_that():
    x = np.random.default_rng(0).normal(size=5)
    J = torch.tensor(np.diag(2 * x))
    assert check_jacobian(lambda x: x**2, J.bfloat16(), (x,))
    assert check_jacobian(lambda x: x**2, (1.5 * J).bfloat16(), (x,)).verdict is Verdict.WRONG


def test_a_tensor_that_is_stored_as_its_negative_is_read():
    def gradient(params, X, Y):
        AL, caches = forward_prop(X, params)
        grads = backprop(AL, Y, caches)
        return {key: (-1j * torch.tensor(V)).conj().imag for key, V in grads.items()}

    check = check_backprop(gradient, progress=False)
    assert gradient(*default_probes()[0][1:])["dW1"].is_neg()
    assert check, str(check)


class InMemoryOrder(Square):
    """It reads its gradient as a kernel does that forgets strides."""

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        memory = torch.as_strided(g, (g.numel(),), (1,), g.storage_offset())
        return 2 * x * memory.reshape(g.shape)


@pytest.mark.parametrize(
    ("shape", "turned", "said"),
    [((3, 4), False, "column by column"), ((3, 4), True, "row by row"), ((5,), False, "column by column, with gaps")],
)
def test_a_backward_that_forgets_strides_is_wrong_however_its_output_lies_in_memory(shape, turned, said):
    def f(function):
        return lambda x: function.apply(x).T if turned else function.apply(x)

    text = refused(f(InMemoryOrder), grad(torch.randn(shape)))
    assert f"where its cotangent lies in memory {said}" in text
    assert gradcheck(f(Tanh), grad(torch.randn(shape)))
    assert gradcheck(f(Viewed), grad(torch.randn(shape))), "which refuses such a tensor"


class InputInMemoryOrder(InMemoryOrder):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * torch.as_strided(x, (x.numel(),), (1,), x.storage_offset()).reshape(x.shape) * g


@pytest.mark.parametrize("part", [lambda V: V[::2, ::2], lambda V: V.chunk(3, 1)[0], lambda V: V.T])
def test_an_input_lies_in_memory_as_it_came(part):
    x = part(torch.randn(4, 6)).detach().requires_grad_()
    refused(InputInMemoryOrder.apply, x)
    assert gradcheck(lambda x: x * x, x)


class Viewed(Tanh):
    @staticmethod
    def backward(ctx, g):
        return Tanh.backward(ctx, g.contiguous() if g.is_contiguous() else g.view(-1))


def test_a_gradient_in_float64_is_as_coarse_as_the_float32_that_has_gone_into_it():
    torch.manual_seed(0)
    x, W = torch.randn(3, 4).requires_grad_(), torch.randn(4, 2, dtype=torch.double, requires_grad=True)

    def f(x, W, factor=1.0):
        return torch.tanh(x).to(W.dtype) @ (W * factor + (W * (1 - factor)).detach())

    assert gradcheck(f, (x, W))
    assert not gradcheck(lambda x, W: f(x, W, 1.0001), (x, W), raise_exception=False)


@pytest.mark.parametrize("beside", [torch.float32, torch.float16, torch.bfloat16])
def test_a_coarse_tensor_beside_others_blunts_no_judgement(beside):
    torch.manual_seed(0)
    x, W = torch.randn(5).to(beside).requires_grad_(), torch.randn(5, dtype=torch.double, requires_grad=True)

    def f(x, W):
        return x.sin(), (1 + 1e-6) * W**3 - (1e-6 * W**3).detach()

    text = refused(f, (x, W))
    assert re.search("error: input 1: right to 6 digits only", text), text
