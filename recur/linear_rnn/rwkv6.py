"""The time mixing of RWKV-6: a matrix that decays as its input says, read before."""

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
from recur._roll.linear.rank_one import LEAST, RankOne
from recur.initializers import Uniform
from recur.linear_rnn.matrix import merge_heads
from recur.linear_rnn.memory import MemoryCell
from recur.linear_rnn.token_shift import token_shift
from recur.types import Array

NORM_EPS = 64e-5
LARGEST = np.log(-LEAST).item()
"""Of logits of decays, whose exponentials and slopes would be infinite."""


@portable
class RWKV6Params(NamedTuple):
    """Weights of a time mixing; ``w, k, v, r, g`` each see a mix of their own."""

    mix: Array  # [6I], for what mixes, and w, k, v, r, g: how much of the one before
    mix_in: Array  # [I, 5R]
    mix_out: Array  # [5R, I]
    w_k: Array  # [I, H]
    w_v: Array  # [I, H]
    w_r: Array  # [I, H]
    w_g: Array  # [I, H]
    decay_in: Array  # [I, D]
    decay_out: Array  # [D, H]
    b_decay: Array  # [H]
    bonus: Array  # [H]
    gain: Array  # [H]
    b_norm: Array  # [H]
    w_ho: Array  # [H, H]


@portable
class RWKV6Carry(NamedTuple):
    """The matrix of each head, and the input before."""

    s: Array  # [..., heads, K, K], rows are keys
    past: Array  # [..., I]


@dataclass(frozen=True, kw_only=True)
class RWKV6(MemoryCell[RWKV6Params, RWKV6Carry]):
    r"""The time mixing of RWKV-6.

    .. math::
        \hat x^i &= (1 - m_i) \odot x_t + m_i \odot x_{t-1}, \qquad
            m_i = \mu_i + \tanh(\hat x A_i) B_i \\
        (k, v, r, g) &= (\hat x^k W_k, \hat x^v W_v, \hat x^r W_r,
            \mathrm{silu}(\hat x^g W_g)), \qquad
            \log w = -\exp(\tanh(\hat x^w D_1) D_2 + b_w) \\
        o_t &= r \, (S_{t-1} + \mathrm{diag}(\rho) \, k v^\top), \qquad
            S_t = \mathrm{diag}(w) S_{t-1} + k v^\top \\
        y_t &= (\mathrm{norm}(o_t) \odot g) \, W_{ho}

    in each head; the norm has a mean, a gain and a bias. How much of the input before
    is mixed in depends on the input, by :math:`\hat x` with :math:`\mu` alone. A large
    ``w`` keeps the old value; its logarithm is at least -100. What this step writes
    enters the output with a weight of its own, :math:`\rho`, and the matrix without.

    Args:
      hidden_size: ``H``, of all heads together.
      heads: Each with ``K = H / heads``, in the paper 64.
      mix_rank: ``R``, of each of the five mixes.
      decay_rank: ``D``.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws the matrices, and the other two are not used. The first of each pair of
        a low rank starts at zero, the second small.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If a size is below 1, or heads do not divide ``hidden_size``.

    Example:
      >>> cell = RWKV6(6, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry = cell.init_carry((5,), params=params)
      >>> carry, y = cell.step(params, carry, jnp.ones((5, 3)))
      >>> carry.s.shape, y.shape
      ((5, 2, 3, 3), (5, 6))

    References:
      Peng et al., `Eagle and Finch: RWKV with matrix-valued states and dynamic
      recurrence <https://arxiv.org/abs/2404.05892>`_, 2024.
    """

    params_type = RWKV6Params
    carry_type = RWKV6Carry
    shapes: ClassVar[Mapping[str, str]] = {
        "mix": "6I",
        "mix_in": "I 5R",
        "mix_out": "5R I",
        **{f"w_{name}": "I H" for name in "kvrg"},
        "decay_in": "I D",
        "decay_out": "D H",
        **dict.fromkeys(("b_decay", "bonus", "gain", "b_norm"), "H"),
        "w_ho": "H H",
    }
    constants: ClassVar[Mapping[str, float]] = {
        **dict.fromkeys(("mix_in", "decay_in", "b_norm"), 0.0),
        "gain": 1.0,
    }

    mix_rank: int = 32
    decay_rank: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("mix_rank", "decay_rank"):
            checks.check_size("RWKV6", name, getattr(self, name))

    def sizes(self) -> dict[str, int]:
        """The ranks too."""
        return super().sizes() | {"R": self.mix_rank, "D": self.decay_rank}

    def carry_axes(self) -> Any:
        """The input before is of another size."""
        return self.carry_type("N K V", "I")

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Spreads decays, bonus and mixes, as the first layer of the program does."""
        if name.endswith("_out"):
            return Uniform(0.01)(key, shape, self.dtype)
        if name == "w_ho":
            return self.kernel_init(key, shape, self.dtype)
        spread = self._spread(name, shape[0])
        return None if spread is None else jnp.asarray(spread, self.dtype)

    def _spread(self, name: str, size: int) -> np.ndarray | None:
        if name == "mix":
            share = np.arange(size // 6) / (size // 6)
            return np.concatenate([1 - share**c for c in (1, 1, 1, 1, 0.5, 0.5)])
        at = np.arange(self.hidden_size)
        if name == "b_decay":
            return 5 * (at / max(self.hidden_size - 1, 1)) ** 0.7 - 6
        return 0.1 * ((at + 1) % 3 - 1) if name == "bonus" else None

    def front(
        self, params: RWKV6Params, carry: tuple[Any, ...], x: Array
    ) -> tuple[tuple[Any, ...], RankOne]:
        """Makes keys, values, decays and gates."""
        (past,) = carry
        x = x.astype(wide(x.dtype, past.dtype))
        of_w, *mixed = self._mixed(params, past, x)
        weights = params.w_k, params.w_v, params.w_r, params.w_g
        made = (self.product(a, w) for a, w in zip(mixed, weights, strict=True))
        k, v, r, g = (self.in_heads(a)[0] for a in made)
        low = jnp.tanh(self.product(of_w, params.decay_in))
        logit = add_bias(self.product(low, params.decay_out), params.b_decay)
        (log_decay,) = self.in_heads(-jnp.exp(jnp.minimum(logit, LARGEST)))
        (bonus,) = self.in_heads(scale(jnp.ones_like(logit), params.bonus))
        done = RankOne(log_decay, k, v, r, bonus=bonus, aside=jax.nn.silu(g))
        return (x,), done

    def read(self, params: RWKV6Params, found: Any, x: Array) -> Array:
        """Normalises each head, and opens the gate."""
        found, gate = found
        normal = merge_heads(layer_norm(found, eps=NORM_EPS))
        y = add_bias(scale(normal, params.gain), params.b_norm)
        return self.product(y * merge_heads(gate), params.w_ho)

    def _mixed(self, params: RWKV6Params, past: Array, x: Array) -> list[Array]:
        """This input and the one before, mixed for each of ``w, k, v, r, g``."""
        first, *mixes = jnp.split(params.mix, 6)
        low = jnp.tanh(self.product(token_shift(first, past, x), params.mix_in))
        rows = zip(
            mixes, jnp.split(low, 5, axis=-1), jnp.split(params.mix_out, 5), strict=True
        )
        shares = (add_bias(self.product(a, w), mix) for mix, a, w in rows)
        return [x + share * (past - x) for share in shares]


__all__ = ["RWKV6", "RWKV6Carry", "RWKV6Params"]
