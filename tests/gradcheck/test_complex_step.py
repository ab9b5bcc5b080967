"""What the complex step measures of itself."""

import numpy as np

from refnn.gradcheck.witness.complex_step import precision


def test_the_noise_of_derivatives_does_not_depend_on_their_signs():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((7, 1)) + 1e-14 * rng.standard_normal((7, 5))
    values[0, :] = values[0, 0]  # no noise of its own: it has that of the others
    noise, slope = precision(values)
    signs = rng.choice([-1.0, 1.0], (7, 1))
    for one, other in zip(precision(signs * values), (noise, slope), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (noise > 0).all()
