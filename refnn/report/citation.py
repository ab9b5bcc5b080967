"""How to cite a report: the citation of refnn in CITATION.cff, with the report's identity."""

from __future__ import annotations

from typing import Any

from refnn.report.record import Record
from refnn.report.resources import CITATION

SHORT = 12  # hexadecimal digits by which a report goes in running text


def citation(subject: str, identity: str) -> Record:
    """Plain text and BibTeX."""
    cff = source()
    authors = [_author(author) for author in cff["authors"]]
    year = str(cff["date-released"])[:4]
    title = f"Gradient-check report {identity[:SHORT]} on {subject}"
    text = (
        f"{', '.join(authors)} ({year}). {title}. Made with {cff['title']}, version {cff['version']}. "
        f"SHA-256 {identity}. Recheck with: refnn verify report.json"
    )
    fields = {
        "author": " and ".join(f"{{{author}}}" for author in authors),
        "title": f"{{{_escaped(title)}}}",
        "year": year,
        "note": f"Made with {_escaped(cff['title'])}, version {cff['version']}; SHA-256 {identity}",
    }
    lines = ",\n".join(f"  {key:<6} = {{{value}}}" for key, value in fields.items())
    return {"text": text, "bibtex": f"@misc{{refnn-{identity[:SHORT]},\n{lines}\n}}"}


def source() -> Any:
    """What CITATION.cff holds."""
    try:
        import yaml
    except ImportError:
        raise ImportError('the citation of a report needs PyYAML: pip install "refnn[report]"') from None
    return yaml.safe_load(CITATION.read_text(encoding="utf-8"))


def _author(author: dict[str, str]) -> str:
    return author.get("name") or f"{author['given-names']} {author['family-names']}"


def _escaped(text: str) -> str:
    """The text as TeX prints it."""
    return "".join(f"\\{c}" if c in "_&%$#" else c for c in text)
