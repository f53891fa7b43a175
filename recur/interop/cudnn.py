"""Weights from and to the flat vector of cuDNN, as ``jax.experimental.rnn`` takes it.

The vector holds the matrices of all layers, then their biases, all as torch has them.
Sequences there are batch-major: roll with ``unroll(..., time_major=False)``.
"""

import math
from typing import Any

import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_bools
from recur._checks import describe
from recur.cells.lstm import LSTM, LSTMParams
from recur.interop._shared.capabilities import Holds
from recur.interop._shared.gates import Params, TwoBiases, merge_biases, split_biases
from recur.interop._shared.network import both_ways, cell_of, on_top
from recur.interop._shared.uniform import stack_carries, uniform_layers, unstack_carries
from recur.interop._shared.weights import as_weight, own
from recur.types import Array, PyTree

CUDNN = Holds("jax.experimental.rnn", kinds=(LSTM,))


def from_cudnn(
    weights: Array,
    *,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bidirectional: bool = False,
) -> tuple[Any, PyTree]:
    r"""Makes a cell and its params of the flat weights of a cuDNN LSTM.

    .. math::
        (W_{ih}, W_{hh})^{0}, \dots, (W_{ih}, W_{hh})^{L}, \;
        (b_{ih}, b_{hh})^{0}, \dots, (b_{ih}, b_{hh})^{L}

    with the forward direction of a layer before the backward one. The two biases are
    added, as in :func:`recur.interop.torch.from_torch`.

    Args:
      weights: The vector, such as ``jax.experimental.rnn.init_lstm_weight`` draws.
      input_size: Size of the inputs of the lowest layer.
      hidden_size: ``H`` of all layers.
      num_layers: Number of layers.
      bidirectional: Whether every layer has two directions.

    Returns:
      ``(cell, params)`` in the dtype of the weights, for :func:`recur.unroll`.

    Raises:
      TypeError: If a size is not an integer, or ``weights`` no array of such numbers.
      ValueError: If the vector is not as long as the sizes ask for.

    Example:
      >>> from jax.experimental import rnn
      >>> weights = rnn.init_lstm_weight(jax.random.key(0), 3, 5, 1, False)
      >>> cell, params = from_cudnn(weights, input_size=3, hidden_size=5)
      >>> carry, ys = unroll(cell, params, cell.init_carry((2,)), jnp.ones((7, 2, 3)))
      >>> ys.shape
      (7, 2, 5)
    """
    where = "from_cudnn"
    sizes = {"input_size": input_size, "hidden_size": hidden_size}
    for name, size in (sizes | {"num_layers": num_layers}).items():
        checks.check_size(where, name, size)
    check_bools(where, bidirectional=bidirectional)
    flat = as_weight(where, "weights", weights)
    ways = 2 if bidirectional else 1
    count = _count(input_size, hidden_size, num_layers, ways)
    if flat.shape != (count,):
        raise ValueError(
            f"{where}: weights is {describe(flat)}; expected the shape ({count},) "
            f"for {num_layers} layers and {ways} directions. Pass the sizes that the "
            "vector was made with."
        )
    shapes = _shapes(input_size, hidden_size, num_layers, ways)
    pairs = [(cell_of(params), params) for params in _params(own(flat), shapes)]
    if not bidirectional:
        return on_top(where, pairs)
    layers = zip(pairs[::2], pairs[1::2], strict=True)
    return on_top(where, [both_ways(*layer) for layer in layers])


def to_cudnn(cell: Any, params: PyTree) -> Array:
    """Makes the flat weights of the cuDNN LSTM that is the same network.

    The biases go to ``b_ih``, with zeros in ``b_hh``, so that :func:`from_cudnn` gives
    back exactly the params.

    Args:
      cell: An ``LSTM``, a ``Bidirectional`` of one, or a ``Stack`` of layers alike.
      params: Params of ``cell``.

    Returns:
      The vector, for ``jax.experimental.rnn.lstm`` with the sizes of ``cell``.

    Raises:
      TypeError: If ``cell`` is of another kind.
      ValueError: If it has options that cuDNN lacks there, or layers that differ.

    Example:
      >>> cell = LSTM(5)
      >>> to_cudnn(cell, cell.init(jax.random.key(0), input_size=3)).shape
      (200,)
    """
    layers = uniform_layers("to_cudnn", CUDNN, cell, params)
    split = [split_biases(p) for layer in layers for p in layer]
    matrices = [w.T for s in split for w in (s.w_ih, s.w_hh)]
    biases = [b for s in split for b in (s.b_ih, s.b_hh)]
    return jnp.concatenate([jnp.ravel(w) for w in matrices + biases])


def carry_from_cudnn(cell: Any, h: Array, c: Array) -> PyTree:
    """Makes a carry of the states of ``jax.experimental.rnn.lstm``.

    Args:
      cell: The cell that :func:`from_cudnn` made.
      h: ``[layers · directions, B, H]``.
      c: The same.

    Returns:
      The carry of ``cell``.

    Raises:
      ValueError: If the shapes are not those of ``cell``.

    Example:
      >>> carry_from_cudnn(LSTM(5), jnp.zeros((1, 2, 5)), jnp.zeros((1, 2, 5))).h.shape
      (2, 5)
    """
    return unstack_carries("carry_from_cudnn", cell, (h, c))


def carry_to_cudnn(cell: Any, carry: PyTree) -> tuple[Array, Array]:
    """Makes the states of ``jax.experimental.rnn.lstm`` of a carry.

    Args:
      cell: The cell that the carry is of.
      carry: Its carry.

    Returns:
      ``(h, c)``, both ``[layers · directions, B, H]``.

    Raises:
      TypeError: If ``carry`` is not of ``cell``.

    Example:
      >>> cell = Bidirectional(LSTM(5))
      >>> carry_to_cudnn(cell, cell.init_carry((3,)))[0].shape
      (2, 3, 5)
    """
    return stack_carries("carry_to_cudnn", cell, carry)


def _count(input_size: int, hidden_size: int, num_layers: int, ways: int) -> int:
    columns = [input_size, *[ways * hidden_size] * min(num_layers - 1, 1)]
    first, *others = (ways * 4 * hidden_size * (n + hidden_size + 2) for n in columns)
    return first + sum(others) * (num_layers - 1)


def _shapes(
    input_size: int, hidden_size: int, num_layers: int, ways: int
) -> list[tuple[int, ...]]:
    fused, matrices = 4 * hidden_size, []
    for _ in range(num_layers):
        matrices += [(fused, input_size), (fused, hidden_size)] * ways
        input_size = ways * hidden_size
    return matrices + [(fused,)] * len(matrices)


def _params(weights: Array, shapes: list[tuple[int, ...]]) -> list[Params]:
    ends = [sum(map(math.prod, shapes[: n + 1])) for n in range(len(shapes))]
    flat = jnp.split(weights, ends[:-1])
    arrays = [w.reshape(s).T for w, s in zip(flat, shapes, strict=True)]
    matrices, biases = arrays[: len(arrays) // 2], arrays[len(arrays) // 2 :]
    both = zip(matrices[::2], matrices[1::2], biases[::2], biases[1::2], strict=True)
    return [merge_biases(LSTMParams, TwoBiases(*four)) for four in both]


__all__ = ["carry_from_cudnn", "carry_to_cudnn", "from_cudnn", "to_cudnn"]
