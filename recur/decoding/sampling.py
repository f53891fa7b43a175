"""Drawing a sequence from a model that predicts its own next input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_arrays, check_functions, check_number
from recur._roll.steps import step_of
from recur._roll.unroll import unroll
from recur.types import Array, Cell, PyTree, Step


def sample(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    prompt: Array,
    *,
    key: Array,
    length: int,
    embed: Callable[[Array], PyTree],
    temperature: float = 1.0,
) -> Array:
    r"""Reads a prompt, then draws classes one at a time and feeds each back.

    .. math::
        x_t = \mathrm{embed}(w_t), \qquad w_{t+1} \sim \mathrm{softmax}(y_t / \tau)

    One compiled roll, whatever the length and for any number of batch axes.

    Args:
      step: A step or cell whose ``y`` are logits over ``V`` classes, ``[..., V]``.
      params: Its params.
      carry: The carry before the prompt.
      prompt: Class numbers, ``[P, ...]``, at least one step.
      key: Random key.
      length: Number of classes to draw.
      embed: Turns class numbers ``[...]`` into inputs ``[..., I]``.
      temperature: ``τ``; below 1 sharper, 0 always the likeliest class.

    Returns:
      Class numbers, ``[length, ...]``.

    Raises:
      TypeError: If ``key`` is not a random key, ``prompt`` holds no integers, or
        ``embed`` is no function.
      ValueError: If the prompt is empty or the temperature negative.

    Example:
      >>> cell = Readout(GRU(8), 5)
      >>> params = cell.init(jax.random.key(0), input_size=5)
      >>> sample(cell, params, cell.init_carry(), jnp.array([1, 2]), length=7,
      ...        key=jax.random.key(1), embed=lambda w: jax.nn.one_hot(w, 5)).shape
      (7,)
    """
    checks.check_key("sample", key)
    check_functions("sample", embed=embed)
    prompt = checked_prompt("sample", prompt)
    checks.check_size("sample", "length", length)
    check_number("sample", "temperature", temperature)
    if temperature < 0:
        raise ValueError(f"sample: temperature is {temperature}; expected 0 or more.")
    feed_back = _FeedBack(step_of("sample", step), embed, temperature)
    carry, _ = unroll(step, params, carry, embed(prompt[:-1]))
    return unroll(feed_back, params, (carry, prompt[-1], key), None, length=length)[1]


@dataclass(frozen=True)
class _FeedBack:
    """A value, so that equal ones share a compiled roll."""

    inner: Step
    embed: Callable[[Array], PyTree]
    temperature: float

    def __call__(
        self, params: PyTree, state: tuple[PyTree, Array, Array], _: None
    ) -> tuple[tuple[PyTree, Array, Array], Array]:
        carry, last, key = state
        key, k = jax.random.split(key)
        carry, logits = self.inner(params, carry, self.embed(last))
        drawn = _draw(k, logits, self.temperature).astype(last.dtype)
        return (carry, drawn, key), drawn


def checked_prompt(where: str, prompt: Any) -> Array:
    """Refuses anything but class numbers of one step or more.

    Example:
      >>> checked_prompt("doc", jnp.zeros(2))
      Traceback (most recent call last):
      TypeError: doc: prompt is float32[2]; expected integers [P, ...], ...
    """
    check_arrays(where, prompt=prompt)
    array = jnp.asarray(jnp.nan if prompt is None else prompt)
    if not jnp.issubdtype(array.dtype, jnp.integer) or array.ndim == 0:
        raise TypeError(
            f"{where}: prompt is {checks.describe(prompt)}; expected integers "
            "[P, ...], the numbers of classes. Encode a text first."
        )
    if len(array) == 0:
        raise ValueError(f"{where}: prompt is empty; expected one step or more.")
    return array


def _draw(key: Array, logits: Array, temperature: float) -> Array:
    if temperature == 0:
        return jnp.argmax(logits, axis=-1)
    return jax.random.categorical(key, logits / temperature)


__all__ = ["sample"]
