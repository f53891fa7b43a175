r"""From a state space in continuous time to one in steps of length :math:`\Delta`.

.. math::
    \dot q = A q + u \quad\to\quad q_t = a \, q_{t-1} + g \, u_t

All of it is of the params alone, so a roll does it once.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from recur._checks import check_positive
from recur._ops.matmul import scale
from recur._ops.wide import wide
from recur.linear_rnn.complex_pair import Complex, divided, exp, scaled, times
from recur.types import Array, DTypeLike

# Gauss-Legendre on [0, 1]: exact to float64 for exponents up to 1.
NODES, WEIGHTS = (np.polynomial.legendre.leggauss(8)[n] / 2 for n in (0, 1))
NODES = NODES + 0.5


def zero_order_hold(rate: Complex, dt: Array) -> tuple[Complex, Complex]:
    r"""Gives ``(a, g)`` for an input that is held during a step.

    .. math::
        a = e^{\Delta A}, \qquad g = (e^{\Delta A} - 1) / A

    Example:
      >>> still = Complex(jnp.zeros(1), jnp.zeros(1))
      >>> zero_order_hold(still, jnp.full(1, 0.5))[1].re
      Array([0.5], dtype=float32)
    """
    z = scaled(rate, dt)
    return exp(z), scaled(mean_growth(z), dt)


def bilinear(rate: Complex, dt: Array) -> tuple[Complex, Complex]:
    r"""Gives ``(a, g)`` of the trapezoidal rule, Tustin's method.

    .. math::
        a = \frac{1 + \Delta A / 2}{1 - \Delta A / 2}, \qquad
        g = \frac{\Delta}{1 - \Delta A / 2}

    Example:
      >>> still = Complex(jnp.zeros(1), jnp.zeros(1))
      >>> bilinear(still, jnp.full(1, 0.5))[1].re
      Array([0.5], dtype=float32)
    """
    half, zero = scaled(rate, dt / 2), jnp.zeros_like(rate.re)
    below = Complex(1 - half.re, -half.im)
    one = divided(Complex(zero + 1, zero), below)
    return times(Complex(1 + half.re, half.im), one), scaled(one, dt)


def mean_growth(z: Complex) -> Complex:
    r"""Gives :math:`(e^z - 1) / z`, also at zero, and its derivatives.

    Near zero the quotient cancels, and its derivative more so. There it is taken as
    what it is, :math:`\int_0^1 e^{zs} ds`.

    Example:
      >>> z = Complex(jnp.array([0.0, 2.0]), jnp.zeros(2))
      >>> [f"{value:.3f}" for value in mean_growth(z).re]
      ['1.000', '3.195']
    """
    far = z.re**2 + z.im**2 > 1
    near = Complex(*(jnp.where(far, 0, part) for part in z))
    large = Complex(jnp.where(far, z.re, 1), jnp.where(far, z.im, 0))
    grown = exp(large)
    quotient = divided(Complex(grown.re - 1, grown.im), large)
    pairs = zip(quotient, _mean_near_zero(near), strict=True)
    return Complex(*(jnp.where(far, one, other) for one, other in pairs))


def _mean_near_zero(z: Complex) -> Complex:
    nodes, weights = (jnp.asarray(a, z.re.dtype) for a in (NODES, WEIGHTS))
    at = jax.vmap(lambda s: exp(scaled(z, s)), out_axes=-1)
    return Complex(*(jnp.sum(scale(part, weights), -1) for part in at(nodes)))


def check_steps(where: str, dt_min: float, dt_max: float) -> None:
    """Refuses steps that are not above zero, or whose bounds are the wrong way round.

    Example:
      >>> check_steps("doc", 0.1, 0.001)
      Traceback (most recent call last):
      ValueError: doc: dt_min is 0.1 and dt_max 0.001; expected dt_min <= dt_max. ...
    """
    check_positive(where, "dt_min", dt_min)
    check_positive(where, "dt_max", dt_max)
    if dt_min > dt_max:
        raise ValueError(
            f"{where}: dt_min is {dt_min} and dt_max {dt_max}; expected "
            "dt_min <= dt_max. Exchange them."
        )


def draw_log_steps(
    key: Array, shape: tuple[int, ...], bounds: tuple[float, float], dtype: DTypeLike
) -> Array:
    """Draws logarithms of steps, uniform between those of the bounds.

    Example:
      >>> draw_log_steps(jax.random.key(0), (3,), (0.001, 0.1), jnp.float32).shape
      (3,)
    """
    low, high = map(math.log, bounds)
    return jax.random.uniform(key, shape, wide(dtype), low, high).astype(dtype)


__all__ = [
    "bilinear",
    "check_steps",
    "draw_log_steps",
    "mean_growth",
    "zero_order_hold",
]
