"""The time mixing of RWKV-7: a matrix that decays, and erases where it is looked up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur._ops.layer_norm import layer_norm
from recur._ops.matmul import add_bias, scale
from recur._ops.wide import wide
from recur._portable import portable
from recur._roll.linear.rank_one import RankOne
from recur.linear_rnn.matrix import merge_heads
from recur.linear_rnn.memory import MemoryCell
from recur.linear_rnn.token_shift import token_shift
from recur.types import Array

NORM_EPS = 64e-5


@portable
class RWKV7Params(NamedTuple):
    """Weights of a time mixing; each pair of matrices is of a low rank."""

    mix: Array  # [6I], for r, w, k, v, a, g: how much of the one before
    w_r: Array  # [I, H]
    w_k: Array  # [I, H]
    w_v: Array  # [I, H]
    decay_in: Array  # [I, D]
    decay_out: Array  # [D, H]
    b_decay: Array  # [H]
    rate_in: Array  # [I, A]
    rate_out: Array  # [A, H]
    b_rate: Array  # [H]
    gate_in: Array  # [I, G]
    gate_out: Array  # [G, H]
    erase: Array  # [H], of a key, where it erases
    write: Array  # [H], how much of the rate is in the key that writes
    bonus: Array  # [H]
    gain: Array  # [H]
    b_norm: Array  # [H]
    w_ho: Array  # [H, H]


@portable
class RWKV7Carry(NamedTuple):
    """The matrix of each head, and the input before."""

    s: Array  # [..., heads, K, K], rows are keys
    past: Array  # [..., I]


@dataclass(frozen=True, kw_only=True)
class RWKV7(MemoryCell[RWKV7Params, RWKV7Carry]):
    r"""The time mixing of RWKV-7, as in its first layer.

    .. math::
        (r, k, v) &= (\hat x^r W_r, \hat x^k W_k, \hat x^v W_v), \qquad
            \hat x^i = (1 - \mu_i) \odot x_t + \mu_i \odot x_{t-1} \\
        \log w &= -e^{-1/2} \, \sigma(\tanh(\hat x^w W_1) W_2 + b_w), \qquad
            a = \sigma(\hat x^a A_1 A_2 + b_a), \qquad
            g = \sigma(\hat x^g G_1) G_2 \\
        \kappa &= \frac{k \odot \xi}{\|k \odot \xi\|}, \qquad
            k \to k \odot (1 + (a - 1) \odot \alpha) \\
        S_t &= \mathrm{diag}(w) S_{t-1} - (a \odot \kappa) (\kappa^\top S_{t-1})
            + k v^\top \\
        y_t &= ((\mathrm{norm}(r S_t) + (r \odot \rho) k^\top \, v) \odot g) \, W_{ho}

    in each head; the norm has a mean, a gain and a bias. Later layers mix into
    :math:`v` that of the first, which is no input of this cell.

    Args:
      hidden_size: ``H``, of all heads together.
      heads: Each with ``K = H / heads``, in the paper 64.
      decay_rank: ``D``; by default ``2.5 sqrt(H)``, as a multiple of 32.
      rate_rank: ``A``; by default the same.
      gate_rank: ``G``; by default ``5 sqrt(H)``, as a multiple of 32.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws the matrices and ``recurrent_init`` the second of each pair, a tenth of
        it; the first starts at zero. In the published program so does the last.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If a size is below 1, or heads do not divide ``hidden_size``.

    Example:
      >>> cell = RWKV7(6, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry = cell.init_carry((5,), params=params)
      >>> carry, y = cell.step(params, carry, jnp.ones((5, 3)))
      >>> carry.s.shape, y.shape
      ((5, 2, 3, 3), (5, 6))

    References:
      Peng et al., `RWKV-7 "Goose" with expressive dynamic state evolution
      <https://arxiv.org/abs/2503.14456>`_, 2025.
    """

    params_type = RWKV7Params
    carry_type = RWKV7Carry
    shapes: ClassVar[Mapping[str, str]] = {
        "mix": "6I",
        **{f"w_{name}": "I H" for name in "rkv"},
        "decay_in": "I D",
        "decay_out": "D H",
        "b_decay": "H",
        "rate_in": "I A",
        "rate_out": "A H",
        "b_rate": "H",
        "gate_in": "I G",
        "gate_out": "G H",
        **dict.fromkeys(("erase", "write", "bonus", "gain", "b_norm"), "H"),
        "w_ho": "H H",
    }
    constants: ClassVar[Mapping[str, float]] = {
        **dict.fromkeys(("decay_in", "rate_in", "gate_in", "b_norm"), 0.0),
        "write": 1.02,
        "bonus": -0.04,
        "gain": 1.0,
    }

    decay_rank: int | None = None
    rate_rank: int | None = None
    gate_rank: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("decay_rank", "rate_rank", "gate_rank"):
            if getattr(self, name) is not None:
                checks.check_size("RWKV7", name, getattr(self, name))

    def sizes(self) -> dict[str, int]:
        """The ranks too."""
        root = self.hidden_size**0.5
        low, high = (max(32, 32 * round(c * root / 32)) for c in (2.5, 5))
        ranks = {
            "D": self.decay_rank or low,
            "A": self.rate_rank or low,
            "G": self.gate_rank or high,
        }
        return super().sizes() | ranks

    def carry_axes(self) -> Any:
        """The input before is of another size."""
        return self.carry_type("N K V", "I")

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Spreads decays, rates and mixes, as the first layer of the program does."""
        if name.endswith("_out"):
            return 0.1 * self.recurrent_init(key, shape, self.dtype)
        if name == "w_ho":
            return self.kernel_init(key, shape, self.dtype)
        spread = self._spread(name, shape[0])
        return None if spread is None else jnp.asarray(spread, self.dtype)

    def _spread(self, name: str, size: int) -> np.ndarray | None:
        if name == "mix":
            share = np.arange(size // 6) / (size // 6)
            powers = (0.2, 0.9, 0.7, 0.7, 0.9, 0.2)
            return np.concatenate([1 - share**c for c in powers])
        at = np.arange(self.hidden_size) / max(self.hidden_size - 1, 1)
        in_head = np.linspace(-1, 1, self.hidden_size // self.heads)
        zigzag = np.tile(in_head * abs(in_head), self.heads)
        spreads = {
            "b_decay": 6 * at - 5.5 + 2.5 * zigzag,
            "b_rate": 0.4 * (at - 0.5) - 0.19 + 0.3 * zigzag,
            "erase": 0.71 - 0.1 * (at - 0.5),
        }
        return spreads.get(name)

    def front(
        self, params: RWKV7Params, carry: tuple[Any, ...], x: Array
    ) -> tuple[tuple[Any, ...], RankOne]:
        """Makes keys that write and unit keys that erase, decays and rates."""
        (past,) = carry
        x = x.astype(wide(x.dtype, past.dtype))
        mixes = jnp.split(params.mix, 6)
        of_r, of_w, of_k, of_v, of_a, of_g = (token_shift(m, past, x) for m in mixes)
        r, k = self.product(of_r, params.w_r), self.product(of_k, params.w_k)
        (v,) = self.in_heads(self.product(of_v, params.w_v))
        low = jnp.tanh(self.product(of_w, params.decay_in))
        logit = add_bias(self.product(low, params.decay_out), params.b_decay)
        (log_decay,) = self.in_heads(-np.exp(-0.5).item() * jax.nn.sigmoid(logit))
        low = self.product(of_a, params.rate_in)
        rate = add_bias(self.product(low, params.rate_out), params.b_rate)
        rate = jax.nn.sigmoid(rate)
        low = jax.nn.sigmoid(self.product(of_g, params.gate_in))
        (gate,) = self.in_heads(self.product(low, params.gate_out))
        (look,) = self.in_heads(scale(k, params.erase))
        square = jnp.sum(jnp.square(look), axis=-1, keepdims=True)
        look *= jax.lax.rsqrt(jnp.maximum(square, 1e-24))
        k = k * (1 + scale(rate - 1, params.write))
        seen = self.in_heads(scale(r * k, params.bonus))[0]
        bonus = jnp.sum(seen, axis=-1, keepdims=True) * v
        (rate,), (r,), (k,) = map(self.in_heads, (rate, r, k))
        aside = jnp.concatenate([bonus, gate], axis=-1)
        return (x,), RankOne(log_decay, k, v, r, rate * look, look, aside=aside)

    def read(self, params: RWKV7Params, found: Any, x: Array) -> Array:
        """Normalises each head, adds what is of this step alone, and opens the gate."""
        found, aside = found
        normal = merge_heads(layer_norm(found, eps=NORM_EPS))
        bonus, gate = map(merge_heads, jnp.split(aside, 2, axis=-1))
        y = add_bias(scale(normal, params.gain), params.b_norm) + bonus
        return self.product(y * gate, params.w_ho)


__all__ = ["RWKV7", "RWKV7Carry", "RWKV7Params"]
