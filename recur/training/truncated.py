"""Truncated back-propagation through time: a stream in windows that overlap."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_functions
from recur._roll.laying import lay_as
from recur._roll.per_step import PerStep, split_series
from recur._roll.remat import segment_steps
from recur._roll.unroll import unroll
from recur.training.walk import check_trainable, check_walks
from recur.training.window import Steps, cut, join, make_steps, sum_losses
from recur.types import Array, Cell, FlagOptions, PyTree, Remat, Step


class TruncatedState(NamedTuple):
    """Where a stream is: all that the next update needs of the steps before."""

    carry: PyTree  # after the newest step
    past: Steps | None  # the newest k1 - k2 steps, which the next window begins with
    start: PyTree  # the carry before them; None if there are none

    @property
    def begin(self) -> PyTree:
        """The carry that the next window begins with."""
        return self.carry if self.past is None else self.start


@dataclass(frozen=True)
class TruncatedBPTT:
    r"""Learns from a stream: every ``k₂`` steps, back over the last ``k₁``.

    .. math::
        g_j = \frac{\partial}{\partial\theta} \sum_{t = jk_2 + 1}^{(j+1)k_2}
            \ell_t(\theta;\, s_{b_j}), \qquad b_j = \max(0,\, (j+1) k_2 - k_1)

    The losses of the newest ``k₂`` steps enter, each once in the whole stream; they are
    those of the roll from the carry ``s`` at step ``b``, ``k₁`` steps back, through
    which no gradient flows. With fixed params this is the textbook's: process step by
    step, and at every ``k₂``-th go back ``k₁`` steps. With params that change, a window
    is rolled with the newest ones from where the one before had come to by step ``b``,
    so that its gradient is the exact derivative of its loss.

    Masks that are drawn for each roll stay with their steps from window to window::

        def loss_fn(params, state, key, xs, targets):
            drawn = recur.draw_masks(cell, key, params, xs)
            return bptt.loss(drawn, state, xs, targets)

    An update rolls ``k₁`` steps and goes back through them; memory does not depend on
    the length of the stream. The state holds the inputs of ``k₁ - k₂`` steps.

    Args:
      step: Any step or cell.
      loss_fn: ``(y, target) -> loss`` of one step, a number or one for each row. What
        is differentiated is the sum over rows and steps; for a mean, divide here.
      window: ``k₁``, the steps that a gradient goes back.
      every: ``k₂``, the steps from one update to the next; ``window`` by default.
      reset_carry: ``params -> carry``, what a reset starts from; zeros by default.
        Gradients flow into params: mark the first step of the stream with ``reset`` to
        learn the initial carry.
      remat: As in :func:`recur.unroll`.

    Raises:
      TypeError: If ``step`` is neither function nor cell, or a size not an integer.
      ValueError: If ``step`` needs the whole sequence, as :class:`recur.Bidirectional`
        does, a size is below 1, or ``window`` below ``every``.

    Example:
      >>> bptt = TruncatedBPTT(GRU(4), lambda y, target: (y - target) ** 2,
      ...                      window=6, every=2)
      >>> params = bptt.step.init(jax.random.key(0), input_size=3)
      >>> xs, targets = jnp.ones((2, 3)), jnp.zeros((2, 4))
      >>> state = bptt.init(bptt.step.init_carry(), xs, targets)
      >>> for _ in range(5):
      ...     state, loss, grads = bptt.update(params, state, xs, targets)
      >>> grads.w_hh.shape
      (4, 12)

    References:
      Williams and Peng, `An efficient gradient-based algorithm for on-line training of
      recurrent network trajectories <https://doi.org/10.1162/neco.1990.2.4.490>`_,
      1990.
    """

    step: Step | Cell
    loss_fn: Callable[[PyTree, PyTree], Array]
    window: int
    every: int | None = None
    reset_carry: Callable[[PyTree], PyTree] | None = None
    remat: Remat = None

    def __post_init__(self) -> None:
        check_walks("TruncatedBPTT", self.step)
        check_functions("TruncatedBPTT", loss_fn=self.loss_fn)
        if self.reset_carry is not None:
            check_functions("TruncatedBPTT", reset_carry=self.reset_carry)
        segment_steps("TruncatedBPTT", self.remat, 1)
        checks.check_size("TruncatedBPTT", "window", self.window)
        if self.every is None:
            object.__setattr__(self, "every", self.window)
        checks.check_size("TruncatedBPTT", "every", self.every)
        if self.window < self.stride:
            raise ValueError(
                f"TruncatedBPTT: window is {self.window} and every {self.every}; "
                "expected a window of at least every, or some losses could reach no "
                f"param. Set window={self.every}."
            )

    @property
    def stride(self) -> int:
        """``k₂``."""
        return self.every or self.window

    def init(
        self,
        carry: PyTree,
        xs: PyTree,
        targets: PyTree,
        *,
        params: PyTree = None,
        **flags: Unpack[FlagOptions],
    ) -> TruncatedState:
        """Makes the state that enters the first update.

        ``xs``, ``targets`` and flags are an example of what ``update`` will be given:
        only shapes and dtypes matter. So are ``params``, which it needs only if they
        hold a :class:`recur.PerStep`, such as masks that were drawn.
        """
        kept = self.window - self.stride
        if kept == 0:
            return TruncatedState(carry, None, None)
        given: dict[str, Any] = {**flags, "padded": True, "params": params}
        steps = make_steps("TruncatedBPTT.init", xs, targets, **given)
        past = jax.tree.map(partial(_nothing, kept), steps)
        return TruncatedState(carry, past, carry)

    def loss(
        self,
        params: PyTree,
        state: TruncatedState,
        xs: PyTree,
        targets: PyTree,
        *,
        seq_lengths: Array | None = None,
        mask: Array | None = None,
        reset: Array | None = None,
    ) -> tuple[Array, TruncatedState]:
        """Rolls a window and sums the losses of its newest steps: ``(loss, state)``.

        Its gradient in params is that of the update; this is a ``loss_fn`` for
        :func:`make_train_step`. ``xs`` and ``targets`` are the newest ``k₂`` steps,
        time-major. At the end of a stream they may be less, ``r``; these then go back
        ``k₁ - k₂ + r`` steps, as no more are kept. The flags are those of
        :func:`recur.unroll`, for these steps, and so is a :class:`recur.PerStep` in
        params, of which only the newest steps have gradients.
        """
        where, old = "TruncatedBPTT.update", state.past
        flags: dict[str, Any] = {"seq_lengths": seq_lengths}
        flags |= {"mask": mask, "reset": reset}
        flags |= {"padded": old is not None, "params": params}
        new = make_steps(where, xs, targets, **flags)
        if new.length > self.stride:
            raise ValueError(
                f"{where}: xs has {new.length} steps; expected at most {self.stride}, "
                "which is every. Cut the stream in pieces of that, or use tbptt."
            )
        both = new if old is None else join(where, old, new)
        loss, ends = self.window_loss(params, state.begin, both, newest=new.length)
        begin, carry = jax.lax.stop_gradient(ends)
        if old is None:
            return loss, TruncatedState(carry, None, None)
        return loss, TruncatedState(carry, cut(both, new.length, None), begin)

    def update(
        self,
        params: PyTree,
        state: TruncatedState,
        xs: PyTree,
        targets: PyTree,
        **flags: Unpack[FlagOptions],
    ) -> tuple[TruncatedState, Array, PyTree]:
        """Takes in the newest steps: ``(state, loss, grads)``; see :meth:`loss`."""
        check_trainable("TruncatedBPTT.update", params)
        loss = jax.value_and_grad(partial(self.loss, **flags), has_aux=True)
        (loss, state), grads = loss(params, state, xs, targets)
        return state, loss, grads

    def window_loss(
        self, params: PyTree, start: PyTree, steps: Steps, *, newest: int
    ) -> tuple[Array, tuple[PyTree, PyTree]]:
        """Rolls some steps from ``start``, and sums the losses of the ``newest``.

        Returns:
          ``(loss, (begin, carry))``: the carries after as many steps as there are
          newest ones, where the next window begins, and after all of them.
        """
        begin, ys = self.roll(params, start, cut(steps, 0, newest))
        carry = begin
        if steps.length > newest:
            carry, late = self.roll(params, begin, cut(steps, newest, None))
            ys = jax.tree.map(lambda *a: jnp.concatenate(a)[-newest:], ys, late)
        loss = sum_losses(self.loss_fn, ys, cut(steps, -newest, None))
        return loss, (begin, carry)

    def roll(
        self, params: PyTree, carry: PyTree, steps: Steps
    ) -> tuple[PyTree, PyTree]:
        """Rolls the step: ``(carry, ys)``."""
        flags: dict[str, Any] = {"mask": steps.mask, "reset": steps.reset}
        params = split_series(params)[1]([PerStep(a) for a in steps.series])
        if steps.reset is not None and self.reset_carry is not None:
            flags["reset_carry"] = self.reset_carry(params)
        return unroll(self.step, params, carry, steps.xs, remat=self.remat, **flags)


def _nothing(kept: int, a: Array) -> Array:
    """Zeros for so many steps, with rows on the devices that have those of ``a``."""
    return lay_as(a, jnp.zeros((kept, *a.shape[1:]), a.dtype))


__all__ = ["TruncatedBPTT", "TruncatedState"]
