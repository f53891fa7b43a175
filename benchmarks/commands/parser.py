"""What argparse offers a command to add itself to, under a name that says so."""

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The subcommands of the parser; argparse has no public name for their type."""
