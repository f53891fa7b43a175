"""Reading what comes before a sequence, once it is known to fit."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_arrays, check_functions
from recur._roll.steps import step_of
from recur._roll.unroll import unroll
from recur.decoding.choices import FedBack, check_allowed, check_end
from recur.types import Array, Cell, PyTree, Step


def read_prompt(
    where: str,
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    prompt: Any,
    *,
    embed: Callable[[Array], PyTree],
    end: Any,
    allowed: Any,
) -> tuple[FedBack, PyTree, Array, Array | None]:
    """Rolls over all but the last class of a prompt.

    Returns:
      ``(reads, carry, last, allowed)``: the step that reads the ``last`` class from the
      carry, and the flags of what may come.

    Example:
      >>> cell = Readout(GRU(8), 5)
      >>> params = cell.init(jax.random.key(0), input_size=5)
      >>> embed = lambda w: jax.nn.one_hot(w, 5)
      >>> read_prompt("doc", cell, params, None, jnp.array([1, 2]), embed=embed, end=0,
      ...             allowed=None)[2]
      Array(2, dtype=int32...)
    """
    check_functions(where, embed=embed)
    prompt = checked_prompt(where, prompt)
    carry, _ = unroll(step, params, carry, embed(prompt[:-1]))
    reads, last = FedBack(step_of(where, step), embed), prompt[-1]
    _, logits = jax.eval_shape(reads, params, carry, last)
    check_end(where, end, logits.shape[-1])
    return reads, carry, last, check_allowed(where, allowed, logits.shape)


def checked_prompt(where: str, prompt: Any, called: str = "prompt") -> Array:
    """Refuses anything but class numbers of one step or more.

    Example:
      >>> checked_prompt("doc", jnp.zeros(2))
      Traceback (most recent call last):
      TypeError: doc: prompt is float32[2]; expected integers [P, ...], ...
    """
    check_arrays(where, **{called: prompt})
    array = jnp.asarray(jnp.nan if prompt is None else prompt)
    if not jnp.issubdtype(array.dtype, jnp.integer) or array.ndim == 0:
        raise TypeError(
            f"{where}: {called} is {checks.describe(prompt)}; expected integers "
            "[P, ...], the numbers of classes. Encode a text first."
        )
    if len(array) == 0:
        raise ValueError(f"{where}: {called} is empty; expected one step or more.")
    return array
