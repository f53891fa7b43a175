"""What online learners share: a transition as a function, and the sum over time."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_arrays, check_functions
from recur._roll.flags import check_flag
from recur._roll.loss import unroll_loss
from recur._roll.steps import step_of
from recur._roll.unroll import unroll
from recur.online.vector import Unflatten, flatten, wide_dtype
from recur.types import Array, Cell, PyTree, Step


class Transition(NamedTuple):
    """One step on vectors: ``f(theta, s) -> (new s, loss)``, and where it is taken."""

    f: Callable[[Array, Array], tuple[Array, Array]]
    theta: Array  # [p]
    s: Array  # [n]
    to_params: Unflatten
    to_carry: Unflatten


@dataclass(frozen=True)
class Learner(ABC):
    """An online learner: a value with two pure functions, ``init`` and ``update``.

    Args:
      step: Any step or cell whose params and carry are floating-point numbers.
      loss_fn: ``(y, target) -> loss`` of one step, a number or one for each row; what
        is differentiated is their sum. A mask with rows needs one for each row.
      reset_carry: ``params -> carry``, what a reset starts from; zeros by default.
        Gradients flow into params: mark the first step of a sequence with ``reset`` to
        learn the initial carry.

    Raises:
      TypeError: If ``step`` is neither function nor cell, or ``loss_fn`` no function.

    Example:
      >>> from recur.online import RTRL
      >>> learner = RTRL(GRU(4), lambda y, target: jnp.sum((y - target) ** 2))
      >>> params = learner.step.init(jax.random.key(0), input_size=3)
      >>> xs, targets = jnp.ones((9, 3)), jnp.ones((9, 4))
      >>> state = learner.init(params, learner.step.init_carry(), xs[0], targets[0])
      >>> state, loss, grads = learner.accumulate(params, state, xs, targets)
      >>> grads.w_hh.shape
      (4, 12)
    """

    step: Step | Cell
    loss_fn: Callable[[PyTree, PyTree], Array]
    reset_carry: Callable[[PyTree], PyTree] | None = None

    def __post_init__(self) -> None:
        step_of(type(self).__name__, self.step)
        check_functions(type(self).__name__, loss_fn=self.loss_fn)
        if self.reset_carry is not None:
            check_functions(type(self).__name__, reset_carry=self.reset_carry)

    @abstractmethod
    def init(
        self,
        params: PyTree,
        carry: PyTree,
        x: PyTree,
        target: PyTree,
        *,
        mask: Array | None = None,
        reset: Array | None = None,
        key: Array | None = None,
    ) -> Any:
        """Makes the state that enters the first step, of which ``carry`` is a part.

        The arguments after ``carry`` are an example of what ``update`` will be given;
        only shapes and dtypes matter. ``key`` is for learners that draw at random.
        """

    @abstractmethod
    def update(
        self,
        params: PyTree,
        state: Any,
        x: PyTree,
        target: PyTree,
        *,
        mask: Array | None = None,
        reset: Array | None = None,
    ) -> tuple[Any, Array, PyTree]:
        """Takes one step: ``(state, loss, grads)``, ``grads`` those of ``loss``.

        ``mask`` and ``reset`` are the flags of :func:`recur.unroll` for this step, a
        bool or one for each row: a step that is not valid does nothing and its loss is
        zero, and gradients do not flow back beyond a reset.
        """

    def accumulate(
        self,
        params: PyTree,
        state: Any,
        xs: PyTree,
        targets: PyTree,
        *,
        mask: Array | None = None,
        reset: Array | None = None,
    ) -> tuple[Any, Array, PyTree]:
        """Updates over a sequence with fixed params, in memory that it does not grow.

        ``xs``, ``targets`` and the flags have a time axis first; the loss and the
        gradients that come back are summed over it.
        """
        dtype = wide_dtype(type(self).__name__, params=params)
        zeros = jnp.zeros((), dtype), jax.tree.map(jnp.zeros_like, params)
        inputs = xs, targets, mask, reset
        return unroll(_Accumulate(self), params, (state, *zeros), inputs)[0]

    def transition(
        self,
        params: PyTree,
        carry: PyTree,
        x: PyTree,
        target: PyTree,
        mask: Array | None,
        reset: Array | None,
    ) -> Transition:
        """Writes a step and its loss as a function of two vectors.

        Flags are part of the function, so that all derivatives know of them.
        """
        where = type(self).__name__
        check_arrays(where, params=params, carry=carry, x=x, target=target)
        for name, flag in (("mask", mask), ("reset", reset)):
            if flag is not None:
                check_flag(where, name, flag)
        dtype = wide_dtype(where, params=params, carry=carry)
        theta, to_params = flatten(params, dtype)
        s, to_carry = flatten(carry, dtype)
        inputs = _one_step((x, target))
        loss_fn = _RowLosses(
            where, self.loss_fn, () if mask is None else jnp.shape(mask)
        )
        flags = {"mask": _one_step(mask), "reset": _one_step(reset), "length": 1}

        def f(theta: Array, s: Array) -> tuple[Array, Array]:
            params, anew = to_params(theta), None
            if reset is not None and self.reset_carry is not None:
                anew = self.reset_carry(params)
            roll = (self.step, loss_fn, params, to_carry(s), *inputs)
            new, losses = unroll_loss(*roll, reset_carry=anew, remat=None, **flags)
            return flatten(new, dtype)[0], jnp.sum(losses).astype(dtype)

        return Transition(f, theta, s, to_params, to_carry)


@dataclass(frozen=True)
class _RowLosses:
    """Losses of which a mask can take each row; a value, so equal ones trace once."""

    where: str
    loss_fn: Callable[[PyTree, PyTree], Array]
    rows: tuple[int, ...]  # of the mask

    def __call__(self, y: PyTree, target: PyTree) -> Array:
        losses = self.loss_fn(y, target)
        if jnp.shape(losses)[: len(self.rows)] != self.rows:
            raise ValueError(
                f"{self.where}: loss_fn returned {checks.describe(losses)}; expected "
                f"the leading axes {self.rows} of mask, so that each row can count by "
                "itself. Sum over the features only."
            )
        return losses


@dataclass(frozen=True)
class _Accumulate:
    """A step whose carry is a learner's state and the sums; equal ones share a roll."""

    learner: Learner

    def __call__(self, params: PyTree, carry: Any, inputs: Any) -> tuple[Any, None]:
        state, loss, grads = carry
        x, target, mask, reset = inputs
        flags = {"mask": mask, "reset": reset}
        state, now, grads_now = self.learner.update(params, state, x, target, **flags)
        return (state, loss + now, jax.tree.map(jnp.add, grads, grads_now)), None


def _one_step(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda a: jnp.asarray(a)[None], tree)


__all__ = ["Learner"]
