"""Temporaries of a training step as sequences and outputs grow, read off its program.

Nothing is run: XLA says of a compiled program what scratch memory it needs.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import recur
from recur._roll.remat import Remat

Arrays = Any


def temporaries(loss: Callable[..., Any], *shapes: Arrays) -> int:
    """Bytes of scratch memory that the gradient of ``loss`` needs.

    Args:
      loss: Gives a number; the gradient is taken in its first argument.
      shapes: Shapes of its arguments, or arrays.
    """
    compiled = jax.jit(jax.grad(loss)).lower(*shapes).compile()
    analysis = compiled.memory_analysis()
    if analysis is None:
        raise ValueError(
            "this backend gives no memory analysis; expected one that does."
        )
    return analysis.temp_size_in_bytes


def training_step(steps: int, remat: Remat, *, batch: int, size: int) -> int:
    """Temporaries of an LSTM's training step, its loss taken inside the roll."""
    cell = recur.LSTM(size)
    params, carry, xs = _shapes(cell, steps, batch, size)

    def loss(params: Arrays, carry: Arrays, xs: Arrays) -> Any:
        _, losses = recur.unroll_loss(
            cell, _square, params, carry, xs, None, remat=remat
        )
        return losses.sum()

    return temporaries(loss, params, carry, xs)


def language_model(
    steps: int,
    remat: Remat = None,
    *,
    within: bool = True,
    batch: int,
    size: int,
    classes: int,
) -> int:
    """The same over many classes, the loss taken within the roll or after it."""
    cell = recur.Readout(recur.LSTM(size), classes)
    params, carry, xs = _shapes(cell, steps, batch, size)
    labels = jax.ShapeDtypeStruct((steps, batch), jnp.int32)

    def inside(params: Arrays, carry: Arrays, xs: Arrays, labels: Arrays) -> Any:
        options: dict[str, Any] = {"remat": remat}
        _, losses = recur.unroll_loss(
            cell, _surprise, params, carry, xs, labels, **options
        )
        return losses.sum()

    def after(params: Arrays, carry: Arrays, xs: Arrays, labels: Arrays) -> Any:
        _, logits = recur.unroll(cell, params, carry, xs)
        return _surprise(logits, labels).sum()

    loss = inside if within else after
    return temporaries(loss, params, carry, xs, labels)


def slopes(sizes: list[int], bytes_needed: list[int]) -> list[float]:
    """Exponents of growth between neighbours: 1 is linear, 0.5 a square root.

    Example:
      >>> slopes([1, 4], [10, 20])
      [0.5]
    """
    growth = np.diff(np.log(bytes_needed)) / np.diff(np.log(sizes))
    return [round(float(value), 2) for value in growth]


def _shapes(cell: Any, steps: int, batch: int, size: int) -> Arrays:
    params = jax.eval_shape(lambda: cell.init(jax.random.key(0), size))
    carry = jax.eval_shape(lambda: cell.init_carry((batch,)))
    return params, carry, jax.ShapeDtypeStruct((steps, batch, size), jnp.float32)


def _square(y: Any, _: None) -> Any:
    return jnp.sum(y**2, axis=-1)


def _surprise(logits: Any, labels: Any) -> Any:
    chosen = jnp.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    return jax.nn.logsumexp(logits, axis=-1) - chosen
