r"""What the selective state spaces share: how their first steps are drawn.

.. math::
    \Delta = \log(1 + e^{u + b}), \qquad b = \Delta_0 + \log(1 - e^{-\Delta_0})

so that with :math:`u = 0` a step is :math:`\Delta_0` long.
"""

import jax
import jax.numpy as jnp

from recur._ops.wide import wide
from recur.linear_rnn.discretize import draw_log_steps
from recur.types import Array, DTypeLike


def draw_step_bias(
    key: Array, shape: tuple[int, ...], bounds: tuple[float, float], dtype: DTypeLike
) -> Array:
    """Draws what softplus makes steps of, uniform by their logarithm.

    Example:
      >>> b = draw_step_bias(jax.random.key(0), (3,), (0.001, 0.1), jnp.float32)
      >>> bool((jax.nn.softplus(b) < 0.1).all())
      True
    """
    dt = jnp.exp(draw_log_steps(key, shape, bounds, wide(dtype)))
    dt = jnp.maximum(dt, 1e-4)
    return (dt + jnp.log(-jnp.expm1(-dt))).astype(dtype)


def draw_within(
    key: Array, shape: tuple[int, ...], inputs: int, dtype: DTypeLike
) -> Array:
    """Draws uniformly within the inverse root of a number of inputs.

    Example:
      >>> w = draw_within(jax.random.key(0), (3,), 4, jnp.float32)
      >>> bool((abs(w) <= 0.5).all())
      True
    """
    bound = inputs**-0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)


__all__ = ["draw_step_bias", "draw_within"]
