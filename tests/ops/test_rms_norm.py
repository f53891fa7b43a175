"""The mean square is one, in float32 or wider, and zero stays zero."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur._ops.rms_norm import rms_norm
from tests.support.draw import random_like


def test_equals_its_equation():
    a, gain = random_like(0, (jnp.zeros((3, 4)), jnp.zeros(4)))
    root = np.sqrt(np.mean(np.square(a), axis=-1, keepdims=True) + 0.1)
    np.testing.assert_allclose(rms_norm(a, gain, 0.1), a / root * gain[None], 1e-5)
    np.testing.assert_allclose(rms_norm(a, eps=0.1), a / root, 1e-5)


def test_is_finite_at_zero_with_its_gradient():
    zero = jnp.zeros(4)
    assert not rms_norm(zero).any()
    slopes = jax.grad(lambda a: jnp.sum(rms_norm(a)))(zero)
    np.testing.assert_allclose(slopes, 1 / np.sqrt(1e-5), 1e-5)


def test_is_in_float32_and_refuses_no_floor():
    assert rms_norm(jnp.ones(2, jnp.bfloat16)).dtype == jnp.float32
    with pytest.raises(ValueError, match="rms_norm: eps is int 0"):
        rms_norm(jnp.ones(2), eps=0)
