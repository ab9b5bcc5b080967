"""The functions that are known: what each does, and its names in the article and in the courses that grew from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, NamedTuple


class Course(NamedTuple):
    """What a file follows: the activation of its hidden layers, and the widths of networks to try its functions on.

    The widths of the first network are distinct, those of the second equal: a transpose shows in the latter. Where a
    course allows any number of layers, its networks have several, so that a number written into a loop shows.
    """

    hidden: str
    networks: tuple[tuple[int, ...], ...]


class Role(NamedTuple):
    """What a function does: the values that it takes, in the ways that are in use, and returns; and its names."""

    role: str
    takes: str
    returns: str
    names: tuple[str, ...]  # by course


ARTICLE = Course("sigmoid", ((4, 6, 5, 3), (3, 3, 3, 3, 3), (5, 2)))
DEEP = Course("relu", ((4, 6, 5, 1), (3, 3, 3, 3, 1), (5, 1), (3, 2, 1)))  # a course on networks of L layers
SHALLOW = Course("tanh", ((4, 5, 1), (3, 3, 1), (2, 4, 1)))  # a course on networks with one hidden layer
COURSES = (ARTICLE, DEEP, SHALLOW)
TRAINING = (
    "X Y layer_dims epochs lr | X Y layers_dims learning_rate num_iterations"
    " | X Y n_h num_iterations | X Y n_h num_iterations learning_rate"
)
# What people call one of these values, in any case.
ALIASES = tuple(
    {*names.split()}
    for names in (
        "x a0 input inputs feature features data x_train train_x",
        "y y_true true_y label labels target targets y_train train_y",
        "al a a2 a3 y_hat yhat y_pred pred preds prediction predictions output outputs probs",
        "params parameters weights theta",
        "grads gradients",
        "layer_dims layers_dims dims layers layer_sizes layers_sizes sizes architecture",
        "epochs num_epochs n_epochs iterations num_iterations n_iterations iters num_iters n_iters n_iter",
        "lr learning_rate alpha eta rate step_size",
        "cache caches memory",
    )
)
ANYTHING = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}  # *args, **kwargs
MAPPINGS = {"params": "the dict of parameters", "grads": "the dict of gradients"}  # the others may have many forms
# fmt: off
# A row: the role, what it takes, what it returns; then its names in the article | deep networks | one hidden layer.
ROLES = tuple(Role(*row[:3], row[3:]) for row in (
    ("init", "layer_dims | n_x n_h n_y", "params",
     "init_params", "initialize_parameters_deep initialize_parameters", "initialize_parameters"),
    ("sigmoid", "Z", "A activation_cache", "sigmoid", "sigmoid", "sigmoid"),
    ("relu", "Z", "A activation_cache", "", "relu", ""),
    ("linear", "A_prev W b", "Z linear_cache", "", "linear_forward", ""),
    ("layer", "A_prev W b activation", "A cache", "", "linear_activation_forward", ""),
    ("forward", "X params", "AL caches", "forward_prop", "L_model_forward", "forward_propagation"),
    ("cost", "AL Y | AL Y params", "J", "cost_function", "compute_cost", "compute_cost"),
    ("relu_backward", "dA activation_cache", "dZ", "", "relu_backward", ""),
    ("sigmoid_backward", "dA activation_cache", "dZ", "", "sigmoid_backward", ""),
    ("linear_backward", "dZ linear_cache", "dA_prev dW db", "", "linear_backward", ""),
    ("layer_backward", "dA cache | dA cache activation", "dA_prev dW db",
     "one_layer_backward", "linear_activation_backward", ""),
    ("backprop", "AL Y caches | AL Y caches params | AL Y caches X params | params caches X Y | X Y caches", "grads",
     "backprop", "L_model_backward", "backward_propagation"),
    ("update", "params grads learning_rate", "params",
     "update_parameters", "update_parameters", "update_parameters"),
    ("train", TRAINING, "params history", "train", "L_layer_model two_layer_model", "nn_model"),
))
# fmt: on


class UnfitError(ValueError):
    """What a function returned is not of the kind, or the number, that it should be."""


class Known(NamedTuple):
    """A function by its name in a file, with the values that it takes, in its own order, and returns."""

    name: str
    role: str
    takes: tuple[str, ...]
    returns: tuple[str, ...]
    function: Callable[..., Any] | None  # None where it is not there

    def words(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """What a call gives it, by the table's words."""
        count = len(args) + len(kwargs)
        words = self.takes if self.function else next(way for way in _ways(self.role) if len(way) >= count)
        names = dict(zip(parameters(self.function) or words, words, strict=False))
        return dict(zip(words, args, strict=False)) | {names[key]: V for key, V in kwargs.items() if key in names}

    def call(self, function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
        """What it, or what stands in for it, returns for those of the values that it takes: a list as a tuple."""
        args, kwargs = _arguments(self.function, {word: values[word] for word in self.takes if word in values})
        answer = function(*args, **kwargs)
        return tuple(answer) if isinstance(answer, list) and len(self.returns) > 1 else answer

    def parts(self, answer: Any) -> tuple[Any, ...]:
        """What it returned, a value for each of the table's words; or an UnfitError."""
        parts = answer if len(self.returns) > 1 else (answer,)
        if not isinstance(parts, tuple) or len(parts) != len(self.returns):
            counted = f": it has {len(parts)} entries" if isinstance(parts, tuple) else ""
            expected = f"expected the tuple ({', '.join(self.returns)})"
            raise UnfitError(f"returns {type(parts).__name__}, {expected}{counted}")
        for word, part in zip(self.returns, parts, strict=True):
            if word in MAPPINGS and not isinstance(part, Mapping):
                raise UnfitError(f"returns {type(part).__name__}, expected {MAPPINGS[word]}")
        return parts


def known(course: Course, namespace: Mapping[str, Any]) -> list[Known]:
    """The functions of a course, in the order of the table: of each role those that are there, or else the first."""
    found = []
    for role, _, returns, columns in ROLES:
        names = columns[COURSES.index(course)].split()
        there = [name for name in names if callable(namespace.get(name))]
        for name in there or names[:1]:
            function = namespace[name] if there else None
            found.append(Known(name, role, _way(function, _ways(role)), tuple(returns.split()), function))
    return found


def course_of(namespace: Mapping[str, Any]) -> Course | None:
    """The course of whose functions a file defines most."""

    def count(course: Course) -> int:
        return sum(function.function is not None for function in known(course, namespace))

    course = max(COURSES, key=count)
    return course if count(course) else None


def parameters(function: Callable[..., Any] | None) -> list[str]:
    """The names of a function's parameters, as far as Python tells."""
    signature = _signature(function)
    return list(signature.parameters) if signature else []


def beneath(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function beneath its decorators, also those without functools.wraps, which take (*args, **kwargs)."""
    try:
        function = inspect.unwrap(function)
        if {p.kind for p in inspect.signature(function).parameters.values()} != ANYTHING:
            return function
        wrapped = [f for f in inspect.getclosurevars(function).nonlocals.values() if inspect.isfunction(f)]
        return beneath(wrapped[0]) if len(wrapped) == 1 else function
    except (Exception, SystemExit):  # an object that can be called may raise anything where it is looked at
        return function


def _signature(function: Callable[..., Any] | None) -> inspect.Signature | None:
    try:
        return inspect.signature(beneath(function)) if function else None
    except (Exception, SystemExit):
        return None


def _ways(role: str) -> list[tuple[str, ...]]:
    return [tuple(way.split()) for row in ROLES if row.role == role for way in row.takes.split("|")]


def _way(function: Callable[..., Any] | None, ways: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The values that a function can be called with and that agree best with its parameters' names, in their order."""

    signature, names = _signature(function), parameters(function)

    def called(way: tuple[str, ...]) -> dict[str, str]:
        """The words of those parameters whose names say it."""
        pairs = [(name, word) for name in names[: len(way)] for word in way]
        meant: dict[str, str] = {}
        for name, word in pairs:
            if _alike(name, word) and name not in meant and word not in meant.values():
                meant[name] = word
        return meant

    def ordered(way: tuple[str, ...]) -> tuple[str, ...]:
        """A parameter named by a word, or an alias of one, takes that; the others take the other words as they come."""
        meant = called(way)
        others = (word for word in way if word not in meant.values())
        return (*(meant.get(name) or next(others) for name in names[: len(way)]), *others)

    def agreement(way: tuple[str, ...]) -> tuple[bool, int]:
        args, kwargs = _arguments(function, dict.fromkeys(way))
        try:
            return signature is not None and bool(signature.bind(*args, **kwargs)), len(called(way))
        except TypeError:
            return False, 0

    return max(map(ordered, ways), key=agreement)


def _alike(name: str, word: str) -> bool:
    return name == word or any({name.lower(), word.lower()} <= names for names in ALIASES)


def _arguments(function: Callable[..., Any] | None, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Values in the order of a function's parameters, and by their names those that it takes by name only."""
    signature = _signature(function)
    by_name = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY] if signature else []
    names = dict(zip(values, parameters(function), strict=False))
    kwargs = {names[word]: value for word, value in values.items() if names.get(word) in by_name}
    return [value for word, value in values.items() if names.get(word) not in by_name], kwargs


FUNCTIONS = tuple(dict.fromkeys(name for i in range(len(COURSES)) for row in ROLES for name in row.names[i].split()))
