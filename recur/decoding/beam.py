"""The likeliest sequences of a model that predicts its own next input, by beams."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_number
from recur._roll.identity import Programs
from recur.decoding.choices import FedBack, log_likelihoods
from recur.decoding.hypotheses import (
    Hypotheses,
    best_of,
    likeliest,
    of_parents,
    pick,
    put,
)
from recur.decoding.prompt import read_prompt
from recur.types import Array, Cell, PyTree, Step


def beam_search(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    prompt: Array,
    *,
    beams: int,
    length: int,
    embed: Callable[[Array], PyTree],
    end: int | None = None,
    length_penalty: float = 0.0,
    allowed: Array | None = None,
) -> Hypotheses:
    r"""Searches the likeliest sequences after a prompt, keeping some at each step.

    .. math::
        \mathrm{score}(w) = \frac{\sum_t \log \mathrm{softmax}(y_t)_{w_{t + 1}}}
            {((5 + |w|) / 6)^\alpha}

    Of all ways to go on with the ``N`` sequences that are kept, the likeliest ``N`` are
    kept. Of these, what ends is set aside, and the next likeliest kept for it; the
    search stops early when no open sequence of any row can come before the ``N`` that
    ended. Exact if ``N`` is at least ``V`` to the power of ``length``. One compiled
    loop, for any number of batch axes; it has no gradient.

    Args:
      step: A step or cell whose ``y`` are logits over ``V`` classes, ``[..., V]``.
      params: Its params.
      carry: The carry before the prompt; ``None`` is the first one of a cell. Leaves
        without the batch axes of ``prompt`` are taken to be equal for all sequences.
      prompt: Class numbers, ``[P, ...]``, at least one step.
      beams: ``N``.
      length: The most classes of a sequence, the end included.
      embed: Turns class numbers ``[...]`` into inputs ``[..., I]``.
      end: The class that ends a sequence; by default all are ``length`` long.
      length_penalty: ``α``; 0 for the log-likelihood itself, more for longer sequences.
      allowed: Booleans ``[V]`` or ``[..., V]``: False for classes that never come.

    Returns:
      :class:`Hypotheses`.

    Raises:
      TypeError: If ``prompt`` holds no integers, a size is no integer, or ``embed`` is
        no function.
      ValueError: If the prompt is empty, a size below 1, ``end`` no class,
        ``length_penalty`` negative, or nothing is allowed.

    Example:
      >>> cell = Readout(GRU(8), 5)
      >>> params = cell.init(jax.random.key(0), input_size=5)
      >>> found = beam_search(cell, params, None, jnp.array([1, 2]), beams=3, length=4,
      ...                     embed=lambda w: jax.nn.one_hot(w, 5), end=0)
      >>> found.tokens.shape, bool(found.scores[0] >= found.scores[1])
      ((3, 4), True)

    References:
      Wu et al., `Google's neural machine translation system
      <https://arxiv.org/abs/1609.08144>`_, 2016, for the penalty.
    """
    where = "beam_search"
    checks.check_size(where, "beams", beams)
    checks.check_size(where, "length", length)
    check_number(where, "length_penalty", length_penalty)
    if not length_penalty >= 0:
        raise ValueError(
            f"{where}: length_penalty is {length_penalty}; expected 0 or more. Leave "
            "it out for the log-likelihood itself."
        )
    told = {"embed": embed, "end": end, "allowed": allowed}
    start = read_prompt(where, step, params, carry, prompt, **told)
    reads, carry, last, allowed = start
    options = {"beams": beams, "length": length, "end": end, "alpha": length_penalty}
    return Hypotheses(*_search(reads, params, carry, last, allowed, **options))


class _State(NamedTuple):
    t: Array
    carry: PyTree  # [N, ...]
    open: Hypotheses  # by log-likelihood
    ended: Hypotheses  # by score


def _run(
    reads: FedBack,
    params: PyTree,
    carry: PyTree,
    last: Array,
    allowed: Array | None,
    *,
    beams: int,
    length: int,
    end: int | None,
    alpha: float,
) -> tuple[Array, Array, Array]:
    first = _first(reads, params, carry, last, beams, length)

    def penalty(size: Any) -> Array:
        return ((5 + jnp.asarray(size, first.open.scores.dtype)) / 6) ** alpha

    def go_on(state: _State) -> Array:
        best = state.open.scores[0] / penalty(length)
        return (state.t < length) & jnp.any(best > state.ended.scores[-1])

    def advance(state: _State) -> _State:
        before = jax.lax.dynamic_index_in_dim(state.open.tokens, state.t - 1, 1, False)
        before = jnp.where(state.t > 0, before, last)
        carry, logits = jax.vmap(reads, (None, 0, 0))(params, state.carry, before)
        scores = state.open.scores[..., None] + log_likelihoods(logits, allowed)
        size, ended = state.t + 1, state.ended
        goes_on = scores if end is None else scores.at[..., end].set(-jnp.inf)
        top, parents, classes = likeliest(goes_on)
        if end is not None:
            tokens = put(state.open.tokens, end, state.t, onwards=True)
            ends = _of_likeliest(scores[..., end], top) / penalty(size)
            sizes = jnp.full_like(ended.lengths, size)
            ended = best_of(ended, Hypotheses(tokens, ends, sizes))
        tokens = put(pick(state.open.tokens, parents, 1), classes, state.t)
        still = Hypotheses(tokens, top, state.open.lengths)
        rows = last.shape
        carry = jax.tree.map(lambda a: of_parents(a, parents, rows), carry)
        return _State(size, carry, still, ended)

    found = jax.lax.while_loop(go_on, advance, first)
    scores = found.open.scores / penalty(length)
    # What is open where all stopped early is no sequence yet.
    whole = found.open._replace(scores=jnp.where(found.t == length, scores, -jnp.inf))
    return best_of(found.ended, whole)


def _of_likeliest(ends: Array, top: Array) -> Array:
    """Leaves the ends that fewer than ``N`` of all ways to go on come before.

    Else a prefix could end anywhere, and its score be that of a short text.
    """
    before = jnp.concatenate([top, ends])[:, None] > ends[None]
    return jnp.where(before.sum(0) < len(ends), ends, -jnp.inf)


def _first(
    reads: FedBack, params: PyTree, carry: PyTree, last: Array, beams: int, length: int
) -> _State:
    """One open sequence, as all are the same, and none that ended."""
    rows, dtype = last.shape, reads.score_dtype(params, carry, last)
    tokens = jnp.broadcast_to(jnp.zeros_like(last), (beams, length, *rows))
    none = jnp.broadcast_to(jnp.full_like(last, -jnp.inf, dtype), (beams, *rows))
    sizes = jnp.broadcast_to(jnp.zeros_like(last, jnp.int32), (beams, *rows))
    copies = jax.tree.map(lambda a: jnp.broadcast_to(a, (beams, *jnp.shape(a))), carry)
    only = Hypotheses(tokens, none.at[0].set(0.0), sizes + length)
    return _State(jnp.int32(0), copies, only, Hypotheses(tokens, none, sizes))


# Compiled here so that a second eager call traces nothing.
_search = Programs(_run, static=("beams", "length", "end", "alpha"))


__all__ = ["beam_search"]
