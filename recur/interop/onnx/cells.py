"""The LSTM and the GRU with the activation functions that ONNX lets one choose."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._ops.matmul import add_bias
from recur.cells.gru import GRU, GRUParams
from recur.cells.lstm import LSTM, LSTMCarry, LSTMParams, add_peephole
from recur.types import Activation, Array


@dataclass(frozen=True, kw_only=True)
class OnnxLSTM(LSTM):
    r"""An LSTM whose three activation functions are free, as in ONNX.

    .. math::
        i &= f(\tilde i + w_{ci} \odot c_{t-1}) \\
        \phi &= f(\tilde \phi + w_{cf} \odot c_{t-1})
            \quad \text{or, coupled,} \quad 1 - i \\
        c_t &= \phi \odot c_{t-1} + i \odot g(\tilde g) \\
        h_t &= f(\tilde o + w_{co} \odot c_t) \odot h(c_t)

    Params and carry are those of :class:`recur.LSTM`, which this is by default.

    Args:
      hidden_size: ``H``.
      activations: The functions ``f`` of the gates, ``g`` of the candidate and ``h`` of
        the cell, any callables.
      peephole: Whether the gates look at the cell.
      coupled: Whether the forget gate is one minus the input gate.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Raises:
      ValueError: If there are not three activations.

    Example:
      >>> cell = OnnxLSTM(5, activations=(jax.nn.hard_sigmoid, jnp.tanh, jax.nn.relu))
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      `ONNX LSTM <https://onnx.ai/onnx/operators/onnx__LSTM.html>`_.
    """

    functions: ClassVar[str] = ""

    activations: tuple[Activation, ...] = (jax.nn.sigmoid, jnp.tanh, jnp.tanh)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_activations("OnnxLSTM", self.activations, 3)
        object.__setattr__(self, "activations", tuple(self.activations))

    def equations(
        self, params: LSTMParams, carry: LSTMCarry, x: Array
    ) -> tuple[LSTMCarry, Array]:
        """Those above."""
        gate, candidate, output = self.activations
        a = self.product(x, params.w_ih) + self.product(carry.h, params.w_hh)
        i, f, g, o = self._split(add_bias(a, params.b), "ifgo")
        w_ci, w_cf, w_co = self._split(params.w_ch, "ifo")
        i = checkpoint_name(gate(add_peephole(i, w_ci, carry.c)), "input_gate")
        f = 1 - i if self.coupled else gate(add_peephole(f, w_cf, carry.c))
        f = checkpoint_name(f, "forget_gate")
        g = checkpoint_name(candidate(g), "candidate")
        c = checkpoint_name(f * carry.c + i * g, "cell")
        o = checkpoint_name(gate(add_peephole(o, w_co, c)), "output_gate")
        h = o * output(c)
        return LSTMCarry(h, c), h


@dataclass(frozen=True, kw_only=True)
class OnnxGRU(GRU):
    r"""A GRU whose two activation functions are free, as in ONNX.

    .. math::
        r &= f(x_t W_{ir} + h_{t-1} W_{hr} + b_r) \\
        z &= f(x_t W_{iz} + h_{t-1} W_{hz} + b_z) \\
        n &= g(x_t W_{in} + b_n + r \odot (h_{t-1} W_{hn} + b_{hn}))
            \quad \text{or} \quad
            g(x_t W_{in} + b_n + (r \odot h_{t-1}) W_{hn}) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}

    Params and carry are those of :class:`recur.GRU`, which this is by default.

    Args:
      hidden_size: ``H``.
      activations: The functions ``f`` of the gates and ``g`` of the candidate.
      reset_after: Whether ``r`` acts after the product with ``W_hn`` or before it;
        ONNX's ``linear_before_reset``.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Raises:
      ValueError: If there are not two activations.

    Example:
      >>> cell = OnnxGRU(5, activations=(jax.nn.hard_sigmoid, jax.nn.relu))
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      `ONNX GRU <https://onnx.ai/onnx/operators/onnx__GRU.html>`_.
    """

    functions: ClassVar[str] = ""

    activations: tuple[Activation, ...] = (jax.nn.sigmoid, jnp.tanh)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_activations("OnnxGRU", self.activations, 2)
        object.__setattr__(self, "activations", tuple(self.activations))

    def equations(
        self, params: GRUParams, carry: Array, x: Array
    ) -> tuple[Array, Array]:
        """Those above."""
        gate, candidate = self.activations
        split = 2 * self.hidden_size
        w_hrz, w_hn = params.w_hh[:, :split], params.w_hh[:, split:]
        x_rzn = add_bias(self.product(x, params.w_ih), params.b)
        rz = gate(x_rzn[..., :split] + self.product(carry, w_hrz))
        r, z = jnp.split(rz, 2, axis=-1)
        r, z = checkpoint_name(r, "reset_gate"), checkpoint_name(z, "update_gate")
        h_n = self._recurrent(params.b_hn, carry, w_hn, r)
        n = checkpoint_name(candidate(x_rzn[..., split:] + h_n), "candidate")
        h = (1 - z) * n + z * carry
        return h, h

    def _recurrent(self, b_hn: Any, h: Array, w_hn: Array, r: Array) -> Array:
        if self.reset_after:
            return r * add_bias(self.product(h, w_hn), b_hn)
        return self.product(r * h, w_hn)


def _check_activations(where: str, activations: Any, count: int) -> None:
    several = isinstance(activations, (tuple, list))
    given = activations if several else [activations]
    if not several or len(given) != count or not all(map(callable, given)):
        raise ValueError(
            f"{where}: activations are {len(given)} values "
            f"({', '.join(map(checks.describe, given))}); expected a tuple of {count} "
            "functions. Name one for each place, such as jnp.tanh."
        )


__all__ = ["OnnxGRU", "OnnxLSTM"]
