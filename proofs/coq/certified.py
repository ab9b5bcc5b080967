"""A gradient of the committed report, certified by Coq's kernel.

    python certified.py BUILD

BUILD is the folder of the compiled proofs. `refnn certify --coq` writes the theorem for a network of six layers, every
entry of every dW, db and dA, and Coq has to accept it; with one bound 0.1 % smaller Coq has to refuse it, for that
entry alone; with every bound 0.1 % smaller, for every entry; and at the kink of a ReLU, for all. A small network is
proved without native integers as well. What each proof assumes is compared with assumptions.txt and native.txt.
"""

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from refnn.__main__ import main
from refnn.certificate import Certificate, certify
from refnn.commands.certify import certificate

HERE = Path(__file__).parent
REPORT = HERE.parent / "reports" / "reference"
NETWORK, SMALL = 0, 39
TIGHTER = 0.999
TIME_LIMIT = 120  # seconds


def coqc(build: Path, name: str) -> tuple[bool, str]:
    """Whether Coq accepts a file, and what it prints."""
    command = ["coqc", "-q", "-w", "none", "-Q", ".", "RefNN", f"{name}.v"]
    run = subprocess.run(command, cwd=build, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    return run.returncode == 0, run.stdout + run.stderr


def prove(build: Path, name: str, network: int, *options: str) -> None:
    """Write a theorem as a user does, and let Coq check it; its assumptions have to be those of the files."""
    with contextlib.redirect_stdout(io.StringIO()):
        status = main(["certify", str(REPORT), "--network", str(network), "--coq", str(build / f"{name}.v"), *options])
    if status:
        sys.exit(f"{name}.v was not written")
    proved, said = coqc(build, name)
    if not proved:
        sys.exit(f"{name}.v is not proved: {said}")
    assumed = set(re.findall(r"^(?!Axioms:)(\S+)", said, re.MULTILINE))
    expected = {*listed("assumptions.txt"), *(() if options else listed("native.txt"))}
    if assumed != expected:
        sys.exit(f"{name}.v assumes {sorted(assumed - expected)}, and does not assume {sorted(expected - assumed)}")
    print(f"{name}.v: proved, with the {len(assumed)} assumptions that are listed")


def listed(file: str) -> list[str]:
    return (HERE / file).read_text().split()


def entries(claims: Certificate) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Each entry as Coq names it, and where it stands."""
    for key, dV in claims.grads.items():
        for i in np.ndindex(dV.shape):
            numbers = (int(key[2:]), *(i[:1] if key[:2] == "db" else i))
            yield f"Name.{key[:2]} {' '.join(map(str, numbers))}", key, i


def tightened(claims: Certificate, some: list[tuple[str, str, tuple[int, ...]]]) -> Certificate:
    """The bounds of these entries, 0.1 % smaller."""
    bounds = {key: bound.copy() for key, bound in claims.absolute.items()}
    for _, key, i in some:
        bounds[key][i] *= TIGHTER
    return replace(claims, absolute=bounds)


def at_a_kink() -> Certificate:
    """Of a ReLU at Z = 0, where J has no derivative; the certificate takes the slope below for one."""
    params = {"W1": [[1.0]], "b1": [[-1.0]], "W2": [[1.0]], "b2": [[0.0]]}
    grads = {"dW1": [[0.0]], "db1": [[0.0]], "dW2": [[0.0]], "db2": [[-0.5]]}
    return certify(params, [[1.0]], [[1.0]], grads, hidden="relu")


def refuse(build: Path, name: str, claims: Certificate, expected: list[str]) -> None:
    """A theorem that Coq has to refuse, for these entries alone."""
    (build / f"{name}.v").write_text(claims.to_coq())
    proved, said = coqc(build, name)
    refused = re.search(r'Unable to unify "\[\]" with\s+"\[(.*)\]"', said, re.DOTALL)
    found = [" ".join(entry.split()) for entry in refused[1].split(";")] if refused else []
    if proved or sorted(found) != sorted(expected):
        sys.exit(f"{name}.v should be refused for {expected}, and Coq says: {said}")
    print(f"{name}.v: refused, for {expected[0] if len(expected) == 1 else f'each of {len(expected)} entries'}")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    prove(folder, "Certified", NETWORK)
    prove(folder, "CertifiedPlain", SMALL, "--plain-integers")
    claims = certificate(REPORT, NETWORK)
    everywhere = list(entries(claims))
    for name, some in {"OneTighter": everywhere[:1], "AllTighter": everywhere}.items():
        refuse(folder, name, tightened(claims, some), [entry for entry, *_ in some])
    kink = at_a_kink()
    refuse(folder, "AtKink", kink, ["Name.Z 1 0 0", *(entry for entry, *_ in entries(kink))])
