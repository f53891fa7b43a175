"""The LSTM and the GRU with the activation functions that ONNX lets one choose."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._ops.matmul import add_bias, matmul, scale
from recur.cells.base import Specification, check_fit
from recur.cells.gru import GRUParams, gru_init, gru_init_carry
from recur.cells.lstm import LSTMCarry, LSTMParams, lstm_init, lstm_init_carry
from recur.types import Activation, Array


@dataclass(frozen=True, kw_only=True)
class OnnxLSTM(Specification):
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

    activations: tuple[Activation, ...] = (jax.nn.sigmoid, jnp.tanh, jnp.tanh)
    peephole: bool = False
    coupled: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_activations("OnnxLSTM", self.activations, 3)
        object.__setattr__(self, "activations", tuple(self.activations))

    def init(self, key: Array, input_size: int) -> LSTMParams:
        """Draws the params; see :func:`recur.lstm_init`."""
        options = {"peephole": self.peephole, "coupled": self.coupled}
        return lstm_init(key, input_size, **options, **self.init_options())

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: LSTMParams | None = None
    ) -> LSTMCarry:
        """Makes the zero carry."""
        return lstm_init_carry(self.hidden_size, batch_shape, dtype=self.dtype)

    def step(
        self, params: LSTMParams, carry: LSTMCarry, x: Array
    ) -> tuple[LSTMCarry, Array]:
        """Advances by one time step."""
        self._check(params, carry, x)
        gate, candidate, output = self.activations
        from_x = matmul(x, params.w_ih, self.compute_dtype)
        from_h = matmul(carry.h, params.w_hh, self.compute_dtype)
        i, f, g, o = self._split(add_bias(from_x + from_h, params.b), "ifgo")
        w_ci, w_cf, w_co = self._split(params.w_ch, "ifo")
        c_tm1 = carry.c.astype(g.dtype)
        i = checkpoint_name(gate(_look(i, w_ci, c_tm1)), "input_gate")
        f = 1 - i if self.coupled else gate(_look(f, w_cf, c_tm1))
        f = checkpoint_name(f, "forget_gate")
        g = checkpoint_name(candidate(g), "candidate")
        c = checkpoint_name(f * c_tm1 + i * g, "cell")
        o = checkpoint_name(gate(_look(o, w_co, c)), "output_gate")
        h = (o * output(c)).astype(carry.h.dtype)
        return LSTMCarry(h=h, c=c.astype(carry.c.dtype)), h

    def _split(self, fused: Array | None, gates: str) -> list[Any]:
        if fused is None:
            return [None] * len(gates)
        held = gates.replace("f", "") if self.coupled else gates
        parts = dict(zip(held, jnp.split(fused, len(held), axis=-1), strict=True))
        return [parts.get(gate) for gate in gates]

    def _check(self, params: LSTMParams, carry: LSTMCarry, x: Array) -> None:
        checks.check_type("OnnxLSTM", "params", params, LSTMParams, "OnnxLSTM.init")
        checks.check_type("OnnxLSTM", "carry", carry, LSTMCarry, "OnnxLSTM.init_carry")
        gates, state = (
            3 if self.coupled else 4,
            {"carry.h": carry.h, "carry.c": carry.c},
        )
        looks = {"w_ch": gates - 1} if self.peephole else {}
        check_fit("OnnxLSTM", params, state, x, gates=gates, vectors=looks)


@dataclass(frozen=True, kw_only=True)
class OnnxGRU(Specification):
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

    activations: tuple[Activation, ...] = (jax.nn.sigmoid, jnp.tanh)
    reset_after: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_activations("OnnxGRU", self.activations, 2)
        object.__setattr__(self, "activations", tuple(self.activations))

    def init(self, key: Array, input_size: int) -> GRUParams:
        """Draws the params; see :func:`recur.gru_init`."""
        form = {"reset_after": self.reset_after}
        return gru_init(key, input_size, **form, **self.init_options())

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: GRUParams | None = None
    ) -> Array:
        """Makes the zero carry."""
        return gru_init_carry(self.hidden_size, batch_shape, dtype=self.dtype)

    def step(self, params: GRUParams, carry: Array, x: Array) -> tuple[Array, Array]:
        """Advances by one time step."""
        checks.check_type("OnnxGRU", "params", params, GRUParams, "OnnxGRU.init")
        looks = {"b_hn": 1} if self.reset_after else {}
        check_fit("OnnxGRU", params, {"carry": carry}, x, gates=3, vectors=looks)
        gate, candidate = self.activations
        h_tm1, split = carry, 2 * carry.shape[-1]
        w_hrz, w_hn = params.w_hh[:, :split], params.w_hh[:, split:]
        x_rzn = add_bias(matmul(x, params.w_ih, self.compute_dtype), params.b)
        h_rz = matmul(h_tm1, w_hrz, self.compute_dtype)
        rz = gate(x_rzn[..., :split] + h_rz)
        r, z = jnp.split(rz, 2, axis=-1)
        r, z = checkpoint_name(r, "reset_gate"), checkpoint_name(z, "update_gate")
        h_n = self._recurrent(params.b_hn, h_tm1, w_hn, r)
        n = checkpoint_name(candidate(x_rzn[..., split:] + h_n), "candidate")
        h = ((1 - z) * n + z * h_tm1.astype(n.dtype)).astype(carry.dtype)
        return h, h

    def _recurrent(self, b_hn: Any, h_tm1: Array, w_hn: Array, r: Array) -> Array:
        if self.reset_after:
            return r * add_bias(matmul(h_tm1, w_hn, self.compute_dtype), b_hn)
        return matmul(r * h_tm1.astype(r.dtype), w_hn, self.compute_dtype)


def _look(a: Array, w: Array | None, c: Array) -> Array:
    return a if w is None else a + scale(c, w)


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
