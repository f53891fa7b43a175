"""The element-wise functions of ONNX's recurrent operators, as values."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur.compose.readout import identity
from recur.types import Activation, Array

# Each function with the defaults of its alpha and beta. Where the default is None,
# programs that run ONNX disagree about it, so that it has to be written.
FORMS: dict[str, tuple[Callable[..., Array], tuple[float | None, ...]]] = {
    "Relu": (jax.nn.relu, ()),
    "Tanh": (jnp.tanh, ()),
    "Sigmoid": (jax.nn.sigmoid, ()),
    "Softsign": (jax.nn.soft_sign, ()),
    "Softplus": (jax.nn.softplus, ()),
    "LeakyRelu": (jax.nn.leaky_relu, (0.01,)),
    "Elu": (jax.nn.elu, (1.0,)),
    "ThresholdedRelu": (
        lambda x, alpha: jnp.where(x >= alpha, x, jnp.zeros_like(x)),
        (None,),
    ),
    "HardSigmoid": (
        lambda x, alpha, beta: jnp.clip(alpha * x + beta, 0, 1),
        (0.2, 0.5),
    ),
    "ScaledTanh": (lambda x, alpha, beta: alpha * jnp.tanh(beta * x), (None, None)),
    "Affine": (lambda x, alpha, beta: alpha * x + beta, (None, None)),
}


@dataclass(frozen=True)
class OnnxActivation:
    r"""One of ONNX's activation functions, clipping its input if asked to.

    .. math::
        x \to g(\min(\max(x, -l), l);\; \alpha, \beta)

    A value: equal ones are equal and hash alike, so a cell that holds it is safe as a
    static argument.

    Args:
      name: ``Relu``, ``Tanh``, ``Sigmoid``, ``Softsign``, ``Softplus``, ``LeakyRelu``
        (alpha), ``Elu`` (alpha), ``ThresholdedRelu`` (alpha), ``HardSigmoid``,
        ``ScaledTanh`` or ``Affine`` (alpha and beta).
      alpha: First number of the function, if it has one.
      beta: Second number of the function, if it has one.
      clip: ``l``, above 0; no clipping by default.

    Raises:
      ValueError: If there is no such function, a number is not finite, or one is
        missing or superfluous.

    Example:
      >>> OnnxActivation("LeakyRelu", alpha=0.5, clip=3.0)(jnp.array([-8.0, 2.0]))
      Array([-1.5,  2. ], dtype=float32)

    References:
      `ONNX operators <https://onnx.ai/onnx/operators/onnx__LSTM.html>`_.
    """

    name: str
    alpha: float | None = None
    beta: float | None = None
    clip: float | None = None

    def __post_init__(self) -> None:
        if self.name not in FORMS:
            raise ValueError(
                f"OnnxActivation: name is {self.name!r}; expected one of "
                f"{', '.join(FORMS)}."
            )
        defaults = (*FORMS[self.name][1], None, None)
        takes = len(FORMS[self.name][1])
        for n, field in enumerate(("alpha", "beta")):
            value = getattr(self, field)
            value = defaults[n] if value is None else value
            self._check(field, value, wanted=n < takes)
            object.__setattr__(self, field, value)
        if self.clip is not None:
            checks.check_positive("OnnxActivation", "clip", self.clip)
            self._check("clip", self.clip, wanted=True)

    def _check(self, field: str, value: Any, *, wanted: bool) -> None:
        if not wanted and value is None:
            return
        number = isinstance(value, (int, float)) and isfinite(value)
        if not wanted or not number:
            raise ValueError(
                f"OnnxActivation: {field} of {self.name} is {checks.describe(value)}; "
                f"expected {'a finite number' if wanted else 'None'}. "
                f"{'Write it out.' if wanted else 'Leave it out.'}"
            )

    @property
    def numbers(self) -> tuple[float, ...]:
        """Alpha and beta, as many as the function takes."""
        return tuple(n for n in (self.alpha, self.beta) if n is not None)

    def __call__(self, x: Array) -> Array:
        """Applies the function to each entry."""
        x = x if self.clip is None else jnp.clip(x, -self.clip, self.clip)
        return FORMS[self.name][0](x, *self.numbers)

    def plain(self) -> Activation:
        """Gives JAX's own function where this is one, and otherwise itself.

        Example:
          >>> OnnxActivation("Tanh").plain() is jnp.tanh
          True
        """
        special = self.clip is not None or FORMS[self.name][1]
        return self if special else FORMS[self.name][0]


# Functions under their own names, and what ONNX calls them.
KNOWN: dict[Activation, OnnxActivation] = {
    jax.nn.relu: OnnxActivation("Relu"),
    jnp.tanh: OnnxActivation("Tanh"),
    jax.nn.sigmoid: OnnxActivation("Sigmoid"),
    jax.nn.soft_sign: OnnxActivation("Softsign"),
    jax.nn.softplus: OnnxActivation("Softplus"),
    jax.nn.leaky_relu: OnnxActivation("LeakyRelu"),
    jax.nn.elu: OnnxActivation("Elu"),
    jax.nn.hard_sigmoid: OnnxActivation("HardSigmoid", 1 / 6, 0.5),
    identity: OnnxActivation("Affine", 1.0, 0.0),
}


def onnx_activation(where: str, activation: Activation) -> OnnxActivation:
    """Finds what ONNX calls a function.

    Example:
      >>> onnx_activation("doc", jax.nn.relu).name
      'Relu'
    """
    if isinstance(activation, OnnxActivation):
        return activation
    if activation in KNOWN:
        return KNOWN[activation]
    name = getattr(activation, "__name__", checks.describe(activation))
    raise ValueError(
        f"{where}: the activation is {name}; expected one that ONNX has: "
        f"{', '.join(sorted({f.__name__ for f in KNOWN}))}, or an OnnxActivation. "
        "Write yours as OnnxActivation(name, alpha, beta) if it is one of those."
    )


__all__ = ["OnnxActivation"]
