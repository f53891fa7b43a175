"""Facts about the machine and the checkout, without anything that names them."""

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure.cores import cores
from recur._distribution import NAME


def circumstances() -> dict[str, Any]:
    """Describes what a record of trained networks depends on."""
    facts = environment(("jax", "optax", NAME), [], precision="highest")
    return {n: facts[n] for n in ("processor", "cores", "versions", "commit")}


def environment(
    distributions: Iterable[str], arguments: list[str], *, precision: str
) -> dict[str, Any]:
    """Describes the circumstances of a run, as ``schema.json`` has them.

    Args:
      distributions: Libraries taking part, by the names under which they install.
      arguments: The command line, without the names of files.
      precision: Of float32 products on an accelerator.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in sorted(set(distributions))},
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "modified": _modified(),
        "flags": os.environ.get("XLA_FLAGS", ""),
        "precision": precision,
        "load_start": load(),
        "load_end": None,
        "arguments": arguments,
    }


def load() -> float | None:
    """Gives the load average over one minute, where the system has one."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def processor() -> str:
    """Names the model of the processor."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return round(pages / 2**30, 1)


def _modified() -> bool | None:
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return None if changes is None else bool(changes)


def _git(*arguments: str) -> str | None:
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
