"""What an RG-LRU keeps and lets in, by gates of its input in blocks."""

from functools import partial

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import add_bias, matmul, scale
from recur._ops.wide import widened
from recur.initializers import init_gates
from recur.types import Array, DTypeLike, Initializer

SHARPNESS = 8.0
"""How much less than the ring's radius is kept where the gate is open; ``c``."""

STEEPEST = 1000.0
"""The largest slope of the square root."""

RING = (0.9, 0.999)
"""The radii between which retentions are drawn."""


def gated_decay(
    w_gates: Array,
    b: Array,
    retention: Array,
    x: Array,
    compute_dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    """Gives what an RG-LRU keeps of its carry, and what it adds.

    Example:
      >>> zeros = [jnp.zeros(shape) for shape in ((1, 2, 4), (4,), (2,))]
      >>> gated_decay(*zeros, jnp.zeros(2))[0]
      Array([0.0625, 0.0625], dtype=float32)
    """
    product = partial(matmul, compute_dtype=compute_dtype)
    blocks = x.reshape(*x.shape[:-1], *w_gates.shape[:2])
    gates = jax.vmap(product, in_axes=(-2, 0), out_axes=-2)(blocks, w_gates)
    r, i = (a.reshape(x.shape) for a in jnp.split(gates, 2, axis=-1))
    b_r, b_i = jnp.split(b, 2)
    r, i = jax.nn.sigmoid(add_bias(r, b_r)), jax.nn.sigmoid(add_bias(i, b_i))
    log_a = SHARPNESS * scale(r, jax.nn.log_sigmoid(widened(retention)))
    # Near one, a square taken from one would leave rounding only.
    root = clipped_sqrt(-jnp.expm1(2 * log_a))
    return jnp.exp(log_a), root * i * x.astype(i.dtype)


@jax.custom_jvp
def clipped_sqrt(v: Array) -> Array:
    """Takes the square root, with a slope of no more than 1000.

    Example:
      >>> jax.grad(clipped_sqrt)(0.0)
      Array(1000., dtype=float32, weak_type=True)
    """
    return jnp.sqrt(v)


@clipped_sqrt.defjvp
def _slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (v,), (dv,) = primals, tangents
    floor = 1 / (4 * STEEPEST**2)
    return clipped_sqrt(v), dv * 0.5 * jax.lax.rsqrt(jnp.maximum(v, floor))


def draw_blocks(
    init: Initializer, key: Array, shape: tuple[int, ...], dtype: DTypeLike
) -> Array:
    """Draws ``[N, K, 2K]``, block by block and gate by gate.

    Example:
      >>> init = initializers.LeCun()
      >>> draw_blocks(init, jax.random.key(0), (2, 3, 6), jnp.float32).shape
      (2, 3, 6)
    """
    heads, size, _ = shape
    draw = partial(init_gates, init, shape=(size, size), gates=2, dtype=dtype)
    return jnp.stack([draw(key=k) for k in jax.random.split(key, heads)])


def draw_retention(key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Draws logits of radii that are uniform by area in :data:`RING`.

    Example:
      >>> p = draw_retention(jax.random.key(0), (9,), jnp.float32)
      >>> bool(((jax.nn.sigmoid(p) > 0.9) & (jax.nn.sigmoid(p) < 0.9991)).all())
      True
    """
    low, high = (radius**2 for radius in RING)
    square = jax.random.uniform(key, shape, jnp.float32, low, high)
    log_a = 0.5 * jnp.log(square)
    return (log_a - jnp.log(-jnp.expm1(log_a))).astype(dtype)


def check_heads(where: str, heads: int, name: str, size: int) -> None:
    """Refuses heads that do not divide a size.

    Example:
      >>> check_heads("doc", 3, "hidden_size", 4)
      Traceback (most recent call last):
      ValueError: doc: heads is 3; expected a divisor of hidden_size, which is 4.
    """
    checks.check_size(where, "heads", heads)
    if size % heads:
        raise ValueError(
            f"{where}: heads is {heads}; expected a divisor of {name}, which is {size}."
        )


__all__ = [
    "check_heads",
    "clipped_sqrt",
    "draw_blocks",
    "draw_retention",
    "gated_decay",
]
