"""Interpolated n-gram models: the floors that a language model has to beat."""

import numpy as np


def ngram_bits(
    train: np.ndarray, valid: np.ndarray, *, vocabulary_size: int, order: int
) -> list[float]:
    r"""Bits a symbol of n-gram models of every order up to ``order``.

    .. math::
        p_n(w \mid h) = \frac{c(h w) + k(h) \, p_{n-1}(w \mid h')}{c(h) + k(h)}

    with counts ``c`` from the training text, ``k(h)`` the number of different symbols
    seen after ``h``, and the uniform distribution below the unigram: the interpolated
    smoothing of Witten and Bell. The models go on from the end of the training text.

    Args:
      train: Class numbers to count, ``[N]``.
      valid: Class numbers to predict, ``[M]``, the continuation of ``train``.
      vocabulary_size: Number of classes.
      order: Largest ``n``.

    Returns:
      Mean ``-log2 p`` over ``valid``, for ``n = 1, …, order``.

    Raises:
      ValueError: If ``order`` is below 1 or ``train`` shorter than ``order``.

    Example:
      >>> text = np.array([0, 1] * 50)
      >>> bits = ngram_bits(text[:90], text[90:], vocabulary_size=2, order=2)
      >>> [round(b, 2) for b in bits]
      [1.0, 0.02]

    References:
      Witten and Bell, `The zero-frequency problem
      <https://doi.org/10.1109/18.87000>`_, 1991; Chen and Goodman, `An empirical study
      of smoothing techniques <https://doi.org/10.1006/csla.1999.0128>`_, 1999.
    """
    if not 1 <= order <= len(train):
        raise ValueError(
            f"ngram_bits: order is {order}; expected 1 to {len(train)}, the length of "
            "train. Choose a smaller order."
        )
    text, seen = np.concatenate([train, valid]).astype(np.int64), len(train)
    p = np.full(len(valid), 1 / vocabulary_size)
    gram, bits = np.zeros(len(text), np.int64), []
    for n in range(order):
        # A context is the n-gram that ends just before its symbol; grams are numbered
        # densely at every order, so that the codes stay small.
        context = np.roll(gram, 1)
        _, gram = np.unique(context * vocabulary_size + text, return_inverse=True)
        p = _interpolate(p, gram, context, counted=slice(n, seen), asked=seen)
        bits.append(float(-np.log2(p).mean()))
    return bits


def _interpolate(
    p: np.ndarray, gram: np.ndarray, context: np.ndarray, *, counted: slice, asked: int
) -> np.ndarray:
    count = np.bincount(gram[counted], minlength=gram.max() + 1)
    size = context.max() + 1
    total = np.bincount(context[counted], minlength=size)
    _, first = np.unique(gram[counted], return_index=True)
    kinds = np.bincount(context[counted][first], minlength=size)
    here, before = gram[asked:], context[asked:]
    # An unseen context counts nothing: 0 + 1·p over 0 + 1.
    back_off = np.maximum(kinds[before], 1)
    back_off = np.where(total[before] > 0, back_off, 1)
    return (count[here] + back_off * p) / (total[before] + back_off)


__all__ = ["ngram_bits"]
