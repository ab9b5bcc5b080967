"""PyTorch: sigmoid and cross-entropy fused in one autograd.Function, the mean over all labels."""

import torch

from refnn.torch import gradcheck


class SigmoidCrossEntropy(torch.autograd.Function):
    """Of Z (m, K) and labels Y (m, K), in float32 as in training."""

    @staticmethod
    def forward(ctx, Z, Y):
        ctx.save_for_backward(Z, Y)
        return (torch.clamp(Z, min=0) - Z * Y + torch.log1p(torch.exp(-Z.abs()))).mean()

    @staticmethod
    def backward(ctx, grad_output):
        Z, Y = ctx.saved_tensors
        return grad_output * (torch.sigmoid(Z) - Y) / Z.numel(), None


def check(seed):
    generator = torch.Generator().manual_seed(seed)
    Z = torch.randn(5, 3, generator=generator, requires_grad=True)
    Y = torch.randint(0, 2, (5, 3), generator=generator).float()
    gradcheck(SigmoidCrossEntropy.apply, (Z, Y))
