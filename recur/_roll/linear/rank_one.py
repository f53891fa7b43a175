r"""Recurrences of a matrix that decays and is written to, some steps at a time.

.. math::
    S_t = \mathrm{diag}(a_t) S_{t-1} - c_t (d_t^\top S_{t-1}) + k_t v_t^\top, \qquad
    o_t = q_t S_t

Without :math:`c, d` it is a decayed sum of outer products, with them the delta rule,
which erases before it writes. Let :math:`b` be the sum of :math:`\log a` from the start
of a chunk and :math:`D^{xy}_{ij} = \sum_n x_{in} y_{jn} e^{b_{in} - b_{jn}}`. Then what
is looked up, :math:`w_i = S_{i-1}^\top d_i`, solves a triangular system,

.. math::
    (I + \mathrm{tril}_{-1} D^{dc}) W &= (d e^{b_{-1}}) S_0
        + \mathrm{tril}_{-1}(D^{dk}) V \\
    O &= (q e^b) S_0 + \mathrm{tril}(D^{qk}) V - \mathrm{tril}(D^{qc}) W

so that no :math:`S` but the last is made. No exponent is above zero where no decay is.
A query that reads before its step writes has :math:`b_{-1}` and
:math:`\mathrm{tril}_{-1}` in the last line, and finds :math:`(q \odot u) k^\top v` of
its own step.

References:
  Yang et al., `Parallelizing linear transformers with the delta rule over sequence
  length <https://arxiv.org/abs/2406.06484>`_, 2024.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur._ops.unit_lower import solve_unit_lower
from recur._roll.flags import Flags
from recur._roll.padding import tree_where
from recur.types import Array

LEAST = -100.0
"""Of logarithms of decays, by which nothing is left."""

GRAIN = 2.0**-10
"""Sums of its multiples are exact in float32 for as many steps as are taken at once."""


class RankOne(NamedTuple):
    """What a step does with its matrix ``S [..., K, V]``, in all of its heads.

    Args:
      log_decay: ``[..., K]``, or ``[..., 1]`` for one of all rows; ``None`` where
        nothing decays.
      key: ``k [..., K]``, where it writes.
      value: ``v [..., V]``, what it writes.
      query: ``q [..., K]``, where it reads.
      erase: ``c [..., K]``, where it takes off what it looks up; ``None`` to take
        nothing.
      look: ``d [..., K]``, where it looks that up.
      bonus: ``u [..., K]``, to read before it writes, and to find ``k v`` of its own
        with this weight; ``None`` to read after.
      aside: Goes on to what reads, beside what is found; ``None`` for nothing.
    """

    log_decay: Array | None
    key: Array
    value: Array
    query: Array
    erase: Array | None = None
    look: Array | None = None
    bonus: Array | None = None
    aside: Array | None = None


def take_step(of: RankOne, s: Array) -> tuple[Array, Array]:
    """Takes one step: ``(S, o)``.

    Example:
      >>> one = jnp.ones(1)
      >>> take_step(RankOne(jnp.log(one / 2), one, one, one), jnp.ones((1, 1)))
      (Array([[1.5]], dtype=float32), Array([1.5], dtype=float32))
    """
    left = s if of.log_decay is None else jnp.exp(of.log_decay)[..., None] * s
    new = left + _outer(of.key, of.value)
    if of.erase is not None and of.look is not None:
        new -= _outer(of.erase, _times(of.look, s))
    if of.bonus is None:
        return new, _times(of.query, new)
    return new, _times(of.query, s) + _own(of)


def take_chunk(
    of: RankOne, s: Array, flags: Flags, anew: Array | None, *, reverse: bool
) -> tuple[Array, Array]:
    """Takes steps ``[L, *B, ..., K]`` that follow one another: ``(S, o)``.

    Args:
      of: Of each step.
      s: ``[*B, ..., K, V]``, before the first that is taken.
      flags: Of each step, ``[L, *B]``.
      anew: What ``S`` starts anew from where a segment starts.
      reverse: Whether the last is taken first.

    Returns:
      ``S`` after all, and ``o [L, *B, ..., V]``.
    """
    if reverse:
        of, flags = jax.tree.map(lambda a: a[::-1], (of, flags))
    resets, ends = _resets(flags, reverse=reverse)
    # Steps and entries are the last two axes, those of matrices.
    of = jax.tree.map(lambda a: jnp.moveaxis(a, 0, -2), _only_valid(of, flags.valid))
    s, out = _taken(of, s, Segments.of(resets, of), anew)
    if ends is not None:
        s = tree_where(ends, anew, s)
    out = jnp.moveaxis(out, -2, 0)
    return s, out[::-1] if reverse else out


def _taken(
    of: RankOne, s: Array, segments: "Segments | None", anew: Array | None
) -> tuple[Array, Array]:
    until, before = _sums(of.log_decay)
    past = _Past(until, _at_starts(before, segments), segments, s, anew)
    own = of.bonus is None
    at = until if own else before
    out = past.entered(of.query, at)
    out += past.link(of.query, of.key, at, own=own) @ of.value
    if not own:
        out += _own(of)
    wrote = [(of.key, of.value)]
    if of.erase is not None and of.look is not None:
        looked = past.entered(of.look, before)
        looked += past.link(of.look, of.key, before, own=False) @ of.value
        system = past.link(of.look, of.erase, before, own=False)
        w = solve_unit_lower(system, looked)
        out -= past.link(of.query, of.erase, at, own=own) @ w
        wrote.append((-of.erase, w))
    return past.last(wrote), out


class Segments(NamedTuple):
    """Which steps of a chunk see one another.

    Args:
      same: ``[..., L, L]``, whether two are of one segment.
      first: ``[..., L, L]``, whether the second is the start of that of the first.
      entered: ``[..., L, 1]``, whether it is the one that the chunk starts in.
    """

    same: Array
    first: Array
    entered: Array

    @classmethod
    def of(cls, resets: Array | None, steps: RankOne) -> "Segments | None":
        """Counts them, with an axis of one for each axis of heads."""
        if resets is None:
            return None
        heads = range(resets.ndim - 1, steps.key.ndim - 2)
        starts = jnp.expand_dims(jnp.moveaxis(resets, 0, -1), [*heads])
        number = jnp.cumsum(starts, -1)
        same = number[..., :, None] == number[..., None, :]
        return cls(same, same & starts[..., None, :], (number == 0)[..., None])


class Sums(NamedTuple):
    """Sums of logarithms of decays, in two parts."""

    coarse: Array  # [..., L, K or 1], which adds up exactly
    fine: Array  # and what is left, which is small

    def since(self, other: "Sums") -> Array:
        """The difference, which loses no digits however large the sums are."""
        return (self.coarse - other.coarse) + (self.fine - other.fine)


def _sums(log_decay: Array | None) -> tuple[Sums | None, Sums | None]:
    """Adds up: until after each step, and until before it."""
    if log_decay is None:
        return None, None
    log_decay = jnp.maximum(log_decay, LEAST)
    coarse = jax.lax.stop_gradient(jnp.round(log_decay / GRAIN) * GRAIN)
    each = Sums(coarse, log_decay - coarse)
    until = _each(partial(jnp.cumsum, axis=-2), each)
    return until, Sums(*map(jnp.subtract, until, each))


def _at_starts(before: Sums | None, segments: Segments | None) -> Sums | None:
    """Sums until before the start of each step's segment."""
    if before is None or segments is None:
        return None if before is None else _each(jnp.zeros_like, before)
    first = segments.first.astype(before.fine.dtype)
    return _each(partial(jnp.matmul, first, precision="highest"), before)


class _Past(NamedTuple):
    """What the steps of a chunk see of what was before; sums, where it decays."""

    until: Sums | None
    start: Sums | None  # before the start of each one's segment
    segments: Segments | None
    s: Array
    anew: Array | None

    def link(self, x: Array, y: Array, at: Sums | None, *, own: bool = True) -> Array:
        """What step ``i`` finds by ``x`` of what ``j`` wrote at ``y``."""
        seen = jnp.tri(x.shape[-2], k=0 if own else -1, dtype=bool)
        seen = seen[(None,) * (x.ndim - 2)]
        if self.segments is not None:
            seen = seen & self.segments.same
        if self.until is None or at is None:
            return jnp.where(seen, x @ jnp.swapaxes(y, -1, -2), 0)
        if self.until.fine.shape[-1] == 1:
            fall = at.since(_each(lambda a: jnp.swapaxes(a, -1, -2), self.until))
            return x @ jnp.swapaxes(y, -1, -2) * _exp_where(seen, fall)
        of_past = _each(lambda a: a[..., None, :, :], self.until)
        fall = _each(lambda a: a[..., :, None, :], at).since(of_past)
        fall = _exp_where(seen[..., None], fall)
        return jnp.einsum("...ik,...jk,...ijk->...ij", x, y, fall)

    def entered(self, x: Array, at: Sums | None) -> Array:
        """What each finds by ``x`` of what its segment started from."""
        left = x
        if at is not None and self.start is not None:
            left = x * jnp.exp(at.since(self.start))
        if self.segments is None or self.anew is None:
            return left @ self.s
        old = self.segments.entered
        return jnp.where(old, left, 0) @ self.s + jnp.where(old, 0, left) @ self.anew

    def last(self, wrote: list[tuple[Array, Array]]) -> Array:
        """``S`` after the last step."""
        s, seen = self.s, jnp.bool_(True)
        if self.segments is not None and self.anew is not None:
            s = jnp.where(self.segments.entered[..., -1:, :], s, self.anew)
            seen = self.segments.same[..., -1, :, None]
        if self.until is None or self.start is None:
            left = [jnp.where(seen, k, 0) for k, _ in wrote]
        else:
            end = _each(_latest, self.until)
            fall = _exp_where(seen, end.since(self.until))
            left = [k * fall for k, _ in wrote]
            of_start = jnp.exp(end.since(_each(_latest, self.start)))
            s = jnp.swapaxes(of_start, -1, -2) * s
        pairs = zip(left, wrote, strict=True)
        return sum((jnp.swapaxes(k, -1, -2) @ v for k, (_, v) in pairs), s)


def _each(function: Callable[[Array], Array], sums: Sums) -> Sums:
    return Sums(*map(function, sums))


def _latest(a: Array) -> Array:
    return a[..., -1:, :]


def _exp_where(seen: Array, fall: Array) -> Array:
    return jnp.exp(jnp.where(seen, fall, -jnp.inf))


def _resets(flags: Flags, *, reverse: bool) -> tuple[Array | None, Array | None]:
    """Where ``S`` starts anew before a step, and whether after the last."""
    valid, reset = flags
    if reset is None:
        return None, None
    reset = reset if valid is None else reset & valid
    if not reverse:
        return reset, None
    return jnp.concatenate([jnp.zeros_like(reset[:1]), reset[:-1]]), reset[-1]


def _only_valid(of: RankOne, valid: Array | None) -> RankOne:
    """Lets steps that do not count neither decay nor write."""
    if valid is None:
        return of
    still = {"log_decay": of.log_decay, "key": of.key, "erase": of.erase}
    return of._replace(**tree_where(valid, still, None))


def _own(of: RankOne) -> Array:
    """What a query finds of what its own step writes, by the bonus."""
    seen = of.query if of.bonus is None else of.query * of.bonus
    return jnp.sum(seen * of.key, axis=-1, keepdims=True) * of.value


def _outer(k: Array, v: Array) -> Array:
    return k[..., :, None] * v[..., None, :]


def _times(q: Array, s: Array) -> Array:
    return (q[..., None, :] @ s)[..., 0, :]
