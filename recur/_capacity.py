"""Sizes against the memory of this machine, before anything is allocated.

XLA's CPU backend ends the whole interpreter where an allocation fails in the middle of
a program, so what cannot fit is refused before it is asked for.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from recur.types import DTypeLike

LEAST = 2**28  # Bytes below which nobody is asked what is free.
CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


def available_bytes() -> int | None:
    """Memory that this process may still take, where the system tells.

    The least of what the machine, a container and ``ulimit -v`` leave.

    Example:
      >>> available_bytes() is None or available_bytes() > 0
      True
    """
    return min((*_of_machine(), *_of_container(), *_of_limit()), default=None)


def _of_machine() -> Iterator[int]:
    try:
        rows = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
        kilobytes = (rows[name].split()[0] for name in ("MemAvailable", "SwapFree"))
        yield 1024 * sum(map(int, kilobytes))
    except (OSError, ValueError, LookupError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_container() -> Iterator[int]:
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            # The text "max", no limit, is no number.
            yield int((CGROUP / limit).read_text()) - int((CGROUP / used).read_text())
        except (OSError, ValueError):
            continue


def _of_limit() -> Iterator[int]:
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limits.
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        yield limit


def check_bytes(where: str, what: str, needed: int) -> None:
    """Refuses what needs more memory than there is.

    Args:
      where: Who asks, to open the message with.
      what: What needs the memory.
      needed: Bytes.

    Raises:
      MemoryError: If they are not there.

    Example:
      >>> check_bytes("doc", "the weights", 10**18)
      Traceback (most recent call last):
      MemoryError: doc: the weights need 931,322,574.6 GiB; expected at most the ...
    """
    free = available_bytes() if needed >= LEAST else None
    if free is not None and needed > free:
        raise MemoryError(
            f"{where}: {what} need {needed / 2**30:,.1f} GiB; expected at most the "
            f"{free / 2**30:,.1f} GiB of memory that are free. Choose smaller sizes."
        )


def check_array(where: str, shape: tuple[int, ...], dtype: DTypeLike) -> None:
    """Refuses an array on the host that its memory cannot hold.

    What is only traced, or made on another device, is that compiler's to judge.

    Example:
      >>> check_array("doc", (2, 3), jnp.float32)
    """
    if not all(isinstance(n, (int, np.integer)) for n in shape):
        return  # A symbolic size has no value yet.
    needed = math.prod(map(int, shape)) * np.dtype(dtype).itemsize
    if needed < LEAST or isinstance(jnp.zeros(()), Tracer):
        return
    if next(iter(jnp.zeros(()).devices())).platform == "cpu":
        shown = f"{np.dtype(dtype)}[{', '.join(map(str, shape))}]"
        check_bytes(where, f"the values of {shown}", needed)


__all__ = ["available_bytes", "check_array", "check_bytes"]
