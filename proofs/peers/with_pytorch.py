"""PyTorch: what autograd makes of a sigmoid network.

refnn check proofs/peers/with_pytorch.py:gradient
"""

import torch


def gradient(params, X, Y):
    """The gradient of the mean cross-entropy; W1 is (n_1, n_0), b1 (n_1, 1), …, and examples are columns."""
    params = {key: torch.tensor(V, requires_grad=True) for key, V in params.items()}
    A, L = torch.tensor(X), len(params) // 2
    for l in range(1, L + 1):
        Z = params[f"W{l}"] @ A + params[f"b{l}"]
        A = torch.sigmoid(Z)
    # BCELoss on A clips where A is near 0 or 1, and gets the gradient wrong there; this one works on Z.
    cost = torch.nn.BCEWithLogitsLoss(reduction="sum")(Z, torch.tensor(Y)) / X.shape[1]
    cost.backward()
    return {f"d{key}": V.grad.numpy() for key, V in params.items()}
