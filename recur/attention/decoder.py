"""A decoder cell that looks at a sequence at every step."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._ops.matmul import add_bias, matmul
from recur._portable import portable
from recur.attention.memory import Memory, lay_out, look, weigh
from recur.attention.scores import Additive, Multiplicative, Score
from recur.compose.masks import Sizes, draw
from recur.compose.wrapper import Around
from recur.initializers import Glorot
from recur.types import Array, Cell, DTypeLike, Initializer, PyTree


@portable
class AttentionParams(NamedTuple):
    """Weights of a cell, its score and its output, and what it looks at."""

    cell: PyTree
    score: PyTree
    w: Array  # [H + M, O]
    b: Array  # [O]
    memory: Memory | None = None  # See with_memory.


@dataclass(frozen=True)
class Attention(Around):
    r"""A cell whose output is joined with what it finds in a memory at each step.

    .. math::
        \alpha_{ts} \propto \exp e(h_t, m_s), \qquad
        c_t = \sum_s \alpha_{ts} m_s, \qquad
        y_t = \tanh([h_t; c_t] W + b)

    The memory is part of the params, put there by :func:`with_memory`. The cell inside
    does not see it, so that the cell keeps its own way to roll, and all steps of a
    known sequence are looked up at once. :func:`recur.emit_named` has the weights as
    ``"attention"``.

    Args:
      cell: The cell inside, the user's own included.
      score: :class:`Additive` or :class:`Multiplicative`.
      size: ``O``, the last axis of ``y``.
      memory_size: ``M``, the last axis of the memory.
      kernel_init: Draws ``W``.
      dtype: Dtype of the weights.

    Raises:
      TypeError: If ``cell`` is no cell, ``score`` no score, or a size no integer.
      ValueError: If a size is below 1.

    Example:
      >>> decoder = Readout(Attention(GRU(8), Additive(4), 8, memory_size=6), 5)
      >>> params = decoder.init(jax.random.key(0), input_size=5)
      >>> looking = with_memory(params, jnp.ones((9, 2, 6)))
      >>> carry, xs = decoder.init_carry((2,)), jnp.ones((7, 2, 5))
      >>> _, logits = unroll(decoder, looking, carry, xs)
      >>> logits.shape
      (7, 2, 5)

    References:
      Luong, Pham and Manning, `Effective approaches to attention-based neural machine
      translation <https://doi.org/10.18653/v1/D15-1166>`_, 2015.
    """

    cell: Cell
    score: Score
    size: int
    memory_size: int
    kernel_init: Initializer = Glorot()
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.score, (Additive, Multiplicative)):
            raise TypeError(
                f"Attention: score is {checks.describe(self.score)}; expected a score. "
                "Write recur.attention.Additive(128) or Multiplicative()."
            )
        checks.check_size("Attention", "size", self.size)
        checks.check_size("Attention", "memory_size", self.memory_size)
        checks.check_floating("Attention", "dtype", self.dtype)

    @property
    def output_size(self) -> int:
        """``O``, the last axis of ``y``."""
        return self.size

    def init(self, key: Array, input_size: int) -> AttentionParams:
        """Draws the params; the memory comes later, by :func:`with_memory`."""
        checks.check_key("Attention.init", key)
        k_cell, k_score, k_w = jax.random.split(key, 3)
        cell, hidden = self.cell.init(k_cell, input_size), self.cell.output_size
        score = self.score.init(k_score, hidden, self.memory_size)
        shape = (hidden + self.memory_size, self.size)
        w = self.kernel_init(k_w, shape, self.dtype)
        return AttentionParams(cell, score, w, jnp.zeros(self.size, self.dtype))

    def inside(self, params: AttentionParams) -> PyTree:
        """Gives the params of the cell."""
        checks.check_type(
            "Attention.step", "params", params, AttentionParams, "Attention.init"
        )
        return params.cell

    def draw(
        self, key: Array, params: AttentionParams, sizes: Sizes
    ) -> AttentionParams:
        """Draws the masks of the cell inside."""
        return params._replace(cell=draw(self.cell, key, params.cell, sizes))

    def act(self, params: AttentionParams, x: PyTree, y: Array) -> Array:
        """Looks up what one output needs."""
        query = y[..., None, :]
        weights = self._weights(params, query)
        # The step names what is its own; all steps at once have no one to show it to.
        weights = checkpoint_name(weights[..., 0, :], "attention")[..., None, :]
        return self._joined(params, query, weights)[..., 0, :]

    def act_on_all(self, params: AttentionParams, xs: PyTree, ys: Array) -> Array:
        """Looks up what the outputs of all steps need."""
        queries = jnp.moveaxis(ys, 0, -2)
        weights = self._weights(params, queries)
        return jnp.moveaxis(self._joined(params, queries, weights), -2, 0)

    def _weights(self, params: AttentionParams, queries: Array) -> Array:
        """Gives the weights ``[..., L, S]`` of queries ``[..., L, H]``."""
        memory = _checked_memory(params, queries)
        scores = self.score.scores(params.score, queries, memory.keys)
        return weigh(scores, memory.valid)

    def _joined(self, params: AttentionParams, queries: Array, weights: Array) -> Array:
        """Joins queries with what they found, ``[..., L, O]``."""
        contexts = look(weights, _checked_memory(params, queries).values)
        both = jnp.concatenate([queries, contexts.astype(queries.dtype)], axis=-1)
        y = jnp.tanh(add_bias(matmul(both, params.w), params.b))
        return y.astype(queries.dtype)


def with_memory(
    params: PyTree,
    memory: Array,
    *,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    time_major: bool = True,
) -> PyTree:
    """Puts what is looked at into the params of a decoder, in all its attentions.

    Args:
      params: Those of a cell with an :class:`Attention` at any depth, or with none.
      memory: ``[S, ..., M]``, or ``[B, S, M]`` if not ``time_major``: the outputs of an
        encoder, with the batch axes of the decoder's inputs.
      seq_lengths: How many steps of it count, ``[B]``.
      mask: Which steps of it count.
      time_major: Whether time is its first axis.

    Returns:
      The params to roll, decode or differentiate with.

    Raises:
      ValueError: If the memory is of another size than the decoder was made for, or the
        flags do not fit it.

    Example:
      >>> cell = Attention(GRU(8), Multiplicative(), 8, memory_size=6)
      >>> params = cell.init(jax.random.key(0), input_size=5)
      >>> memory, lengths = jnp.ones((9, 2, 6)), jnp.array([9, 3])
      >>> with_memory(params, memory, seq_lengths=lengths).memory.valid.sum(-1)
      Array([9, 3], dtype=int32)
    """
    flags = seq_lengths, mask
    values, valid = lay_out("with_memory", memory, *flags, time_major=time_major)

    def put(node: Any) -> Any:
        if not isinstance(node, AttentionParams):
            return node
        size = node.score.w_k.shape[0]
        if values.shape[-1] != size:
            raise ValueError(
                f"with_memory: memory is {checks.describe(memory)}; expected a last "
                f"axis of {size}, the memory_size of the Attention. Make the decoder "
                "with the output size of the encoder."
            )
        seen = Memory(values, node.score.keys(values), valid)
        # An attention may be around another.
        inner = jax.tree.map(put, node.cell, is_leaf=_has_memory)
        return node._replace(cell=inner, memory=seen)

    return jax.tree.map(put, params, is_leaf=_has_memory)


def _has_memory(node: Any) -> bool:
    return isinstance(node, AttentionParams)


def _checked_memory(params: AttentionParams, queries: Array) -> Memory:
    memory = params.memory
    if memory is None:
        raise ValueError(
            "Attention.step: params have no memory; expected one to look at. Put the "
            "outputs of the encoder there by recur.attention.with_memory."
        )
    if memory.valid.shape[:-1] != queries.shape[:-2]:
        raise ValueError(
            f"Attention.step: the memory has batch axes {memory.valid.shape[:-1]} and "
            f"the outputs {queries.shape[:-2]}; expected the same."
        )
    return memory


__all__ = ["Attention", "AttentionParams", "with_memory"]
