"""What gathering and scattering mean, in NumPy: one window after the other."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jax.lax import GatherScatterMode

Window = tuple[slice, ...]


def gather(params: Any, a: Any, indices: Any) -> Any:
    """Windows of ``a``; one that lies outside is moved in, or filled."""
    names, sizes = params["dimension_numbers"], params["slice_sizes"]
    gone = {*names.collapsed_slice_dims, *names.operand_batching_dims}
    shape = [n for axis, n in enumerate(sizes) if axis not in gone]
    rows = names.operand_batching_dims, names.start_indices_batching_dims
    found = np.full((*indices.shape[:-1], *shape), _fill(params, a), a.dtype)
    moved = params["mode"] != GatherScatterMode.FILL_OR_DROP
    where = _windows(a, indices, sizes, names.start_index_map, rows, moved=moved)
    for n, window in where:
        found[n] = a[window].reshape(shape)
    return _laid_out(found, indices.ndim - 1, names.offset_dims)


def scatter(write: Callable) -> Callable:
    """``write(a, window, values)`` for each window that lies inside or is moved in."""

    def run(params: Any, a: Any, indices: Any, updates: Any) -> Any:
        names, out = params["dimension_numbers"], np.array(a)
        gone = {*names.inserted_window_dims, *names.operand_batching_dims}
        kept = iter(names.update_window_dims)
        sizes = [
            1 if axis in gone else updates.shape[next(kept)] for axis in range(a.ndim)
        ]
        rows = names.operand_batching_dims, names.scatter_indices_batching_dims
        axes = names.scatter_dims_to_operand_dims
        outer = [n for n in range(updates.ndim) if n not in names.update_window_dims]
        updates = updates.transpose(*outer, *names.update_window_dims)
        moved = params["mode"] == GatherScatterMode.CLIP
        for n, window in _windows(a, indices, sizes, axes, rows, moved=moved):
            write(out, window, updates[n].reshape(sizes))
        return out

    return run


def put(out: Any, window: Window, values: Any) -> None:
    out[window] = values


def add(out: Any, window: Window, values: Any) -> None:
    out[window] += values


def _windows(
    a: Any, indices: Any, sizes: Any, axes: Any, rows: Any, *, moved: bool
) -> Iterator[tuple[tuple[int, ...], Window]]:
    most = np.array(a.shape) - sizes
    for n in np.ndindex(indices.shape[:-1]):
        start = np.zeros(a.ndim, int)
        start[list(axes)] = indices[n]
        start[list(rows[0])] = [n[axis] for axis in rows[1]]
        inside = np.clip(start, 0, most)
        if moved or (inside == start).all():
            yield n, tuple(slice(i, i + m) for i, m in zip(inside, sizes, strict=True))


def _fill(params: Any, a: Any) -> Any:
    if params["fill_value"] is not None:
        return params["fill_value"]
    return np.nan if np.issubdtype(a.dtype, np.inexact) else 0


def _laid_out(found: Any, outer: int, offsets: Any) -> Any:
    """Puts the axes of windows where they belong among the others."""
    others = iter(range(outer))
    inner = {axis: outer + n for n, axis in enumerate(offsets)}
    return found.transpose(
        [inner[n] if n in inner else next(others) for n in range(found.ndim)]
    )
