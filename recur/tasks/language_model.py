"""A character-level language model: the living example of the library.

Compose (:func:`make_model`), roll and differentiate (:func:`loss_fn`,
:func:`train_step`), compile (``jax.jit``), optimise (optax), sample (:func:`write`).
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from recur._roll.unroll import unroll
from recur.cells.elman import Elman
from recur.cells.gru import GRU
from recur.cells.lstm import LSTM
from recur.compose.readout import Readout, ReadoutParams
from recur.compose.stack import Stack
from recur.data.text import decode, encode, window_at
from recur.decoding.sampling import sample
from recur.types import Array, PyTree

CELLS = {"elman": Elman, "lstm": LSTM, "gru": GRU}
GATES = {"elman": 1, "lstm": 4, "gru": 3}
PROGRAM = 2**16  # Bytes of compiled code a layer, at the very least.


@dataclass(frozen=True)
class Settings:
    """What a run is, apart from its text; equal settings and seeds give equal runs."""

    cell: str = "lstm"
    layers: int = 1
    hidden: int = 256
    batch: int = 32
    window: int = 64
    seed: int = 0
    learning_rate: float = 1e-2


class TrainState(NamedTuple):
    """All that changes in training, so that a run continues exactly from it."""

    params: ReadoutParams
    opt_state: PyTree
    carry: PyTree
    position: Array
    key: Array


def make_model(settings: Settings, classes: int) -> Readout:
    """Stacks cells under an output layer of one logit a class.

    Example:
      >>> make_model(Settings(layers=2), classes=65).output_size
      65
    """
    layers = (CELLS[settings.cell](settings.hidden),) * settings.layers
    return Readout(Stack(layers), classes)


def make_optimizer(settings: Settings) -> optax.GradientTransformation:
    """Adam on clipped gradients; its rate falls as ``1/√t`` and needs no last step.

    Example:
      >>> optimizer = make_optimizer(Settings())
      >>> state = optimizer.init(jnp.zeros(3))
    """

    def rate(t: ArrayLike) -> Array:
        late = jnp.asarray(t, jnp.float32) / 250
        return settings.learning_rate * jnp.minimum(
            4 * late + 0.01, 1 / jnp.sqrt(1 + late)
        )

    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))


def make_state(settings: Settings, classes: int) -> TrainState:
    """Draws the weights and starts everything at its beginning.

    Example:
      >>> state = make_state(Settings(hidden=8, batch=4), classes=5)
      >>> state.carry[0].h.shape
      (4, 8)
    """
    model = make_model(settings, classes)
    key, k_params = jax.random.split(jax.random.key(settings.seed))
    params = model.init(k_params, input_size=classes)
    opt_state = make_optimizer(settings).init(params)
    carry = model.init_carry((settings.batch,))
    return TrainState(params, opt_state, carry, jnp.int32(0), key)


def bytes_needed(settings: Settings, classes: int) -> int:
    """Least memory that training takes, from sizes alone.

    Weights are there four times, with their gradients and Adam's two moments; of each
    step of a window stay its input, its gates, its output and its logits.

    Example:
      >>> bytes_needed(Settings(cell="elman", hidden=10**6), classes=1) > 16 * 10**12
      True
    """
    gates, hidden, layers = GATES[settings.cell], settings.hidden, settings.layers
    inputs = classes + (layers - 1) * hidden
    weights = gates * hidden * (inputs + layers * hidden) + hidden * classes
    values = 2 * classes + layers * (gates + 1) * hidden
    values *= settings.batch * settings.window
    return 4 * (4 * weights + values) + PROGRAM * layers


def loss_fn(
    params: ReadoutParams, carry: PyTree, window: Array, *, model: Readout
) -> tuple[Array, PyTree]:
    """Mean loss in bits of predicting each character from those before it.

    Args:
      params: Those of ``model``.
      carry: Where the window before this one ended.
      window: Class numbers ``[T + 1, B]``.
      model: Gives logits from one-hot inputs.

    Returns:
      ``(loss, carry)``, the carry handed on to the next window.

    Example:
      >>> model = make_model(Settings(hidden=8), classes=2)
      >>> params = model.init(jax.random.key(0), input_size=2)
      >>> window = jnp.zeros((9, 4), jnp.int32)
      >>> loss, carry = loss_fn(params, model.init_carry((4,)), window, model=model)
      >>> loss.shape
      ()
    """
    xs, labels = jax.nn.one_hot(window[:-1], model.output_size), window[1:]
    carry, logits = unroll(model, params, carry, xs)
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return nats.mean() / jnp.log(2.0), carry


@partial(jax.jit, static_argnames=("settings", "classes"), donate_argnums=0)
def train_step(
    state: TrainState, ids: Array, *, settings: Settings, classes: int
) -> tuple[TrainState, Array]:
    """Takes one step of truncated back-propagation through time.

    The carry goes on from window to window; its gradient does not, since each window is
    differentiated by itself.

    Args:
      state: Where training is; its buffers are reused.
      ids: Class numbers of the training text, ``[N]``.
      settings: Those of the run.
      classes: Size of the vocabulary.

    Returns:
      ``(state, loss)``, the loss in bits a character.

    Example:
      >>> settings, ids = Settings(hidden=8, batch=4, window=16), jnp.arange(100) % 5
      >>> state = make_state(settings, classes=5)
      >>> state, loss = train_step(state, ids, settings=settings, classes=5)
      >>> state.position
      Array(16, dtype=int32)
    """
    model, optimizer = make_model(settings, classes), make_optimizer(settings)
    window = window_at(ids, state.position, rows=settings.batch, window=settings.window)
    grad_fn = jax.value_and_grad(partial(loss_fn, model=model), has_aux=True)
    (loss, carry), grads = grad_fn(state.params, state.carry, window)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    position = (state.position + settings.window) % len(ids)
    state = TrainState(
        cast(ReadoutParams, params), opt_state, carry, position, state.key
    )
    return state, loss


@partial(jax.jit, static_argnames=("settings", "classes"))
def evaluate(
    params: ReadoutParams, ids: Array, *, settings: Settings, classes: int
) -> Array:
    """Bits a character over a whole text, read by several readers side by side.

    Example:
      >>> settings = Settings(hidden=8, batch=4, window=16)
      >>> params = make_state(settings, classes=5).params
      >>> evaluate(params, jnp.arange(100) % 5, settings=settings, classes=5).shape
      ()
    """
    model = make_model(settings, classes)
    rows = max(1, min(settings.batch, len(ids) // (settings.window + 1)))
    count = (len(ids) // rows - 1) // settings.window

    def one_window(params: ReadoutParams, carry: PyTree, position: Array):
        window = window_at(ids, position, rows=rows, window=settings.window)
        loss, carry = loss_fn(params, carry, window, model=model)
        return carry, loss

    positions = settings.window * jnp.arange(count)
    return unroll(one_window, params, model.init_carry((rows,)), positions)[1].mean()


def write(
    params: ReadoutParams,
    vocabulary: str,
    prompt: str,
    *,
    settings: Settings,
    key: Array,
    length: int,
    temperature: float,
) -> str:
    """Continues a prompt with text drawn from the model.

    Example:
      >>> params = make_state(Settings(hidden=8), classes=3).params
      >>> text = write(params, "abc", "ab", settings=Settings(hidden=8), length=5,
      ...              key=jax.random.key(0), temperature=1.0)
      >>> len(text), set(text) <= set("abc")
      (5, True)
    """
    model = make_model(settings, len(vocabulary))
    drawn = sample(
        model,
        params,
        model.init_carry(),
        jnp.asarray(encode(vocabulary, prompt)),
        key=key,
        length=length,
        embed=lambda ids: jax.nn.one_hot(ids, len(vocabulary)),
        temperature=temperature,
    )
    return decode(vocabulary, np.asarray(drawn.tokens))


__all__ = [
    "Settings",
    "TrainState",
    "bytes_needed",
    "evaluate",
    "loss_fn",
    "make_model",
    "make_optimizer",
    "make_state",
    "train_step",
    "write",
]
