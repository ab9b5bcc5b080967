"""The tables of README.md, made of the numbers that were measured, and the JSON files that keep those."""

import json
from pathlib import Path

README = Path(__file__).with_name("README.md")


def as_json(content):
    """Indented, with each row of a table on a line."""
    parts = []
    for key, value in content.items():
        if isinstance(value, list):
            rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in value)
            parts.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def markdown(head, rows):
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def between(name):
    """What README.md holds before, in and behind a generated part."""
    before, rest = README.read_text(encoding="utf-8").split(f"<!-- {name} -->\n\n")
    inside, behind = rest.split(f"\n\n<!-- end of {name} -->")
    return before + f"<!-- {name} -->\n\n", inside, f"\n\n<!-- end of {name} -->" + behind


def write(name, text):
    before, _, behind = between(name)
    README.write_text(before + text + behind, encoding="utf-8")


# ---------------------------------------------------------------------- power.json


def _sums(rows, *what):
    return tuple(sum(row[field] for row in rows) for field in what)


def _cell(rows):
    """Told apart, of all trials."""
    told, trials = _sums(rows, "told", "trials")
    return f"{told} of {trials}" if trials else "–"


def power(content, every_fault=False):
    """Objections by declared network; by fault; and verdicts on right gradients. `every_fault`: a table for each."""
    detection = content["detection"]
    checkers = list(dict.fromkeys(row["checker"] for row in detection))
    catalogued = {row["fault"] for row in content["cause_named"]}
    declared = list(content["declared"])

    def rows(checker, **fields):
        return [r for r in detection if r["checker"] == checker and all(r[k] == v for k, v in fields.items())]

    def seen(checker, name):
        return _cell([row for row in rows(checker, declared=name) if row["fault"] in catalogued])

    def refused(checker, name):
        return "{} of {}".format(*_sums(rows(checker, declared=name, fault="none"), "objections", "trials"))

    def by_fault(fields):
        faults = list(dict.fromkeys(row["fault"] for row in detection if row["fault"] != "none"))
        made = [f for f in faults if rows(checkers[0], fault=f, **fields)]
        return [[f, *(_cell(rows(checker, fault=f, **fields)) for checker in checkers)] for f in made]

    def named(name):
        its = [row for row in content["cause_named"] if row["declared"] == name]
        return "{} of {}".format(*_sums(its, "named", "asked"))

    head = ["declared network", *checkers]
    yield "**Wrong gradients told from right ones**, all faults of the catalogue that apply:"
    yield markdown(
        [*head, "cause named, by refnn"],
        [[name, *(seen(checker, name) for checker in checkers), named(name)] for name in declared],
    )
    yield "**Right gradients refused**, by hand in NumPy, on the same networks:"
    yield markdown(head, [[name, *(refused(checker, name) for checker in checkers)] for name in declared])

    verdicts = content["right_gradients"]
    kinds = [key for key in verdicts[0] if key not in ("declared", "implementation")]
    ways = list(dict.fromkeys(row["implementation"] for row in verdicts))
    total = sum(_sums(verdicts, *kinds))
    yield f"**Right gradients of {total:,} random networks**, scales 0.01 to 50: refnn's verdicts"
    yield markdown(
        ["declared network", *kinds],
        [[name, *_sums([r for r in verdicts if r["declared"] == name], *kinds)] for name in declared]
        + [[f"all, by {way}", *_sums([r for r in verdicts if r["implementation"] == way], *kinds)] for way in ways],
    )
    others = content["peers_on_right_gradients"]
    yield "and the objections of the others to those by PyTorch"
    yield markdown(
        ["declared network", *checkers[1:]],
        [
            [name]
            + [
                "{} of {}".format(
                    *_sums(
                        [r for r in others if (r["declared"], r["checker"]) == (name, checker)], "objections", "trials"
                    )
                )
                for checker in checkers[1:]
            ]
            for name in declared
        ],
    )
    drawn = content["random_faults"]
    sizes, conditions = (list(dict.fromkeys(row[kind] for row in drawn)) for kind in ("size", "condition"))
    yield "**Faults drawn at random**, told by `check_backprop` of those that struck, by size and by when they strike:"
    yield markdown(
        ["", *(f"{size:g}" for size in sizes), "drawn"],
        [
            [what]
            + ["{} of {}".format(*_sums([r for r in its if r["size"] == size], "told", "struck")) for size in sizes]
            + [*_sums(its, "drawn")]
            for what in conditions
            for its in [[row for row in drawn if row["condition"] == what]]
        ],
    )
    yield "**By fault**, all declared networks together:"
    yield markdown(["fault", *checkers], by_fault({}))
    if every_fault:
        for name in declared:
            yield markdown([name, *checkers], by_fault({"declared": name}))


# ---------------------------------------------------------------------- accuracy.json


def accuracy(content):
    """Worst errors, a row for each activation and output; then where refnn is not the best."""
    rows = content["rows"]
    found = {(r["hidden"], r["output"], r["scale"], r["by"]): r for r in rows}
    kinds = ("hidden", "output", "scale", "by")
    hidden, outputs, scales, by = (list(dict.fromkeys(r[kind] for r in rows)) for kind in kinds)

    def cell(*place):
        its = [found[(*place, name)] for name in by]
        return " · ".join(f"{r['worst']:.0e}".replace("e-0", "e-") + "*" * (r["not_finite"] > 0) for r in its)

    yield f"Worst relative error of an entry, {' · '.join(by)}; * some entries NaN or infinite, left out:"
    yield markdown(
        ["hidden, output", *(f"scale {scale}" for scale in scales)],
        [[f"{g}, {out}", *(cell(g, out, scale) for scale in scales)] for g in hidden for out in outputs],
    )

    def beaten(kind, factor):
        places = [(g, out, scale) for g in hidden for out in outputs for scale in scales]
        least = [
            (place, *min((found[(*place, n)][kind], n) for n in by if not found[(*place, n)]["not_finite"]))
            for place in places
        ]
        return [
            f"{g}, {out} at {scale}: {name} {value:.1e}, refnn {found[g, out, scale, 'refnn'][kind]:.1e}"
            for (g, out, scale), value, name in least
            if found[g, out, scale, "refnn"][kind] > factor * value
        ]

    worst, typical = ("; ".join(beaten(*which)) or "nowhere" for which in (("worst", 2), ("typical", 1.25)))
    yield f"Where the worst of another is less than half of refnn's: {worst}."
    yield f"Where its typical worst, the geometric mean over the networks, is less than 0.8 of refnn's: {typical}."


# ---------------------------------------------------------------------- general.json


def general(content):
    """Right gradients by kind of function, planted faults, time, and the calibration of central differences."""
    right, faults = content["right"], content["faults"]
    checkers = list(content["milliseconds"])

    def of(rows, checker, **fields):
        return [row for row in rows if row["checker"] == checker and all(row[k] == v for k, v in fields.items())]

    def share(part, whole):
        return f"{100 * part / whole:.3g} %" if whole else "–"

    def whole(checker):
        trials, alarms, undecided, exceptions = _sums(of(right, checker), "trials", "alarms", "undecided", "exceptions")
        planted, told, passed = _sums(of(faults, checker), "trials", "told", "passed")
        return [
            checker,
            *(f"{n:,} ({share(n, trials)})" for n in (alarms, undecided, exceptions)),
            share(told, planted),
            f"{passed:,} ({share(passed, planted)})",
            f"{content['milliseconds'][checker]:.3g}",
        ]

    trials, planted = _sums(of(right, checkers[0]), "trials")[0], _sums(of(faults, checkers[0]), "trials")[0]
    yield f"**{trials:,} right gradients and {planted:,} planted faults**, all kinds together:"
    yield markdown(
        [
            "checker",
            "false alarms",
            "undecided",
            "exceptions",
            "faults told apart",
            "faults passed",
            "ms for one, median",
        ],
        [whole(checker) for checker in checkers],
    )

    def refused(row):
        return " · ".join(str(row[outcome]) for outcome in ("alarms", "undecided", "exceptions"))

    kinds = list(dict.fromkeys(row["kind"] for row in right))
    yield "**Right gradients**, false alarms · undecided · exceptions:"
    yield markdown(
        ["kind", "trials", *checkers],
        [
            [kind, of(right, checkers[0], kind=kind)[0]["trials"]]
            + [refused(of(right, checker, kind=kind)[0]) for checker in checkers]
            for kind in kinds
        ],
    )
    names = list(dict.fromkeys(row["fault"] for row in faults))
    yield "**Planted faults**, told apart of all:"
    yield markdown(
        ["fault", *checkers],
        [[name, *(_cell(of(faults, checker, fault=name)) for checker in checkers)] for name in names],
    )
    speed = content["speed"]
    sizes = list(dict.fromkeys((row["f"], row["entries"]) for row in speed))
    yield "**Milliseconds for one right gradient** of a tanh layer, by entries; real: so that no complex number passes"
    yield markdown(
        ["checker", *(f"{n:,}{', real' * (f == 'real')}" for f, n in sizes)],
        [
            [
                checker,
                *(f"{1000 * of(speed, checker, f=f, entries=n)[0]['seconds']:.3g}" for f, n in sizes),
            ]
            for checker in checkers
        ],
    )
    yield "**Central differences**: entries outside of the stated error; its median in true errors"
    yield calibration(content)
    skipped = "; ".join(f"{len(names)} since {why}" for why, names in content["skipped"].items())
    yield f"Of PyTorch's and autograd's operators and modules are left out: {skipped}. Their names are in the file."


def calibration(content):
    """How often the stated error of central differences is too small, and how large it is."""
    return markdown(
        ["functions", "entries", "outside", "error over half the derivative", "median, in true errors"],
        [
            [row["name"], f"{row['entries']:,}", row["outside"], row["unknown"], row["median"] or "–"]
            for row in content["calibration"]
            if row["by"] != "form"
        ],
    )
