"""How many cores there are for every library alike."""

import os


def cores() -> int:
    """Counts the cores this process may use: as many threads has each library."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
