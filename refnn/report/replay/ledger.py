"""What a replay found: numbers that differ, claims that cannot be replayed, and how far rounding took the others."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np

from refnn._shapes import Array, place
from refnn.report.record import plain

HALF_THE_DIGITS = float(np.sqrt(np.finfo(np.float64).eps))
LISTED = 20
SEEDED = ("parameters", "data")  # have to be the same to the last bit, with dtype and signs of zero
REPEATED = ("gradients", "costs")  # computed again in the same way: other bits tell of a machine that rounds otherwise


class Outcome(StrEnum):
    CONFIRMED = "CONFIRMED"
    DIFFERS = "DIFFERS"
    CANNOT_REPLAY = "CANNOT REPLAY"


class Ledger:
    """Comparisons of a record with its replay."""

    def __init__(self) -> None:
        self.differences: list[str] = []
        self.obstacles: list[str] = []
        self.trusted = ["the environment"]  # what a replay cannot check
        self.near = list[str]()  # arrays of which rounding decides which entry is the worst
        self.rounds = False  # whether a worst entry, or its derivative by the same witness, came out different
        self.compared = 0  # how many numbers
        self.moved: dict[str, tuple[float, str]] = {}  # for each kind of number, by how many ulps at most, and where

    @property
    def outcome(self) -> Outcome:
        if self.differences:
            return Outcome.DIFFERS
        return Outcome.CANNOT_REPLAY if self.obstacles else Outcome.CONFIRMED

    @property
    def rounds_otherwise(self) -> bool:
        """Whether this machine gives other last bits than the record, for what is computed in the same way."""
        return self.rounds or any(self.moved[kind][0] for kind in REPEATED if kind in self.moved)

    def __str__(self) -> str:
        lines = [str(self.outcome)]
        for label, found in (("differs", self.differences), ("cannot be replayed", self.obstacles)):
            lines += [f"{label}: {line}" for line in found[:LISTED]]
            lines += [f"… and {len(found) - LISTED:,} more" for _ in range(len(found) > LISTED)]
        lines.append(f"{self.compared:,} recorded numbers compared")
        lines += [
            f"{kind}: {f'up to {ulps:.3g} ulp from the record, at {path}' if ulps else 'the same to the last bit'}"
            for kind, (ulps, path) in self.moved.items()
        ]
        more = f" and {len(self.near) - 1:,} more" if len(self.near) > 1 else ""
        near = [f"which is the worst entry, where rounding decides: {path}{more}" for path in self.near[:1]]
        lines.append(f"taken on trust: {'; '.join([*self.trusted, *near])}")
        return "\n".join(map(plain, lines))

    def same(self, path: str, recorded: Any, now: Any) -> None:
        """Words and counts."""
        self.compared += 1
        if recorded != now:
            self.differences.append(f"{path} is {recorded!r}, the replay gives {now!r}")

    def close(
        self, kind: str, path: str, recorded: Array | float, now: Array | float, bound: Array | float = 0.0
    ) -> None:
        """Floats or arrays of them, each entry within the bound."""
        recorded, now = np.asarray(recorded), np.asarray(now)
        if recorded.shape != now.shape:
            self.differences.append(f"{path} has shape {recorded.shape}, the replay gives {now.shape}")
            return
        self.compared += recorded.size
        with np.errstate(all="ignore"):
            gap = np.abs(recorded - now)
            gap = np.where((recorded == now) | (np.isnan(recorded) & np.isnan(now)), 0, gap)
            ulps = np.where(gap == 0, 0, gap / np.spacing(np.maximum(np.abs(recorded), np.abs(now))))
        far = ~(gap <= bound)
        if far.any():
            at = np.unravel_index(np.argmax(np.where(far, np.nan_to_num(ulps, nan=np.inf), -1)), gap.shape)
            more = f" ({int(far.sum()):,} such entries)" if far.sum() > 1 else ""
            self.differences.append(
                f"{path}{place(at)} is {recorded[at]!s}, the replay gives {now[at]!s}: {ulps[at]:.3g} ulp apart{more}"
            )
        elif kind in SEEDED and (recorded.dtype != now.dtype or (np.signbit(recorded) != np.signbit(now)).any()):
            kinds = f"{recorded.dtype}, and the replay gives {now.dtype}"
            self.differences.append(f"{path} is another dtype, or has zeros of another sign: it is {kinds}")
        elif ulps.size:
            at = np.unravel_index(np.argmax(ulps), ulps.shape)
            before = self.moved.get(kind, (-1.0, ""))
            self.moved[kind] = max(before, (float(ulps[at]), f"{path}{place(at)}"), key=lambda pair: pair[0])
