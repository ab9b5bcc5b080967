"""The bounds of the floating-point theorem, as numbers, and how far they are above the errors that occur.

    python floats.py BUILD

`Bounds` has the definitions of Floats.v, FloatNetwork.v and FloatSigmoid.v, by their names, for arrays and in balls, so
that its numbers are exact to many digits. BUILD is the folder of the compiled proofs: there Coq unfolds its own
definitions, for a small network, into + - * / | |, exp and the network's entries, and this has to be the same number.
Then, for the network of the committed report that was trained on the breast-cancer data: bound over true error, of each
entry of each dW and db that network.py returns. The bounds hold whatever the order of a sum; where more is known of it,
or of exp, they are smaller, and this is shown beside.
"""

import math
import operator
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import refnn
from refnn._shapes import Array, Params
from refnn.certificate import certify
from refnn.gradcheck.verdict.rounding import gradient_bounds
from refnn.numbers import balls
from refnn.report.read import cases, load

REPORT = Path(__file__).parent.parent / "reports" / "reference" / "report.json"
TRAINED = 53
BITS = 192

# ---------------------------------------------------------------------- the definitions


class Arithmetic(NamedTuple):
    """`arithmetic` of FloatSigmoid.v, in balls."""

    u: Any
    eta: Any
    kappa: Any
    lambda_: Any
    huge: Any


def binary64(ulps: int = 4) -> Arithmetic:
    """`binary64` of Binary64.v, where exp and cosh are within 4 units in the last place."""
    two = balls.to_balls(2)[()]
    return Arithmetic(two**-53, two**-1075, 2 * ulps * two**-53, two**-1072, two**1023)


def any_order(p: int) -> int:
    """The `height` of a sum of p terms of which nothing is known (Floats.v, height_at_most_terms)."""
    return p


def eight_lanes(p: int) -> int:
    """Eight sums side by side, as a vector unit adds, and then these in pairs."""
    return math.ceil(p / 8) + 3


def pairwise(p: int) -> int:
    return 1 + math.ceil(math.log2(p))


def sigmoid(Z: Array) -> Array:
    return 1 / (1 + np.exp(-Z))


def sigmoid_derivative(Z: Array) -> Array:
    return sigmoid(Z) * sigmoid(-Z)


def E_product(x: Array, y: Array, Ex: Array, Ey: Array) -> Array:
    return Ex * abs(y) + abs(x) * Ey + Ex * Ey


def bound(u: Any, h: int, M: Array, e: Any) -> Array:
    return ((1 + u) ** h - 1) * M + (1 + u) ** h * e


def E_inverse(a: Arithmetic, rho: Any, x: Array) -> Array:
    return (a.u + (1 + a.u) * (rho / (1 - rho))) * x + a.eta


def moved(Z: Array, E: Array) -> Array:
    return (np.exp(E) - 1) * sigmoid_derivative(Z)


def E_sigmoid(a: Arithmetic, Z: Array, E: Array) -> Array:
    rho = a.u + (1 + a.u) * (a.kappa + a.lambda_)
    M = moved(Z, E)
    return M + (E_inverse(a, rho, sigmoid(Z) + M) + 1 / a.huge)


def E_slope(a: Arithmetic, Z: Array, E: Array) -> Array:
    rho = a.u + (1 + a.u) * (a.u + (1 + a.u) * (a.kappa + a.lambda_) + a.eta)
    M = moved(Z, E) * (abs(sigmoid(Z) - sigmoid(-Z)) + moved(Z, E))
    return M + (E_inverse(a, rho, sigmoid_derivative(Z) + M) + 1 / a.huge)


class Bounds:
    """E_A, and E_dA, E_dW, E_db in `gradient`, of the network of the article."""

    def __init__(self, a: Arithmetic, height: Callable[[int], int], params: Params, X: Array, Y: Array) -> None:
        self.a, self.height = a, height
        self.params = {key: balls.to_balls(V) for key, V in params.items()}
        self.Y, self.m = balls.to_balls(Y), X.shape[1]
        self.ones = balls.to_balls(np.ones((1, self.m)))
        self.A, self.Z = [balls.to_balls(X)], [self.ones]
        self.E_A, self.E_Z = [0 * self.A[0]], [self.ones]
        L = len(params) // 2
        for l in range(1, L + 1):
            self.forward(l)
        self.gradient: dict[str, Array] = {}
        dZ, E_dZ = self.output()
        for l in range(L, 0, -1):
            dZ, E_dZ = self.backward(l, dZ, E_dZ)

    def E_of(self, x: Array, y: Array, Ex: Array, Ey: Array) -> Array:
        """Of x @ y."""
        p = x.shape[1]
        M = (abs(x) + Ex) @ (abs(y) + Ey)
        return Ex @ abs(y) + abs(x) @ Ey + Ex @ Ey + bound(self.a.u, self.height(p), M, p * self.a.eta)

    def rounded(self, x: Array, E: Array) -> Array:
        return E + (self.a.u * (abs(x) + E) + self.a.eta)

    def forward(self, l: int) -> None:
        """E_Z and E_A of layer l; b is one more column of W, times 1."""
        W = np.hstack([self.params[f"W{l}"], self.params[f"b{l}"]])
        A, E_A = np.vstack([self.A[-1], self.ones]), np.vstack([self.E_A[-1], 0 * self.ones])
        Z, E_Z = W @ A, self.E_of(W, A, 0 * W, E_A)
        self.Z.append(Z)
        self.E_Z.append(E_Z)
        self.A.append(sigmoid(Z))
        self.E_A.append(E_sigmoid(self.a, Z, E_Z))

    def output(self) -> tuple[Array, Array]:
        """dZ of the output and its bound, E_logistic."""
        u, Z, E, Y = self.a.u, self.Z[-1], self.E_Z[-1], self.Y
        (x, y, Ex, Ey), second = (
            (1 - Y, sigmoid(Z), u * abs(1 - Y), E_sigmoid(self.a, Z, E)),
            (-Y, sigmoid(-Z), 0 * Y, E_sigmoid(self.a, -Z, E)),
        )
        mass = (abs(x) + Ex) * (abs(y) + Ey) + (abs(second[0]) + second[2]) * (abs(second[1]) + second[3])
        E_sum = E_product(x, y, Ex, Ey) + E_product(*second) + bound(u, 2, mass, 2 * self.a.eta)
        dZ = (x * y + second[0] * second[1]) / self.m
        return dZ, self.rounded(dZ, E_sum / self.m)

    def backward(self, l: int, dZ: Array, E_dZ: Array) -> tuple[Array, Array]:
        """The bounds of layer l; returns dZ of the layer below and its bound."""
        W, A, E_A, ones = self.params[f"W{l}"].T, self.A[l - 1].T, self.E_A[l - 1].T, self.ones.T
        self.gradient[f"dW{l}"] = self.E_of(dZ, A, E_dZ, E_A)
        self.gradient[f"db{l}"] = self.E_of(dZ, ones, E_dZ, 0 * ones)
        self.gradient[f"dA{l - 1}"] = E_dA = self.E_of(W, dZ, 0 * W, E_dZ)
        dA, Z = W @ dZ, self.Z[l - 1]
        slope = sigmoid_derivative(Z)
        return dA * slope, self.rounded(dA * slope, E_product(dA, slope, E_dA, E_slope(self.a, Z, self.E_Z[l - 1])))


# ---------------------------------------------------------------------- beside Coq

FILE = """\
From Coq Require Import Reals.
From RefNN Require Import Model Floats FloatNetwork FloatSigmoid.
Unset Printing Notations.
Set Printing Depth 1000000.
Set Printing Width 1000000.
Definition n (l : nat) : nat := match l with 0%nat => 2 | 1%nat => 2 | _ => 1 end.
Section Printed.
Variables (a : arithmetic) (height : nat -> nat) (W : weights) (b : biases) (X Y : mat).
Variables (x y Ex Ey z E M e : R) (h : nat).
Declare Reduction parts :=
  cbv -[Rplus Rminus Rmult Rdiv Ropp Rinv Rabs Rtrigo_def.exp IZR INR pow u eta kappa lambda huge].
Declare Reduction network :=
  cbv -[Rplus Rminus Rmult Rdiv Ropp Rinv Rabs Rtrigo_def.exp IZR INR pow u eta kappa lambda huge
        sigmoid E_product bound E_sigmoid E_slope].
"""
# What Coq unfolds, and the same number here.
PARTS = {
    "E_product x y Ex Ey": lambda N: E_product(N["x"], N["y"], N["Ex"], N["Ey"]),
    "bound (u a) h M e": lambda N: bound(N["a"].u, N["h"], N["M"], N["e"]),
    "E_sigmoid a z E": lambda N: E_sigmoid(N["a"], N["z"], N["E"]),
    "E_slope a z E": lambda N: E_slope(N["a"], N["z"], N["E"]),
}
ENTRIES = {
    "E_A a height n W b X 2 0 1": lambda B: B.E_A[2][0, 1],
    "E_dW a height n 2 2 Y W b X 1 1 0": lambda B: B.gradient["dW1"][1, 0],
    "E_dW a height n 2 2 Y W b X 2 0 1": lambda B: B.gradient["dW2"][0, 1],
    "E_db a height n 2 2 Y W b X 1 1": lambda B: B.gradient["db1"][1, 0],
    "E_dA a height n 2 2 Y W b X 0 1 0": lambda B: B.gradient["dA0"][1, 0],
    "E_dA a height n 2 2 Y W b X 1 0 1": lambda B: B.gradient["dA1"][0, 1],
}
MEANING = {
    "Rplus": operator.add,
    "Rminus": operator.sub,
    "Rmult": operator.mul,
    "Rdiv": operator.truediv,
    "Ropp": operator.neg,
    "RinvImpl.Rinv": lambda x: 1 / x,
    "Rabs": abs,
    "exp": np.exp,
    "pow": pow,
    "INR": lambda p: balls.to_balls(p)[()],
    "u": lambda a: a.u,
    "eta": lambda a: a.eta,
    "kappa": lambda a: a.kappa,
    "lambda": lambda a: a.lambda_,
    "huge": lambda a: a.huge,
    "sigmoid": sigmoid,
    "E_product": E_product,
    "bound": bound,
    "E_sigmoid": E_sigmoid,
    "E_slope": E_slope,
}


def unfolded(build: Path) -> list[str]:
    """The terms of PARTS and ENTRIES, as Coq prints them when it has unfolded its definitions."""
    asked = [f"Eval parts in {term}.\n" for term in PARTS]
    asked += [f"Eval network in ({term})%nat.\n" for term in ENTRIES]
    (build / "Printed.v").write_text(FILE + "".join(asked) + "End Printed.\n")
    command = ["coqc", "-q", "-w", "none", "-Q", ".", "RefNN", "Printed.v"]
    said = subprocess.run(command, cwd=build, capture_output=True, text=True, timeout=240, check=True).stdout
    return re.findall(r"^ *= (.*)$", said, re.MULTILINE)


def evaluate(term: str, names: dict[str, Any]) -> Any:
    """Of functions before their arguments, in parentheses."""
    tokens = iter(re.findall(r"[()]|[^()\s]+", f"({term})"))

    def rest() -> Iterator[Any]:
        for token in tokens:
            if token == ")":
                return
            yield from [application()] if token == "(" else [atom(token)]

    def atom(token: str) -> Any:
        if token in names:
            return names[token]
        return int(token[: -len("%nat")]) if token.endswith("%nat") else balls.to_balls(int(token))[()]

    def application() -> Any:
        head, *arguments = rest()
        return head(*arguments) if arguments else head

    next(tokens)
    return application()


def compare(build: Path) -> None:
    """Coq's bounds and these, for an arithmetic so coarse that every part of it shows, and random numbers."""
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> Array:
        return rng.integers(-64, 64, shape) / 32

    params = {"W1": drawn(2, 2), "b1": drawn(2, 1), "W2": drawn(1, 2), "b2": drawn(1, 1)}
    X, Y = drawn(2, 2), drawn(1, 2)
    a = Arithmetic(*balls.to_balls([1 / 64, 1 / 32, 1 / 16, 1 / 128, 32.0]))
    B = Bounds(a, lambda p: p + 3, params, X, Y)
    names: dict[str, Any] = dict(zip(("x", "y", "Ex", "Ey", "z", "E", "M", "e"), balls.to_balls(drawn(8)), strict=True))
    names |= MEANING | {"a": a, "h": 3, "height": B.height}
    names |= {"W": lambda l, i, j: B.params[f"W{l}"][i, j], "b": lambda l, i: B.params[f"b{l}"][i, 0]}
    names |= {"X": lambda j, k: B.A[0][j, k], "Y": lambda i, k: B.Y[i, k]}
    ours = {term: part(names) for term, part in PARTS.items()} | {term: entry(B) for term, entry in ENTRIES.items()}
    for (term, here), there in zip(ours.items(), unfolded(build), strict=True):
        if not abs(here / evaluate(there, names) - 1) < 2.0**-100:
            sys.exit(f"{term} is another number in Coq")
    print(f"floats: the bounds are Coq's, in {len(PARTS)} parts and {len(ENTRIES)} entries of a network")


# ---------------------------------------------------------------------- beside the errors


def ratios(bounds: dict[str, Array], errors: dict[str, Array]) -> str:
    found = np.concatenate([(bounds[key] / errors[key]).ravel() for key in errors if key[:2] in ("dW", "db")])
    if found.min() < 1:
        sys.exit("an error lies above its bound")
    return f"median {np.median(found):,.0f}, 90 % below {np.quantile(found, 0.9):,.0f}, least {found.min():,.0f}"


def measure() -> None:
    """Bound over error of the trained network: the theorem's, and those of rounding.py."""
    case = cases(load(REPORT))[TRAINED]
    params, X, Y = case.probe[1:]
    AL, caches = refnn.forward_prop(X, params)
    errors = certify(params, X, Y, refnn.backprop(AL, Y, caches)).absolute
    proved = Bounds(binary64(), any_order, params, X, Y).gradient
    print("bound over error:", ratios({key: balls.upper_bounds(B) for key, B in proved.items()}, errors))
    for added, height, ulps in (
        ("in eight lanes", eight_lanes, 4),
        ("pairwise", pairwise, 4),
        ("pairwise", pairwise, 1),
    ):
        known = Bounds(binary64(ulps), height, params, X, Y).gradient
        shown = ratios({key: balls.upper_bounds(B) for key, B in known.items()}, errors)
        print(f"  sums {added}, exp within {ulps} ulp: {shown}")
    for name, plain in {"plain": True, "careful": False}.items():
        analysis = gradient_bounds(case.problem, np.dtype(np.float64), plain=plain)
        unproved = {f"d{key}": B for key, B in analysis.items()}
        share = max(float(np.max(balls.upper_bounds(proved[key]) / unproved[key])) for key in proved)
        print(f"  rounding.py, {name} formulas: {ratios(unproved, errors)}; proved: at most {share:.2f} of it")


if __name__ == "__main__":
    with balls.precision(BITS):
        compare(Path(sys.argv[1]))
        measure()
