"""One training run of the command: in one directory, resumable, with a record."""

import argparse
import shlex
import time
import uuid
from dataclasses import fields
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from tqdm import tqdm

from recur._app.checkpoint import Checkpoints, NotSaved, reason
from recur._app.claim import Claim
from recur._app.facts import DEFAULTS, check_given, check_read
from recur._app.interrupt import deferred, on_stop
from recur._app.record import compare, draw_curve, floors_of
from recur._app.terminal import say
from recur._capacity import check_bytes
from recur.data.text import Corpus, encode, make_corpus, python_documentation, read_text
from recur.tasks import language_model as lm

EVALUATE_EVERY = 100


class Run:
    """One run: its settings, text, model state and record, in one directory.

    All that can be refused is refused before anything is written; what an attempt did
    write is removed again where it fails.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        given = {k: v for k, v in vars(arguments).items() if k in DEFAULTS}
        check_given(given)
        default = time.strftime("runs/%Y-%m-%d-%H%M%S")
        resumed = arguments.resume is not None
        self.out = Path(arguments.resume if resumed else arguments.out or default)
        if resumed:
            self._resume(given, arguments)
        else:
            self._begin(given, arguments)
        on_stop.sentence = f"stopped; {self.how_to_go_on()}"

    def how_to_go_on(self) -> str:
        """Says how to go on from the newest checkpoint."""
        return f"go on with: python -m recur --resume {shlex.quote(str(self.out))}"

    def close(self) -> None:
        """Gives the directory free."""
        self._claim.release()

    def _begin(self, given: dict[str, Any], arguments: argparse.Namespace) -> None:
        self._prepare({**DEFAULTS, "history": [], **given}, arguments)
        self.state, self.step = lm.make_state(self.settings, self.classes), 0
        # Ctrl-C comes before all of this, or when there is something to go on with.
        with deferred():
            self._claim = Claim(
                self.out, argument="out", make=True, contents=("checkpoints", ".run")
            )
            try:
                self._open_new()
                self._save()
            except BaseException:
                self._claim.undo()
                raise

    def _open_new(self) -> None:
        self.checkpoints = Checkpoints(self.out / "checkpoints", run=uuid.uuid4().hex)
        if self.checkpoints.latest() is not None:
            raise ValueError(
                f"out: '{self.out}' already holds a run; expected a new directory. Go "
                f"on with it by --resume {self.out}, or choose another."
            )
        (self.out / ".run").write_text(self.checkpoints.run)

    def _resume(self, given: dict[str, Any], arguments: argparse.Namespace) -> None:
        if not (self.out / "checkpoints").is_dir():
            raise ValueError(
                f"resume: '{self.out}' holds no run; expected the --out directory of "
                "an earlier one. Check the path."
            )
        self._claim = Claim(self.out, argument="resume")
        try:
            self._read(given, arguments)
        except BaseException:
            self._claim.undo()
            raise

    def _read(self, given: dict[str, Any], arguments: argparse.Namespace) -> None:
        name = self.out / ".run"
        run = name.read_text(errors="replace").strip() if name.is_file() else ""
        self.checkpoints = Checkpoints(self.out / "checkpoints", run=run)
        facts = self.checkpoints.facts()
        check_read(facts, step=self.checkpoints.latest() or 0, out=self.out)
        self._check_same(facts, given)
        self._prepare({**facts, **given}, arguments)
        like = lm.make_state(self.settings, self.classes)
        self.state, self.step = self.checkpoints.state(like), facts["step"]

    def _check_same(self, facts: dict[str, Any], given: dict[str, Any]) -> None:
        for name, value in given.items():
            if name not in ("steps", "text") and value != facts[name]:
                raise ValueError(
                    f"{name}: {value} came; expected {facts[name]}, with which the "
                    f"run in '{self.out}' was begun. Leave it out to go on with it."
                )

    def _prepare(self, facts: dict[str, Any], arguments: argparse.Namespace) -> None:
        """Reads the text, and refuses what cannot be trained or written."""
        self.facts = facts
        names = [field.name for field in fields(lm.Settings)]
        self.settings = lm.Settings(**{name: facts[name] for name in names})
        check_bytes("hidden, layers, batch, window", *self._needs(classes=1))
        self.corpus = self._read_corpus()
        self.classes = len(self.corpus.vocabulary)
        check_bytes("hidden, layers, batch, window", *self._needs(self.classes))
        check_bytes("sample", "the characters to write", 8 * arguments.sample)
        first = self.corpus.vocabulary[0]
        usual = "\n" if "\n" in self.corpus.vocabulary else first
        self.prompt = usual if arguments.prompt is None else arguments.prompt
        if arguments.sample:
            encode(self.corpus.vocabulary, self.prompt, name="prompt")

    def _needs(self, classes: int) -> tuple[str, int]:
        return "such a model and its training", lm.bytes_needed(self.settings, classes)

    def _read_corpus(self) -> Corpus:
        path = self.facts["text"]
        text = python_documentation() if path is None else read_text(path)
        corpus = make_corpus(text, window=self.settings.window)
        if self.facts.setdefault("digest", corpus.digest) != corpus.digest:
            raise ValueError(
                f"text: '{path or 'the documentation of this Python'}' is not the text "
                "the run was begun with; expected the same. Resume with the same file "
                "(or Python)."
            )
        return corpus

    def describe(self) -> None:
        """Says what is about to be trained on what, and what it has to beat."""
        corpus, settings = self.corpus, self.settings
        size = len(corpus.train) + len(corpus.valid)
        weights = sum(leaf.size for leaf in jax.tree.leaves(self.state.params))
        self.floors = floors_of(corpus)
        floors = ", ".join(f"{name} {b:.2f}" for name, b in self.floors.items())
        say(
            f"text    {self.facts['text'] or 'the documentation of this Python'}: "
            f"{size:,} characters, {self.classes} different"
        )
        say(f"floors  {floors} bits a character on the last tenth")
        say(
            f"model   {settings.cell}, {settings.layers} x {settings.hidden}, "
            f"{weights:,} weights, on {jax.devices()[0].platform}"
        )
        say(f"out     {self.out}")

    def train(self) -> None:
        """Trains up to the last step, with a checkpoint at every evaluation."""
        ids, valid = jnp.asarray(self.corpus.train), jnp.asarray(self.corpus.valid)
        static = {"settings": self.settings, "classes": self.classes}
        steps, per_step = (
            self.facts["steps"],
            self.settings.batch * self.settings.window,
        )
        done, total = self.step * per_step, steps * per_step
        bar = tqdm(
            total=total, initial=done, unit="char", unit_scale=True, disable=None
        )
        losses = []
        with bar:
            while self.step < steps:
                self.state, loss = lm.train_step(self.state, ids, **static)
                self.step += 1
                losses.append(loss)
                bar.update(per_step)
                if self.step % 10 == 0:
                    bar.set_postfix(bits=f"{loss:.2f}")
                if self.step % EVALUATE_EVERY == 0 or self.step == steps:
                    bits = float(lm.evaluate(self.state.params, valid, **static))
                    self._record(float(jnp.stack(losses).mean()), bits)
                    losses = []

    def _record(self, train_bits: float, valid_bits: float) -> None:
        self.facts["history"].append([self.step, train_bits, valid_bits])
        self._save()
        say(
            f"step {self.step:6d}   training {train_bits:.3f}   "
            f"validation {valid_bits:.3f} bits a character"
        )

    def _save(self) -> None:
        if not self._claim.holds():
            raise NotSaved(
                f"out: '{self.out}' is no longer the directory that the run was begun "
                f"in, so that step {self.step} is not kept."
            )
        self.facts["step"] = self.step
        self.checkpoints.save(self.step, self.state, facts=self.facts)

    def report(self) -> None:
        """Compares the last validation loss with the floors, and draws the curve."""
        if not self.facts["history"]:
            return
        step, _, bits = self.facts["history"][-1]
        below = compare(bits, self.floors)
        say(f"result  {bits:.3f} bits a character after {step} steps, {below}")
        settings, path = self.settings, self.out / "loss.png"
        title = f"{settings.cell}, {settings.layers} x {settings.hidden}"
        picture = draw_curve(self.facts["history"], self.floors, title=title)
        try:
            path.write_bytes(picture)
        except OSError as error:
            raise NotSaved(
                f"out: '{path}' could not be written ({reason(error)})."
            ) from None
        say(f"wrote   {path} and {self.checkpoints.directory}")

    def write(self, length: int, temperature: float) -> None:
        """Prints text that the model draws."""
        if length:
            text = lm.write(
                self.state.params,
                self.corpus.vocabulary,
                self.prompt,
                settings=self.settings,
                key=self.state.key,
                length=length,
                temperature=temperature,
            )
            say(f"sample  at temperature {temperature}\n\n{self.prompt}{text}")


__all__ = ["Run"]
