"""The Elman network: the simple recurrent unit of the textbooks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur._arguments import check_functions
from recur._ops.matmul import add_bias
from recur._portable import portable
from recur._roll.chunked.resolve import register_rule
from recur.cells.gated import GatedCell
from recur.cells.rules.elman import ElmanRule, elman_rule
from recur.cells.table import Names
from recur.types import Activation, Array


@portable
class ElmanParams(NamedTuple):
    """Weights of an Elman unit."""

    w_ih: Array  # [I, H]
    w_hh: Array  # [H, H]
    b: Array  # [H]


@dataclass(frozen=True, kw_only=True)
class Elman(GatedCell[ElmanParams, Array]):
    r"""An Elman unit.

    .. math::
        h_t = g(x_t W_{ih} + h_{t-1} W_{hh} + b)

    The IRNN takes ``initializers.Identity()`` as ``recurrent_init`` and ReLU as its
    activation.

    Args:
      hidden_size: ``H``.
      activation: The function ``g``. Two specifications are equal when it is the same
        function object, so prefer a named function to a ``lambda``.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Example:
      >>> cell = Elman(5, activation=jax.nn.relu)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Elman, `Finding structure in time <https://doi.org/10.1207/s15516709cog1402_1>`_,
      1990.
    """

    params_type = ElmanParams
    shapes: ClassVar[Mapping[str, str]] = {"w_ih": "I H", "w_hh": "H H", "b": "H"}
    key_tree: ClassVar[Names] = ("w_ih", "w_hh", "b")
    functions: ClassVar[str] = "elman_"

    activation: Activation = jnp.tanh

    def __post_init__(self) -> None:
        super().__post_init__()
        check_functions("Elman", activation=self.activation)

    def equations(
        self, params: ElmanParams, carry: Array, x: Array
    ) -> tuple[Array, Array]:
        """Those above."""
        a = self.product(x, params.w_ih) + self.product(carry, params.w_hh)
        h = checkpoint_name(self.activation(add_bias(a, params.b)), "hidden")
        return h, h

    def rule(self, params: ElmanParams, carry: Array) -> ElmanRule | None:
        """Takes the step apart for the fast roll."""
        options = {"activation": self.activation, "compute_dtype": self.compute_dtype}
        return elman_rule(params, carry, **options)


register_rule(Elman, Elman.rule)


__all__ = ["Elman", "ElmanParams"]
