"""``list``: what there is to run, and what of it is here."""

import argparse

import jax

from benchmarks.commands.choosing import BACKENDS
from benchmarks.commands.parser import Commands
from benchmarks.peers.catalogue import CATALOGUE, GROUPS, Absent, load_peer
from benchmarks.suites import SUITES
from benchmarks.workload.cells import CELLS
from benchmarks.workload.shape import RECORD


def add(commands: Commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "list", help="show suites, cells, shapes, peers and backends"
    )
    command.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Prints everything by name."""
    _section("suites", {name: suite.about for name, suite in SUITES.items()})
    _section("cells", {name: kind.about for name, kind in CELLS.items()})
    _section("shapes, B,T,I,H", {str(shape): "" for shape in RECORD})
    _section("peers", {name: _peer(name) for name in CATALOGUE})
    _section("peers in a word", {w: ", ".join(group) for w, group in GROUPS.items()})
    _section("backends", {name: _backend(name) for name in BACKENDS})
    return 0


def _section(title: str, lines: dict[str, str]) -> None:
    print(f"{title}:")
    for name, about in lines.items():
        print(f"  {name:16} {about}".rstrip())
    print()


def _peer(name: str) -> str:
    about = CATALOGUE[name].about
    try:
        load_peer(name)
    except Absent as absent:
        return f"{about} ({absent})"
    return about


def _backend(name: str) -> str:
    try:
        devices = jax.devices(name)
    except RuntimeError as error:
        return f"not here: {str(error).splitlines()[0]}"
    return f"{len(devices)} of {devices[0].device_kind}"
