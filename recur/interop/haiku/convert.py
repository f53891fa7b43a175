"""Weights from and to Haiku: ``hk.LSTM``, ``hk.GRU`` and ``hk.VanillaRNN``.

Haiku's LSTM has its gates as ``i, g, f, o`` and adds 1 to ``f`` when it runs; its GRU
resets before the product, and its ``z`` writes the new value; its Elman unit is ReLU.
An ``LSTMCarry`` is ``hk.LSTMState(*carry)`` there, and ``LSTMCarry(*state)`` here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from recur._arguments import check_bools
from recur._checks import describe
from recur.cells.elman import ElmanParams
from recur.cells.functions.gru import gru_flip_update
from recur.cells.gru import GRUParams
from recur.cells.lstm import LSTMParams
from recur.interop._shared.capabilities import Holds
from recur.interop._shared.gates import Params, cut, fuse, reorder
from recur.interop._shared.network import cell_of, layers_of, on_top
from recur.interop.haiku.cores import find_cores, read_core
from recur.types import Array, PyTree

HAIKU = Holds("Haiku", reset_after=(False,), activations=(jax.nn.relu,))
NAMES: dict[type[Params], str] = {
    LSTMParams: "lstm",
    GRUParams: "gru",
    ElmanParams: "vanilla_rnn",
}


def from_haiku(
    params: Mapping[str, Mapping[str, Any]], names: str | Sequence[str] | None = None
) -> tuple[Any, PyTree]:
    r"""Makes a cell and its params of the params of Haiku cores.

    .. math::
        b_f = b_f^{Haiku} + 1, \qquad W_z = -W_z^{Haiku}

    The sum is rounded to the dtype of the weights, which changes nothing where ``b_f``
    is zero, as Haiku starts it. Can be traced, so that gradients reach Haiku's params.

    Args:
      params: As ``hk.transform(...).init`` gives them: arrays by name, by module.
      names: The name of the core, such as ``"net/~/lstm"``, or those of several, as in
        an ``hk.DeepRNN``, from the bottom up; by default, the only core there is.

    Returns:
      ``(cell, params)``, a ``Stack`` if there are several names.

    Raises:
      TypeError: If ``params`` is something else, or has weights that are no numbers.
      ValueError: If there is no such core, or several and no name.

    Example:
      >>> weights = {"w": jnp.ones((8, 20)), "b": jnp.zeros(20)}
      >>> cell, params = from_haiku({"lstm/linear": weights})
      >>> cell.step(params, cell.init_carry(), jnp.ones(3))[1].shape
      (5,)
      >>> float(params.b[5])
      1.0
    """
    where = "from_haiku"
    modules = params.values() if isinstance(params, Mapping) else [params]
    strange = [module for module in modules if not isinstance(module, Mapping)]
    if strange:
        raise TypeError(
            f"{where}: params has {describe(strange[0])}; expected a dictionary of "
            "modules, each of weights, as hk.transform(...).init gives it."
        )
    _check_names(where, names)
    cores = find_cores(params)
    if names is None and len(cores) != 1:
        raise ValueError(
            f"{where}: params has {len(cores)} modules that can be cores "
            f"({', '.join(cores) or 'none'}); expected one. Pass its name, or all "
            "names from the bottom up."
        )
    several = list(cores) if names is None else names
    pairs = []
    for name in [several] if isinstance(several, str) else several:
        if name not in cores:
            raise ValueError(
                f"{where}: names has {name!r}; expected one of "
                f"{', '.join(cores) or 'none: there are no cores'}."
            )
        core = read_core(where, cores[name])
        pairs.append((cell_of(core, activation=jax.nn.relu), core))
    return on_top(where, pairs)


def to_haiku(
    cell: Any,
    params: PyTree,
    names: str | Sequence[str] | None = None,
    *,
    double_bias: bool = True,
) -> dict[str, dict[str, Array]]:
    """Makes the params of the Haiku core that is the same function.

    Of ``b_f`` it takes the 1 that Haiku adds when it runs. That is rounded to the
    dtype: exact from 0.5 to 2, and where ``b_f`` has enough trailing zeros.

    Args:
      cell: An ``LSTM``, a ``GRU(reset_after=False)``, an ``Elman`` with
        ``jax.nn.relu``, or a ``Stack`` of these.
      params: Params of ``cell``.
      names: The names of the cores; by default those that Haiku itself gives to cores
        made in this order: ``"lstm"``, ``"lstm_1"``, ``"gru"``, ``"vanilla_rnn"``.
      double_bias: Whether an ``hk.VanillaRNN`` has two biases; the second is zero.

    Returns:
      Arrays by name, by module, in the dtype of the params.

    Raises:
      TypeError: If ``cell`` is of a kind that Haiku lacks.
      ValueError: If it has options that Haiku lacks, or names are too few or many.

    Example:
      >>> cell = LSTM(5)
      >>> theirs = to_haiku(cell, cell.init(jax.random.key(0), input_size=3))
      >>> jax.tree.map(jnp.shape, theirs)
      {'lstm/linear': {'b': (20,), 'w': (8, 20)}}
    """
    where = "to_haiku"
    check_bools(where, double_bias=double_bias)
    _check_names(where, names)
    pairs = layers_of(where, cell, params)
    for one, p in pairs:
        HAIKU.check(where, one, p)
    if names is None:
        names = _haiku_names([type(p) for _, p in pairs])
    names = [names] if isinstance(names, str) else list(names)
    if len(set(names)) != len(pairs):
        raise ValueError(
            f"{where}: names is {names}; expected {len(pairs)} different ones, one a "
            "layer."
        )
    modules: dict[str, dict[str, Array]] = {}
    for name, (_, p) in zip(names, pairs, strict=True):
        modules |= _modules(name, p, double_bias=double_bias)
    return modules


def _check_names(where: str, names: Any) -> None:
    several = names if isinstance(names, (tuple, list)) else [names]
    if names is not None and not all(isinstance(name, str) for name in several):
        raise TypeError(
            f"{where}: names is {describe(names)}; expected the name of a core, or a "
            "sequence of names. Write names='lstm'."
        )


def _haiku_names(kinds: Sequence[type]) -> list[str]:
    before = [kinds[:n].count(kind) for n, kind in enumerate(kinds)]
    stems = [NAMES[kind] for kind in kinds]
    return [f"{s}_{n}" if n else s for s, n in zip(stems, before, strict=True)]


def _modules(
    name: str, params: Params, *, double_bias: bool
) -> dict[str, dict[str, Array]]:
    if isinstance(params, LSTMParams):
        w = reorder(jnp.concatenate([params.w_ih, params.w_hh]), "ifgo", "igfo")
        b = cut(jnp.asarray(params.b), "ifgo")
        return {f"{name}/linear": {"w": w, "b": fuse(b | {"f": b["f"] - 1}, "igfo")}}
    if isinstance(params, GRUParams):
        flipped = gru_flip_update(params)
        named = {"w_i": flipped.w_ih, "w_h": flipped.w_hh, "b": flipped.b}
        return {name: {n: reorder(w, "rzn", "zrn") for n, w in named.items()}}
    w_ih, w_hh, b = map(jnp.asarray, params)
    hidden = {"w": w_hh} | ({"b": jnp.zeros_like(b)} if double_bias else {})
    return {f"{name}/linear": {"w": w_ih, "b": b}, f"{name}/linear_1": hidden}


__all__ = ["from_haiku", "to_haiku"]
