"""All that is claimed of the test vectors, checked: python proofs/vectors/run.py

The generator writes the committed files again, byte for byte; the checker proves their values; the readers in Python,
C and JavaScript pass them. Then each of these is seen to fail on vectors that were tampered with.
"""

from __future__ import annotations

import json
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema

HERE = Path(__file__).parent
NAMES = ("float64.json", "float32.json", "invalid.json", "functions.json", "networks.json")
FILES = [HERE / name for name in NAMES]
VALID = [path for path in FILES if path.name != "invalid.json"]
NEEDED = {"cc": "apt-get install gcc libc6-dev", "node": "apt-get install nodejs"}


def readers(directory: Path) -> list[list[str]]:
    """The commands of the readers, the one in C compiled into the directory."""
    for tool, remedy in NEEDED.items():
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: {remedy}")
    program = directory / "backprop"
    source = HERE / "readers" / "backprop.c"
    strict = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2"]
    subprocess.run(["cc", *strict, source, "-lm", "-o", program], check=True)
    return [
        [sys.executable, str(HERE / "readers" / "backprop.py")],
        [str(program)],
        ["node", str(HERE / "readers" / "backprop.js")],
    ]


def flip(path: Path, target: Path, rng: random.Random, bit: int) -> str:
    """Copy the vectors with one bit of one finite expected value flipped, in both of its notations; says which."""
    document = json.loads(path.read_text())
    case = rng.choice([case for case in document["cases"] if "infinite" not in case["flags"]])
    name = rng.choice(list(case["expected"]))
    value = case["expected"][name]
    i = rng.randrange(len(value["hex"]))
    real, integer = ("<d", "<Q") if case["dtype"] == "float64" else ("<f", "<I")
    (bits,) = struct.unpack(integer, struct.pack(real, value["decimal"][i]))
    (value["decimal"][i],) = struct.unpack(real, struct.pack(integer, bits ^ 1 << bit))
    value["hex"][i] = value["decimal"][i].hex()
    target.write_text(json.dumps(document | {"cases": [case]}))
    return f"{case['id']}: {name}[{i}]"


def main() -> int:
    check = [sys.executable, str(HERE / "check.py")]
    failures = []

    def expect(success: bool, command: list[str], *paths: Path, what: str = "") -> None:
        done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True)
        if done.returncode != (0 if success else 1) or done.stderr:  # a traceback is no refusal
            failures.append(f"{' '.join(command)} {what}: status {done.returncode}\n{done.stdout}{done.stderr}")
        elif success:
            print(done.stdout.strip())

    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        subprocess.run([sys.executable, HERE / "generate.py", directory], check=True, stdout=subprocess.DEVNULL)
        same = [path for path in FILES if (directory / path.name).read_bytes() == path.read_bytes()]
        failures += [f"generate.py no longer writes {path.name}" for path in FILES if path not in same]
        print(f"generated again, byte for byte: {', '.join(path.name for path in same)}")

        validator = jsonschema.Draft202012Validator(json.loads((HERE / "schema.json").read_text()))
        wrong = [path.name for path in FILES if not validator.is_valid(json.loads(path.read_text()))]
        failures += [f"{name} does not follow schema.json" for name in wrong]

        expect(True, check, *FILES)
        commands = readers(directory)
        for command in commands:
            expect(True, command, *FILES)
            expect(True, [*command, "-saturated", "-overflow"], *FILES)
            expect(False, command, what="is content with no file")
            expect(False, [*command, "-float32"], HERE / "float32.json", what="is content with no vector")

        rng, broken = random.Random(0), directory / "broken.json"
        for path in VALID:
            for bit in range(52 if path.name == "float64.json" else 23):
                expect(False, check, broken, what=f"accepts bit {bit} flipped in {flip(path, broken, rng, bit)}")
            for result, change in {"valid": 1.5, "invalid": 1.0}.items():
                document = json.loads(path.read_text())
                case = next(case for case in document["cases"] if "generic" in case["flags"])
                for value in case["expected"].values():
                    value["decimal"] = [change * x for x in value["decimal"]]
                    value["hex"] = [x.hex() for x in value["decimal"]]
                broken.write_text(json.dumps(document | {"cases": [case | {"result": result}]}))
                for command in [check, *commands]:
                    expect(False, command, broken, what=f"accepts a {result} case of {path.name} that is not")
    print("\n".join(failures) or "a flipped bit, a wrong value, a right gradient called invalid, no vector: refused")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
