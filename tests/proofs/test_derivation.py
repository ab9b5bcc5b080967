"""The equation numbers that code, proofs, tests and documents cite are those of proofs/derivation.md."""

import io
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
DERIVATION = (ROOT / "proofs/derivation.md").read_text()
DEFINED = re.findall(r"\\tag\{(D\d+)\}", DERIVATION)
CITING = [
    file
    for room in ("refnn", "tests", "proofs")
    for kind in ("*.py", "*.v", "*.ml", "*.md")
    for file in sorted((ROOT / room).rglob(kind))
] + [ROOT / "README.md"]


def cited(file: Path, text: str) -> set[str]:
    """The numbers in a text; of Python, those in comments and strings, for a variable may well be called D1."""
    if file.suffix == ".py" and re.search(r"\bD\d", text):
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        text = "\n".join(token.string for token in tokens if token.type not in (tokenize.NAME, tokenize.OP))
    return set(re.findall(r"\bD\d+\b", text))


def test_the_equations_are_numbered_in_order():
    assert [f"D{number}" for number in range(1, 22)] == DEFINED


def test_every_cited_equation_exists():
    assert len(CITING) > 50
    unknown = {str(file): cited(file, file.read_text()) - set(DEFINED) for file in CITING}
    assert {file: numbers for file, numbers in unknown.items() if numbers} == {}


def test_every_equation_is_cited_in_the_proofs():
    assert set().union(*(cited(file, file.read_text()) for file in CITING if file.suffix == ".v")) == set(DEFINED)


def test_a_number_that_does_not_exist_is_seen():
    unknown = "D" + "22"
    assert cited(Path("a.py"), f"x = 1  # by ({unknown})") == cited(Path("a.v"), f"(** ({unknown}) *)") == {unknown}
    assert cited(Path("a.py"), f"{unknown} = 1") == set()
