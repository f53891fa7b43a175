r"""The recurrence of a running maximum that decays.

.. math::
    m_t = \max(m_{t-1} + a_t, b_t)

It is linear in the algebra where ``max`` is the sum and ``+`` the product. Its tangent
is affine: that of whichever is larger.
"""

from functools import partial

import jax
import jax.numpy as jnp

from recur._jaxpr.symbolic_zeros import drop_symbolic_zeros, instantiate_zeros
from recur._roll.linear.recurrence import (
    Walk,
    recurrence,
    states_before,
    walked,
)
from recur.types import Array


def max_plus(walk: Walk, add: Array, least: Array, start: Array) -> Array:
    """Computes the maximum after each step.

    Args:
      walk: How.
      add: ``[T, ...]``.
      least: ``[T, ...]``.
      start: ``[...]``, before the first step taken.

    Returns:
      ``[T, ...]``.

    Example:
      >>> walk = Walk(parallel=True, reverse=False)
      >>> max_plus(walk, jnp.array([-1.0, -1.0]), jnp.array([0.0, 3.0]), jnp.float32(5))
      Array([4., 3.], dtype=float32)
    """
    ways = partial(_sequential, walk.reverse), partial(_parallel, walk.reverse)
    run = jax.custom_jvp(partial(walked, walk, ways))

    def push(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
        add, least, start = primals
        dadd, dleast, dstart = instantiate_zeros(primals, drop_symbolic_zeros(tangents))
        after = max_plus(walk, *primals)
        carried = states_before(walk, after, start) + add
        share = jnp.sign(carried - least) / 2 + 0.5  # Half of each at a tie.
        drive = jnp.where(share > 0, share * dadd, 0) + jnp.where(
            share < 1, (1 - share) * dleast, 0
        )
        (moved,) = recurrence(walk, ((0, 0),), [share], [drive], [dstart])
        return after, moved

    run.defjvp(push, symbolic_zeros=True)
    return run(add, least, start)


def _sequential(reverse: bool, add: Array, least: Array, start: Array) -> Array:
    def body(m: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        m = jnp.maximum(m + inputs[0], inputs[1])
        return m, m

    return jax.lax.scan(body, start, (add, least), reverse=reverse)[1]


def _parallel(reverse: bool, add: Array, least: Array, start: Array) -> Array:
    def after(one: tuple, other: tuple) -> tuple[Array, Array]:
        (a, b), (c, d) = one, other
        return a + c, jnp.maximum(b + c, d)

    first = -1 if reverse else 0
    entered = jnp.maximum(start + add[first], least[first])
    least = least.at[first].set(entered)
    return jax.lax.associative_scan(after, (add, least), reverse=reverse)[1]
