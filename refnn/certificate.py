"""How far is this float gradient from the true derivative?  A rigorous bound for every entry.

The true derivative, at exactly the given floats, is enclosed by running the lines of `network.py` on balls. That what
is enclosed is the derivative rests on the proof of backprop, and on a second enclosure that shares no formula of
backpropagation: the chain rule of dual numbers, applied to the cost alone. An enclosure counts once both overlap.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refnn import _coq, _declaration, _enclosures, _shapes
from refnn._declaration import Hidden, OutputWord
from refnn._enclosures import FloatArrays, Point, by_backprop, confirm, enclosed, error_bounds, products
from refnn._printing import folded
from refnn._progress import bar
from refnn.numbers import balls, hexfloat
from refnn.numbers.hexfloat import FloatArray

FORMAT = "refnn-certificate/2"
ROWS = 12
LONG = 100_000  # products and entries that take about a second
KINDS = ("absolute", "relative", "ulps")
FOUND = ("truth", *KINDS)
TABLES = ("params", "grads", *FOUND)


class CertificateError(ValueError):
    """A certificate is malformed, or claims more than is true."""


@np.errstate(all="ignore")
def certify(
    params: Mapping[str, ArrayLike],
    X: ArrayLike,
    Y: ArrayLike,
    grads: Mapping[str, ArrayLike],
    *,
    hidden: Hidden = "sigmoid",
    output: OutputWord = "sigmoid",
) -> Certificate:
    """Bound |gradient - true derivative of the mean cost| for each entry, rigorously.

    Parameters
    ----------
    params : "W1", "b1" … "WL", "bL"
        Arrays of float16, float32, float64 or integers, here and below, taken as exactly the numbers that they hold.
    X, Y : (n_0, m) and (n_L, m), Y from 0 to 1 for a cross-entropy
        For softmax Y may be the numbers of the classes, (m,).
    grads : "dW1", "db1" … "dWL", "dbL", and any of "dA0" … "dA{L-1}"
        From any implementation; the dtype of each array decides what an ulp is.
    hidden, output : the activations and the cost, by their names, as in `refnn.forward_prop`

    Returns
    -------
    Certificate

    Raises
    ------
    ImportError
        Without python-flint: ``pip install "refnn[certify]"``.
    TypeError, ValueError
        For arrays that are not real floats or integers, are not finite, or do not fit together; each is named. For a
        pair of functions in the place of an activation's name, which a certificate cannot record.
    ArithmeticError
        Where a unit is so near to the kink of its activation that no precision tells on which side it lies.

    Notes
    -----
    The precision doubles from 128 bits until each enclosure is narrower than $2^{-20}$ ulp, so the bounds are tight.
    On a kink, Z = 0 exactly, the derivative is the one from below. Assumed: Arb's arithmetic, and that the formulas are
    the derivative, for which see proofs/README.md and `witness`.
    """
    point = _inputs(params, X, Y, grads, hidden, output)
    steps, work = 2 + len(point.grads), products(point) + sum(dV.size for dV in point.grads.values())
    ticks = bar(range(steps), "certificate", total=steps, show=work > LONG)
    next(ticks)
    truth, bits = enclosed(point)
    next(ticks)
    witness = confirm(point, truth, bits)
    with balls.precision(bits):
        bounds = {key: error_bounds(dV, truth[key]) for (key, dV), _ in zip(point.grads.items(), ticks, strict=True)}
    found: dict[str, Any] = {name: {key: bounds[key][name] for key in bounds} for name in FOUND}
    return Certificate(**vars(point), **found, bits=bits, witness=witness)


@dataclass(frozen=True, eq=False)
class Certificate(Point):
    """Rigorous error bounds of a gradient, with all that is needed to recompute them.

    Attributes
    ----------
    params, X, Y, grads : the recorded inputs, float arrays
    hidden, output : the declaration: a name, or one for each hidden layer; and (activation, cost)
    truth : dict of float64 arrays, the true derivative rounded, infinite beyond the largest float
    absolute : dict of float64 arrays; |gradient - truth| is at most this
    relative : the same over |truth|; infinite where the truth may be 0 and the gradient is not exactly right
    ulps : the same in units in the last place of the gradient's dtype, at the truth
    bits : precision of the enclosures
    witness : what confirmed the enclosures independently of backprop
    """

    truth: FloatArrays
    absolute: FloatArrays
    relative: FloatArrays
    ulps: FloatArrays
    bits: int
    witness: str

    def _claim(self) -> str:
        entries, ulps = sum(dV.size for dV in self.grads.values()), max(V.max() for V in self.ulps.values())
        return f"each of {entries} entries lies within {ulps:.3g} ulp of the true derivative"

    def __repr__(self) -> str:
        return f"<Certificate {self._claim()}>"

    def __str__(self) -> str:
        worst = sorted(self.grads, key=lambda key: -self.ulps[key].max())
        lines = [
            f"certificate: {self._claim()}",
            f"  of hidden {self.hidden}, output {' with '.join(self.output)}",
            f"  enclosed with {self.bits} bits; confirmed by {self.witness}",
            f"{'worst entry':<15} {'dtype':<8} {'gradient':>23} {'absolute ≤':>10} {'relative ≤':>10} {'ulps ≤':>8}",
        ]
        for key in worst[:ROWS]:
            i = np.unravel_index(int(self.ulps[key].argmax()), self.ulps[key].shape)
            lines.append(
                f"{key + _shapes.place(i):<15} {self.grads[key].dtype.name:<8} {self.grads[key][i]:>23.17g} "
                f"{self.absolute[key][i]:>10.2e} {self.relative[key][i]:>10.2e} {self.ulps[key][i]:>8.3g}"
            )
        more = len(worst) - ROWS
        return folded(lines + [f"… and {more} more arrays, none worse"] * (more > 0))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; floats in hexadecimal, so that no bit is lost."""
        return {
            "format": FORMAT,
            "bits": self.bits,
            "witness": self.witness,
            "hidden": self.hidden if isinstance(self.hidden, str) else list(self.hidden),
            "output": list(self.output),
            "X": hexfloat.encode(self.X),
            "Y": hexfloat.encode(self.Y),
            **{name: {key: hexfloat.encode(V) for key, V in getattr(self, name).items()} for name in TABLES},
        }

    @classmethod
    def from_json(cls, value: str | Mapping[str, Any]) -> Certificate:
        """Read what `to_json` wrote, as text or as values; `CertificateError` for anything else.

        Reading proves nothing: `recheck` does.
        """
        try:
            record = json.loads(value, object_pairs_hook=hexfloat.unique) if isinstance(value, str) else value
            if not isinstance(record, Mapping) or record.get("format") != FORMAT:
                raise ValueError(f"expected an object with format {FORMAT!r}")
            X, Y = (hexfloat.decode(name, record.get(name)) for name in "XY")
            tables: dict[str, Any] = {name: _table(name, record.get(name)) for name in TABLES}
            point = _inputs(tables["params"], X, Y, tables["grads"], record.get("hidden"), record.get("output"))
            bits, witness = record.get("bits"), record.get("witness")
            least, most = _enclosures.FIRST_BITS, _enclosures.LAST_BITS
            if type(bits) is not int or not least <= bits <= most:
                raise ValueError(f"bits is {bits!r}, expected an integer from {least} to {most}")
            if not isinstance(witness, str):
                raise ValueError(f"witness is {witness!r}, expected a text")
            found = {name: tables[name] for name in FOUND}
            for name, table in found.items():
                if {key: V.shape for key, V in table.items()} != {key: dV.shape for key, dV in point.grads.items()}:
                    raise ValueError(f"{name} does not have the keys and shapes of grads")
        except (TypeError, ValueError, RecursionError) as error:
            raise CertificateError(f"not a certificate: {error}") from None
        return cls(**vars(point), **found, bits=bits, witness=witness)

    def to_coq(self, *, native_integers: bool = True) -> str:
        """The absolute bounds as a theorem: a file for Coq, which proves them with twice the bits.

        Parameters
        ----------
        native_integers : bool
            Compute with the processor's integers, whose operations Coq takes as given. Without them the proof rests on
            four axioms of Coq's library alone, and takes some 25 times as long.

        Raises
        ------
        TypeError, ValueError
            Of an argument that is no truth value, or a bound that is not finite.
        """
        _shapes.switch("native_integers", native_integers)
        return _coq.theorem(self, self.absolute, 2 * self.bits, native=native_integers)

    def recheck(self, seed: int = 1) -> None:
        """Recompute every bound with twice the bits, and what else the certificate says.

        Parameters
        ----------
        seed : int
            Of the random signs in the directions of the witness, where it does not go through every entry.

        Raises
        ------
        TypeError, ValueError
            If the seed is no integer of at least 0.
        CertificateError
            If a bound, a recorded true derivative or another word of it is not true; the text names the entries.
        """
        _shapes.whole("seed", seed, 0)
        bits, false = enclosed(self)[1], []
        if bits != self.bits:
            false.append(f"bits is {self.bits}, and {bits} are needed and enough")
        truth = by_backprop(self, 2 * bits)
        witness = confirm(self, truth, 2 * bits, seed)
        if witness != self.witness:
            false.append(f"witness is {self.witness[:80]!r}, truly {witness!r}")
        for key, dV in self.grads.items():
            with balls.precision(2 * bits):
                again = error_bounds(dV, truth[key])
            for kind in KINDS:
                bound, claim = again[kind], getattr(self, kind)[key]
                false += [
                    f"{key}{_shapes.place(i)} has {kind} error {bound[i]:.6g}, certified is {claim[i]:.6g}"
                    for i in zip(*np.nonzero(~(bound <= claim)))
                ]
            value, recorded = again["truth"], self.truth[key]
            with np.errstate(all="ignore"):  # the truth may lie beyond the floats, where it is rounded to infinity
                off = (recorded != value) & ~(np.abs(recorded - value) <= np.spacing(np.abs(value)))
            false += [f"{key}{_shapes.place(i)} is truly {value[i]}, not {recorded[i]}" for i in zip(*np.nonzero(off))]
        if false:
            more = f" (and {len(false) - ROWS} more)" if len(false) > ROWS else ""
            raise CertificateError("certificate does not hold: " + "; ".join(false[:ROWS]) + more)


def _table(name: str, value: Any) -> FloatArrays:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is not an object of arrays")
    return {key: hexfloat.decode(f"{name}[{key!r}]", array) for key, array in value.items()}


# ---------------------------------------------------------------------- arguments


def _inputs(params: object, X: object, Y: object, grads: Any, hidden: object, output: object) -> Point:
    """The arguments of `certify` as arrays of the floats that they hold, or everything that is wrong with them."""
    misfits = _shapes.Misfits()
    arrays = _shapes.layers(params, misfits)
    misfits.refuse()
    words, last = _names(hidden, output, len(arrays) // 2 - 1)
    L, n_0 = len(arrays) // 2, arrays["W1"].shape[1]
    X = _shapes.number_array("X", X)
    fits = misfits.shape("X", X, (n_0, "m"), f"layer 1 takes {n_0} inputs, of m >= 1 examples")
    misfits.finite("X", X)
    m: int | str = X.shape[1] if fits else "m"
    Y = _shapes.labels_of(last, Y, (arrays[f"W{L}"].shape[0], m), misfits)
    slopes = _shapes.gradients(grads, arrays, misfits)
    for l in range(L):
        if (key := f"dA{l}") in grads:
            n_l = arrays[f"W{l + 1}"].shape[1]
            slopes[key] = misfits.array(f"grads[{key!r}]", grads[key], (n_l, m), "one for each A")
    misfits.refuse()
    return Point(
        {key: _floats(f"params[{key!r}]", V) for key, V in arrays.items()},
        _floats("X", X),
        _floats("Y", Y),
        {key: _floats(f"grads[{key!r}]", dV) for key, dV in slopes.items()},
        words,
        last,
    )


def _names(hidden: Any, output: Any, layers: int) -> tuple[str | tuple[str, ...], tuple[str, str]]:
    """The declaration, which has to be of names."""
    words, (last, cost) = _declaration.hidden(hidden, layers), _declaration.output(output)
    for name, word in [
        ("output", last),
        *(("hidden", word) for word in (words if isinstance(words, tuple) else [words])),
    ]:
        if not isinstance(word, str):
            raise TypeError(f"{name} has a pair of functions, which a certificate cannot record: expected a name")
    return words, (str(last), cost)


def _floats(name: str, array: NDArray[Any]) -> FloatArray:
    if array.dtype.kind in "biu":
        floats = array.astype(np.float64)
        if (floats.astype(object) == array.astype(object)).all():
            return floats
        raise ValueError(f"{name} has integers that float64 cannot hold")
    if array.dtype.name not in hexfloat.DTYPES:
        raise TypeError(f"{name} has dtype {array.dtype}, expected {', '.join(hexfloat.DTYPES)} or integers")
    return array.copy()
