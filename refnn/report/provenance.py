"""Where and when a report was made: what stands beside what was found, outside the identity."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import subprocess
from functools import cache
from typing import Any

import numpy as np

from refnn.report.record import Record
from refnn.report.resources import ROOT

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


@cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@cache  # what runs is what was loaded
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
