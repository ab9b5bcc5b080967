"""PyTorch: an nn.Sequential with leaky ReLU, judged under the names of its own state_dict: "0.weight", "2.bias" …

check_backprop(gradient, hidden="leaky_relu(0.2)", output="softmax", examples="rows", labels="classes", names=…)
"""

from itertools import pairwise

import torch
from torch import nn

DECLARED = {
    "hidden": "leaky_relu(0.2)",
    "output": "softmax",
    "examples": "rows",
    "labels": "classes",
    "names": {"W": lambda l: f"{2 * l - 2}.weight", "b": lambda l: f"{2 * l - 2}.bias"},
}


def build(sizes):
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1]).double()


def gradient(params, X, Y):
    sizes = [X.shape[1], *(len(V) for name, V in params.items() if name.endswith("weight"))]
    model = build(sizes)
    state = {name: torch.tensor(V if name.endswith("weight") else V.ravel()) for name, V in params.items()}
    model.load_state_dict(state)
    nn.CrossEntropyLoss()(model(torch.tensor(X)), torch.tensor(Y)).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}
