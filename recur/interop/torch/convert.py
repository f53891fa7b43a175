"""Weights from and to PyTorch: ``torch.nn.RNN``, ``LSTM``, ``GRU`` and their cells.

The gates are in the same order on the other axis; torch's two biases are one here, but
for the GRU's inside the reset product. Dropout between layers is no part of the
weights: what comes is ``module.eval()``. Where a module has ``batch_first=True``, roll
with ``unroll(..., time_major=False)``.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from recur._arguments import check_bools
from recur._checks import describe
from recur.cells.elman import ElmanParams
from recur.interop._shared.capabilities import Holds
from recur.interop._shared.gates import KINDS, merge_biases
from recur.interop._shared.network import both_ways, cell_of, on_top
from recur.interop._shared.uniform import stack_carries, uniform_layers, unstack_carries
from recur.interop._shared.weights import own
from recur.interop.torch.source import find_weights, tensor_weight, to_tensor
from recur.interop.torch.state import check_layers, entries, suffixes, two_biases
from recur.types import Activation, PyTree

NONLINEARITIES: dict[str, Activation] = {"tanh": jnp.tanh, "relu": jax.nn.relu}
TORCH = Holds("torch.nn", projection=True, activations=(*NONLINEARITIES.values(),))


def from_torch(
    source: Any, *, prefix: str | None = None, nonlinearity: str | None = None
) -> tuple[Any, PyTree]:
    r"""Makes a cell and its params of a torch module, ``state_dict`` or file.

    .. math::
        W = W_{torch}^\top, \qquad b = b_{ih} + b_{hh}

    Nothing is rounded but that sum, which is taken in the precision of the weights.
    Many layers make a ``Stack``, two directions a ``Bidirectional``.

    Args:
      source: A ``torch.nn.RNN``, ``LSTM``, ``GRU``, ``RNNCell``, ``LSTMCell`` or
        ``GRUCell``, or a module with one inside; or a ``state_dict`` of tensors or
        arrays; or the path of a ``.safetensors`` file, for which torch need not be
        installed.
      prefix: Where in a larger module, ``state_dict`` or file the weights are, such as
        ``"encoder.lstm"``; by default, the only place there is.
      nonlinearity: ``"tanh"`` or ``"relu"``, which the weights of an RNN do not tell,
        but a module does.

    Returns:
      ``(cell, params)`` in the dtype of the weights, for :func:`recur.unroll`.

    Raises:
      ImportError: If ``source`` is a file and safetensors is not installed.
      TypeError: If ``source`` is something else, or its weights are no such numbers.
      ValueError: If names or shapes are not those of one model, the file is damaged or
        of another kind, or the nonlinearity is not known.

    Example:
      >>> state = {"weight_ih_l0": np.ones((20, 3)), "weight_hh_l0": np.ones((20, 5))}
      >>> state = {name: w.astype(np.float32) for name, w in state.items()}
      >>> cell, params = from_torch(state)  # or of torch.nn.LSTM(3, 5, bias=False)
      >>> carry, ys = unroll(cell, params, cell.init_carry((2,)), jnp.ones((7, 2, 3)))
      >>> ys.shape
      (7, 2, 5)

    References:
      The layout: `torch.nn.LSTM
      <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`_.
    """
    where = "from_torch"
    found, told = find_weights(where, source, prefix)
    arrays = {name: tensor_weight(where, name, w) for name, w in found.items()}
    layers = suffixes(where, arrays)
    kind = KINDS[check_layers(where, arrays, layers)]
    arrays = {name: own(w) for name, w in arrays.items()}
    activation = jnp.tanh
    if kind is ElmanParams:
        activation = _activation(where, told, nonlinearity)
    pairs = []
    for ways in layers:
        params = [merge_biases(kind, two_biases(arrays, way)) for way in ways]
        cells = [(cell_of(p, activation=activation), p) for p in params]
        pairs.append(both_ways(cells[0], cells[1]) if len(cells) > 1 else cells[0])
    return on_top(where, pairs)


def to_torch(
    cell: Any,
    params: PyTree,
    *,
    prefix: str = "",
    bias: bool = True,
    single_step: bool = False,
) -> dict[str, Any]:
    """Makes the ``state_dict`` of the torch module that is the same network.

    The biases go to ``bias_ih``, with zeros in ``bias_hh`` where both are added, so
    that :func:`from_torch` gives back exactly the params. The module must be made with
    the sizes and options of ``cell``, among them ``nonlinearity`` for an RNN.

    Args:
      cell: An ``LSTM``, ``GRU`` or ``Elman``, a ``Bidirectional`` of one, or a
        ``Stack`` of layers that are alike.
      params: Params of ``cell``.
      prefix: Put before every name, such as ``"encoder.lstm"``.
      bias: Whether the module has biases; without, those of ``params`` must be zero.
      single_step: Whether the names are to be those of ``torch.nn.LSTMCell`` and the
        like, which have no layers.

    Returns:
      Tensors by name, in the dtype of the params, for ``module.load_state_dict``, or
      for ``safetensors.torch.save_file``.

    Raises:
      ImportError: If torch is not installed.
      TypeError: If ``cell`` is of a kind that torch lacks.
      ValueError: If it has options that torch lacks, or layers that differ.

    Example:
      >>> cell = Stack((GRU(5), GRU(5)))
      >>> state = to_torch(cell, cell.init(jax.random.key(0), input_size=3))
      >>> state["weight_ih_l1"].shape
      torch.Size([15, 5])
    """
    check_bools("to_torch", bias=bias, single_step=single_step)
    if not isinstance(prefix, str):
        raise TypeError(
            f"to_torch: prefix is {describe(prefix)}; expected the start of the names, "
            "such as 'encoder.lstm'."
        )
    layers = uniform_layers("to_torch", TORCH, cell, params)
    if single_step and (len(layers) > 1 or len(layers[0]) > 1):
        raise ValueError(
            f"to_torch: single_step is True and cell {describe(cell)}; expected one "
            "cell. Convert the cells of a network one by one."
        )
    prefix = f"{prefix}." if prefix and not prefix.endswith(".") else prefix
    state = {}
    for number, ways in enumerate(layers):
        for way, p in zip(("", "_reverse"), ways, strict=False):
            suffix = "" if single_step else f"_l{number}{way}"
            for name, w in entries(p, bias=bias).items():
                state[f"{prefix}{name}{suffix}"] = to_tensor("to_torch", w)
    return state


def carry_from_torch(cell: Any, state: Any) -> PyTree:
    """Makes a carry of the state of a torch module.

    Args:
      cell: The cell that :func:`from_torch` made of the module.
      state: ``h`` or ``(h, c)`` as ``torch.nn.LSTM`` takes and gives them: tensors or
        arrays ``[layers · directions, ..., H]``.

    Returns:
      The carry of ``cell``.

    Raises:
      TypeError: If ``state`` is made of something else.
      ValueError: If its shapes are not those of ``cell``.

    Example:
      >>> cell, h = Stack((GRU(5), GRU(5))), np.zeros((2, 3, 5), np.float32)
      >>> carry_from_torch(cell, h)[1].shape
      (3, 5)
    """
    where = "carry_from_torch"
    if isinstance(state, (tuple, list)):
        arrays = tuple(tensor_weight(where, "state", a) for a in state)
        return unstack_carries(where, cell, arrays)
    return unstack_carries(where, cell, tensor_weight(where, "state", state))


def carry_to_torch(cell: Any, carry: PyTree) -> Any:
    """Makes the state of a torch module of a carry.

    Args:
      cell: The cell that the carry is of.
      carry: Its carry.

    Returns:
      ``h`` or ``(h, c)``, tensors ``[layers · directions, ..., H]``.

    Raises:
      ImportError: If torch is not installed.
      TypeError: If ``carry`` is not of ``cell``.

    Example:
      >>> cell = Bidirectional(LSTM(5))
      >>> h, c = carry_to_torch(cell, cell.init_carry((3,)))
      >>> c.shape
      torch.Size([2, 3, 5])
    """
    where = "carry_to_torch"
    return jax.tree.map(partial(to_tensor, where), stack_carries(where, cell, carry))


def _activation(where: str, told: str | None, nonlinearity: str | None) -> Activation:
    if told is not None and nonlinearity not in (None, told):
        raise ValueError(
            f"{where}: nonlinearity is {describe(nonlinearity)}; expected "
            f"{told!r}, which the module has. Leave it out."
        )
    nonlinearity = told or nonlinearity
    if nonlinearity not in NONLINEARITIES:
        raise ValueError(
            f"{where}: nonlinearity is {describe(nonlinearity)}; expected 'tanh' or "
            "'relu', which the weights of an RNN do not tell. Pass nonlinearity=, or "
            "the module itself."
        )
    return NONLINEARITIES[nonlinearity]


__all__ = ["carry_from_torch", "carry_to_torch", "from_torch", "to_torch"]
