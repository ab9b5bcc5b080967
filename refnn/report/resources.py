"""Files that a report is made of: in the installed package, which may be a zip file, or elsewhere in a checkout."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

ROOT = Path(__file__).parents[2]
_HERE = files("refnn.report")


def _find(name: str, in_checkout: str) -> Traversable:
    installed = _HERE / name
    return installed if installed.is_file() else ROOT / in_checkout


DATA = _find("wdbc.csv", "proofs/data/wdbc.csv")
CITATION = _find("CITATION.cff", "CITATION.cff")
POWER = _find("power.json", "proofs/benchmarks/power.json")
SCHEMA = _HERE / "schema.json"
PAGE, PAGE_STYLE = (_HERE / f"draw/page.{kind}" for kind in ("html", "css"))
