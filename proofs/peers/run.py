"""Check every worked example here, and that the check of it can fail: `make peers`.

Each is judged as it stands and with one of its gradients spoiled, dW1 times 1.001, on three sets of networks.
"""

import importlib
import sys

from refnn.gradcheck import Verdict, check_backprop

EXAMPLES = ("rows_are_examples", "with_autograd", "with_c", "with_jax", "with_pytorch", "with_scikit_learn")


def spoiled(gradient):
    def wrong(params, X, Y):
        grads = dict(gradient(params, X, Y))
        return {**grads, "dW1": 1.001 * grads["dW1"]}

    return wrong


def main() -> int:
    failures = 0
    for name in EXAMPLES:
        gradient = importlib.import_module(name).gradient
        checks = [check_backprop(gradient, seed=seed) for seed in range(3)]
        caught = [check_backprop(spoiled(gradient), seed=seed).verdict is Verdict.WRONG for seed in range(3)]
        good = all(checks) and all(caught)
        failures += not good
        print(f"{name:<20} {'PASS' if all(checks) else 'not a PASS'}; spoiled: {sum(caught)} of {len(caught)} caught")
        for check in checks:
            if not check:
                print(check)
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
