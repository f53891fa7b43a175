"""One run of an application: in one directory, resumable, with a record."""

import argparse
import json
import shlex
import time
import uuid
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from tqdm import tqdm

from recur._app.checkpoint import Checkpoints, NotSaved, reason
from recur._app.claim import Claim
from recur._app.facts import check_read
from recur._app.interrupt import deferred, on_stop
from recur._app.record import compare, draw_curve
from recur._app.terminal import say
from recur._capacity import check_bytes
from recur.tasks.settings import check_settings
from recur.tasks.task import Task
from recur.types import PyTree


class Run:
    """One run: its application, the state of its training and its record.

    All that can be refused is refused before anything is written; what an attempt did
    write is removed again where it fails.
    """

    def __init__(self, kind: type[Task], arguments: argparse.Namespace) -> None:
        self.kind, self.settings_type = kind, type(kind.defaults)
        names = {made.name for made in fields(self.settings_type)}
        given = {k: v for k, v in vars(arguments).items() if k in {*names, "data"}}
        check_settings(given, self.settings_type)
        default = time.strftime(f"runs/{kind.name}-%Y-%m-%d-%H%M%S")
        resumed = arguments.resume is not None
        self.out = Path(arguments.resume if resumed else arguments.out or default)
        if resumed:
            self._resume(given)
        else:
            self._begin(given)
        on_stop.sentence = f"stopped; {self.how_to_go_on()}"

    def how_to_go_on(self) -> str:
        """Says how to go on from the newest checkpoint."""
        where = shlex.quote(str(self.out))
        return f"go on with: python -m recur {self.kind.name} --resume {where}"

    def close(self) -> None:
        """Gives the directory free."""
        self._claim.release()

    def _begin(self, given: dict[str, Any]) -> None:
        started = {"task": self.kind.name, "data": None, "history": []}
        self._prepare({**asdict(self.kind.defaults), **started, **given})
        self.state, self.step = self._first_state(), 0
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

    def _resume(self, given: dict[str, Any]) -> None:
        if not (self.out / "checkpoints").is_dir():
            raise ValueError(
                f"resume: '{self.out}' holds no run; expected the --out directory of "
                "an earlier one. Check the path."
            )
        self._claim = Claim(self.out, argument="resume")
        try:
            self._read(given)
        except BaseException:
            self._claim.undo()
            raise

    def _read(self, given: dict[str, Any]) -> None:
        name = self.out / ".run"
        run = name.read_text(errors="replace").strip() if name.is_file() else ""
        self.checkpoints = Checkpoints(self.out / "checkpoints", run=run)
        facts = self.checkpoints.facts()
        self._check_task(facts)
        step = self.checkpoints.latest() or 0
        check_read(facts, self.settings_type, step=step, out=self.out)
        self._check_same(facts, given)
        self._prepare({**facts, **given})
        self.state = self.checkpoints.state(self._first_state())
        self.step = facts["step"]

    def _check_task(self, facts: Any) -> None:
        task = facts.get("task") if isinstance(facts, dict) else None
        if isinstance(task, str) and task != self.kind.name:
            raise ValueError(
                f"resume: the run in '{self.out}' is of {task}; expected one of "
                f"{self.kind.name}. Go on with it by python -m recur {task} --resume "
                f"{shlex.quote(str(self.out))}."
            )

    def _check_same(self, facts: dict[str, Any], given: dict[str, Any]) -> None:
        made = fields(self.settings_type)
        free = {field.name for field in made if field.metadata["free"]}
        for name in given.keys() - free - {"data"}:
            if given[name] != facts[name]:
                raise ValueError(
                    f"{name}: {given[name]} came; expected {facts[name]}, with which "
                    f"the run in '{self.out}' was begun. Leave it out to go on with it."
                )

    def _prepare(self, facts: dict[str, Any]) -> None:
        """Reads the data, and refuses what cannot be trained or shown."""
        self.facts = facts
        names = [made.name for made in fields(self.settings_type)]
        self.settings = self.settings_type(**{name: facts[name] for name in names})
        needs = self.settings.least_bytes()
        check_bytes("hidden, layers, batch", "such a model and its training", needs)
        data = None if facts["data"] is None else Path(facts["data"])
        self.task = self.kind(self.settings, data)
        if facts.setdefault("digest", self.task.digest) != self.task.digest:
            raise ValueError(
                f"data: '{self.task.source}' is not what the run was begun with; "
                "expected the same. Resume with the same files (or Python)."
            )
        self.init, self.train_step = self.task.make_train_step()

    def _first_state(self) -> dict[str, PyTree]:
        _, k_params = jax.random.split(jax.random.key(self.settings.seed))
        params = self.task.init(k_params)
        copy = jax.tree.map(lambda a: jnp.array(a, copy=True), params)
        state = self.init(params, self.task.init_carry())
        return {"now": state, "best": copy, "measure": jnp.float32(jnp.nan)}

    @property
    def params(self) -> PyTree:
        """Those that measured best."""
        return self.state["best"]

    def describe(self) -> None:
        """Says what is about to be trained on what, and what it has to beat."""
        weights = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        self.floors, settings = self.task.baselines(), self.settings
        floors = ", ".join(f"{name} {b:.4g}" for name, b in self.floors.items())
        say(f"data    {self.task.source}")
        say(f"floors  {floors} {self.kind.measure}")
        say(
            f"model   {settings.cell}, {settings.layers} x {settings.hidden}, "
            f"{weights:,} weights, on {jax.devices()[0].platform}"
        )
        say(f"out     {self.out}")

    def train(self) -> None:
        """Trains up to the last step, with a checkpoint at every evaluation."""
        task, steps, losses = self.task, self.settings.steps, []
        sizes = {"total": steps * task.per_step, "initial": self.step * task.per_step}
        key = jax.random.key(self.settings.seed)
        with tqdm(**sizes, unit=task.unit, unit_scale=True, disable=None) as bar:
            while self.step < steps:
                batch, k = task.batch(self.step), jax.random.fold_in(key, self.step)
                self.state["now"], told = self.train_step(self.state["now"], batch, k)
                self.step += 1
                losses.append(told.loss)
                bar.update(task.per_step)
                if self.step % 10 == 0:
                    bar.set_postfix({task.loss_unit: f"{told.loss:.3f}"})
                if self.step % task.every == 0 or self.step == steps:
                    self._record(float(jnp.stack(losses).mean()))
                    losses = []

    def _record(self, loss: float) -> None:
        params = self.state["now"].params
        measure = self.task.evaluate(params)
        self.facts["history"].append([self.step, loss, measure])
        self._keep_if_best(params, measure)
        self._save()
        say(
            f"step {self.step:6d}   training {loss:.3f}   validation {measure:.3f} "
            f"{self.kind.measure}"
        )

    def _keep_if_best(self, params: PyTree, measure: float) -> None:
        sign = 1 if self.kind.higher_is_better else -1
        if not sign * measure <= sign * float(self.state["measure"]):
            copy = jax.tree.map(lambda a: jnp.array(a, copy=True), params)
            self.state |= {"best": copy, "measure": jnp.float32(measure)}

    def _save(self) -> None:
        if not self._claim.holds():
            raise NotSaved(
                f"out: '{self.out}' is no longer the directory that the run was begun "
                f"in, so that step {self.step} is not kept."
            )
        self.facts["step"] = self.step
        self.checkpoints.save(self.step, self.state, facts=self.facts)

    def report(self) -> None:
        """Compares what was reached with the baselines, and shows what was learned."""
        files = self._measured() if self.facts["history"] else {}
        shown = self.task.show(self.params)
        self._write(files | {f"{n}.png": p for n, p in shown.pictures.items()})
        if shown.text:
            say(shown.text)

    def _measured(self) -> dict[str, bytes]:
        """Says what was reached, and makes the files that tell it."""
        kind, settings, measure = self.kind, self.settings, float(self.state["measure"])
        better = compare(measure, self.floors, higher=kind.higher_is_better)
        say(f"result  {measure:.4g} {kind.measure} in {self.step} steps, {better}")
        figures = self.task.figures(self.params)
        for name, value in figures.items():
            if name != kind.measure:
                say(f"        {name} {value:.4g}")
        title = f"{kind.name}: {settings.cell}, {settings.layers} x {settings.hidden}"
        curve = draw_curve(self.facts["history"], self.floors, kind, title)
        told = {"settings": asdict(settings), "source": self.task.source}
        told |= {"measure": {kind.measure: measure}, "figures": figures}
        told |= {"baselines": self.floors, "history": self.facts["history"]}
        return {"loss.png": curve, "figures.json": json.dumps(told, indent=1).encode()}

    def _write(self, files: dict[str, bytes]) -> None:
        for name, raw in files.items():
            path = self.out / name
            try:
                path.write_bytes(raw)
            except OSError as error:
                raise NotSaved(
                    f"out: '{path}' could not be written ({reason(error)})."
                ) from None
            say(f"wrote   {path}")

    def answer(self, text: str) -> None:
        """Says what the application makes of a user's own input."""
        say(self.task.say(self.params, text))


__all__ = ["Run"]
