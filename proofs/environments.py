"""Run the tests in other environments: each Python there is, with the oldest and with the newest packages allowed.

    python proofs/environments.py             (make environments)
    python proofs/environments.py --write     and environments.json
    python proofs/environments.py python3.14 --write    of one Python; the other rows stay, with what they ran then

Of `pythons` those are taken that are on the PATH; what is not there is named. `oldest` is the least version that
pyproject.toml allows of each package it names, of those that have a wheel for that Python; `newest` the last one. The
tests are those of `make test`, with five random examples for each property. Exit status 1 if any fail.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from refnn._progress import bar

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).with_name("environments.json")
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.13t", "python3.14", "python3.14t")
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
SHOWN = ("numpy", "hypothesis", "pytest", "matplotlib", "python-flint", "scipy")  # of what is installed


def run(python: str, packages: str) -> dict[str, object]:
    """Make the environment, and run the tests in it: what they ran with, and how they ended."""
    folder = ROOT / "build/environments" / f"{python}-{packages}"
    its = ("--python", str(folder / "bin/python"))
    there = {**os.environ, "HYPOTHESIS_PROFILE": "quick", "OPENBLAS_NUM_THREADS": "1"}
    try:
        uv("venv", "--quiet", "--clear", "--python", python, str(folder))
        wheels = ("--only-binary", ":all:", "--resolution", RESOLUTIONS[packages])
        uv("pip", "install", *its, *wheels, "--requirement", "pyproject.toml", "--extra", "check")
        uv("pip", "install", *its, "--no-deps", "--editable", ".")
    except subprocess.CalledProcessError as error:
        return {"python": python, "packages": packages, "outcome": last(error.stderr)}
    tests = [folder / "bin/python", "-m", "pytest", "--numprocesses", "auto", "--dist", "worksteal"]
    done = subprocess.run(tests, cwd=ROOT, env=there, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout[-5000:], file=sys.stderr)
    listed = {each["name"]: each["version"] for each in json.loads(uv("pip", "list", *its, "--format", "json"))}
    version = subprocess.run([folder / "bin/python", "-VV"], capture_output=True, text=True, check=True).stdout
    return {
        "python": " ".join(version.split()[:2]) + " free-threaded" * python.endswith("t"),
        "packages": packages,
        "versions": {name: listed[name] for name in SHOWN},
        "outcome": re.sub(r" in .*", "", last(done.stdout)),
    }


def command(row: dict[str, object]) -> str:
    """Of `PYTHONS`, the one that a row is of."""
    version = str(row["python"])
    return f"python{re.findall(r'3[.][0-9]+', version)[0]}{'t' * version.endswith('free-threaded')}"


def uv(*arguments: str) -> str:
    command = [sys.executable, "-m", "uv", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def last(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip("= ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", default=PYTHONS, help="commands (%(default)s)")
    parser.add_argument("--packages", nargs="*", default=list(RESOLUTIONS), choices=RESOLUTIONS)
    parser.add_argument("--write", action="store_true", help="environments.json")
    args = parser.parse_args()
    there = [python for python in args.pythons if shutil.which(python)]
    asked = [(python, packages) for python in there for packages in args.packages]
    rows = [run(*each) for each in bar(asked, "environments", total=len(asked), show=True)]
    for row in rows:
        print(*(f"{name}: {value}" for name, value in row.items()), sep="; ")
    missing = [python for python in args.pythons if python not in there]
    print(f"not on this machine: {', '.join(missing) or 'none'}")
    if args.write:
        before = json.loads(RECORD.read_text(encoding="utf-8"))["rows"]
        others = [row for row in before if (command(row), row["packages"]) not in asked]
        order = [(python, packages) for python in PYTHONS for packages in RESOLUTIONS]
        kept = sorted(others + rows, key=lambda row: order.index((command(row), str(row["packages"]))))
        missing = [python for python in PYTHONS if python not in map(command, kept)]
        RECORD.write_text(json.dumps({"rows": kept, "not here": missing}, indent=1) + "\n", encoding="utf-8")
    return int(not all(re.fullmatch(r"\d+ passed", str(row["outcome"])) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
