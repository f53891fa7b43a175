"""What this machine can do at best, measured in the same run: products and copies."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.measure.device import Device
from benchmarks.workload.work import Work

PRODUCT_SIZES = (512, 1024, 2048)
COPY_BYTES = tuple(2**n for n in range(19, 28, 2))


class Ceiling(NamedTuple):
    """Best rates measured on a device for one dtype.

    Args:
      flops: Floating-point operations a second of a large matrix product.
      copies: For each size of an array in bytes, bytes a second that are read and
        written when it is passed over; the larger it is, the farther away it lies.
    """

    flops: float
    copies: dict[int, float]

    def floor(self, work: Work) -> float:
        """Seconds the machine needs at best: for the products, or to move the bytes."""
        return max(work.flops / self.flops, work.bytes / self._copy_rate(work.bytes))

    def _copy_rate(self, size: int) -> float:
        # What fits a cache may move at the speed of that cache: only arrays at least
        # as large tell how fast it can be.
        as_large = [rate for n, rate in self.copies.items() if n >= size]
        return max(as_large or [self.copies[max(self.copies)]])


def measure_ceiling(device: Device, dtype: str, *, repeats: int = 5) -> Ceiling:
    """Measures the ceiling of a device: the best of several tries each."""
    with jax.default_device(device):
        flops = max(_product_rate(size, dtype, repeats) for size in PRODUCT_SIZES)
        copies = {size: _copy_rate(size, dtype, repeats) for size in COPY_BYTES}
    return Ceiling(flops, copies)


def _product_rate(size: int, dtype: str, repeats: int) -> float:
    a = jnp.full((size, size), 0.5, dtype)
    seconds = _best_of(repeats, jax.jit(jnp.matmul), a, a)
    return 2 * size**3 / seconds


def _copy_rate(size: int, dtype: str, repeats: int) -> float:
    passes = max(4, 2**24 // size)

    def run(a: jax.Array) -> jax.Array:
        # Adds the counter so that no pass can be merged with the one before.
        return jax.lax.fori_loop(0, passes, lambda i, a: a + i.astype(a.dtype), a)

    # In place: fresh memory would be paid for page by page, which is no copy rate.
    in_place = jax.jit(run, donate_argnums=0)
    a = in_place(jnp.zeros(size // jnp.dtype(dtype).itemsize, dtype))
    seconds = []
    for _ in range(repeats):
        a.block_until_ready()
        start = perf_counter()
        a = in_place(a).block_until_ready()
        seconds.append(perf_counter() - start)
    return passes * 2 * size / min(seconds)


def _best_of(repeats: int, function: Callable[..., Any], *args: Any) -> float:
    jax.block_until_ready(function(*args))

    def once() -> float:
        start = perf_counter()
        jax.block_until_ready(function(*args))
        return perf_counter() - start

    return min(once() for _ in range(repeats))
