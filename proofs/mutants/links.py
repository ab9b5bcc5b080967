"""Which link of the chain of evidence (proofs/README.md) each test belongs to."""

from fnmatch import fnmatchcase

# Patterns of the names of tests, below tests/. The first that fits decides.
PATTERNS = {
    "network/test_in_the_field.py::*": "field",
    "network/test_declared.py::test_every_network_obeys_every_law[[]*-gradient_over_the_field]": "field",
    "network/test_declared.py::test_random_networks_have_the_gradient_of_their_cost*": "field",
    "network/test_every_function.py::test_field_elements_carry_it_exactly*": "field",
    "numbers/test_exact.py::*": "field",
    "numbers/test_field.py::*": "field",
    "network/test_declared.py::test_every_network_obeys_every_law[[]*-both_costs]": "balls",
    "network/test_declared.py::test_every_network_obeys_every_law[[]*-floats_near_balls]": "balls",
    "network/test_declared.py::test_float_gradients_are_certified*": "balls",
    "network/test_declared.py::test_saturation_costs_dZ_no_digits*": "balls",
    "network/test_backprop.py::test_every_entry_keeps_eleven_digits*": "balls",
    "network/test_backprop.py::test_the_usual_formulas_lose_all_digits*": "balls",
    "network/test_digits.py::*": "balls",
    "numbers/test_balls.py::*": "balls",
    "gradcheck/test_rounding.py::*": "balls",
    "gradcheck/test_formulas.py::*": "balls",
    "test_certify.py::*": "balls",
    "test_coq.py::*": "balls",
    "report/test_certify_command.py::*": "balls",
    "proofs/test_tie.py::*": "tie",
    "proofs/test_translate.py::*": "tie",
    "proofs/test_vectors.py::*": "vectors",
    "network/test_declared.py::test_every_network_obeys_every_law[[]*-complex_step]": "differences",
    "network/test_backprop.py::*differences*": "differences",
    "network/test_every_function.py::test_dual_floats_carry_the_derivative_of_the_cost*": "differences",
    "numbers/test_dual.py::*": "differences",
    "proofs/test_errata.py::*": "differences",
    "gradcheck/test_hostile.py::*": "unit",
    "gradcheck/*": "differences",
    "article/*": "differences",
    "test_testing.py::*": "differences",
    "network/*": "unit",
}
LINKS = ("unit", "differences", "field", "balls", "tie", "vectors")
REST = "the rest"  # commands, reports, fuzzers, documents


def link_of(test: str) -> str:
    name = test.removeprefix("tests/")
    return next((link for pattern, link in PATTERNS.items() if fnmatchcase(name, pattern)), REST)


def by_link(tests: list[str]) -> dict[str, list[str]]:
    """The tests of each link, in their order, and last those of none."""
    links: dict[str, list[str]] = {link: [] for link in (*LINKS, REST)}
    for test in tests:
        links[link_of(test)].append(test)
    return links
