"""A carry as one vector a row, so that its derivatives are vectors and matrices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from recur._arguments import check_arrays
from recur._ops.wide import wide
from recur._roll.first_carry import first_carries
from recur._roll.time_axis import num_steps, swap_time_batch
from recur._roll.unroll import unroll
from recur.types import Array, DTypeLike, PyTree, Step, UnrollOptions


@dataclass(frozen=True)
class Rows:
    """How the floating-point leaves of a carry lie side by side in ``[*batch, n]``."""

    batch_shape: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[Any, ...]

    @property
    def size(self) -> int:
        """``n``, how many numbers one row of the carry holds."""
        return sum(map(prod, self.shapes))

    @property
    def dtype(self) -> DTypeLike:
        """Float32, or float64 if a leaf is: there are no factorisations in less."""
        return wide(*self.dtypes)

    def pack(self, floats: Sequence[Array], *, lead: tuple[int, ...] = ()) -> Array:
        """Joins leaves ``[*lead, *batch, ...]`` into ``[*lead, *batch, n]``."""
        rows = (*lead, *self.batch_shape)
        parts = [
            jnp.reshape(a, (*rows, prod(shape))).astype(self.dtype)
            for a, shape in zip(floats, self.shapes, strict=True)
        ]
        return jnp.concatenate(parts, axis=-1)

    def unpack(self, vectors: Array) -> list[Array]:
        """Takes ``[*batch, n]`` apart into leaves of their own shapes and dtypes."""
        ends = [sum(map(prod, self.shapes[: i + 1])) for i in range(len(self.shapes))]
        parts = jnp.split(vectors, ends[:-1], axis=-1)
        kinds = zip(parts, self.shapes, self.dtypes, strict=True)
        return [jnp.reshape(a, (*self.batch_shape, *s)).astype(d) for a, s, d in kinds]


def begin(
    where: str,
    step: Any,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    time: UnrollOptions,
) -> tuple[PyTree, UnrollOptions]:
    """Lets a cell make its own first carries, as :func:`recur.unroll` does.

    Returns:
      ``(carry, time)``.

    Example:
      >>> cell = LearnedCarry(GRU(4))
      >>> params = cell.init(jax.random.key(0), 3)
      >>> begin("doc", cell, params, None, jnp.ones((7, 2, 3)), {})[0].shape
      (2, 4)
    """
    flags = {name: time.get(name) for name in ("seq_lengths", "mask", "reset")}
    given = carry, xs, time.get("reset_carry")
    time_major = time.get("time_major", True)
    carry, anew = first_carries(
        where, step, params, *given, time_major=time_major, **flags
    )
    return carry, {**time, "reset_carry": anew}


def rows_of(where: str, carry: PyTree, batch_ndim: int | None) -> Rows:
    """Lays out the rows of a carry.

    Args:
      where: Name of the function, to open a message with.
      carry: Any pytree with one floating-point leaf or more.
      batch_ndim: Leading axes that are rows of a batch; by default all but the last
        of the leaf with the fewest.

    Example:
      >>> rows_of("doc", (jnp.zeros((2, 3)), jnp.zeros((2, 4))), None).size
      7
    """
    check_arrays(where, carry=carry)
    floats = split_floats(carry)[0]
    if not floats:
        raise TypeError(
            f"{where}: carry has no array of floating-point numbers; expected one or "
            "more, as only these have gradients. Start from a carry of floats."
        )
    least = min(jnp.ndim(a) for a in floats)
    ndim = max(least - 1, 0) if batch_ndim is None else batch_ndim
    if isinstance(ndim, bool) or not isinstance(ndim, int) or not 0 <= ndim <= least:
        raise ValueError(
            f"{where}: batch_ndim is {batch_ndim!r}; expected an integer from 0 to "
            f"{least}, the axes of the smallest leaf of carry. Count its batch axes."
        )
    shapes = [jnp.shape(a) for a in floats]
    batches = {shape[:ndim] for shape in shapes}
    if len(batches) > 1:
        raise ValueError(
            f"{where}: the leaves of carry have the batch axes {sorted(batches)}; "
            "expected the same for all. Say with batch_ndim how many axes are batch."
        )
    dtypes = tuple(jnp.dtype(a.dtype) for a in floats)
    return Rows(batches.pop(), tuple(shape[ndim:] for shape in shapes), dtypes)


def split_floats(carry: PyTree) -> tuple[list[Array], Callable]:
    """Takes the floating-point leaves out of a carry.

    Returns:
      The leaves, and a function that puts others in their places.

    Example:
      >>> floats, put = split_floats({"s": jnp.float32(1), "count": 3})
      >>> put(["new"])
      {'count': 3, 's': 'new'}
    """
    leaves, structure = jax.tree.flatten(carry)
    floating = [jnp.issubdtype(jnp.result_type(a), jnp.floating) for a in leaves]
    floats = [jnp.asarray(a) for a, f in zip(leaves, floating, strict=True) if f]

    def put(floats: Sequence[Any]) -> PyTree:
        new = iter(floats)
        pairs = zip(leaves, floating, strict=True)
        return structure.unflatten([next(new) if f else a for a, f in pairs])

    return floats, put


def linearize(
    step: Step, rows: Rows, params: PyTree, carry: PyTree, x: PyTree
) -> tuple[PyTree, Callable[[Array], Array]]:
    r"""Takes a step, and its Jacobian as a map of vectors, which is never built.

    Returns:
      The new carry, and ``vs [*batch, n, k] -> J vs [*batch, n, k]``.

    Example:
      >>> half = lambda params, carry, x: (carry / 2, None)
      >>> carry, push = linearize(
      ...     half, rows_of("doc", jnp.ones(3), None), None, jnp.ones(3), None)
      >>> push(jnp.eye(3)[:, :1]).T
      Array([[0.5, 0. , 0. ]], dtype=float32)
    """
    floats, put = split_floats(carry)

    def advance(floats: list[Array]) -> tuple[list[Array], PyTree]:
        new = step(params, put(floats), x)[0]
        return split_floats(new)[0], new

    _, push, new = jax.linearize(advance, floats, has_aux=True)
    # All rows of the batch at once: one of them never reaches another.
    along = lambda v: rows.pack(push(rows.unpack(v)))  # noqa: E731
    return new, jax.vmap(along, in_axes=-1, out_axes=-1)


def norm(vectors: Array) -> Array:
    """Length of the last axis, right where squares would vanish or overflow.

    Example:
      >>> norm(jnp.array([3e-30, 4e-30]))
      Array(5.e-30, dtype=float32)
    """
    largest = jnp.max(jnp.abs(vectors), axis=-1, keepdims=True)
    usable = (largest > 0) & jnp.isfinite(largest)
    unit = jnp.where(usable, largest, jnp.ones_like(largest))
    return unit[..., 0] * jnp.sqrt(jnp.sum(jnp.square(vectors / unit), axis=-1))


def roll_beside(
    step: Step,
    params: PyTree,
    carry: PyTree,
    beside: PyTree,
    xs: PyTree,
    **time: Unpack[UnrollOptions],
) -> PyTree:
    """Rolls a step whose carry has something beside, and gives ``ys`` time-major.

    A reset starts what is beside anew too.
    """
    if time.get("reset") is not None or time.get("reset_carry") is not None:
        zeros = jax.tree.map(jnp.zeros_like, carry)
        anew = time.get("reset_carry")
        time = {**time, "reset_carry": (zeros if anew is None else anew, beside)}
    ys = unroll(step, params, (carry, beside), xs, **time)[1]
    return ys if time.get("time_major", True) else swap_time_batch(ys)


def steps_of(where: str, xs: PyTree, time: UnrollOptions) -> int:
    """Reads ``T`` of a roll from its inputs and the arguments of :func:`unroll`."""
    time_major = time.get("time_major", True)
    return num_steps(where, xs, time.get("length"), time_major=time_major)


def check_at(
    where: str, at: Sequence[int] | None, steps: int, default: Sequence[int]
) -> list[int]:
    """Refuses steps that a roll does not have."""
    if not steps:
        raise ValueError(f"{where}: xs has no steps; expected one or more. Pass some.")
    chosen = np.asarray(default if at is None else at).tolist()
    if np.ndim(chosen) != 1 or not chosen:
        raise ValueError(
            f"{where}: at is {at!r}; expected one step or more in a sequence. Write "
            "at=(0,) for the first."
        )
    for t in chosen:
        if isinstance(t, bool) or not isinstance(t, int) or not 0 <= t < steps:
            raise ValueError(
                f"{where}: at has the step {t}; expected 0 to {steps - 1}, the steps "
                "of xs. Count them from 0."
            )
    return chosen
