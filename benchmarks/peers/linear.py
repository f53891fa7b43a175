"""Linear recurrences of other libraries, with the weights of ours."""

import runpy
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import recur
from benchmarks.measure.cores import cores
from recur.interop.mamba import from_mamba
from recur.interop.recurrentgemma import to_recurrentgemma
from recur.linear_rnn import RankOne
from recur.linear_rnn.memory import Memory

Sizes = tuple[int, int, int]  # B, T, H


class Beside(NamedTuple):
    """One recurrence twice, each a function ``(weights, xs) -> ys``, time first."""

    ours: Callable[..., Any]
    params: Any
    theirs: Callable[..., Any]
    weights: Any
    xs: list[np.ndarray]
    in_torch: bool = True


def memax(sizes: Sizes) -> Beside:
    """The LRU of memax, an associative scan in JAX."""
    made = import_module("memax.equinox.semigroups.lru").LRU
    eqx = import_module("equinox")
    cell, params, xs = _drawn(recur.LRU, sizes)
    _, steps, size = sizes
    b_re, b_im = jnp.split(params.w_ih.T, 2)
    c_re, c_im = jnp.split(params.w_ho.T, 2, axis=1)
    layer = made(recurrent_size=size, hidden_size=size, key=jax.random.key(0))
    names = "nu_log", "theta_log", "gamma_log", "B_re", "B_im", "C_re", "C_im", "D"
    rates = params.nu, params.theta, params.gamma
    of_ours = *rates, b_re, b_im, c_re, c_im, params.d
    weights = dict(zip(names, of_ours, strict=True))
    fresh = jnp.zeros(steps, bool)

    def theirs(weights: dict[str, Any], xs: Any) -> Any:
        where = lambda layer: [getattr(layer, name) for name in names]  # noqa: E731
        filled = eqx.tree_at(where, layer, [weights[name] for name in names])
        roll = lambda row: filled(filled.initialize_carry(), (row, fresh))[1]  # noqa: E731
        return jax.vmap(roll, 1, 1)(xs)

    return Beside(_rolled(cell), params, theirs, weights, [xs], in_torch=False)


def s5_pytorch(sizes: Sizes) -> Beside:
    """The S5 of s5-pytorch, an associative scan in torch."""
    torch, model = import_module("torch"), import_module("s5.s5_model")
    kind = partial(recur.S5, state_size=sizes[2], blocks=4)
    cell, params, xs = _drawn(kind, sizes)
    weights = [_tensor(a) for a in params]

    def theirs(weights: list[Any], xs: Any) -> Any:
        w_ih, re, im, log_dt, w_ho, d = weights
        entering = torch.complex(*w_ih.T.chunk(2))
        leaving = 2 * torch.complex(*w_ho.T.chunk(2, 1))
        dt = torch.exp(log_dt)
        a, b = model.discretize_zoh(torch.complex(re, im), entering, dt)
        roll = lambda row: model.apply_ssm(a, b, leaving, d, row)[0]  # noqa: E731
        return torch.vmap(roll, 1, 1)(xs)

    return Beside(_rolled(cell), params, theirs, weights, [xs])


def recurrentgemma(sizes: Sizes) -> Beside:
    """The RG-LRU of RecurrentGemma in transformers, a loop in torch."""
    torch, transformers = import_module("torch"), import_module("transformers")
    place = "transformers.models.recurrent_gemma.modeling_recurrent_gemma"
    cell, params, xs = _drawn(partial(recur.RGLRU, heads=4), sizes)
    batch, steps, size = sizes
    told = {"num_attention_heads": 4, "lru_width": size, "hidden_size": size}
    layer = import_module(place).RecurrentGemmaRglru(
        transformers.RecurrentGemmaConfig(**told)
    )
    weights = {n: _tensor(a) for n, a in to_recurrentgemma(cell, params).items()}
    # Theirs does not scale the first step of a sequence: so there is none.
    places = torch.arange(1, steps + 1).expand(batch, steps)

    def theirs(weights: dict[str, Any], xs: Any) -> Any:
        layer.recurrent_states = None
        rows = (xs.transpose(0, 1), places)
        return torch.func.functional_call(layer, weights, rows).transpose(0, 1)

    return Beside(_rolled(cell), params, theirs, weights, [xs])


def mambapy(sizes: Sizes) -> Beside:
    """The Mamba block of mambapy, a parallel scan in torch."""
    module = import_module("mambapy.mamba")
    block = module.MambaBlock(module.MambaConfig(d_model=sizes[2], n_layers=1))
    cell, params = from_mamba(block)
    weights = {n: p.detach().requires_grad_() for n, p in block.named_parameters()}
    call = import_module("torch").func.functional_call

    def theirs(weights: dict[str, Any], xs: Any) -> Any:
        return call(block, weights, (xs.transpose(0, 1),)).transpose(0, 1)

    return Beside(_rolled(cell), params, theirs, weights, [_normal(sizes)])


def fla_gla(sizes: Sizes) -> Beside:
    """Gated linear attention by the naive form of fla, a loop in torch."""
    function = _of_fla("gla/naive.py", "naive_recurrent_gla")
    q, k, v, gates = (_heads(sizes, n) for n in range(4))
    xs = [q, k, v, np.asarray(jax.nn.log_sigmoid(gates)) / 16]

    def ours(params: None, q: Any, k: Any, v: Any, g: Any) -> Any:
        return _read(RankOne(g, k, v, q * q.shape[-1] ** -0.5))

    def theirs(weights: list[Any], *xs: Any) -> Any:
        return function(*(a.transpose(0, 1) for a in xs))[0].transpose(0, 1)

    return Beside(ours, None, theirs, [], xs)


def fla_delta(sizes: Sizes) -> Beside:
    """The delta rule by the naive form of fla, chunks in torch."""
    function = _of_fla("delta_rule/naive.py", "delta_rule_chunkwise")
    q, k, v, gates = (_heads(sizes, n) for n in range(4))
    k /= np.linalg.norm(k, axis=-1, keepdims=True)
    xs = [q, k, v, np.asarray(jax.nn.sigmoid(gates[..., 0]))]

    def ours(params: None, q: Any, k: Any, v: Any, beta: Any) -> Any:
        beta, q = beta[..., None], q * q.shape[-1] ** -0.5
        return _read(RankOne(None, beta * k, v, q, beta * k, k))

    def theirs(weights: list[Any], *xs: Any) -> Any:
        return function(*(a.movedim(0, 2) for a in xs))[0].movedim(2, 0)

    return Beside(ours, None, theirs, [], xs)


PEERS: dict[str, tuple[str, Callable[[Sizes], Beside]]] = {
    "memax": ("LRU", memax),
    "s5-pytorch": ("S5", s5_pytorch),
    "transformers": ("RG-LRU", recurrentgemma),
    "mambapy": ("Mamba", mambapy),
    "fla, naive loop": ("GLA", fla_gla),
    "fla, naive chunks": ("delta rule", fla_delta),
}
"""What is rolled by which library."""


def _rolled(cell: Any) -> Callable[..., Any]:
    return lambda params, xs: recur.unroll(cell, params, None, xs)[1]


def _read(of: RankOne) -> Any:
    """Rolls a matrix that starts from zero, and gives what is read of it."""
    start = jnp.zeros((*of.key.shape[1:], of.value.shape[-1]))
    memory: Any = Memory()  # A step, not a cell: it draws no params.
    return recur.unroll(memory, None, start, of)[1]


def _drawn(kind: Any, sizes: Sizes) -> tuple[Any, Any, np.ndarray]:
    cell = kind(sizes[2])
    return cell, cell.init(jax.random.key(0), sizes[2]), _normal(sizes)


def _normal(sizes: Sizes, seed: int = 1) -> np.ndarray:
    batch, steps, size = sizes
    rng = np.random.default_rng(seed)
    return rng.standard_normal((steps, batch, size), np.float32)


def _heads(sizes: Sizes, seed: int, heads: int = 4) -> np.ndarray:
    drawn = _normal(sizes, seed)
    return drawn.reshape(*drawn.shape[:2], heads, -1)


def _tensor(a: Any) -> Any:
    torch = import_module("torch")
    torch.set_num_threads(cores())
    return torch.tensor(np.asarray(a)).requires_grad_()


def _of_fla(file: str, function: str) -> Callable[..., Any]:
    """Loads one file of fla by its path; to import the package takes a GPU's tools."""
    import_module("einops")
    found = find_spec("fla")
    if found is None or not found.submodule_search_locations:
        raise ImportError("fla is not installed")
    path = Path(found.submodule_search_locations[0], "ops", file)
    return runpy.run_path(str(path))[function]


__all__ = ["PEERS", "Beside"]
