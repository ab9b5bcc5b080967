"""For the test suite of your own backprop: strategies for Hypothesis, and assertions.

    >>> from refnn.testing import assert_backprop, assert_gradients
    >>> def test_backprop():
    ...     assert_backprop(my_gradient)  # my_gradient(params, X, Y) -> {"dW1": …, "db1": …, …}
    >>> def test_loss():
    ...     assert_gradients(my_loss, my_params, my_loss_gradient)

Needs hypothesis: ``pip install "refnn[testing]"``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Unpack

import numpy as np

from refnn import _shapes
from refnn.gradcheck import GradientCheck, Verdict, check_backprop, check_gradients
from refnn.gradcheck.backprop import GradientFunction, Judge
from refnn.gradcheck.declaration import Declaration, Keywords
from refnn.gradcheck.faults.probes import Probe, blindness, random_probe

try:
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis import strategies as st
    from hypothesis.errors import Flaky, NoSuchExample, Unsatisfiable
except ImportError:
    raise ImportError('refnn.testing needs hypothesis: pip install "refnn[testing]"') from None

__all__ = ["assert_backprop", "assert_gradients", "layer_dims", "networks"]

PRINTED = 40  # numbers of a network small enough to stand in a failure message
QUIET = settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate, Phase.shrink),  # not those that explain a failure: the check does
    suppress_health_check=list(HealthCheck),
)


@st.composite
def layer_dims(draw: st.DrawFn, *, max_layers: int = 5, max_width: int = 6) -> list[int]:
    """Widths n_0 … n_L of a network, input first.

    Two neighbouring widths are equal and at least 2: only there can a transposed dW or W go unnoticed by its shape.
    Shrinks towards [2, 2], one layer of two units.

    Parameters
    ----------
    max_layers : int, the largest L
    max_width : int of at least 2
    """
    _shapes.whole("max_layers", max_layers, 1)
    _shapes.whole("max_width", max_width, 2)
    square = draw(st.integers(2, max_width))
    others = draw(st.lists(st.integers(1, max_width), max_size=max_layers - 1))
    before = draw(st.integers(0, len(others)))
    return [*others[:before], square, square, *others[before:]]


@st.composite
def networks(
    draw: st.DrawFn,
    dims: st.SearchStrategy[list[int]] | Sequence[int] | None = None,
    *,
    m: int | None = None,
    **declaration: Unpack[Keywords],
) -> Probe:
    """Networks with data, as tuples (name, params, X, Y), on each of which every fault of the catalogue shows.

    The numbers come from a seed, so that they stay generic while the network shrinks: towards few layers and units,
    three examples, weights of size 1, hard labels.

    Parameters
    ----------
    dims : strategy for the widths, or fixed ones; `layer_dims()` if None
    m : int of at least 2, the number of examples; from 3 to 8 if None
    **declaration : the network to which they belong, and the conventions in which they are written, as in
        `refnn.check_backprop`

    Examples
    --------
    >>> @given(networks())
    ... def test_cost_falls(network):
    ...     name, params, X, Y = network
    """
    if m is not None:
        _shapes.whole("m", m, 2)
    said = Declaration.of(declaration)
    found = draw(_seeing(dims, m, said))
    return Probe(found.name, *said.theirs(found.params, found.X, found.Y))


def _seeing(
    dims: st.SearchStrategy[list[int]] | Sequence[int] | None, m: int | None, said: Declaration
) -> st.SearchStrategy[Probe]:
    """The same in the one form that the checker has inside."""
    drawn = _any_network(layer_dims() if dims is None else dims, m, said)
    return drawn.filter(lambda net: not said.known or blindness(net.params, net.X, net.Y, said) is None)


@st.composite
def _any_network(
    draw: st.DrawFn, dims: st.SearchStrategy[list[int]] | Sequence[int], m: int | None, said: Declaration
) -> Probe:
    widths = _shapes.widths(draw(dims) if isinstance(dims, st.SearchStrategy) else dims)
    m = m or draw(st.integers(3, 8))
    scale = draw(st.sampled_from([1.0, 2.0, 0.3, 4.0, 0.01]))
    soft = draw(st.booleans())
    seed = draw(st.integers(0, 2**16))
    name = f"layer_dims {widths}, m = {m}, weights of size {scale:g}, {'soft' if soft else 'hard'} labels, seed {seed}"
    return random_probe(np.random.default_rng(seed), widths, m, scale, soft, said)._replace(name=name)


def assert_backprop(
    gradient: GradientFunction,
    *,
    layer_dims: Sequence[int] | None = None,
    m: int | None = None,
    seed: int = 0,
    max_examples: int = 100,
    **declaration: Unpack[Keywords],
) -> None:
    """Fail unless the gradient of a declared cost is right on every network tried.

    Parameters
    ----------
    gradient : callable (params, X, Y) -> grads, as in `refnn.check_backprop`
    layer_dims, m, seed : as in `refnn.check_backprop`
    max_examples : int, random networks that are tried after the fixed ones
    **declaration : the network and its conventions, as in `refnn.check_backprop`

    Raises
    ------
    AssertionError
        With the cause, the table of errors, and the smallest network found that shows the fault.

    Notes
    -----
    It takes longer than the 200 ms that Hypothesis allows a test: within one, ``@settings(deadline=None)``.
    """
    __tracebackhide__ = True
    _shapes.whole("max_examples", max_examples, 1)
    check = check_backprop(gradient, layer_dims=layer_dims, m=m, seed=seed, progress=False, **declaration)
    said = Declaration.of(declaration)
    network = None if m == 1 else _smallest(Judge(gradient, said), _seeing(layer_dims, m, said), max_examples)
    if network is not None:
        small = check_backprop(gradient, probes=[network], progress=False, **declaration)
        raise AssertionError(_message(check, small, said.theirs(network.params, network.X, network.Y)))
    if not check:
        raise AssertionError(str(check))


def assert_gradients(f: Callable[..., Any], params: Any, grads: Any = None, **options: Any) -> None:
    """Fail unless the gradient of f at params is right.

    Parameters
    ----------
    f, params, grads, **options : as in `refnn.check_gradients`

    Raises
    ------
    AssertionError
        With the check in print, unless its verdict is PASS.
    """
    __tracebackhide__ = True
    check = check_gradients(f, params, grads, **{"progress": False, **options})
    if not check:
        raise AssertionError(str(check))


def _smallest(judge: Judge, drawn: st.SearchStrategy[Probe], max_examples: int) -> Probe | None:
    """The smallest network found on which the gradient fails, if there is one."""
    failed: list[Probe] = []

    def fails(network: Probe) -> bool:
        wrong = not judge(network)[0]
        if wrong:
            failed.append(network)
        return wrong

    try:
        with ThreadPoolExecutor(1) as own:  # Hypothesis allows no search within a test of its own in the same thread
            return own.submit(find, drawn, fails, settings=settings(QUIET, max_examples=max_examples)).result()
    except (NoSuchExample, Unsatisfiable):  # on networks of one width perhaps, no draw sees every fault
        return None
    except Flaky:  # it failed, and then did not
        return failed[-1]


def _message(check: GradientCheck, small: GradientCheck, network: tuple[dict[str, Any], Any, Any]) -> str:
    params, X, Y = network
    lines = ["the smallest network found that shows it:", str(small)]
    if small:
        lines[0] = "gradient is random: it failed on this network, and passed when asked again:"
    numbers = {**params, "X": X, "Y": Y}
    if sum(V.size for V in numbers.values()) <= PRINTED:
        lines += [f"{name} = {V.tolist()}" for name, V in numbers.items()]
    if check.verdict is Verdict.PASS:
        return "\n".join(["right on the fixed networks, wrong on a random one", *lines])
    return "\n".join([str(check), "", *lines])
