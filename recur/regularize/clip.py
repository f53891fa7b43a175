"""Clipping inside the step: of the memory going forward, of the gradient going back."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._roll.named import visit_named
from recur.compose.plain import Regulariser
from recur.compose.wrapper import Wrapper, check_steps
from recur.types import Array, PyTree


@dataclass(frozen=True)
class ClipCell(Wrapper):
    r"""Keeps the memory of a cell within bounds: ``c_t`` is clipped before it is used.

    .. math::
        c_t \to \min(\max(c_t, -l), l)

    It acts on every value that the step names ``cell`` (see :func:`recur.emit_named`).

    Args:
      cell: The cell inside.
      limit: ``l``, above 0.

    Raises:
      TypeError: If ``cell`` is no cell.
      ValueError: If ``limit`` is not above 0, or the step names no ``cell``.

    Example:
      >>> cell = ClipCell(LSTM(4), limit=0.1)
      >>> params, xs = cell.init(jax.random.key(0), 3), jnp.ones((7, 3))
      >>> carry, ys = unroll(cell, params, cell.init_carry(), xs)
      >>> bool(jnp.abs(carry.c).max() <= 0.1)
      True

    References:
      Sak, Senior and Beaufays, `Long short-term memory recurrent neural network
      architectures for large scale acoustic modeling
      <https://doi.org/10.21437/Interspeech.2014-80>`_, 2014.
    """

    limit: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_steps("ClipCell", self.cell)
        checks.check_positive("ClipCell", "limit", self.limit)

    def step(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        """Advances the cell with its memory within bounds."""
        seen = []

        def clip(name: str, value: Array) -> Array:
            seen.append(name)
            return jnp.clip(value, -self.limit, self.limit) if name == "cell" else value

        result = visit_named(self.cell.step, clip, params, carry, x)
        if "cell" not in seen:
            raise ValueError(
                f"ClipCell: {self.cell} names {sorted(set(seen))}; expected a value "
                "named cell. Wrap an LSTM, or name the memory in your step with "
                "jax.ad_checkpoint.checkpoint_name(value, 'cell')."
            )
        return result


@dataclass(frozen=True)
class ClipGradient(Regulariser):
    r"""Clips the gradient that flows back through the carry, at every step.

    .. math::
        \frac{\partial L}{\partial s_{t-1}} \to
        \min\left(\max\left(\frac{\partial L}{\partial s_{t-1}}, -l\right), l\right)

    Values are untouched. A clipped gradient is not the derivative of anything, so
    forward mode (``jax.jvp``, ``jax.hessian``) is refused by JAX.

    Args:
      cell: The cell inside.
      limit: ``l``, above 0.

    Raises:
      TypeError: If ``cell`` is no cell.
      ValueError: If ``limit`` is not above 0.

    Example:
      >>> cell = ClipGradient(Elman(4), limit=0.1)
      >>> params, xs = cell.init(jax.random.key(0), 3), jnp.ones((7, 3))
      >>> loss = lambda carry: 100 * unroll(cell, params, carry, xs)[1].sum()
      >>> bool(jnp.abs(jax.grad(loss)(cell.init_carry())).max() <= 0.1)
      True

    References:
      Graves, `Generating sequences with recurrent neural networks
      <https://arxiv.org/abs/1308.0850>`_, 2013.
    """

    limit: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_steps("ClipGradient", self.cell)
        checks.check_positive("ClipGradient", "limit", self.limit)

    def step(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        """Advances the cell; going back, the gradient of its carry is clipped."""
        return self.cell.step(params, _clipped_going_back(self.limit, carry), x)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _clipped_going_back(limit: float, carry: PyTree) -> PyTree:
    return carry


def _forward(limit: float, carry: PyTree) -> tuple[PyTree, None]:
    return carry, None


def _backward(limit: float, _: None, gradient: PyTree) -> tuple[PyTree]:
    return (jax.tree.map(lambda g: jnp.clip(g, -limit, limit), gradient),)


_clipped_going_back.defvjp(_forward, _backward)

__all__ = ["ClipCell", "ClipGradient"]
