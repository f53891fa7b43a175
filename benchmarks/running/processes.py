"""Flag sets compared: the same run in a fresh process for each of them."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from benchmarks.report.record import Run, load
from benchmarks.running.campaign import Keep
from benchmarks.running.options import Options
from benchmarks.running.reasons import plain_line

ROOT = Path(__file__).parents[2]


def run_flag_sets(options: Options, keep: Keep) -> Run:
    """Runs once with XLA's defaults and once with each flag set.

    XLA reads its flags when a process starts, so each set has a process of its own. A
    set that XLA refuses ends that process, and is named as skipped.

    Args:
      options: What is asked for, ``flag_sets`` among it.
      keep: Called with the record so far after every process.
    """
    record = Run({})
    with tempfile.TemporaryDirectory() as folder:
        for count, flags in enumerate(("", *options.flag_sets)):
            _absorb(record, options, flags, Path(folder) / f"{count}.json")
            keep(record)
            if record.interrupted:
                break
    record.environment["flags"] = os.environ.get("XLA_FLAGS", "")
    keep(record)
    return record


def _absorb(record: Run, options: Options, flags: str, output: Path) -> None:
    last_words = _run_process(options, flags, output)
    if not output.exists():
        reason = (
            plain_line(last_words) or "its process ended before anything was measured"
        )
        record.absent.append({"name": f"flags {flags}", "reason": reason})
        return
    found = load(output)
    load_end = found.environment["load_end"]
    record.environment = record.environment or found.environment
    record.environment["load_end"] = load_end
    record.absorb(found)


def _run_process(options: Options, flags: str, output: Path) -> str:
    """Runs one set to its end; gives the last line the process wrote."""
    command = [sys.executable, "-m", "benchmarks", "run", *options.arguments]
    command += [f"--flags-name={flags}", f"--output={output}"]
    command += ["--quiet"] if options.quiet else []
    together = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    environment = os.environ | {"XLA_FLAGS": together}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        try:
            return _pass_on(process.stderr)
        except KeyboardInterrupt:
            # The terminal has told the process as well: let it write what it has.
            return _pass_on(process.stderr)


def _pass_on(stream: IO[bytes]) -> str:
    heard = b""
    while piece := os.read(stream.fileno(), 4096):
        sys.stderr.write(piece.decode(errors="replace"))
        sys.stderr.flush()
        heard = (heard + piece)[-4096:]
    lines = [line.strip() for line in heard.decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")
