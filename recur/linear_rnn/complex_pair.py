"""Complex numbers as two real arrays, so that every dtype and optimiser takes them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur._portable import portable
from recur.types import Array


@portable
class Complex(NamedTuple):
    """Complex numbers by their real and imaginary parts."""

    re: Array  # [...]
    im: Array  # [...]


def times(a: Complex, s: Complex) -> Complex:
    """Multiplies entry by entry, where one may be without the other's leading axes.

    Example:
      >>> i = Complex(jnp.zeros(2), jnp.ones(2))
      >>> times(i, i).re
      Array([-1., -1.], dtype=float32)
    """
    re, im = scaled(s, a.re), scaled(s, a.im)
    return Complex(re.re - im.im, re.im + im.re)


def scaled(z: Complex, by: Array) -> Complex:
    """Multiplies by real numbers; one may be without the other's leading axes.

    Example:
      >>> scaled(Complex(jnp.zeros(2), jnp.ones(2)), jnp.ones((3, 2))).im.shape
      (3, 2)
    """
    rank = max(z.re.ndim, by.ndim)
    re, im, by = (jax.lax.expand_dims(a, range(rank - a.ndim)) for a in (*z, by))
    return Complex(re * by, im * by)


def divided(a: Complex, b: Complex) -> Complex:
    """Divides ``a`` by ``b`` of the same rank.

    Example:
      >>> i = Complex(jnp.zeros(2), jnp.ones(2))
      >>> divided(i, i).re
      Array([1., 1.], dtype=float32)
    """
    size = b.re**2 + b.im**2
    return times(a, Complex(b.re / size, -b.im / size))


def exp(z: Complex) -> Complex:
    """Gives the exponential.

    Example:
      >>> exp(Complex(jnp.zeros(1), jnp.zeros(1))).re
      Array([1.], dtype=float32)
    """
    size = jnp.exp(z.re)
    return Complex(size * jnp.cos(z.im), size * jnp.sin(z.im))


__all__ = ["Complex", "divided", "exp", "scaled", "times"]
