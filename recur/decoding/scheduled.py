"""Training on a known sequence, in which a model reads some of its own words."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.core import Tracer

from recur import _checks as checks
from recur._arguments import check_functions, check_number
from recur._roll.first_carry import first_carries
from recur._roll.steps import step_of
from recur._roll.unroll import unroll
from recur.decoding.choices import FedBack
from recur.decoding.prompt import checked_prompt
from recur.types import Array, Cell, PyTree, Step


def scheduled_sampling(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    tokens: Array,
    *,
    key: Array,
    rate: float,
    embed: Callable[[Array], PyTree],
    seq_lengths: Array | None = None,
) -> tuple[PyTree, Array]:
    r"""Rolls a model over known classes, some of which it draws itself instead.

    .. math::
        x_t = \begin{cases} \mathrm{embed}(\hat w_t), \; \hat w_t \sim
            \mathrm{softmax}(y_{t-1}) & \text{with probability } \epsilon \\
            \mathrm{embed}(w_t) & \text{else} \end{cases}

    With ``rate`` 0 this is teacher forcing, ``unroll(step, params, carry,
    embed(tokens))``; with 1 the model reads only its own words after the first. What is
    drawn has no gradient.

    Args:
      step: A step or cell whose ``y`` are logits over ``V`` classes, ``[..., V]``.
      params: Its params.
      carry: The carry before the first class; ``None`` is the first one of a cell.
      tokens: The classes to read, ``[T, ...]``; the first is always read itself.
      key: Random key.
      rate: ``ε``, the share of classes that are drawn; it may be traced, so that a
        schedule needs no other program.
      embed: Turns class numbers ``[...]`` into inputs ``[..., I]``.
      seq_lengths: How many classes of each row count, ``[B]``.

    Returns:
      ``(carry, logits)``, the latter ``[T, ..., V]`` and zero past the end of a row.

    Raises:
      TypeError: If ``key`` is no random key, ``tokens`` are no integers, or ``embed``
        is no function.
      ValueError: If ``tokens`` are empty, or ``rate`` is a number not from 0 to 1.

    Example:
      >>> cell = Readout(GRU(8), 5)
      >>> params = cell.init(jax.random.key(0), input_size=5)
      >>> embed = lambda w: jax.nn.one_hot(w, 5)
      >>> _, logits = scheduled_sampling(
      ...     cell, params, None, jnp.array([[0, 0], [1, 2], [3, 4]]), rate=0.25,
      ...     key=jax.random.key(1), embed=embed)
      >>> logits.shape
      (3, 2, 5)

    References:
      Bengio et al., `Scheduled sampling for sequence prediction with recurrent neural
      networks <https://arxiv.org/abs/1506.03099>`_, 2015.
    """
    where = "scheduled_sampling"
    checks.check_key(where, key)
    check_functions(where, embed=embed)
    tokens = checked_prompt(where, tokens, called="tokens")
    _check_share(where, rate)
    carry, _ = first_carries(
        where,
        step,
        params,
        carry,
        tokens,
        None,
        time_major=True,
        seq_lengths=seq_lengths,
    )
    reads = FedBack(step_of(where, step), embed)
    _, logits = jax.eval_shape(reads, params, carry, tokens[0])
    k_own, k_drawn = jax.random.split(key)
    own = jax.random.bernoulli(k_own, rate, tokens.shape).at[0].set(False)
    chances = jax.random.uniform(k_drawn, tokens.shape)
    first = carry, jnp.zeros(logits.shape, logits.dtype)

    def advance(params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, Array]:
        (carry, logits), (token, own, chance) = state, x
        drawn = _draw(jax.lax.stop_gradient(logits), chance).astype(token.dtype)
        carry, logits = reads(params, carry, jnp.where(own, drawn, token))
        return (carry, logits), logits

    xs = tokens, own, chances
    (carry, _), ys = unroll(advance, params, first, xs, seq_lengths=seq_lengths)
    return carry, ys


def _draw(logits: Array, chance: Array) -> Array:
    """Draws a class by where a number from 0 to 1 falls among the probabilities."""
    reached = jnp.cumsum(jax.nn.softmax(logits.astype(jnp.float32)), axis=-1)
    return (reached[..., :-1] < chance[..., None]).sum(-1, dtype=jnp.int32)


def _check_share(where: str, rate: float | Array) -> None:
    if isinstance(rate, Tracer):
        return
    check_number(where, "rate", rate)
    if not 0 <= rate <= 1:
        raise ValueError(
            f"{where}: rate is {rate}; expected a share from 0 to 1, of the classes "
            "that the model draws itself."
        )


__all__ = ["scheduled_sampling"]
