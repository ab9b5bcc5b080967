"""How to cite a report: by whom it is, its identity, and the tool that made it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from refnn.report.findings import REFERENCE
from refnn.report.record import SHORT, Record
from refnn.report.resources import CITATION

LONGEST = 200  # characters of a name or an address
ADDRESS = r"https?://[!-\[\]-z|~]+"  # printable ASCII without spaces, backslashes and braces
TEX = str.maketrans({"{": "(", "}": ")", "\\": "/", "^": r"\^{}", "~": r"\~{}", **{c: f"\\{c}" for c in "_&%$#"}})
RECHECK = "refnn verify report.json"


class Author(NamedTuple):
    """Who answers for a report, as it is cited; nobody, if nobody says so."""

    name: str | None = None
    url: str | None = None

    def refuse_unfit(self) -> None:
        """The ValueError of a name or an address that cannot be printed."""
        if self.name is not None and not (self.name.strip() and self.name.isprintable() and len(self.name) <= LONGEST):
            raise ValueError(f"author is {self.name!r:.60}, expected a name of at most {LONGEST} characters")
        if self.url is not None and not (re.fullmatch(ADDRESS, self.url) and len(self.url) <= LONGEST):
            raise ValueError(f"url is {self.url!r:.60}, expected an address that begins with https:// or http://")


NOBODY = Author()


def citation(subject: str, identity: str, environment: Record, author: Author = NOBODY) -> Record:
    """Plain text and BibTeX, made of nothing but these: who rechecks a report makes them again.

    The authors of refnn, whom CITATION.cff names, are those of the report on refnn itself, and of no other.
    """
    cff = citation_file()
    authors = [author.name] if author.name else []
    if subject == REFERENCE:
        author = NOBODY
        authors = [each.get("name") or f"{each['given-names']} {each['family-names']}" for each in cff["authors"]]
    year, version = environment["date"][:4], environment["packages"].get("refnn", "unknown")
    tool = f"{cff['title'].split(':')[0]}, version {version}"
    title = f"Gradient-check report {identity[:SHORT]} on {subject}"
    said = f"{', '.join(authors)} ({year}). {title}." if authors else f"{title} ({year})."
    where = f" {author.url}." if author.url else ""
    text = f"{said} Made with {tool}.{where} SHA-256 {identity}. Recheck with: {RECHECK}"
    fields = {
        "author": " and ".join(f"{{{_escaped(name)}}}" for name in authors),
        "title": f"{{{_escaped(title)}}}",
        "year": year,
        "url": author.url or "",
        "note": f"Made with {_escaped(tool)}; SHA-256 {identity}",
    }
    lines = ",\n".join(f"  {key:<6} = {{{value}}}" for key, value in fields.items() if value)
    bibtex = f"@misc{{refnn-{identity[:SHORT]},\n{lines}\n}}"
    return {"author": author.name, "url": author.url, "text": text, "bibtex": bibtex}


def citation_file() -> Any:
    """What CITATION.cff holds."""
    try:
        import yaml
    except ImportError:
        raise ImportError('the citation of a report needs PyYAML: pip install "refnn[report]"') from None
    return yaml.safe_load(CITATION.read_text(encoding="utf-8"))


def _escaped(text: str) -> str:
    """The text as TeX prints it; its braces would not stay in pairs, and become brackets."""
    return text.translate(TEX)
