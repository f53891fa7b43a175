"""A network that reads one sequence and writes another."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import add_bias, matmul
from recur._portable import portable
from recur._roll.pooling import mean_output
from recur._roll.unroll import unroll
from recur.attention.decoder import with_memory
from recur.compose.wrapper import check_cell
from recur.initializers import Glorot
from recur.types import Array, Cell, DTypeLike, Initializer, PyTree


@portable
class EncoderDecoderParams(NamedTuple):
    """Params of both, and of what makes the decoder's first carry."""

    encoder: PyTree
    bridge: PyTree  # a matrix [M, n] and a bias [n] for each leaf of the carry
    decoder: PyTree


@dataclass(frozen=True)
class EncoderDecoder:
    r"""An encoder whose outputs a decoder starts from, and may look at.

    .. math::
        m_1, \dots, m_S = \mathrm{encoder}(x_1, \dots, x_S), \qquad
        s_0 = \tanh\Bigl(\frac{1}{S} \sum_s m_s \, W + b\Bigr)

    for each leaf of the decoder's carry ``s``. :meth:`encode` gives params and a carry
    for the decoder, and that is all: train it with :func:`recur.unroll` on the true
    sequence (teacher forcing), decode with :func:`recur.decoding.sample` or
    :func:`recur.decoding.beam_search`. What is written reads nothing of what is padded.

    Args:
      encoder: A cell or layer, such as ``Bidirectional(GRU(256))``.
      decoder: A cell; one with an :class:`Attention` looks at all outputs.
      kernel_init: Draws the matrices of the bridge.
      dtype: Dtype of the bridge.

    Raises:
      TypeError: If ``encoder`` or ``decoder`` is no cell.

    Example:
      >>> from recur.attention import Additive, Attention
      >>> encoder = Bidirectional(GRU(4))
      >>> decoder = Readout(Attention(GRU(8), Additive(4), 8, memory_size=8), 5)
      >>> model = EncoderDecoder(encoder, decoder)
      >>> params = model.init(jax.random.key(0), input_size=3, output_size=5)
      >>> lengths = jnp.array([9, 4])
      >>> ready, carry = model.encode(params, jnp.ones((9, 2, 3)), seq_lengths=lengths)
      >>> _, logits = unroll(decoder, ready, carry, jnp.ones((7, 2, 5)))
      >>> logits.shape
      (7, 2, 5)

    References:
      Sutskever, Vinyals and Le, `Sequence to sequence learning with neural networks
      <https://arxiv.org/abs/1409.3215>`_, 2014; Cho et al., `Learning phrase
      representations using RNN encoder-decoder <https://doi.org/10.3115/v1/D14-1179>`_,
      2014.
    """

    encoder: Any
    decoder: Cell
    kernel_init: Initializer = Glorot()
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        check_cell("EncoderDecoder", self.encoder)
        check_cell("EncoderDecoder", self.decoder)

    def init(
        self, key: Array, input_size: int, output_size: int
    ) -> EncoderDecoderParams:
        """Draws the params; sizes are those of what enters encoder and decoder."""
        checks.check_key("EncoderDecoder.init", key)
        k_encoder, k_bridge, k_decoder = jax.random.split(key, 3)
        decoder = self.decoder.init(k_decoder, output_size)
        leaves, carry = jax.tree.flatten(self.decoder.init_carry(params=decoder))
        keys = jax.random.split(k_bridge, len(leaves))
        size = self.encoder.output_size

        def bridge(key: Array, leaf: Array) -> dict[str, Array]:
            w = self.kernel_init(key, (size, leaf.shape[-1]), self.dtype)
            return {"w": w, "b": jnp.zeros(leaf.shape[-1:], self.dtype)}

        bridges = [bridge(k, leaf) for k, leaf in zip(keys, leaves, strict=True)]
        return EncoderDecoderParams(
            encoder=self.encoder.init(k_encoder, input_size),
            bridge=carry.unflatten(bridges),
            decoder=decoder,
        )

    def encode(
        self,
        params: EncoderDecoderParams,
        xs: Array,
        *,
        seq_lengths: Array | None = None,
        mask: Array | None = None,
        time_major: bool = True,
    ) -> tuple[PyTree, PyTree]:
        """Reads a sequence, and gives params and first carry of the decoder.

        Args:
          params: Those of both; the encoder's may have masks, of
            :func:`recur.draw_masks`.
          xs: ``[S, ..., I]``, or ``[B, S, I]`` if not ``time_major``.
          seq_lengths: How many steps count, ``[B]``.
          mask: Which steps count.
          time_major: Whether time is the first axis.

        Returns:
          ``(params, carry)`` to roll the decoder with.

        Raises:
          ValueError: If the shapes do not fit.
        """
        flags: dict[str, Any] = {"seq_lengths": seq_lengths, "mask": mask}
        flags["time_major"] = time_major
        _, memory = unroll(self.encoder, params.encoder, None, xs, **flags)
        whole = mean_output(memory, **flags)
        first = self.decoder.init_carry((), params=params.decoder)

        def start(leaf: Array, bridge: dict[str, Array]) -> Array:
            a = jnp.tanh(add_bias(matmul(whole, bridge["w"]), bridge["b"]))
            return a.astype(leaf.dtype)

        carry = jax.tree.map(start, first, params.bridge)
        return with_memory(params.decoder, memory, **flags), carry


__all__ = ["EncoderDecoder", "EncoderDecoderParams"]
