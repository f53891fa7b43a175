"""One training run of the command: in one directory, resumable, with a record."""

import argparse
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.figure
from tqdm import tqdm

from recur import language_model as lm
from recur.checkpoint import Checkpoints
from recur.ngram import ngram_bits
from recur.text import Corpus, encode, make_corpus, python_documentation, read_text

EVALUATE_EVERY = 100
FLOORS = {1: "unigram", 2: "bigram", 3: "trigram", 5: "5-gram"}
DEFAULTS = {**asdict(lm.Settings()), "text": None, "steps": 1000}


class Run:
    """One run: its settings, text, model state and record, in one directory."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        given = {k: v for k, v in vars(arguments).items() if k in DEFAULTS}
        self.out = Path(
            arguments.resume or arguments.out or time.strftime("runs/%Y-%m-%d-%H%M%S")
        )
        facts = self._open(arguments.resume, given)
        self.facts = {**DEFAULTS, **facts, **given}
        names = [field.name for field in fields(lm.Settings)]
        self.settings = lm.Settings(**{name: self.facts[name] for name in names})
        self.corpus = self._read_corpus()
        self.classes = len(self.corpus.vocabulary)
        encode(self.corpus.vocabulary, arguments.prompt, name="prompt")
        self.state = lm.make_state(self.settings, self.classes)
        self.step = 0
        if arguments.resume:
            self.state = self.checkpoints.state(self.state)
            self.step = self.facts["step"]
        else:
            self._save()

    def _open(self, resume: str | None, given: dict[str, Any]) -> dict[str, Any]:
        if resume and not (self.out / "checkpoints").is_dir():
            raise ValueError(
                f"resume: '{resume}' holds no run; expected the --out directory of an "
                "earlier one. Check the path."
            )
        self.checkpoints = Checkpoints(self.out / "checkpoints")
        if resume:
            return self._check_same(self.checkpoints.facts(), given)
        if self.checkpoints.latest() is not None:
            raise ValueError(
                f"out: '{self.out}' already holds a run; expected a new directory. Go "
                f"on with it by --resume {self.out}, or choose another."
            )
        return {"history": []}

    def _check_same(
        self, facts: dict[str, Any], given: dict[str, Any]
    ) -> dict[str, Any]:
        if missing := {"step", "history", "digest"} - set(facts):
            raise ValueError(
                f"resume: the checkpoint in '{self.out}' is from another program (it "
                f"lacks {sorted(missing)}); expected one that this command wrote."
            )
        for name, value in given.items():
            if name not in ("steps", "text") and value != facts.get(name):
                raise ValueError(
                    f"{name}: {value} came; expected {facts.get(name)}, with which the "
                    f"run in '{self.out}' was begun. Leave it out to go on with it."
                )
        return facts

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
        bits = ngram_bits(
            corpus.train, corpus.valid, vocabulary_size=self.classes, order=max(FLOORS)
        )
        self.floors = {name: bits[n - 1] for n, name in FLOORS.items()}
        floors = ", ".join(f"{name} {b:.2f}" for name, b in self.floors.items())
        print(
            f"text    {self.facts['text'] or 'the documentation of this Python'}: "
            f"{size:,} characters, {self.classes} different"
        )
        print(f"floors  {floors} bits a character on the last tenth")
        print(
            f"model   {settings.cell}, {settings.layers} x {settings.hidden}, "
            f"{weights:,} weights, on {jax.devices()[0].platform}"
        )
        print(f"out     {self.out}", flush=True)

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
        tqdm.write(
            f"step {self.step:6d}   training {train_bits:.3f}   "
            f"validation {valid_bits:.3f} bits a character"
        )

    def _save(self) -> None:
        self.facts["step"] = self.step
        self.checkpoints.save(self.step, self.state, facts=self.facts)

    def report(self) -> None:
        """Compares the last validation loss with the floors, and draws the curve."""
        if not self.facts["history"]:
            return
        step, _, bits = self.facts["history"][-1]
        beaten = [name for name, floor in self.floors.items() if bits < floor]
        below = f"below the {beaten[-1]} floor" if beaten else "above every floor"
        print(f"result  {bits:.3f} bits a character after {step} steps, {below}")
        self._plot(self.out / "loss.png")
        print(f"wrote   {self.out / 'loss.png'} and {self.checkpoints.directory}")

    def _plot(self, path: Path) -> None:
        steps, train, valid = zip(*self.facts["history"], strict=True)
        figure = matplotlib.figure.Figure(figsize=(7, 4.5), layout="constrained")
        axes = figure.subplots()
        axes.plot(steps, train, marker=".", label="training")
        axes.plot(steps, valid, marker=".", label="validation")
        for name, bits in self.floors.items():
            axes.axhline(bits, color="gray", linewidth=0.8, linestyle="--")
            # Beside the axes, where no curve can run through it.
            beside = axes.get_yaxis_transform()
            axes.text(1.01, bits, f"{name} {bits:.2f}", transform=beside, va="center")
        settings = self.settings
        axes.set_title(f"{settings.cell}, {settings.layers} x {settings.hidden}")
        axes.set(xlabel="steps", ylabel="bits a character")
        axes.legend(loc="upper right")
        figure.savefig(path, dpi=150)

    def write(self, length: int, temperature: float, prompt: str) -> None:
        """Prints text that the model draws."""
        if length:
            text = lm.write(
                self.state.params,
                self.corpus.vocabulary,
                prompt,
                settings=self.settings,
                key=self.state.key,
                length=length,
                temperature=temperature,
            )
            print(f"sample  at temperature {temperature}\n\n{prompt}{text}")


__all__ = ["Run"]
