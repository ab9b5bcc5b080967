"""Where and when a report was made, and how to cite it: what stands beside what was found, outside the identity."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import subprocess
from typing import Any

import numpy as np

from refnn.report.record import SHORT, Record
from refnn.report.resources import CITATION, ROOT

PACKAGES = ("refnn", "numpy", "python-flint", "matplotlib")


def environment() -> Record:
    """Versions, platform, CPU features, BLAS, commit and date. No name of a machine, a user or a folder."""
    blas, threads = _blas()
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": _commit(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_features": _config("SIMD Extensions").get("found", []),
        "blas": blas,
        "blas_threads": threads,
    }


def _config(section: str) -> Any:
    return np.show_config(mode="dicts").get(section, {})


def _blas() -> tuple[str, int]:
    """The BLAS that NumPy calls, the kernel that it chose, and its threads; 0 where they cannot be asked for."""
    built = _config("Build Dependencies").get("blas", {})
    name = f"{built.get('name', 'unknown')} {built.get('version', '')}".strip()
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return name, 0
    for library in threadpool_info():
        if library["user_api"] == "blas":
            kernel = f", {library['architecture']} kernels" if library.get("architecture") else ""
            return f"{name}{kernel}", int(library["num_threads"])
    return name, 0


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _commit() -> str:
    """The commit of the checkout that refnn runs from, marked where files differ from it; "" outside of one."""
    if not (ROOT / ".git").exists():
        return ""
    try:
        commit = _git("rev-parse", "HEAD")
        return f"{commit} and local changes" if _git("status", "--porcelain", "--", "refnn") else commit
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


# ---------------------------------------------------------------------- citation


def citation(subject: str, identity: str) -> Record:
    """Plain text and BibTeX: the citation of refnn in CITATION.cff, with the report's identity."""
    cff = citation_file()
    authors = [author.get("name") or f"{author['given-names']} {author['family-names']}" for author in cff["authors"]]
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


def citation_file() -> Any:
    """What CITATION.cff holds."""
    try:
        import yaml
    except ImportError:
        raise ImportError('the citation of a report needs PyYAML: pip install "refnn[report]"') from None
    return yaml.safe_load(CITATION.read_text(encoding="utf-8"))


def _escaped(text: str) -> str:
    """The text as TeX prints it."""
    return "".join(f"\\{c}" if c in "_&%$#" else c for c in text)
