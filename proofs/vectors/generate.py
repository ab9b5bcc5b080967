"""Write the test vectors: python proofs/vectors/generate.py [DIRECTORY]

Expected values come from the lines of `refnn/network.py`, run on balls whose precision doubles until each ball decides
how its number rounds. The ulps allowed come from the same lines run on `FloatBall`s, which hold everything that a
correct implementation in that format may return. Nothing depends on the machine: a second run writes the same bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from cases import FLAGS, Case, valid

from refnn import backprop, forward_prop, logistic_cost, sigmoid
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.numbers import balls
from refnn.numbers.floatball import FloatBall, float_balls

HERE = Path(__file__).parent
FORMAT = "refnn-vectors/1"
Arrays = dict[str, Any]


def everything(X: Any, Y: Any, params: Arrays, hidden: Any = "sigmoid") -> Arrays:
    """Every intermediate by name, in the order of computation, on any kind of number; the cost is left out."""
    AL, caches = forward_prop(X, params, hidden=hidden)
    L = len(caches)
    Z = {l: cache[1] for l, cache in enumerate(caches, start=1)}
    A = {l: cache[0][0] for l, cache in enumerate(caches)} | {L: AL}
    grads = backprop(AL, Y, caches, hidden=hidden)
    dZ = {l: grads[f"dA{l}"] * A[l] * sigmoid(-Z[l])[0] for l in range(1, L)}  # (D8)
    dZ[L] = ((1 - Y) * AL - Y * sigmoid(-Z[L])[0]) / Y.shape[1]  # (D7)
    values = {}
    for l in range(1, L + 1):
        values |= {f"Z{l}": Z[l], f"A{l}": A[l]}
    for l in range(L, 0, -1):
        values |= {f"dZ{l}": dZ[l]} | {key: grads[key] for key in (f"dW{l}", f"db{l}", f"dA{l - 1}")}
    return values


def truth(case: Case) -> Arrays:
    """The correctly rounded values, from the first precision whose balls decide all of them."""
    bits = 128
    while True:
        with balls.precision(bits):
            X, Y, params = split(case, balls.to_balls)
            exact = everything(X, Y, params)
            exact["cost"] = np.array(logistic_cost(exact[f"Z{len(case.layer_dims) - 1}"], Y), dtype=object)
            rounded = {name: balls.nearest(value, case.dtype) for name, value in exact.items()}
        if all(decided.all() for _, decided in rounded.values()):
            return {name: floats for name, (floats, _) in rounded.items()}
        bits *= 2
        if bits > 20_000:
            raise ArithmeticError(f"{case.id}: {bits} bits do not decide the rounding")


def allowance(case: Case, expected: Arrays) -> Arrays:
    """The ulps that every entry of a correct floating-point run may be off.

    Others compute σ′ as the product σ(Z) σ(-Z), which rounds more often than the form of network.py; both are correct.
    """

    def product(Z: Any) -> Any:
        return value(Z) * value(-Z)

    def value(Z: Any) -> Any:
        return sigmoid(Z)[0]

    with balls.precision(256):
        X, Y, params = split(case, lambda array: float_balls(array, case.dtype))
        run = everything(X, Y, params, hidden=(value, product))
        run["cost"] = np.array(float_cost(run[f"Z{len(case.layer_dims) - 1}"], Y), dtype=object)
        return {name: ulps(run[name], value) for name, value in expected.items()}


def float_cost(ZL: Any, Y: Any) -> FloatBall:
    """(D5) with softplus(z) = max(z, 0) + log1p(exp(-|z|)), as it is computed on floats."""

    def softplus(z: FloatBall) -> FloatBall:
        positive = z.ball.mid() > 0
        return (z if positive else 0) + (-z if positive else z).exp().log1p()

    terms = (y * softplus(-z) + (1 - y) * softplus(z) for z, y in zip(ZL.flat, Y.flat, strict=True))
    return sum(terms, start=0) / Y.shape[1]


def ulps(run: Any, expected: Any) -> Any:
    """The distance of the farthest number in each ball from the expected one, rounded up to whole ulps."""
    exact = balls.to_balls(expected).ravel()
    reach = np.array([value.ball for value in run.flat]) - exact
    steps = np.ceil(balls.upper_bounds(reach / balls.ulps(exact, expected.dtype)))
    return steps.reshape(expected.shape)


def split(case: Case, convert: Any) -> tuple[Any, Any, Arrays]:
    arrays = {name: convert(np.array(value, dtype=case.dtype)) for name, value in case.arrays.items()}
    return arrays.pop("X"), arrays.pop("Y"), arrays


def record(case: Case, result: str, expected: Arrays, allowed: Arrays) -> Arrays:
    inputs = {name: matrix(np.array(value, dtype=case.dtype)) for name, value in case.arrays.items()}
    return {
        "id": case.id,
        "comment": case.comment,
        "flags": list(case.flags),
        "result": result,
        "dtype": case.dtype,
        "layer_dims": case.layer_dims,
        "m": len(case.arrays["X"][0]),
        "inputs": inputs,
        "expected": {
            name: matrix(value) | {"ulps": [int(u) for u in allowed[name].flat]} for name, value in expected.items()
        },
    }


def matrix(array: Any) -> Arrays:
    numbers = [float(x) for x in array.flat]
    return {"shape": list(array.shape), "hex": [x.hex() for x in numbers], "decimal": numbers}


def invalid(solved: list[tuple[Case, Arrays, Arrays]]) -> Iterator[Arrays]:
    """For each fault of the catalogue, its gradient on the first, the middle and the last network that shows it."""
    for name, fault in FAULTS.items():
        shown = []
        for case, exact, allowed in solved:
            X, Y, params = split(case, np.asarray)
            if fault.applies(params, X, Y):
                grads = exact if name == "float32-inside" else fault.gradient(params, X, Y)
                # To 24 bits, far above what the processor's exp and the order of sums change, so that every machine
                # writes the same. It is also the best that float32 inside can return.
                with np.errstate(all="ignore"):
                    wrong = {key: np.float64(np.float32(grads[key])) for key in exact if key[:2] in ("dW", "db")}
                if all(np.isfinite(value).all() for value in wrong.values()) and clear(wrong, exact, allowed):
                    shown.append((case, wrong, allowed))
        for case, wrong, allowed in (shown[0], shown[len(shown) // 2], shown[-1]):
            comment = f"{name}: {fault.summary} ({fault.equation})"
            flags = ("fault", *(flag for flag in case.flags if flag != "generic"))
            yield record(replace(case, id=f"{name}-{case.id}", comment=comment, flags=flags), "invalid", wrong, allowed)


def clear(wrong: Arrays, exact: Arrays, allowed: Arrays) -> bool:
    """Whether some entry differs from the truth by over 1000 times what is allowed around both."""

    def reach(value: Any, steps: Any) -> Any:
        return steps * np.spacing(np.abs(value))

    return any(
        (np.abs(value - exact[key]) > 1000 * (reach(value, allowed[key]) + reach(exact[key], allowed[key]))).any()
        for key, value in wrong.items()
    )


def documents() -> dict[str, str]:
    """The text of each file by its name."""
    solved = []
    for case in valid():
        expected = truth(case)
        solved.append((case, expected, allowance(case, expected)))
    doubles = [found for found in solved if found[0].dtype == "float64"]
    return {
        "float64.json": text([record(case, "valid", *values) for case, *values in doubles]),
        "float32.json": text([record(case, "valid", *values) for case, *values in solved if case.dtype == "float32"]),
        "invalid.json": text(list(invalid(doubles))),
    }


def text(records: list[Arrays]) -> str:
    used = {flag for case in records for flag in case["flags"]}
    document = {
        "format": FORMAT,
        "schema": "schema.json",
        "generator": "proofs/vectors/generate.py",
        "flags": {flag: meaning for flag, meaning in FLAGS.items() if flag in used},
        "cases": records,
    }
    return dump(document) + "\n"


def dump(value: Any, indent: str = "") -> str:
    """JSON with one array of numbers to a line."""
    deeper = indent + "  "
    if isinstance(value, dict) and "hex" not in value:
        entries = [f"{deeper}{json.dumps(key)}: {dump(entry, deeper)}" for key, entry in value.items()]
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(deeper + dump(entry, deeper) for entry in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)


if __name__ == "__main__":
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, content in documents().items():
        (directory / name).write_text(content)
        print(f"{directory / name}: {len(json.loads(content)['cases'])} cases, {len(content) / 1e6:.1f} MB")
