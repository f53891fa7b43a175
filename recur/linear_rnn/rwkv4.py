"""The time mixing of RWKV-4: a weighted mean of the past, this step apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recur._ops.matmul import add_bias
from recur._ops.wide import wide, widened
from recur._portable import portable
from recur.cells.gated import GatedCell
from recur.linear_rnn.token_shift import token_shift
from recur.types import Array


@portable
class RWKV4Params(NamedTuple):
    """Weights of a time mixing."""

    mix: Array  # [3I], for k, v, r: how much of this input, beside the one before
    w_k: Array  # [I, H]
    w_v: Array  # [I, H]
    w_r: Array  # [I, H]
    decay: Array  # [H], the logarithm of minus what is added to exponents each step
    bonus: Array  # [H], what is added to that of this step
    w_ho: Array  # [H, H]


@portable
class RWKV4Carry(NamedTuple):
    """Both sums divided by an exponential, its exponent, and the input before."""

    above: Array  # [..., H]
    below: Array  # [..., H]
    m: Array  # [..., H]
    past: Array  # [..., I]


@dataclass(frozen=True, kw_only=True)
class RWKV4(GatedCell[RWKV4Params, RWKV4Carry]):
    r"""The time mixing of RWKV-4.

    .. math::
        (k, v, r) &= (\hat x^k W_k, \hat x^v W_v, \sigma(\hat x^r W_r)), \qquad
            \hat x^i = \mu_i \odot x_t + (1 - \mu_i) \odot x_{t-1} \\
        a_t &= e^{-w} \odot a_{t-1} + e^k \odot v, \qquad
            b_t = e^{-w} \odot b_{t-1} + e^k, \qquad w = e^{\delta} \\
        y_t &= \left( r \odot \frac{a_{t-1} + e^{u + k} \odot v}
            {b_{t-1} + e^{u + k}} \right) W_{ho}

    Each entry is a mean of all values up to now. That of this step has a weight of its
    own in it, by :math:`u`, and enters the sums :math:`a, b` without it. Both are
    carried as ``above`` and ``below``, divided by :math:`e^{m_t}`, with
    :math:`m_t = \max(m_{t-1} - w, k)`, so that nothing overflows.

    Args:
      hidden_size: ``H``.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws the matrices, and the other two are not used. In the published program
        all matrices start at zero.

    Example:
      >>> cell = RWKV4(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry = cell.init_carry((2,), params=params)
      >>> carry, y = cell.step(params, carry, jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Peng et al., `RWKV: reinventing RNNs for the transformer era
      <https://arxiv.org/abs/2305.13048>`_, 2023.
    """

    params_type = RWKV4Params
    carry_type = RWKV4Carry
    shapes: ClassVar[Mapping[str, str]] = {
        "mix": "3I",
        "w_k": "I H",
        "w_v": "I H",
        "w_r": "I H",
        "decay": "H",
        "bonus": "H",
        "w_ho": "H H",
    }

    def carry_axes(self) -> Any:
        """The input before is of another size."""
        return self.carry_type("H", "H", "H", "I")

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: RWKV4Params | None = None
    ) -> RWKV4Carry:
        """Makes sums of nothing, whose exponent is below all others."""
        carry = super().init_carry(batch_shape, params=params)
        least = max(-1e30, float(jnp.finfo(self.dtype).min) / 2)
        return carry._replace(m=jnp.full_like(carry.m, least))

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Spreads what is kept, and mixes, as the first layer of the program does."""
        if name == "mix":
            share = np.arange(shape[0] // 3) / (shape[0] // 3)
            return jnp.asarray(np.concatenate([share, share, share**0.5]), self.dtype)
        at = np.arange(self.hidden_size)
        if name == "decay":
            spread = at / max(self.hidden_size - 1, 1)
            return jnp.asarray(8 * spread**0.7 - 5, self.dtype)
        if name == "bonus":
            return jnp.asarray(np.log(0.3) + 0.5 * ((at + 1) % 3 - 1), self.dtype)
        return self.kernel_init(key, shape, self.dtype) if name == "w_ho" else None

    def equations(
        self, params: RWKV4Params, carry: RWKV4Carry, x: Array
    ) -> tuple[RWKV4Carry, Array]:
        """Those above, with sums that are divided by their largest term."""
        x = x.astype(wide(x.dtype, carry.past.dtype))
        mixed = (token_shift(mu, x, carry.past) for mu in jnp.split(params.mix, 3))
        weights = params.w_k, params.w_v, params.w_r
        k, v, r = (self.product(a, w) for a, w in zip(mixed, weights, strict=True))
        of_now = add_bias(k, params.bonus)
        p = jnp.maximum(carry.m, of_now)
        old, now = jnp.exp(carry.m - p), jnp.exp(of_now - p)
        mean = (old * carry.above + now * v) / (old * carry.below + now)
        kept = add_bias(carry.m, -jnp.exp(widened(params.decay)))
        m = jnp.maximum(kept, k)
        old, now = jnp.exp(kept - m), jnp.exp(k - m)
        sums = old * carry.above + now * v, old * carry.below + now
        y = self.product(jax.nn.sigmoid(r) * mean, params.w_ho)
        return RWKV4Carry(*sums, m, x), y


__all__ = ["RWKV4", "RWKV4Carry", "RWKV4Params"]
