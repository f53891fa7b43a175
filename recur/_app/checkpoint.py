"""Checkpoints of a run: whole or not there, whenever the program is stopped."""

import re
import shutil
from pathlib import Path
from typing import Any, TypeVar

import orbax.checkpoint as ocp

from recur._app.interrupt import deferred
from recur._app.seal import facts_digest, is_whole, make_seal, state_digest

T = TypeVar("T")


class NotSaved(OSError):
    """A checkpoint could not be written; those before it are as they were.

    Example:
      >>> issubclass(NotSaved, OSError)
      True
    """


class Checkpoints:
    """The checkpoints of one run in one directory, the newest two kept.

    Orbax writes each beside the others and renames it when it is complete, so that a
    program killed at any instant leaves the one before it intact. Each is sealed by a
    digest of all that it holds, so that nothing else is ever taken for it.

    Args:
      directory: Where they are, made if needed.
      run: Name of the run; given, the checkpoints of another are refused.

    Raises:
      ValueError: If the directory cannot be written.

    Example:
      >>> import tempfile
      >>> checkpoints = Checkpoints(tempfile.mkdtemp())
      >>> checkpoints.save(3, {"w": jnp.ones(2)}, facts={"seed": 0})
      >>> checkpoints.latest(), checkpoints.facts()
      (3, {'seed': 0})
      >>> checkpoints.state({"w": jnp.zeros(2)})
      {'w': Array([1., 1.], dtype=float32)}
    """

    def __init__(self, directory: str | Path, *, run: str = "") -> None:
        self.directory, self.run = Path(directory).absolute(), run
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2, enable_async_checkpointing=False
        )
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            (self.directory / ".writable").touch()
            (self.directory / ".writable").unlink()
            self._manager = ocp.CheckpointManager(self.directory, options=options)
        except Exception as error:  # Orbax lets through whatever its storage raises.
            raise ValueError(
                f"out: '{directory}' cannot be written ({reason(error)}); expected a "
                "directory that can. Choose another."
            ) from None

    def latest(self) -> int | None:
        """Number of the newest complete checkpoint, if there is one."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any, *, facts: dict[str, Any]) -> None:
        """Writes ``state``, a pytree of arrays, and ``facts``, plain JSON, as one.

        Ctrl-C waits until it is written.

        Raises:
          NotSaved: If it is not written, for whatever reason.
        """
        seal = make_seal(step=step, run=self.run, state=state, facts=facts)
        items = {
            "state": ocp.args.StandardSave(state),
            "facts": ocp.args.JsonSave(facts),
            "seal": ocp.args.JsonSave(seal),
        }
        with deferred():
            self._commit(step, ocp.args.Composite(**items))

    def _commit(self, step: int, items: Any) -> None:
        why = f"'{self.directory}' is no longer there"
        try:
            # Orbax would make a directory that was taken away, and go on beside it.
            if self.directory.is_dir():
                why = f"step {self.latest()} is there already"
                if self._manager.save(step, args=items):
                    why = "it has gone"
                    if (self.directory / str(step)).is_dir():
                        return
        except Exception as error:  # Orbax lets through whatever its storage raises.
            why = reason(error)
            for draft in self.directory.glob(f"{step}.orbax-checkpoint-tmp*"):
                shutil.rmtree(draft, ignore_errors=True)
        raise NotSaved(
            f"out: the checkpoint of step {step} could not be written to "
            f"'{self.directory}' ({why})."
        )

    def facts(self) -> dict[str, Any]:
        """Reads the facts of the newest checkpoint.

        Raises:
          ValueError: If there is none, or they are not those that were written.
        """
        facts = self._restore("facts", ocp.args.JsonRestore())
        self._check_seal("facts", facts_digest(facts))
        return facts

    def state(self, like: T) -> T:
        """Reads the state of the newest checkpoint, in the structure of ``like``.

        Raises:
          ValueError: If there is none, or it is not the one that was written.
        """
        state = self._restore("state", ocp.args.StandardRestore(like))
        self._check_seal("state", state_digest(state))
        return state

    def _check_seal(self, name: str, digest: str) -> None:
        seal = self._restore("seal", ocp.args.JsonRestore())
        if not is_whole(seal) or seal["step"] != self.latest() or seal[name] != digest:
            raise self._damaged(f"its {name} are not what was written")
        if self.run and seal["run"] != self.run:
            raise self._damaged("it was written by another run")

    def _restore(self, name: str, how: Any) -> Any:
        step = self.latest()
        if step is None:
            raise ValueError(
                f"resume: '{self.directory}' holds no checkpoint; expected the --out "
                "directory of an earlier run. Check the path."
            )
        try:
            items = self._manager.restore(step, args=ocp.args.Composite(**{name: how}))
            return items[name]
        except Exception as error:  # Orbax lets through whatever its storage raises.
            raise self._damaged(type(error).__name__) from error

    def _damaged(self, why: str) -> ValueError:
        return ValueError(
            f"resume: the checkpoint '{self.directory / str(self.latest())}' is "
            f"damaged or from another program ({why}); expected one that this command "
            "wrote. Delete that folder to go on from the one before."
        )


def reason(error: BaseException) -> str:
    """Says in a few words why storage failed.

    Example:
      >>> reason(OSError(28, "No space left on device"))
      'No space left on device'
      >>> reason(ValueError("UNKNOWN: ... [OS error 28: ENOSPC No space left] [more]"))
      'No space left'
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if told := re.search(r"\[OS error \d+: E[A-Z]+ ([^\]]+)\]", str(cause)):
            return told[1]
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


__all__ = ["Checkpoints", "NotSaved", "reason"]
