"""Looking at a whole sequence: scores, pooling, decoders, encoder and decoder.

A decoder is a cell like any other, and what it looks at is part of its params::

    decoder = Readout(Attention(GRU(256), Additive(128), 256, memory_size=512), words)
    model = EncoderDecoder(Bidirectional(GRU(256)), decoder)
    ready, carry = model.encode(params, sources, seq_lengths=lengths)
    _, logits = recur.unroll(decoder, ready, carry, known)
    found = recur.decoding.beam_search(decoder, ready, carry, prompt, beams=5, ...)
"""

from recur.attention.decoder import Attention, AttentionParams, with_memory
from recur.attention.encoder_decoder import EncoderDecoder, EncoderDecoderParams
from recur.attention.pooling import AttentionPool, AttentionPoolParams
from recur.attention.scores import (
    Additive,
    AdditiveParams,
    Multiplicative,
    MultiplicativeParams,
)

__all__ = [
    "Additive",
    "AdditiveParams",
    "Attention",
    "AttentionParams",
    "AttentionPool",
    "AttentionPoolParams",
    "EncoderDecoder",
    "EncoderDecoderParams",
    "Multiplicative",
    "MultiplicativeParams",
    "with_memory",
]
