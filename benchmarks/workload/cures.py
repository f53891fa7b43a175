"""The cures of vanishing and exploding gradients, each one entry, ready to be tried."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import optax

from recur import GRU, LSTM, Elman, PerStep
from recur.initializers import Chrono, Glorot, Identity, Orthogonal

RATE = 5e-3
SGD_RATE = 1e-2


def adam() -> optax.GradientTransformation:
    """Adam, the same for every row that is not about clipping."""
    return optax.adam(RATE)


def sgd(*before: optax.GradientTransformation) -> optax.GradientTransformation:
    """Plain descent, which feels an explosion in full; clipping goes before it."""
    return optax.chain(*before, optax.sgd(SGD_RATE, momentum=0.9))


@dataclass(frozen=True)
class Cure:
    """A network and how it is trained.

    Args:
      make: ``(hidden_size, steps) -> cell``, for sequences of so many steps.
      optimiser: Makes the optimiser.
      pieces: In how many pieces back-propagation is cut, 1 for none.
      of: The idea it belongs to.
    """

    make: Callable[[int, int], Any]
    optimiser: Callable[[], optax.GradientTransformation] = adam
    pieces: int = 1
    of: str = ""


def _elman(recurrent_init: Any, **options: Any) -> Callable[[int, int], Elman]:
    return lambda h, steps: Elman(h, recurrent_init=recurrent_init, **options)


def _lstm(forget_bias: float) -> Callable[[int, int], LSTM]:
    return lambda h, steps: LSTM(h, forget_bias=forget_bias)


_relu = {"activation": jax.nn.relu}
_irnn = _elman(Identity(), **_relu)
_norm = lambda: sgd(optax.clip_by_global_norm(1.0))  # noqa: E731
_value = lambda: sgd(optax.clip(0.1))  # noqa: E731

CURES = {
    "tanh, Glorot": Cure(_elman(Glorot()), of="no cure"),
    "tanh, orthogonal": Cure(_elman(Orthogonal()), of="initialisation"),
    "tanh, identity": Cure(_elman(Identity()), of="initialisation"),
    "ReLU, Glorot": Cure(_elman(Glorot(), **_relu), of="activation"),
    "ReLU, orthogonal": Cure(_elman(Orthogonal(), **_relu), of="activation"),
    "ReLU, identity": Cure(_irnn, of="identity initialisation (IRNN)"),
    "LSTM, forget bias 0": Cure(_lstm(0.0), of="gates"),
    "LSTM, forget bias 1": Cure(_lstm(1.0), of="forget bias"),
    "LSTM, chrono": Cure(
        lambda h, steps: LSTM(h, forget_bias=Chrono(steps)), of="forget bias"
    ),
    "GRU": Cure(lambda h, steps: GRU(h), of="gates"),
    "GRU, chrono": Cure(
        lambda h, steps: GRU(h, update_bias=Chrono(steps)), of="forget bias"
    ),
    "LSTM, truncated": Cure(_lstm(1.0), pieces=4, of="truncated BPTT"),
    "IRNN, SGD": Cure(_irnn, sgd, of="no cure of exploding"),
    "IRNN, SGD, norm 1": Cure(_irnn, _norm, of="clipping by norm"),
    "IRNN, SGD, value 0.1": Cure(_irnn, _value, of="clipping by value"),
    "IRNN, SGD, truncated": Cure(_irnn, sgd, pieces=4, of="truncated BPTT"),
}
"""A further cure is one more entry."""


def truncated(step: Callable) -> Callable:
    """Makes a step that lets no gradient through to the step before where it is cut.

    Params become ``(params, cut)``; see :func:`cuts`.
    """

    def cut_step(params: Any, carry: Any, x: Any) -> tuple[Any, Any]:
        params, cut = params
        stop = lambda a: jax.lax.select(cut, jax.lax.stop_gradient(a), a)  # noqa: E731
        return step(params, jax.tree.map(stop, carry), x)

    return cut_step


def cuts(steps: int, pieces: int) -> PerStep:
    """Marks the first step of each of so many pieces.

    Example:
      >>> cuts(6, 3).values.astype(int)
      Array([0, 0, 1, 0, 1, 0], dtype=int32)
    """
    length = -(-steps // pieces)
    t = jax.numpy.arange(steps)
    return PerStep((t % length == 0) & (t > 0))
