"""Judge every worked example here, as it stands and with a bug in one of its own: `make peers`.

Networks are declared in one line, other functions are judged by their own `check`. On three sets of numbers each: as it
stands it must pass on all, and with its bug it must be WRONG on all, for the cause that stands here, if the checker has
a name for it. Exit status 1 if a verdict or a cause is another.
"""

import importlib.util
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from refnn.gradcheck import GradientCheck, Verdict, check_backprop

HERE = Path(__file__).parent
SEEDS = range(3)


class Bug(NamedTuple):
    """What stands once in the file, what it becomes, and the cause that must be named; None if none has that name."""

    right: str
    wrong: str
    cause: str | None
    file: str | None = None  # the example's own, if it is not another


ANOTHER = "this is the gradient of another network: "
EXAMPLES = {
    "one_example_at_a_time": Bug(".dot(error) * slopes[i]", ".dot(error)", "missing-hidden-derivative"),
    "rows_in_float32": Bug("+ reg * w,", "+ 2 * reg * w,", "penalty-doubled"),
    "course_style": Bug(" + lambd / m * W", "", "penalty-missing"),
    "with_pytorch_modules": Bug("nn.LeakyReLU(0.2)", "nn.LeakyReLU()", ANOTHER + "hidden='leaky_relu'"),
    "with_jax_sum": Bug("0.5 * jnp.sum", "jnp.sum", "factor-of-the-square"),
    "focal_loss": Bug("(2 * (1 - q) * log_p - q)", "(-q)", None),
    "rows_are_examples": Bug("(activations[-1] - Y) / len(X)", "activations[-1] - Y", "missing-mean"),
    "with_autograd": Bug("/ X.shape[1]", "/ A.size", "mean-over-outputs"),
    "with_c": Bug("* a * (1 - a)", "* a", "activation-as-derivative", "backprop.c"),
    "with_jax": Bug(".sum() / X.shape[1]", ".sum()", "missing-mean"),
    "with_pytorch": Bug("(Z, torch.tensor(Y))", "(A, torch.tensor(Y))", "output-activated-twice"),
    "with_scikit_learn": Bug("alpha=ALPHA", "alpha=0", "penalty-missing"),
}
FUNCTIONS = {
    "rms_norm": Bug("jnp.sqrt(square + EPS)", "jnp.sqrt(square)", None),
    "sigmoid_cross_entropy": Bug("/ Z.numel()", "/ len(Z)", None),
    "attention": Bug("keepdims=True)) * scale", "keepdims=True))", None),
    "scatter": Bug("np.add.at(d_table, INDEX, dY)", "d_table[INDEX] += dY", None),
}


def load(name, folder):
    spec = importlib.util.spec_from_file_location(f"{folder.name}_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def spoilt(name, bug, folder):
    """The example with its bug, from a copy."""
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    path = folder / (bug.file or f"{name}.py")
    text = path.read_text(encoding="utf-8")
    if text.count(bug.right) != 1:
        raise ValueError(f"{path.name} holds {bug.right!r} {text.count(bug.right)} times, expected once")
    path.write_text(text.replace(bug.right, bug.wrong), encoding="utf-8")
    return load(name, folder)


def judged(module):
    if hasattr(module, "check"):
        return [of_function(module, seed) for seed in SEEDS]
    declared = getattr(module, "DECLARED", {})
    return [check_backprop(module.gradient, seed=seed, progress=False, **declared) for seed in SEEDS]


def of_function(module, seed):
    """The check, or the verdict on which a drop-in raises."""
    try:
        found = module.check(seed)
    except (AssertionError, RuntimeError) as error:
        verdict = re.search(r"WRONG|UNRELIABLE|BLIND", str(error).splitlines()[0])
        if not verdict:
            raise
        return GradientCheck(Verdict(verdict.group()), reasons=(str(error),))
    return GradientCheck(Verdict.PASS) if found is None else found


def passed_by_others(module):
    """Whether the check that the framework itself has passes what is wrong."""
    try:
        return [module.others(seed) for seed in SEEDS] and True
    except AssertionError:
        return False


def causes(check):
    found = check.diagnosis.causes if check.diagnosis else ()
    return [f"{' and '.join(cause.faults)}: {cause.text}" for cause in found]


def named(check, cause):
    """Whether this cause is named, and no other."""
    found = causes(check)
    return len(found) == 1 and (found[0].startswith(f"{cause}: ") or f"another-network: {cause}" in found[0])


def main() -> int:
    failures = 0
    for name, bug in {**EXAMPLES, **FUNCTIONS}.items():
        with tempfile.TemporaryDirectory() as folder:
            bad = spoilt(name, bug, Path(folder))
            right, wrong = judged(load(name, HERE)), judged(bad)
        unlike = [check for check in right if not check]
        unlike += [check for check in wrong if check.verdict is not Verdict.WRONG]
        unlike += [check for check in wrong if bug.cause and not named(check, bug.cause)]
        failures += bool(unlike)
        verdicts = ["/".join(sorted({str(check.verdict) for check in checks})) for checks in (right, wrong)]
        said = bug.cause or "a bug without a name"
        said += "; the framework's own check passes it" if hasattr(bad, "others") and passed_by_others(bad) else ""
        print(f"{name:<22} {verdicts[0]}; with {bug.wrong!r} for {bug.right!r} {verdicts[1]}: {said}")
        for check in unlike:
            print(f"causes named: {causes(check)}\n{check}")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
