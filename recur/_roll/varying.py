"""The axes of a mesh along which values differ inside ``jax.shard_map``."""

from typing import Any

import jax

from recur.types import PyTree, Step


def vary_as_step(step: Step, params: PyTree, carry: PyTree, x: PyTree) -> PyTree:
    """Casts a carry to vary along the axes that the step makes it vary along.

    A carry of zeros that was made inside ``jax.shard_map`` is the same everywhere; the
    one that a step of sharded inputs returns is not, and a scan asks for one type.

    Args:
      step: The step.
      params: Its params.
      carry: Enters the first step.
      x: Shapes of one input.

    Returns:
      The carry; outside ``shard_map`` as it came.

    Example:
      >>> vary_as_step(lambda p, s, x: (s + x, s), None, jnp.float32(0), jnp.float32(1))
      Array(0., dtype=float32)
    """
    everything = jax.tree.leaves((params, carry, x))
    if not any(map(_axes, everything)):
        return carry
    while True:
        new, _ = jax.eval_shape(step, params, carry, x)
        pairs = [*zip(*map(jax.tree.leaves, (carry, new)), strict=True)]
        if all(_axes(b) <= _axes(a) for a, b in pairs):
            return carry
        wider = [_vary(a, _axes(b) - _axes(a)) for a, b in pairs]
        carry = jax.tree.unflatten(jax.tree.structure(carry), wider)


def _axes(a: Any) -> frozenset[str]:
    kind = a if isinstance(a, jax.ShapeDtypeStruct) else jax.typeof(a)
    manual = getattr(kind, "manual_axis_type", None)
    # Versions of JAX name it differently.
    return frozenset(manual.varying if manual else getattr(kind, "vma", None) or ())


def _vary(a: Any, axes: frozenset[str]) -> Any:
    return jax.lax.pcast(a, tuple(axes), to="varying") if axes else a
