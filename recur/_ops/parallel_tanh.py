r"""A tanh that XLA's CPU backend shares out among cores.

.. math::
    \tanh x \approx x\, \frac{P(x^2)}{Q(x^2)}, \qquad |x| \le 9

XLA counts no arithmetic in its own tanh, so it takes a pass of it for one that waits
for memory, and leaves that to one core below half a MiB. Written out, it is shared.
"""

import jax
import jax.numpy as jnp

from recur.types import Array

FEWEST, MOST = 2**15, 2**16
"""Entries from which a second core saves more than its call takes, and from which it
was no quicker again, or slower; measured on a CPU."""

SATURATED = 9.0
"""Beyond, tanh is 1 in float32."""

# Fitted in float64 for the least relative error, 2e-8.
_P = (1.33544737e-8, 2.06090263e-5, 3.49558865e-3, 1.33810276e-1, 1.0)
_Q = (7.77650417e-7, 3.28563280e-4, 2.58769887e-2, 4.67143432e-1, 1.0)


@jax.custom_jvp
def parallel_tanh(x: Array) -> Array:
    """Gives ``jnp.tanh(x)`` to rounding, on a CPU by all cores where that is quicker.

    Example:
      >>> parallel_tanh(jnp.ones((2**8, 2**7)))[0, 0]
      Array(0.7615942, dtype=float32)
    """
    if x.dtype != jnp.float32 or not FEWEST <= x.size < MOST:
        return jnp.tanh(x)
    return jax.lax.platform_dependent(x, cpu=_written_out, default=jnp.tanh)


@parallel_tanh.defjvp
def _slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    t = parallel_tanh(x)
    return t, (1 - t**2) * dx


def _written_out(x: Array) -> Array:
    x = jnp.clip(x, -SATURATED, SATURATED)
    p, q = (jnp.polyval(jnp.array(c, x.dtype), x**2) for c in (_P, _Q))
    return jnp.clip(x * p / q, -1, 1)
