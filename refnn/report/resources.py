"""Files that a report is made of: beside this one in an installed package, elsewhere in a checkout."""

from pathlib import Path

_HERE = Path(__file__).parent
ROOT = _HERE.parents[1]


def _find(name: str, in_checkout: str) -> Path:
    installed = _HERE / name
    return installed if installed.exists() else ROOT / in_checkout


DATA = _find("wdbc.csv", "proofs/data/wdbc.csv")
CITATION = _find("CITATION.cff", "CITATION.cff")
POWER = _find("power.json", "proofs/benchmarks/power.json")
