"""Long short-term memory with a forget gate, and the options papers gave it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._arguments import check_bools
from recur._ops.matmul import add_bias, scale
from recur._portable import portable
from recur._roll.chunked.resolve import register_rule
from recur.cells.gated import GatedCell
from recur.cells.rules.lstm import LSTMRule, lstm_rule
from recur.cells.table import Names
from recur.initializers import Chrono, check_retention, retention_bias
from recur.types import Array


@portable
class LSTMParams(NamedTuple):
    """Weights of an LSTM, gates fused on the last axis as ``i, f, g, o``.

    With coupled gates they are ``i, g, o``, and ``3H`` stands for ``4H``. ``w_ch`` and
    ``w_hr`` are ``None`` in an LSTM without peepholes or projection; without the
    latter, ``P`` is ``H``.
    """

    w_ih: Array  # [I, 4H]
    w_hh: Array  # [P, 4H]
    b: Array  # [4H]
    w_ch: Array | None = None  # [3H] for i, f, o; coupled [2H] for i, o
    w_hr: Array | None = None  # [H, P]


@portable
class LSTMCarry(NamedTuple):
    """Recurrent value of an LSTM: its output and its memory."""

    h: Array  # [..., P], which is H without a projection
    c: Array  # [..., H]


@dataclass(frozen=True, kw_only=True)
class LSTM(GatedCell[LSTMParams, LSTMCarry]):
    r"""Long short-term memory.

    .. math::
        (\tilde i, \tilde f, \tilde g, \tilde o) &= x_t W_{ih} + h_{t-1} W_{hh} + b \\
        i &= \sigma(\tilde i + w_{ci} \odot c_{t-1}) \\
        f &= \sigma(\tilde f + w_{cf} \odot c_{t-1})
            \quad \text{or, coupled,} \quad 1 - i \\
        c_t &= f \odot c_{t-1} + i \odot \tanh(\tilde g) \\
        o &= \sigma(\tilde o + w_{co} \odot c_t) \\
        h_t &= (o \odot \tanh(c_t)) \, W_{hr}

    Params without peepholes ``w_ch`` or projection ``w_hr`` leave these products out,
    whatever the options say. Of the peepholes, that of the output gate looks at the
    new cell.

    Args:
      hidden_size: ``H``.
      peephole: Whether the gates look at the cell.
      coupled: Whether the forget gate is one minus the input gate, and so without
        weights of its own.
      projection_size: ``P``, the size of the output, by default ``H``.
      forget_bias: Added to the bias of the forget gate; see :func:`recur.lstm_init`.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws the projection as well, and ``bias_init`` the peepholes.

    Example:
      >>> cell = LSTM(5, peephole=True)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Hochreiter and Schmidhuber, `Long short-term memory
      <https://doi.org/10.1162/neco.1997.9.8.1735>`_, 1997; Gers, Schmidhuber and
      Cummins, `Learning to forget <https://doi.org/10.1162/089976600300015015>`_, 2000.

      On peepholes: Gers, Schraudolph and Schmidhuber, `Learning precise timing with
      LSTM recurrent networks <https://www.jmlr.org/papers/v3/gers02a.html>`_, 2002. On
      coupled gates: Greff et al., `LSTM: a search space odyssey
      <https://doi.org/10.1109/TNNLS.2016.2582924>`_, 2017. On the projection: Sak,
      Senior and Beaufays, `Long short-term memory based recurrent neural network
      architectures <https://arxiv.org/abs/1402.1128>`_, 2014.
    """

    params_type = LSTMParams
    carry_type = LSTMCarry
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 4H",
        "w_hh": "P 4H",
        "b": "4H",
        "w_ch": "3H",
        "w_hr": "H P",
    }
    key_tree: ClassVar[Names] = (("w_ih", "w_hh", "b"), "shift", "w_ch", "w_hr")
    functions: ClassVar[str] = "lstm_"

    peephole: bool = False
    coupled: bool = False
    projection_size: int | None = None
    forget_bias: float | Chrono = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.projection_size is not None:
            checks.check_size("LSTM", "projection_size", self.projection_size)
        check_bools("LSTM", peephole=self.peephole, coupled=self.coupled)
        check_retention("LSTM", "forget_bias", self.forget_bias)

    @property
    def output_size(self) -> int:
        """``P``, or ``H`` without a projection: the last axis of ``y``."""
        return self.projection_size or self.hidden_size

    def sizes(self) -> dict[str, int]:
        """Of the cell, and of what is put out."""
        return {"H": self.hidden_size, "P": self.output_size}

    def param_axes(self) -> Mapping[str, str]:
        """Those above, or of a gate less."""
        less = {"w_ih": "I 3H", "w_hh": "P 3H", "b": "3H", "w_ch": "2H"}
        return {**self.shapes, **less} if self.coupled else self.shapes

    def carry_axes(self) -> Any:
        """Of the output and of the memory."""
        return self.carry_type("P", "H")

    def has(self, name: str) -> bool:
        """Whether the options ask for peepholes, or for a projection."""
        asked = {"w_ch": self.peephole, "w_hr": self.projection_size is not None}
        return asked.get(name, True)

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws the projection like what projects inputs."""
        return self.kernel_init(key, shape, self.dtype) if name == "w_hr" else None

    def shift(self, key: Array) -> Array:
        """Opens the forget gate."""
        f, i = retention_bias(self.forget_bias, key, self.hidden_size, self.dtype)
        gates = [-f] if self.coupled else [i, f]
        return jnp.concatenate([*gates, jnp.zeros(2 * self.hidden_size, self.dtype)])

    def equations(
        self, params: LSTMParams, carry: LSTMCarry, x: Array
    ) -> tuple[LSTMCarry, Array]:
        """Those above."""
        a = self.product(x, params.w_ih) + self.product(carry.h, params.w_hh)
        i, f, g, o = self._split(add_bias(a, params.b), "ifgo")
        w_ci, w_cf, w_co = self._split(params.w_ch, "ifo")
        i = checkpoint_name(_gate(i, w_ci, carry.c), "input_gate")
        f = 1 - i if self.coupled else _gate(f, w_cf, carry.c)
        f = checkpoint_name(f, "forget_gate")
        g = checkpoint_name(jnp.tanh(g), "candidate")
        c = checkpoint_name(f * carry.c + i * g, "cell")
        o = checkpoint_name(_gate(o, w_co, c), "output_gate")
        h = o * jnp.tanh(c)
        h = h if params.w_hr is None else self.product(h, params.w_hr)
        return LSTMCarry(h, c), h

    def _split(self, fused: Array | None, gates: str) -> list[Any]:
        """Takes the gates apart, with ``None`` where there is nothing of one."""
        if fused is None:
            return [None] * len(gates)
        held = gates.replace("f", "") if self.coupled else gates
        parts = dict(zip(held, jnp.split(fused, len(held), axis=-1), strict=True))
        return [parts.get(gate) for gate in gates]

    def _check(self, params: LSTMParams, carry: LSTMCarry, x: Array) -> None:
        w_hr = getattr(params, "w_hr", None)
        if w_hr is not None and self.projection_size is None:
            output_size = params.w_hh.shape[0]
            return replace(self, projection_size=output_size)._check(params, carry, x)
        if isinstance(params, LSTMParams):
            self._check_gates(params)
        return super()._check(params, carry, x)

    def _check_gates(self, params: LSTMParams) -> None:
        gates, others = (3, 4) if self.coupled else (4, 3)
        if params.w_ih.shape[-1] == others * self.hidden_size:
            raise ValueError(
                f"{self._where('step')}: params.w_ih is "
                f"{checks.describe(params.w_ih)} with coupled={self.coupled}; expected "
                f"{gates} gates of {self.hidden_size}. Make the params with "
                f"{self._where('init')}(..., coupled={self.coupled})."
            )

    def rule(self, params: LSTMParams, carry: LSTMCarry) -> LSTMRule | None:
        """Takes the step apart for the fast roll."""
        options = {"coupled": self.coupled, "compute_dtype": self.compute_dtype}
        return lstm_rule(params, carry, **options)


register_rule(LSTM, LSTM.rule)


def add_peephole(a: Array, w: Array | None, c: Array) -> Array:
    """Adds what a gate sees of the cell, if it looks at it.

    Example:
      >>> add_peephole(jnp.ones(2), jnp.ones(2), jnp.arange(2.0))
      Array([1., 2.], dtype=float32)
    """
    return a if w is None else a + scale(c, w)


def _gate(a: Array, w: Array | None, c: Array) -> Array:
    return jax.nn.sigmoid(add_peephole(a, w, c))


__all__ = ["LSTM", "LSTMCarry", "LSTMParams"]
