"""The gated recurrent unit, in both of its published forms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._arguments import check_bools
from recur._ops.matmul import add_bias
from recur._portable import portable
from recur._roll.chunked.resolve import register_rule
from recur._roll.chunked.rule import StepRule
from recur.cells.gated import GatedCell
from recur.cells.rules.gru import gru_rule
from recur.cells.table import Names
from recur.initializers import Chrono, check_retention, retention_bias
from recur.types import Array


@portable
class GRUParams(NamedTuple):
    """Weights of a GRU, gates fused on the last axis as ``r, z, n``.

    ``b_hn`` is the bias inside the reset product. The form that resets before the
    product has no use for it, and holds ``None`` there.
    """

    w_ih: Array  # [I, 3H]
    w_hh: Array  # [H, 3H]
    b: Array  # [3H]
    b_hn: Array | None  # [H]


@dataclass(frozen=True, kw_only=True)
class GRU(GatedCell[GRUParams, Array]):
    r"""A gated recurrent unit.

    .. math::
        r &= \sigma(x_t W_{ir} + h_{t-1} W_{hr} + b_r) \\
        z &= \sigma(x_t W_{iz} + h_{t-1} W_{hz} + b_z) \\
        n &= \tanh(x_t W_{in} + b_n + r \odot (h_{t-1} W_{hn} + b_{hn}))
            \quad \text{or} \quad
            \tanh(x_t W_{in} + b_n + (r \odot h_{t-1}) W_{hn}) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}

    The first ``n`` resets after the product (torch, cuDNN, Flax, Keras by default),
    the second before it (the paper, Haiku, ONNX by default). In both, an open ``z``
    keeps the old value; where a text lets it write the new one instead, convert with
    :func:`recur.gru_flip_update`.

    Args:
      hidden_size: ``H``.
      reset_after: Whether ``r`` acts after the product with ``W_hn`` or before it.
      update_bias: Added to the bias of the update gate; see :func:`recur.gru_init`.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Example:
      >>> cell = GRU(5, reset_after=False)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Cho et al., `Learning phrase representations using RNN encoder-decoder for
      statistical machine translation <https://doi.org/10.3115/v1/D14-1179>`_, 2014.
    """

    params_type = GRUParams
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 3H",
        "w_hh": "H 3H",
        "b": "3H",
        "b_hn": "H",
    }
    key_tree: ClassVar[Names] = (("w_ih", "w_hh", "b"), "shift", "b_hn")
    functions: ClassVar[str] = "gru_"

    reset_after: bool = True
    update_bias: float | Chrono = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bools("GRU", reset_after=self.reset_after)
        check_retention("GRU", "update_bias", self.update_bias)

    def has(self, name: str) -> bool:
        """A reset before the product leaves no bias inside it."""
        return name != "b_hn" or self.reset_after

    def shift(self, key: Array) -> Array:
        """Opens the update gate, which keeps the old value."""
        z, _ = retention_bias(self.update_bias, key, self.hidden_size, self.dtype)
        zeros = jnp.zeros_like(z)
        return jnp.concatenate([zeros, z, zeros])

    def equations(
        self, params: GRUParams, carry: Array, x: Array
    ) -> tuple[Array, Array]:
        """Those above."""
        x_rzn = add_bias(self.product(x, params.w_ih), params.b)
        x_r, x_z, x_n = jnp.split(x_rzn, 3, axis=-1)
        candidate = self._reset_after if self.reset_after else self._reset_before
        z, n = candidate(params, carry, x_r, x_z, x_n)
        h = (1 - z) * n + z * carry
        return h, h

    def _reset_after(
        self, params: GRUParams, h: Array, x_r: Array, x_z: Array, x_n: Array
    ) -> tuple[Array, Array]:
        h_r, h_z, h_n = jnp.split(self.product(h, params.w_hh), 3, axis=-1)
        r, z = _gates(x_r + h_r, x_z + h_z)
        assert params.b_hn is not None  # The check has seen to it.
        h_n = add_bias(h_n, params.b_hn)
        return z, checkpoint_name(jnp.tanh(x_n + r * h_n), "candidate")

    def _reset_before(
        self, params: GRUParams, h: Array, x_r: Array, x_z: Array, x_n: Array
    ) -> tuple[Array, Array]:
        gates = 2 * self.hidden_size
        w_hrz, w_hn = params.w_hh[:, :gates], params.w_hh[:, gates:]
        h_r, h_z = jnp.split(self.product(h, w_hrz), 2, axis=-1)
        r, z = _gates(x_r + h_r, x_z + h_z)
        h_n = self.product(r * h, w_hn)
        return z, checkpoint_name(jnp.tanh(x_n + h_n), "candidate")

    def _check(self, params: GRUParams, carry: Array, x: Array) -> None:
        b_hn = getattr(params, "b_hn", None)
        if isinstance(params, GRUParams) and self.reset_after != (b_hn is not None):
            raise ValueError(
                f"{self._where('step')}: params.b_hn is {checks.describe(b_hn)} with "
                f"reset_after={self.reset_after}; expected "
                f"{'an array' if self.reset_after else 'None'}. Make the params with "
                f"{self._where('init')}(..., reset_after={self.reset_after})."
            )
        super()._check(params, carry, x)

    def rule(self, params: GRUParams, carry: Array) -> StepRule | None:
        """Takes the step apart for the fast roll."""
        form, dtype = self.reset_after, self.compute_dtype
        return gru_rule(params, carry, reset_after=form, compute_dtype=dtype)


register_rule(GRU, GRU.rule)


def _gates(r: Array, z: Array) -> tuple[Array, Array]:
    r, z = jax.nn.sigmoid(r), jax.nn.sigmoid(z)
    return checkpoint_name(r, "reset_gate"), checkpoint_name(z, "update_gate")


__all__ = ["GRU", "GRUParams"]
