"""One training step as a pure function, from a loss and an optax optimiser."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_bools, check_functions
from recur._distribution import install
from recur.training.loss_scale import DynamicScale, ScaleState, StaticScale
from recur.training.microbatch import mean_over_parts, wide
from recur.types import Array, PyTree

try:
    import optax
except ImportError as error:
    raise ImportError(
        f"recur.training: optax is needed here. {install('train')}"
    ) from error

LossFn: TypeAlias = Callable[..., tuple[Array, PyTree]]


class TrainState(NamedTuple):
    """All that changes in training: save it, and a run goes on exactly from it."""

    params: PyTree
    opt_state: PyTree
    carry: PyTree  # handed on from batch to batch
    scale: ScaleState
    steps: Array  # int32, batches seen
    skipped: Array  # int32, batches that changed nothing


class Metrics(NamedTuple):
    """What one step has to say, on the device until somebody reads it."""

    loss: Array  # mean over the microbatches, not scaled
    grad_norm: Array  # of all params together, not scaled
    scale: Array  # of the loss, in this step
    skipped: Array  # batches skipped so far


class TrainStep(NamedTuple):
    """Two functions: ``init(params, carry)`` and ``step(state, *batch)``."""

    init: Callable[..., TrainState]
    step: Callable[..., tuple[TrainState, Metrics]]


def make_train_step(
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    accumulate: int = 1,
    loss_scale: float | StaticScale | DynamicScale | None = None,
    skip_nonfinite: bool = True,
    donate: bool = True,
) -> TrainStep:
    r"""Makes the pure, compiled step of training with an optax optimiser.

    .. math::
        g &= \frac{1}{n} \sum_{i=1}^{n} \frac{1}{\sigma}
            \frac{\partial\, \sigma \ell(\theta, s_i, b_i)}{\partial \theta} \\
        \theta &\to \theta + \mathrm{update}(g)

    The carry is handed on from batch to batch and its gradient is not: truncated
    back-propagation through time, where ``carry`` is what the roll returned. With
    :attr:`TruncatedBPTT.loss` as the loss, windows may overlap.

    A step whose loss, gradient, update or carry is not finite is as if its batch had
    never come: params, optimiser state and carry keep every bit, and it is counted.
    ``optax.apply_if_finite`` gives in after some such steps, looks at the gradient
    only, and knows nothing of a carry or a scale, so it is not used here; nor is
    ``optax.MultiSteps``, which needs a call for each microbatch and keeps a gradient
    from one to the next. Both may still be part of ``optimizer``.

    Args:
      loss_fn: ``(params, carry, *batch) -> (loss, carry)``, a number and what to hand
        on; a loss that knows no carry takes and returns ``None``.
      optimizer: Any optax optimiser.
      accumulate: ``n``, microbatches in a step: then carry and batch have a first axis
        of that size, see :func:`split_batch`. One after another is in memory; their
        losses and gradients are averaged.
      loss_scale: ``σ``: a number, or :class:`DynamicScale`; for float16.
      skip_nonfinite: Whether to skip; if not, they go through to the params.
      donate: Whether the buffers of the state are reused. A state that went in is gone
        then; the arrays given to ``init`` stay.

    Returns:
      ``(init, step)``: ``init(params, carry=None) -> state`` and
      ``step(state, *batch) -> (state, metrics)``.

    Raises:
      TypeError: If an argument is of another kind, ``loss_fn`` returns no pair, or its
        carry is not like the one that went in.
      ValueError: If ``accumulate`` is below 1, a scale not above 0, or
        :class:`DynamicScale` comes without ``skip_nonfinite``.

    Example:
      >>> def loss_fn(params, carry, xs, targets):
      ...     carry, ys = unroll(GRU(4), params, carry, xs)
      ...     return jnp.mean((ys - targets) ** 2), carry
      >>> init, step = make_train_step(loss_fn, optax.sgd(0.1))
      >>> state = init(GRU(4).init(jax.random.key(0), 3), GRU(4).init_carry((2,)))
      >>> for _ in range(3):
      ...     state, metrics = step(state, jnp.ones((5, 2, 3)), jnp.zeros((5, 2, 4)))
      >>> state.steps, state.skipped, metrics.loss.shape
      (Array(3, dtype=int32), Array(0, dtype=int32), ())
    """
    checks.check_size("make_train_step", "accumulate", accumulate)
    choices = {"skip_nonfinite": skip_nonfinite, "donate": donate}
    check_bools("make_train_step", **choices)
    _check_functions(loss_fn, optimizer)
    scaling = _scaling(loss_scale, skip_nonfinite)
    training = _Training(loss_fn, optimizer, accumulate, scaling, skip_nonfinite)
    step = jax.jit(training.step, donate_argnums=0 if donate else ())
    return TrainStep(training.init, step)


@dataclass(frozen=True)
class _Training:
    """The choices of a training, and its two functions."""

    loss_fn: LossFn
    optimizer: optax.GradientTransformation
    accumulate: int
    scaling: StaticScale | DynamicScale
    skip: bool

    def init(self, params: PyTree, carry: PyTree = None) -> TrainState:
        """Makes the state, in buffers of its own, each of which may be donated."""
        opt_state, scale = self.optimizer.init(params), self.scaling.init()
        steps = skipped = jnp.int32(0)
        state = TrainState(params, opt_state, carry, scale, steps, skipped)
        return jax.tree.map(lambda a: jnp.array(a, copy=True), state)

    def step(self, state: TrainState, *batch: Any) -> tuple[TrainState, Metrics]:
        """Takes one step."""
        maker = "the init that came with the step"
        checks.check_type("make_train_step", "state", state, TrainState, maker)
        params, factor = state.params, state.scale.scale
        part = partial(self._gradient, params, factor)
        parts = self.accumulate, state.carry, batch
        (loss, grads), carry = mean_over_parts(part, *parts)
        _check_carry(state.carry, carry)
        updates, opt_state = self.optimizer.update(grads, state.opt_state, params)
        new: tuple = optax.apply_updates(params, updates), opt_state, carry
        finite = _all_finite((loss, grads, updates, carry))
        skipped = state.skipped
        if self.skip:
            old = params, state.opt_state, state.carry
            new = jax.tree.map(partial(jnp.where, finite), new, old)
            skipped += jnp.where(finite, 0, 1)
        scale = self.scaling.adjust(state.scale, finite)
        metrics = Metrics(loss, tree_norm(grads), factor, skipped)
        now = state._replace(scale=scale, steps=state.steps + 1, skipped=skipped)
        params, opt_state, carry = new
        return now._replace(params=params, opt_state=opt_state, carry=carry), metrics

    def _gradient(
        self, params: PyTree, factor: Array, carry: PyTree, batch: tuple[Any, ...]
    ) -> tuple[tuple[Array, PyTree], PyTree]:
        """The loss and its gradient, and the carry."""

        def scaled(params: PyTree) -> tuple[Array, tuple[Array, PyTree]]:
            loss, new = _checked(self.loss_fn(params, carry, *batch))
            return loss * factor.astype(loss.dtype), (loss, new)

        def unscaled(g: Array) -> Array:
            dtype = wide(g.dtype)
            return (g.astype(dtype) / factor.astype(dtype)).astype(g.dtype)

        grads, (loss, carry) = jax.grad(scaled, has_aux=True)(params)
        return (loss, jax.tree.map(unscaled, grads)), carry


def _check_functions(loss_fn: Any, optimizer: Any) -> None:
    check_functions("make_train_step", loss_fn=loss_fn)
    if not hasattr(optimizer, "init") or not hasattr(optimizer, "update"):
        raise TypeError(
            f"make_train_step: optimizer is {checks.describe(optimizer)}; expected an "
            "optimiser of optax. Write optax.adam(1e-3), with its brackets."
        )


def _scaling(loss_scale: Any, skip: bool) -> StaticScale | DynamicScale:
    if loss_scale is None or isinstance(loss_scale, (int, float)):
        return StaticScale(1.0 if loss_scale is None else loss_scale)
    if not isinstance(loss_scale, (StaticScale, DynamicScale)):
        raise TypeError(
            f"make_train_step: loss_scale is {checks.describe(loss_scale)}; expected a "
            "number, StaticScale, DynamicScale or None. Write "
            "recur.training.DynamicScale()."
        )
    if isinstance(loss_scale, DynamicScale) and not skip:
        raise ValueError(
            "make_train_step: loss_scale is DynamicScale and skip_nonfinite False; "
            "expected it True, as it finds its scale by steps that overflow. Leave out "
            "skip_nonfinite."
        )
    return loss_scale


def _check_carry(old: PyTree, new: PyTree) -> None:
    kinds = [
        jax.tree.map(lambda a: checks.describe(jax.typeof(a)), c) for c in (old, new)
    ]
    if kinds[0] != kinds[1]:
        raise TypeError(
            f"make_train_step: loss_fn returned the carry {kinds[1]}; expected "
            f"{kinds[0]}, as init was given. Return what the roll hands on, and give "
            "init a carry of that kind, or None and None."
        )


def _checked(result: Any) -> tuple[Array, PyTree]:
    if isinstance(result, tuple) and len(result) == 2 and jnp.shape(result[0]) == ():
        return result
    raise TypeError(
        f"make_train_step: loss_fn returned {checks.describe(result)}; expected the "
        "pair (loss, carry), the loss one number. Return (loss, None) if nothing is "
        "handed on, and take the mean of losses."
    )


def _all_finite(tree: PyTree) -> Array:
    floats = [a for a in jax.tree.leaves(tree) if jnp.issubdtype(a.dtype, jnp.inexact)]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(a)) for a in floats]))


def tree_norm(tree: PyTree) -> Array:
    wider = [a.astype(wide(a.dtype)) for a in jax.tree.leaves(tree)]
    return jnp.sqrt(sum(jnp.sum(a**2).astype(jnp.float32) for a in wider))


__all__ = ["Metrics", "TrainState", "TrainStep", "make_train_step"]
