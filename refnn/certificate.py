"""How far is this float gradient from the true derivative?  A rigorous bound for every entry.

The true derivative, at exactly the given floats, is enclosed by running the lines of `network.py` on balls. That what
is enclosed is the derivative rests on the proof of backprop, and on a second enclosure that uses none of it
(`_enclosure`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from refnn import _enclosure
from refnn.numbers import balls, hexfloat
from refnn.numbers.hexfloat import FloatArray

FloatArrays = dict[str, FloatArray]

FORMAT = "refnn-certificate/1"
_FIRST_BITS, _LAST_BITS = 128, 16384
_TIGHT = 2.0**-20  # of an ulp; a narrower enclosure would not change what is printed
_ROWS = 12


class CertificateError(ValueError):
    """A certificate is malformed, or claims more than is true."""


def certify(X: ArrayLike, Y: ArrayLike, params: Mapping[str, ArrayLike], grads: Mapping[str, ArrayLike]) -> Certificate:
    """Bound |gradient - true derivative of the mean cross-entropy (D4)| for each entry, rigorously.

    Parameters
    ----------
    X : (n_0, m), Y : (n_L, m) in [0, 1], params : "W1", "b1" …
        Arrays of float16, float32, float64 or integers, taken as exactly the numbers that they hold.
    grads : "dW1", "db1" … "dWL", "dbL", and any of "dA0" … "dA{L-1}"
        From any implementation; the dtype of each array decides what an ulp is.

    Returns
    -------
    Certificate

    Raises
    ------
    ImportError
        Without python-flint: ``pip install "refnn[certify]"``.
    TypeError, ValueError
        For arrays that are not real floats or integers, are not finite, or do not fit together; each is named.

    Notes
    -----
    The precision doubles from 128 bits until each enclosure is narrower than 2^-20 ulp, so the bounds are tight.
    Assumed: Arb's arithmetic, and that the formulas are the derivative, for which see proofs/README.md and `witness`.
    """
    X, Y, arrays, slopes = _enclosure.inputs(X, Y, params, grads)
    bits = _FIRST_BITS
    while True:
        truth = _enclosure.by_backprop(X, Y, arrays, bits)
        with balls.precision(bits):
            width = max(_enclosure.width(truth[key], dV.dtype) for key, dV in slopes.items())
        if width <= _TIGHT or bits == _LAST_BITS:
            break
        bits *= 2
    witness = _enclosure.confirm(X, Y, arrays, truth, bits)
    with balls.precision(bits):
        values = {key: balls.nearest(truth[key])[0] for key in slopes}
        errors = {key: _enclosure.errors(dV, truth[key]) for key, dV in slopes.items()}
    absolute, relative, ulps = ({key: errors[key][kind] for key in slopes} for kind in _KINDS)
    return Certificate(X, Y, arrays, slopes, values, absolute, relative, ulps, bits, witness)


@dataclass(frozen=True, eq=False)
class Certificate:
    """Rigorous error bounds of a gradient, with all that is needed to recompute them.

    Attributes
    ----------
    X, Y, params, grads : the recorded inputs, float arrays
    truth : dict of float64 arrays, the true derivative rounded
    absolute : dict of float64 arrays; |gradient - truth| is at most this
    relative : the same over |truth|; infinite where the truth may be 0 and the gradient is not exactly right
    ulps : the same in units in the last place of the gradient's dtype, at the truth
    bits : precision of the enclosures
    witness : what confirmed the enclosures independently of backprop
    """

    X: FloatArray
    Y: FloatArray
    params: FloatArrays
    grads: FloatArrays
    truth: FloatArrays
    absolute: FloatArrays
    relative: FloatArrays
    ulps: FloatArrays
    bits: int
    witness: str

    def __str__(self) -> str:
        worst = sorted(self.grads, key=lambda key: -self.ulps[key].max())
        lines = [
            f"certificate: each of {sum(dV.size for dV in self.grads.values())} entries lies within "
            f"{self.ulps[worst[0]].max():.3g} ulp of the true derivative",
            f"enclosed with {self.bits} bits; confirmed by {self.witness}",
            f"{'worst entry':<14} {'dtype':<8} {'gradient':>24} {'true derivative':>24} "
            f"{'absolute ≤':>11} {'relative ≤':>11} {'ulps ≤':>10}",
        ]
        for key in worst[:_ROWS]:
            i = np.unravel_index(int(self.ulps[key].argmax()), self.ulps[key].shape)
            lines.append(
                f"{_entry(key, i):<14} {self.grads[key].dtype.name:<8} {self.grads[key][i]:>24.17g} "
                f"{self.truth[key][i]:>24.17g} "
                f"{self.absolute[key][i]:>11.2e} {self.relative[key][i]:>11.2e} {self.ulps[key][i]:>10.3g}"
            )
        more = len(worst) - _ROWS
        return "\n".join(lines + [f"… and {more} more arrays, none worse"] * (more > 0))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; floats in hexadecimal, so that no bit is lost."""
        tables = {name: getattr(self, name) for name in _TABLES}
        return {
            "format": FORMAT,
            "bits": self.bits,
            "witness": self.witness,
            "X": hexfloat.encode(self.X),
            "Y": hexfloat.encode(self.Y),
            **{name: {key: hexfloat.encode(V) for key, V in table.items()} for name, table in tables.items()},
        }

    @classmethod
    def from_json(cls, value: str | Mapping[str, Any]) -> Certificate:
        """Read what `to_json` wrote, as text or as values; `CertificateError` for anything else.

        Reading proves nothing: `recheck` does.
        """
        try:
            record = json.loads(value) if isinstance(value, str) else value
            if not isinstance(record, Mapping) or record.get("format") != FORMAT:
                raise ValueError(f"expected an object with format {FORMAT!r}")
            X, Y = (hexfloat.decode(name, record.get(name)) for name in "XY")
            params, grads, truth, *bounds = (_table(name, record.get(name)) for name in _TABLES)
            X, Y, params, grads = _enclosure.inputs(X, Y, params, grads)
            bits, witness = record.get("bits"), record.get("witness")
            if type(bits) is not int or not _FIRST_BITS <= bits <= _LAST_BITS:
                raise ValueError(f"bits is {bits!r}, expected an integer from {_FIRST_BITS} to {_LAST_BITS}")
            if not isinstance(witness, str):
                raise ValueError(f"witness is {witness!r}, expected a text")
            for name, bound in zip(_TABLES[2:], (truth, *bounds), strict=True):
                if {key: V.shape for key, V in bound.items()} != {key: dV.shape for key, dV in grads.items()}:
                    raise ValueError(f"{name} does not have the keys and shapes of grads")
        except (TypeError, ValueError, RecursionError) as error:
            raise CertificateError(f"not a certificate: {error}") from None
        absolute, relative, ulps = bounds
        return cls(X, Y, params, grads, truth, absolute, relative, ulps, bits, witness)

    def recheck(self) -> None:
        """Recompute every bound with twice the bits.

        Raises
        ------
        CertificateError
            If a bound or a recorded true derivative is not true; the text names the entries.
        """
        bits = 2 * self.bits
        truth = _enclosure.by_backprop(self.X, self.Y, self.params, bits)
        _enclosure.confirm(self.X, self.Y, self.params, truth, bits)
        false = []
        with balls.precision(bits):
            for key, dV in self.grads.items():
                for kind, bound in _enclosure.errors(dV, truth[key]).items():
                    claim = getattr(self, kind)[key]
                    false += [
                        f"{_entry(key, i)} has {kind} error {bound[tuple(i)]:.6g}, certified is {claim[tuple(i)]:.6g}"
                        for i in np.argwhere(~(bound <= claim))
                    ]
                value, recorded = balls.nearest(truth[key])[0], self.truth[key]
                off = ~(np.abs(recorded - value) <= np.spacing(np.abs(value)))
                false += [
                    f"{_entry(key, i)} is truly {value[tuple(i)]}, not {recorded[tuple(i)]}" for i in np.argwhere(off)
                ]
        if false:
            more = f" (and {len(false) - _ROWS} more)" if len(false) > _ROWS else ""
            raise CertificateError("certificate does not hold: " + "; ".join(false[:_ROWS]) + more)


_KINDS = ("absolute", "relative", "ulps")
_TABLES = ("params", "grads", "truth", *_KINDS)


def _table(name: str, value: Any) -> FloatArrays:
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"{name} is not an object of arrays")
    return {key: hexfloat.decode(f"{name}[{key!r}]", array) for key, array in value.items()}


def _entry(key: str, index: Any) -> str:
    return f"{key}[{', '.join(str(int(i)) for i in index)}]"
