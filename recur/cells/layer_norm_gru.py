"""The gated recurrent unit with layer normalisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._ops.layer_norm import layer_norm
from recur._ops.matmul import add_bias
from recur._portable import portable
from recur.cells.gated import GatedCell
from recur.initializers import Chrono, check_retention, retention_bias
from recur.types import Array


@portable
class LayerNormGRUParams(NamedTuple):
    """Weights of a layer-normalised GRU, gates fused on the last axis as ``r, z, n``.

    The paper gives each of its four norms a bias. Three of them would only be added to
    ``b``, which stands for them; the fourth, inside the reset product, is ``b_hn``.
    """

    w_ih: Array  # [I, 3H]
    w_hh: Array  # [H, 3H]
    b: Array  # [3H]
    b_hn: Array  # [H]
    gain_x: Array  # [3H]
    gain_h: Array  # [3H]


@dataclass(frozen=True, kw_only=True)
class LayerNormGRU(GatedCell[LayerNormGRUParams, Array]):
    r"""A layer-normalised GRU.

    .. math::
        (r, z) &= \sigma(\mathrm{LN}(x_t W_{irz}; \alpha_{xrz})
            + \mathrm{LN}(h_{t-1} W_{hrz}; \alpha_{hrz}) + b_{rz}) \\
        n &= \tanh(\mathrm{LN}(x_t W_{in}; \alpha_{xn}) + b_n
            + r \odot (\mathrm{LN}(h_{t-1} W_{hn}; \alpha_{hn}) + b_{hn})) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}

    The two gates are normalised as one vector, the candidate as another. An open ``z``
    keeps the old value, as in :func:`recur.gru_step`. In the paper it writes the new
    one: negate the ``z`` slices of the paper's gains and biases, and leave its weights
    as they are, since :math:`1 - \sigma(a) = \sigma(-a)`. Gains start at 1.

    Args:
      hidden_size: ``H``.
      update_bias: Added to the bias of the update gate; see :func:`recur.gru_init`.
      eps: Added to each variance, above 0.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Raises:
      ValueError: If ``eps`` is not above 0.

    Example:
      >>> cell = LayerNormGRU(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Ba, Kiros and Hinton, `Layer normalization <https://arxiv.org/abs/1607.06450>`_,
      2016, supplementary material.
    """

    params_type = LayerNormGRUParams
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 3H",
        "w_hh": "H 3H",
        "b": "3H",
        "b_hn": "H",
        "gain_x": "3H",
        "gain_h": "3H",
    }
    constants: ClassVar[Mapping[str, float]] = {"gain_x": 1.0, "gain_h": 1.0}

    update_bias: float | Chrono = 0.0
    eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_positive("LayerNormGRU", "eps", self.eps)
        check_retention("LayerNormGRU", "update_bias", self.update_bias)

    def shift(self, key: Array) -> Array:
        """Opens the update gate."""
        z, _ = retention_bias(self.update_bias, key, self.hidden_size, self.dtype)
        return jnp.concatenate([jnp.zeros_like(z), z, jnp.zeros_like(z)])

    def equations(
        self, params: LayerNormGRUParams, carry: Array, x: Array
    ) -> tuple[Array, Array]:
        """Those above."""
        x_rz, x_n = self._normalise(self.product(x, params.w_ih), params.gain_x)
        h_rz, h_n = self._normalise(self.product(carry, params.w_hh), params.gain_h)
        b_rz, b_n = _rz_n(params.b)
        r, z = jnp.split(jax.nn.sigmoid(add_bias(x_rz + h_rz, b_rz)), 2, axis=-1)
        r, z = checkpoint_name(r, "reset_gate"), checkpoint_name(z, "update_gate")
        n = jnp.tanh(add_bias(x_n, b_n) + r * add_bias(h_n, params.b_hn))
        n = checkpoint_name(n, "candidate")
        h = (1 - z) * n + z * carry
        return h, h

    def _normalise(self, fused: Array, gain: Array) -> list[Array]:
        pairs = zip(_rz_n(fused), _rz_n(gain), strict=True)
        return [layer_norm(a, alpha, self.eps) for a, alpha in pairs]


def _rz_n(fused: Array) -> list[Array]:
    """Takes the candidate off the two gates."""
    return jnp.split(fused, [2 * fused.shape[-1] // 3], axis=-1)


__all__ = ["LayerNormGRU", "LayerNormGRUParams"]
