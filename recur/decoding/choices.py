"""Which classes may come next, and how likely each is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from recur import _checks as checks
from recur._arguments import check_arrays
from recur._ops.wide import wide
from recur.types import Array, DTypeLike, PyTree, Step


@dataclass(frozen=True)
class FedBack:
    """A step that reads a class; a value, so that equal ones share a program.

    Example:
      >>> step = FedBack(lambda params, carry, x: (carry + x, -x), jnp.sin)
      >>> step(None, jnp.zeros(()), jnp.zeros(()))[0]
      Array(0., dtype=float32)
    """

    inner: Step
    embed: Callable[[Array], PyTree]

    def __call__(
        self, params: PyTree, carry: PyTree, last: Array
    ) -> tuple[PyTree, Array]:
        """Gives the carry and the logits of what comes next."""
        return self.inner(params, carry, self.embed(last))

    def score_dtype(self, params: PyTree, carry: PyTree, last: Array) -> DTypeLike:
        """Tells the dtype of log-likelihoods of what comes next."""
        return wide(jax.eval_shape(self, params, carry, last)[1].dtype)


def log_likelihoods(logits: Array, allowed: Array | None = None) -> Array:
    """Takes the log-softmax over what is allowed, in float32 or wider.

    Example:
      >>> log_likelihoods(jnp.zeros(3), jnp.array([True, False, True])).round(2)
      Array([-0.69,  -inf, -0.69], dtype=float32)
    """
    logits = logits.astype(wide(logits.dtype))
    if allowed is not None:
        logits = jnp.where(allowed, logits, -jnp.inf)
    return jax.nn.log_softmax(logits)


def truncated(logits: Array, top_k: int | None, top_p: float | None) -> Array:
    """Leaves the ``k`` likeliest classes, and of these the fewest of mass ``p``.

    Example:
      >>> logits = jnp.log(jnp.array([0.1, 0.5, 0.4]))
      >>> jnp.exp(truncated(logits, None, 0.8)).round(1)
      Array([0. , 0.5, 0.4], dtype=float32)
    """
    if top_k is None and top_p is None:
        return logits
    order = jnp.argsort(-logits, axis=-1)
    rank = jnp.argsort(order, axis=-1)
    if top_k is not None:
        logits = jnp.where(rank < top_k, logits, -jnp.inf)
    if top_p is None:
        return logits
    shares = jax.nn.softmax(jnp.take_along_axis(logits, order, -1))
    # Those before which p is not reached, and so the likeliest whatever p is.
    enough = jnp.cumsum(shares, axis=-1) - shares < top_p
    return jnp.where(jnp.take_along_axis(enough, rank, -1), logits, -jnp.inf)


def check_end(where: str, end: Any, classes: int) -> None:
    """Refuses what is not the number of a class.

    Example:
      >>> check_end("doc", 3, classes=3)
      Traceback (most recent call last):
      ValueError: doc: end is 3; expected the number of a class, from 0 to 2, as ...
    """
    if end is None:
        return
    if isinstance(end, bool) or not isinstance(end, (int, np.integer)):
        raise TypeError(
            f"{where}: end is {checks.describe(end)}; expected an integer, the number "
            "of a class."
        )
    if not 0 <= end < classes:
        raise ValueError(
            f"{where}: end is {end}; expected the number of a class, from 0 to "
            f"{classes - 1}, as the logits have {classes}."
        )


def check_allowed(where: str, allowed: Any, shape: tuple[int, ...]) -> Array | None:
    """Refuses anything but flags of the classes, of which some are True.

    Example:
      >>> check_allowed("doc", jnp.array([False, False]), (2,))
      Traceback (most recent call last):
      ValueError: doc: allowed is False for all classes of a row; expected one ...
    """
    if allowed is None:
        return None
    check_arrays(where, allowed=allowed)
    flags = jnp.asarray(allowed)
    fits = flags.ndim <= len(shape) and flags.shape == shape[len(shape) - flags.ndim :]
    if flags.dtype != jnp.bool_ or not flags.ndim or not fits:
        raise ValueError(
            f"{where}: allowed is {checks.describe(allowed)}; expected bool"
            f"[{shape[-1]}], a flag for each class, or bool{list(shape)}, for each row "
            "too."
        )
    if not isinstance(flags, Tracer) and not np.asarray(flags).any(-1).all():
        raise ValueError(
            f"{where}: allowed is False for all classes of a row; expected one that is "
            "True, or nothing can be next."
        )
    return flags
