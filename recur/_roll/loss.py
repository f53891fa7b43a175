"""A loss taken inside the roll: the outputs of all steps never exist at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

import jax

from recur._arguments import check_functions
from recur._roll.composed import Composed, Part
from recur._roll.first_carry import first_carries
from recur._roll.steps import StepTransform, step_of
from recur._roll.unroll import unroll
from recur.types import Array, Cell, LossOptions, PyTree, Remat, Step


def unroll_loss(
    step: Step | Cell,
    loss_fn: Callable[[PyTree, PyTree], Array],
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    targets: PyTree,
    *,
    remat: Remat = "sqrt",
    **time: Unpack[LossOptions],
) -> tuple[PyTree, Array]:
    r"""Rolls a step and keeps of each output only its loss.

    .. math::
        \ell_t = \mathrm{loss}(y_t, \mathrm{target}_t)

    For outputs much larger than the carry, such as logits over a vocabulary: of
    ``T`` steps of logits, ``k`` exist at a time, going forward and going back, where
    ``k`` is what ``remat`` says.

    Args:
      step: As in :func:`recur.unroll`.
      loss_fn: ``(y, target) -> loss`` of one step, ``[...]``, a number for each row.
      params: As in :func:`recur.unroll`.
      carry: As in :func:`recur.unroll`.
      xs: As in :func:`recur.unroll`.
      targets: Pytree with the time and batch axes of ``xs``. Where a step is not valid
        they are not looked at.
      remat: As in :func:`recur.unroll`; ``None`` would keep every output.
      **time: The other arguments of :func:`recur.unroll`.

    Returns:
      ``(carry, losses)``: the losses ``[T, ...]``, zero where a step is not valid.

    Raises:
      TypeError: As in :func:`recur.unroll`.
      ValueError: As in :func:`recur.unroll`.

    Example:
      >>> cell = Readout(GRU(8), 1000)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> xs, labels = jnp.ones((9, 2, 3)), jnp.zeros((9, 2), jnp.int32)
      >>> nll = lambda logits, label: -jnp.take_along_axis(
      ...     jax.nn.log_softmax(logits), label[:, None], axis=-1)[:, 0]
      >>> carry, losses = unroll_loss(
      ...     cell, nll, params, cell.init_carry((2,)), xs, labels)
      >>> losses.shape
      (9, 2)
    """
    step_of("unroll_loss", step)
    check_functions("unroll_loss", loss_fn=loss_fn)
    if carry is None:  # Batch axes are read off the inputs, not off the targets.
        flags = {name: time.get(name) for name in ("seq_lengths", "mask", "reset")}
        time_major = time.get("time_major", True)
        carry, _ = first_carries(
            "unroll_loss", step, params, None, xs, None, time_major=time_major, **flags
        )
    stepped = _LossStep(step, loss_fn)
    return unroll(stepped, params, carry, (xs, targets), remat=remat, **time)


@dataclass(frozen=True)
class _LossStep(StepTransform, Composed):
    loss_fn: Callable[[PyTree, PyTree], Array]
    by_segment = True

    def parts(self, params: PyTree, carry: PyTree) -> list[Part]:
        return [Part(self.inner, params, carry)]

    def join(self, carries: list[PyTree]) -> PyTree:
        return carries[0]

    def enter_all(self, params: PyTree, xs: tuple[PyTree, PyTree]) -> PyTree:
        return xs[0]

    def act_on_all(
        self, params: PyTree, xs: tuple[PyTree, PyTree], ys: PyTree
    ) -> PyTree:
        return jax.vmap(self.loss_fn)(ys, xs[1])

    def __call__(
        self, params: PyTree, carry: PyTree, inputs: tuple[PyTree, PyTree]
    ) -> tuple[PyTree, Array]:
        x, target = inputs
        carry, y = self.advance(params, carry, x)
        return carry, self.loss_fn(y, target)


__all__ = ["unroll_loss"]
