"""The command ``python -m benchmarks``."""

import sys

from benchmarks.commands.front import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
