"""Music: the notes of the next frame, from all frames before it."""

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np
import optax
import scipy.io

from recur._roll.unroll import unroll
from recur.compose.masks import draw_masks
from recur.compose.readout import Readout, ReadoutParams
from recur.compose.stack import Stack
from recur.data.files import data_file, wrong_format
from recur.data.loading import shuffled_batches
from recur.data.padding import Padded, pad
from recur.regularize.dropout import Dropout
from recur.tasks.pictures import png
from recur.tasks.settings import Settings, option
from recur.tasks.standins.music import make_pieces
from recur.tasks.task import Card, Shown, Task, digest_of, sum_valid
from recur.types import Array, PyTree

KEYS, LOWEST = 88, 21  # Of a piano; the lowest in MIDI's numbers.
FILES = {"jsb": "JSB_Chorales.mat", "nottingham": "Nottingham.mat"}
NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]


@dataclass(frozen=True, kw_only=True)
class MusicSettings(Settings):
    """Settings of music.

    Example:
      >>> MusicSettings().of
      'jsb'
    """

    of: str = option("jsb", "what is played", choices=tuple(FILES))
    batch: int = option(16, "pieces side by side")
    learning_rate: float = option(3e-3, "at its peak", least=1e-9, most=1e3)
    window: int = option(128, "frames that are learned at once")
    transpose: int = option(5, "half tones a piece may be moved by", least=0, most=12)
    dropout: float = option(0.3, "share of entries dropped", least=0, most=0.95)


class Music(Task[MusicSettings]):
    """Predicts which of 88 keys sound in each frame.

    Example:
      >>> task = Music(MusicSettings(hidden=4))
      >>> task.train[0].shape[-1]
      88
    """

    name = "music"
    card = Card(
        "a piece of music, frame by frame", "the notes of the next", "many-to-many",
        "jsb_nottingham; scales and chords", "6",
    )  # fmt: skip
    defaults = MusicSettings(hidden=200, steps=2500)
    measure = loss_unit = "nats a frame"
    higher_is_better = False

    def read(self, directory: Path | None) -> None:
        """Reads piano rolls ``[T, 88]``."""
        parts = make_pieces() if directory is None else _read(directory, self.settings)
        self.train, self.valid, self.test = parts
        window = self.settings.window + 1
        starts = [(p, s) for p in self.train for s in range(0, len(p) - 1, window - 1)]
        self._windows = pad([p[s : s + window] for p, s in starts], time_major=False)
        where = "scales and chords, as no data was given"
        where = where if directory is None else f"{directory}, {self.settings.of}"
        frames = sum(map(len, self.train))
        self.source = f"{len(self.train)} pieces, {frames:,} frames to learn: {where}"
        self.digest = digest_of(*self.train, *self.valid, *self.test)

    @cached_property
    def model(self) -> Readout:
        """Stacks cells with dropout under a logit a key."""
        s = self.settings
        layers = (Dropout(s.make_cell(), s.dropout),) * s.layers
        return Readout(Stack(layers), KEYS)

    def init(self, key: Array) -> ReadoutParams:
        """Draws the weights."""
        params = self.model.init(key, input_size=KEYS)
        often = np.concatenate(self.train).mean(0).clip(1e-4, 1 - 1e-4)
        return params._replace(b=jnp.asarray(np.log(often / (1 - often)), jnp.float32))

    @cached_property
    def _order(self):
        count = len(self._windows.seq_lengths)
        size = min(self.settings.batch, count)
        return shuffled_batches(count, size=size, seed=self.settings.seed)

    def batch(self, step: int) -> Padded:
        """Takes the windows of a step, ``[T + 1, B, 88]``."""
        places = self._order[step]
        values, lengths = self._windows
        return Padded(values[places].swapaxes(0, 1), lengths[places])

    def loss(
        self, params: ReadoutParams, carry: PyTree, batch: Padded, key: Array
    ) -> tuple[Array, PyTree]:
        """Mean over the frames of the sum over the keys."""
        k_moves, k_masks = jax.random.split(key)
        batch = self._moved(batch, k_moves)
        xs = batch.values[:-1].astype(jnp.float32)
        drawn = draw_masks(self.model, k_masks, params, xs)
        total, count = self._nats(drawn, batch)
        return total / count, None

    def _moved(self, batch: Padded, key: Array) -> Padded:
        """Plays each piece in another key, as music is the same in all."""
        most, rows = self.settings.transpose, batch.values.shape[1]
        moves = jax.random.randint(key, (rows,), -most, most + 1)
        turned = jax.vmap(partial(jnp.roll, axis=-1), (1, 0), 1)(batch.values, moves)
        return batch._replace(values=turned)

    def _nats(self, params: ReadoutParams, batch: Padded) -> tuple[Array, Array]:
        frames = batch.values.astype(jnp.float32)
        lengths = jnp.asarray(batch.seq_lengths) - 1
        _, logits = unroll(self.model, params, None, frames[:-1], seq_lengths=lengths)
        nats = optax.sigmoid_binary_cross_entropy(logits, frames[1:]).sum(-1)
        return sum_valid(nats, lengths)

    @cached_property
    def _measured(self):
        return jax.jit(self._nats)

    def _mean_nats(self, params: ReadoutParams, pieces: list[np.ndarray]) -> float:
        # Sorted, so that a batch is of about one length; padded to a few lengths.
        pieces = sorted(pieces, key=len)
        totals = []
        for start in range(0, len(pieces), 32):
            part = pieces[start : start + 32]
            part += [np.zeros((1, KEYS), np.uint8)] * (32 - len(part))
            length = -(-max(map(len, part)) // 128) * 128 + 1
            totals.append(self._measured(params, pad(part, length=length)))
        total, count = np.sum(totals, axis=0)
        return float(total / count)

    def evaluate(self, params: ReadoutParams) -> float:
        """Nats a frame of the validation pieces."""
        return self._mean_nats(params, self.valid)

    def figures(self, params: ReadoutParams) -> dict[str, float]:
        """Nats a frame of the test pieces."""
        return {"test nats a frame": self._mean_nats(params, self.test)}

    def baselines(self) -> dict[str, float]:
        """Each key as often as in training, and given whether it sounded before."""
        pairs = [np.stack([p[:-1], p[1:]]) for p in self.train if len(p) > 1]
        before, after = np.concatenate(pairs, axis=1)
        seen = [np.stack([p[:-1], p[1:]]) for p in self.valid if len(p) > 1]
        before_v, after_v = np.concatenate(seen, axis=1)
        # Add-one smoothing, as a key may never sound.
        often = (after.sum(0) + 1) / (len(after) + 2)
        on, off = before == 1, before == 0
        p_on = ((after * on).sum(0) + 1) / (on.sum(0) + 2)
        p_off = ((after * off).sum(0) + 1) / (off.sum(0) + 2)
        given = np.where(before_v == 1, p_on, p_off)
        return {"static": _nats(often, after_v), "key by key": _nats(given, after_v)}

    def compose(self, params: ReadoutParams, start: np.ndarray, length: int) -> Array:
        """Goes on from ``start [P, 88]`` with frames drawn from the model."""
        carry, logits = unroll(
            self.model, params, None, jnp.asarray(start, jnp.float32)
        )

        def draw(params: ReadoutParams, state: PyTree, key: Array) -> PyTree:
            carry, logits = state
            frame = jax.random.bernoulli(key, jax.nn.sigmoid(logits))
            new = self.model.step(params, carry, frame.astype(jnp.float32))
            return new, frame

        keys = jax.random.split(jax.random.key(self.settings.seed), length)
        return unroll(draw, params, (carry, logits[-1]), keys)[1]

    def show(self, params: ReadoutParams) -> Shown:
        """Shows a piece, and how the model would go on from its beginning."""
        piece = max(self.test, key=lambda p: min(len(p), 96))[:96]
        half = len(piece) // 2
        composed = np.asarray(self.compose(params, piece[:half], len(piece) - half))
        own = np.concatenate([piece[:half], composed])
        figure = matplotlib.figure.Figure(figsize=(9, 6), layout="constrained")
        for axes, roll, title in zip(
            figure.subplots(2, sharex=True, sharey=True),
            (piece, own),
            ("a piece it does not know", "its first half, and how the model goes on"),
            strict=True,
        ):
            axes.imshow(roll.T, origin="lower", aspect="auto", cmap="Greys",
                        extent=(0, len(roll), LOWEST, LOWEST + KEYS))  # fmt: skip
            axes.axvline(half, color="C3", linestyle="--")
            sounding = LOWEST + np.flatnonzero(roll.any(0))
            axes.set(title=title, xlabel="frames", ylabel="MIDI note")
            axes.set_ylim(min(sounding, default=21) - 3, max(sounding, default=108) + 4)
        return Shown(pictures={"piano_roll": png(figure)})

    def say(self, params: ReadoutParams, text: str) -> str:
        """Goes on from chords such as ``"C4 E4 G4, D4 F4 A4"`` for 16 frames."""
        start = np.zeros((len(chords := text.split(",")), KEYS), np.float32)
        for frame, chord in zip(start, chords, strict=True):
            frame[[_key(note) for note in chord.split()]] = 1
        frames = np.asarray(self.compose(params, start, 16))
        return "\n".join(
            " ".join(map(_note, np.flatnonzero(f).tolist())) or "-" for f in frames
        )


def _nats(p: np.ndarray, frames: np.ndarray) -> float:
    return float(-np.log(np.where(frames == 1, p, 1 - p)).sum(-1).mean())


def _note(key: int) -> str:
    octave, place = divmod(key + LOWEST, 12)
    return f"{NAMES[place]}{octave - 1}"


def _key(note: str) -> int:
    keys = {_note(key): key for key in range(KEYS)}
    if note not in keys:
        raise ValueError(
            f"say: '{note}' is no note; expected notes of a piano, with commas between "
            "frames, such as 'C4 E4 G4, D4 F#4 A4'."
        )
    return keys[note]


def _read(directory: Path, settings: MusicSettings) -> list[list[np.ndarray]]:
    path = data_file(directory, "jsb_nottingham", FILES[settings.of])
    try:
        found = scipy.io.loadmat(path)
        parts = [found[f"{name}data"][0] for name in ("train", "valid", "test")]
        pieces = [[np.asarray(p, np.uint8) for p in part] for part in parts]
        if any(p.ndim != 2 or p.shape[1] != KEYS for part in pieces for p in part):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        expected = "piano rolls [T, 88] named traindata, validdata, testdata"
        raise wrong_format(path, expected, type(error).__name__) from None
    return pieces


__all__ = ["Music", "MusicSettings"]
