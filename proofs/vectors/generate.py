"""Write the test vectors: python proofs/vectors/generate.py [DIRECTORY]

Expected values come from the lines of `refnn/network.py` and `refnn/layers.py`, run on balls whose precision doubles
until each ball decides how its number rounds. The ulps allowed come from `network.py` on `forms.py`, whose `FloatBall`s
hold everything that a correct implementation in that format may return. Nothing depends on the machine: a second run
writes the same bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import forms
import numpy as np
from cases import FLAGS, Case, valid
from floatball import float_balls
from kinds import alone, declared

from refnn import network
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.numbers import balls

HERE = Path(__file__).parent
FAR = 2.0**64
Arrays = dict[str, Any]
Convert = Callable[[Any], Any]
Solved = tuple[Case, Arrays, Arrays]  # with its values and the ulps allowed


def everything(case: Case, convert: Convert) -> Arrays:
    """Every quantity of the case by name, on the numbers that `convert` makes of floats."""
    floats = {name: np.array(value, dtype=case.dtype) for name, value in case.arrays.items()}
    if case.activation:
        return activation_alone(case.activation, floats["Z"], convert)
    arrays = {name: convert(array) for name, array in floats.items()}
    return network_with_all(case, **arrays) if case.layer_dims else output_alone(case.output, **arrays)


def activation_alone(word: str, Z: Any, convert: Convert) -> Arrays:
    """g and g′. Beyond ±FAR they are straight lines to far below the last digit of a float: exp would leave even the
    range of balls there. Infinity is a number beyond all floats."""
    near = convert(np.clip(Z, -FAR, FAR))
    beyond = (convert(np.nan_to_num(Z)) - near) * np.where(np.isinf(Z), 2**60, 1)
    g = network.layers.activation(word)
    derivative = g.derivative(near) + 0 * near  # the identity's is an integer
    return {"A": g.value(near) + derivative * beyond, "derivative": derivative}


def output_alone(word: Any, Z: Any, Y: Any) -> Arrays:
    """The activation of an output, the loss of each example, and its derivative."""
    output = network.layers.output(word)
    A = output.value(Z)
    return {"A": A, "loss": output.loss(Z, Y).sum(axis=0, keepdims=True), "dZ": output.residual(A, Z, Y)}


def network_with_all(case: Case, X: Any, Y: Any, **params: Any) -> Arrays:
    L = len(case.layer_dims) - 1
    hidden, output = case.hidden or ("sigmoid",) * (L - 1), case.output or "sigmoid"
    AL, caches = network.forward_prop(X, params, hidden=hidden, output=output)
    grads = network.backprop(AL, Y, caches, hidden=hidden, output=output)
    Z = {l: cache[1] for l, cache in enumerate(caches, start=1)}
    A = {l: cache[0][0] for l, cache in enumerate(caches)} | {L: AL}
    dZ = {L: network.layers.output(output).residual(AL, Z[L], Y) / Y.shape[1]}  # (D7)
    for l, word in enumerate(hidden, start=1):  # (D8); the factors of σ′ one by one, as many do: underflow rounds twice
        dA, g = grads[f"dA{l}"], network.layers.activation(word)
        dZ[l] = dA * A[l] * g.value(-Z[l]) if word == "sigmoid" else dA * g.derivative(Z[l])
    values: Arrays = {}
    for l in range(1, L + 1):
        values |= {f"Z{l}": Z[l], f"A{l}": A[l]}
    for l in range(L, 0, -1):
        values |= {f"dZ{l}": dZ[l]} | {key: grads[key] for key in (f"dW{l}", f"db{l}", f"dA{l - 1}")}
    return values | {"cost": np.array(network.cost_from_Z(Z[L], Y, output), dtype=object)}


def truth(case: Case) -> Arrays:
    """The correctly rounded values, from the first precision whose balls decide all of them."""
    bits = 128
    while True:
        with balls.precision(bits):
            exact = everything(case, balls.to_balls)
            rounded = {name: balls.nearest(value, case.dtype) for name, value in exact.items()}
        if all(decided.all() for _, decided in rounded.values()):
            return {name: floats for name, (floats, _) in rounded.items()}
        bits *= 2
        if bits > 20_000:
            raise ArithmeticError(f"{case.id}: {bits} bits do not decide the rounding")


def allowance(case: Case, expected: Arrays) -> Arrays:
    """The ulps that every entry of a correct floating-point run may be off: the same lines over forms.py. Alone, far
    arguments are allowed what those at ±FAR are."""
    if case.activation and np.abs(case.arrays["Z"]).max() > FAR:
        near = replace(case, arrays={"Z": np.clip(case.arrays["Z"], -FAR, FAR).tolist()})
        return allowance(near, truth(near))
    with balls.precision(256), mock.patch.object(network, "layers", forms):
        run = everything(case, lambda array: float_balls(array, case.dtype))
        return {name: ulps(run[name], value) for name, value in expected.items()}


def ulps(run: Any, expected: Any) -> Any:
    """The distance of the farthest number in each ball from the expected one, rounded up to whole ulps. Infinity is
    met or missed."""
    finite = np.isfinite(expected)
    exact = balls.to_balls(np.where(finite, expected, 0)).ravel()
    reach = np.array([value.ball for value in run.flat]) - exact
    steps = np.ceil(balls.upper_bounds(reach / balls.ulps(exact, expected.dtype)))
    return np.where(finite, steps.reshape(expected.shape), 0)


def record(case: Case, result: str, expected: Arrays, allowed: Arrays) -> Arrays:
    inputs = {name: matrix(np.array(value, dtype=case.dtype)) for name, value in case.arrays.items()}
    return {
        "id": case.id,
        "comment": case.comment,
        "flags": list(case.flags),
        "result": result,
        "dtype": case.dtype,
        **case.declaration(),
        "inputs": inputs,
        "expected": {
            name: matrix(value) | {"ulps": [int(u) for u in allowed[name].flat]} for name, value in expected.items()
        },
    }


def matrix(array: Any) -> Arrays:
    numbers = [float(x) for x in array.flat]
    decimal = [x if np.isfinite(x) else ("-" if x < 0 else "") + "Infinity" for x in numbers]
    return {"shape": list(array.shape), "hex": [x.hex() for x in numbers], "decimal": decimal}


def invalid(networks: list[Solved]) -> Iterator[Arrays]:
    """For each fault of the catalogue, its gradient on the first, the middle and the last network that shows it."""
    for name, fault in FAULTS.items():
        shown = []
        for case, exact, allowed in networks:
            params = {name: np.array(value) for name, value in case.arrays.items()}
            X, Y = params.pop("X"), params.pop("Y")
            if fault.applies(params, X, Y):
                grads = exact if name == "float32-inside" else fault.gradient(params, X, Y)
                # To 24 bits, far above what the processor's exp and the order of sums change, so that every machine
                # writes the same. It is also the best that float32 inside can return.
                with np.errstate(all="ignore"):
                    wrong = {key: np.float64(np.float32(grads[key])) for key in exact if key[:2] in ("dW", "db")}
                # A bug that lies in dA alone is rounded, and no more: it has to show before.
                before = wrong if name == "float32-inside" else {key: np.float64(grads[key]) for key in wrong}
                finite = all(np.isfinite(value).all() for value in wrong.values())
                if finite and clear(before, exact, allowed) and clear(wrong, exact, allowed):
                    shown.append((case, wrong, allowed))
        for case, wrong, allowed in shown and (shown[0], shown[len(shown) // 2], shown[-1]):  # none has a penalty
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


def solved(cases: list[Case]) -> Iterator[Solved]:
    for case in cases:
        expected = truth(case)
        yield case, expected, allowance(case, expected)


def documents() -> dict[str, str]:
    """The text of each file by its name."""
    networks = list(solved(valid()))
    doubles = [found for found in networks if found[0].dtype == "float64"]
    singles = [found for found in networks if found[0].dtype == "float32"]

    def right(found: Iterable[Solved]) -> list[Arrays]:
        return [record(case, "valid", *values) for case, *values in found]

    return {
        "float64.json": text(right(doubles), 1),
        "float32.json": text(right(singles), 1),
        "invalid.json": text(list(invalid(doubles)), 1),
        "functions.json": text(right(solved(alone())), 2),
        "networks.json": text(right(solved(declared())), 2),
    }


def text(records: list[Arrays], version: int) -> str:
    """Version 1 is of sigmoid networks alone; in version 2 each case says what it is of."""
    used = {flag for case in records for flag in case["flags"]}
    document = {
        "format": f"refnn-vectors/{version}",
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
