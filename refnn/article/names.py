"""The functions that are known: what each does, and its names in the article and in the courses that grew from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Course(NamedTuple):
    """What a file follows: the activation of its hidden layers, and the widths of networks to try its functions on.

    The widths of the first network are distinct, those of the second equal: a transpose shows in the latter.
    """

    hidden: str
    networks: tuple[tuple[int, ...], ...]


class Role(NamedTuple):
    """What a function does: the values that it takes, in every order that is in use, and returns; and its names."""

    role: str
    takes: str
    returns: str
    names: tuple[str, ...]  # by course


ARTICLE = Course("sigmoid", ((4, 6, 5, 3), (3, 3, 3, 3)))
DEEP = Course("relu", ((4, 6, 5, 1), (3, 3, 3, 1)))  # a course on networks of L layers
SHALLOW = Course("tanh", ((4, 5, 1), (3, 3, 1)))  # a course on networks with one hidden layer
COURSES = (ARTICLE, DEEP, SHALLOW)
TRAINING = (
    "X Y layer_dims epochs lr | X Y layers_dims learning_rate num_iterations | X Y n_h num_iterations"
    " | X Y layers_dims num_iterations learning_rate | X Y n_h num_iterations learning_rate"
)
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
    ("backprop", "AL Y caches | params caches X Y | X Y caches", "grads",
     "backprop", "L_model_backward", "backward_propagation"),
    ("update", "params grads learning_rate", "params",
     "update_parameters", "update_parameters", "update_parameters"),
    ("train", TRAINING, "params history", "train", "L_layer_model two_layer_model", "nn_model"),
))
# fmt: on


class Known(NamedTuple):
    """A function by its name in a file, with the values that it takes and returns."""

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


def known(course: Course, namespace: Mapping[str, Any]) -> list[Known]:
    """The functions of a course, in the order of the table: of each role those that are there, or else the first."""
    found = []
    for role, _, returns, columns in ROLES:
        names = columns[COURSES.index(course)].split()
        for name in [name for name in names if callable(namespace.get(name))] or names[:1]:
            function = namespace[name] if callable(namespace.get(name)) else None
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


def _signature(function: Callable[..., Any] | None) -> inspect.Signature | None:
    try:
        return inspect.signature(function) if function else None
    except (Exception, SystemExit):  # an object that can be called may raise anything where it is looked at
        return None


def _ways(role: str) -> list[tuple[str, ...]]:
    return [tuple(way.split()) for row in ROLES if row.role == role for way in row.takes.split("|")]


def _way(function: Callable[..., Any] | None, ways: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The order of arguments that a function can be called with and that agrees best with its parameters' names."""

    signature = _signature(function)

    def agreement(way: tuple[str, ...]) -> tuple[bool, int]:
        if signature is None:
            return False, 0
        try:
            signature.bind(*way)
        except TypeError:
            return False, 0
        return True, sum(a == b for a, b in zip(way, parameters(function), strict=False))

    return max(ways, key=agreement)


FUNCTIONS = tuple(dict.fromkeys(name for i in range(len(COURSES)) for row in ROLES for name in row.names[i].split()))
