"""Drawing a sequence from a model that predicts its own next input."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_number
from recur._roll.identity import Programs
from recur.decoding.choices import FedBack, log_likelihoods, truncated
from recur.decoding.prompt import read_prompt
from recur.types import Array, Cell, PyTree, Step


class Samples(NamedTuple):
    """What was drawn.

    Args:
      tokens: Class numbers, ``[length, ...]``; after the end of a sequence, ``end``.
      scores: Log-likelihood of each sequence, ``[...]``: of all that was allowed,
        before temperature, ``top_k`` and ``top_p``.
      lengths: Number of classes, the end included, ``[...]``.
    """

    tokens: Array
    scores: Array
    lengths: Array


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
    top_k: int | None = None,
    top_p: float | None = None,
    allowed: Array | None = None,
    end: int | None = None,
) -> Samples:
    r"""Reads a prompt, then draws classes one at a time and feeds each back.

    .. math::
        x_t = \mathrm{embed}(w_t), \qquad w_{t+1} \sim \mathrm{softmax}(y_t / \tau)

    One compiled loop, whatever the length and for any number of batch axes. It stops
    early when all rows have ended; it has no gradient.

    Args:
      step: A step or cell whose ``y`` are logits over ``V`` classes, ``[..., V]``.
      params: Its params.
      carry: The carry before the prompt; ``None`` is the first one of a cell.
      prompt: Class numbers, ``[P, ...]``, at least one step.
      key: Random key.
      length: The most classes to draw.
      embed: Turns class numbers ``[...]`` into inputs ``[..., I]``.
      temperature: ``τ``; below 1 sharper, 0 always the likeliest class.
      top_k: Draws from the ``k`` likeliest classes only.
      top_p: Draws from the fewest classes, the likeliest first, whose probabilities
        reach ``p`` together; of those that ``top_k`` leaves, if both are given.
      allowed: Booleans ``[V]`` or ``[..., V]``: False for classes never to be drawn.
      end: The class that ends a sequence; by default all are ``length`` long.

    Returns:
      :class:`Samples`.

    Raises:
      TypeError: If ``key`` is not a random key, ``prompt`` holds no integers, a size is
        no integer, or ``embed`` is no function.
      ValueError: If the prompt is empty, the temperature negative, ``top_k`` below 1,
        ``top_p`` not in (0, 1], ``end`` no class, or nothing is allowed.

    Example:
      >>> cell = Readout(GRU(8), 5)
      >>> params = cell.init(jax.random.key(0), input_size=5)
      >>> drawn = sample(cell, params, None, jnp.array([1, 2]), length=7, top_k=3,
      ...                key=jax.random.key(1), embed=lambda w: jax.nn.one_hot(w, 5))
      >>> drawn.tokens.shape, drawn.scores.shape
      ((7,), ())

    References:
      Holtzman et al., `The curious case of neural text degeneration
      <https://arxiv.org/abs/1904.09751>`_, 2020, for ``top_p``.
    """
    where = "sample"
    checks.check_key(where, key)
    checks.check_size(where, "length", length)
    _check_distribution(where, temperature, top_k, top_p)
    told = {"embed": embed, "end": end, "allowed": allowed}
    start = read_prompt(where, step, params, carry, prompt, **told)
    reads, carry, last, allowed = start
    options = {"length": length, "temperature": float(temperature), "end": end}
    options |= {"top_k": top_k, "top_p": top_p}
    return Samples(*_draws(reads, params, carry, last, key, allowed, **options))


def _check_distribution(where: str, temperature: Any, top_k: Any, top_p: Any) -> None:
    check_number(where, "temperature", temperature)
    if temperature < 0:
        raise ValueError(f"{where}: temperature is {temperature}; expected 0 or more.")
    if top_k is not None:
        checks.check_size(where, "top_k", top_k)
    if top_p is not None:
        check_number(where, "top_p", top_p)
        if not 0 < top_p <= 1:
            raise ValueError(
                f"{where}: top_p is {top_p}; expected a probability above 0, up to 1. "
                "Leave it out to draw from all classes."
            )


class _State(NamedTuple):
    t: Array
    key: Array
    carry: PyTree
    last: Array
    drawn: Samples


def _run(
    reads: FedBack,
    params: PyTree,
    carry: PyTree,
    last: Array,
    key: Array,
    allowed: Array | None,
    *,
    length: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    end: int | None,
) -> tuple[Array, Array, Array]:
    def go_on(state: _State) -> Array:
        return (state.t < length) & jnp.any(state.drawn.lengths == length)

    def advance(state: _State) -> _State:
        key, k = jax.random.split(state.key)
        carry, logits = reads(params, state.carry, state.last)
        logs = log_likelihoods(logits, allowed)
        if temperature == 0:
            new = jnp.argmax(logs, axis=-1)
        else:
            new = jax.random.categorical(k, truncated(logs / temperature, top_k, top_p))
        (likely,) = jnp.moveaxis(jnp.take_along_axis(logs, new[..., None], -1), -1, 0)
        new, (tokens, scores, lengths) = new.astype(last.dtype), state.drawn
        if end is not None:
            still = lengths == length
            new, likely = jnp.where(still, new, end), jnp.where(still, likely, 0)
            lengths = jnp.where(still & (new == end), state.t + 1, lengths)
        tokens = jax.lax.dynamic_update_index_in_dim(tokens, new, state.t, 0)
        drawn = Samples(tokens, scores + likely, lengths)
        return _State(state.t + 1, key, carry, new, drawn)

    first = _nothing(reads, params, carry, last, length, end)
    return jax.lax.while_loop(
        go_on, advance, _State(jnp.int32(0), key, carry, last, first)
    ).drawn


def _nothing(
    reads: FedBack,
    params: PyTree,
    carry: PyTree,
    last: Array,
    length: int,
    end: int | None,
) -> Samples:
    """No class yet, as many as may be still to come, and all that would be the end.

    Made of ``last``, so that rows are on the devices that have its rows.
    """
    tokens = jnp.broadcast_to(jnp.full_like(last, end or 0), (length, *last.shape))
    lengths = jnp.full_like(last, length, jnp.int32)
    scores = jnp.zeros_like(last, reads.score_dtype(params, carry, last))
    return Samples(tokens, scores, lengths)


# Compiled here so that a second eager call traces nothing.
_draws = Programs(_run, static=("length", "temperature", "top_k", "top_p", "end"))


__all__ = ["Samples", "sample"]
