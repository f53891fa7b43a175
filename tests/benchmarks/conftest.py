"""What the tests of the harness share: planted peers, and no measured ceilings."""

from dataclasses import replace

import jax
import pytest

from benchmarks.measure.ceiling import Ceiling
from benchmarks.measure.turns import Budget
from benchmarks.peers.plain_scan import PlainScan
from benchmarks.running import campaign
from benchmarks.running.options import Options
from benchmarks.suites import ROLLS, Choice
from benchmarks.workload.shape import Shape

QUICK = Budget(seconds=0.0, least=2, most=2, turn=0.0)


@pytest.fixture(autouse=True)
def everyday_promotion():
    """Peers promote ranks and dtypes as they like."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture
def ceiling(monkeypatch):
    """A ceiling without the seconds it takes to measure."""
    found = Ceiling(1e9, {2**20: 1e9})
    monkeypatch.setattr(campaign, "measure_ceiling", lambda device, dtype: found)
    return found


@pytest.fixture
def plant(monkeypatch):
    """Gives a function that puts peers of the test in the place of the catalogue's."""

    def plant(**peers):
        everyone = {"recur": campaign.load_peer("recur"), **peers}
        monkeypatch.setattr(campaign, "load_peer", everyone.__getitem__)

    return plant


@pytest.fixture
def options():
    """A run of one cell forward on one small shape, against one peer."""
    choice = Choice(cells=("elman",), shapes=(Shape(2, 3, 4, 5),), tasks=("forward",))
    return Options(
        backends=("cpu",),
        suites=("sequence",),
        choice=choice,
        against=("plain",),
        budget=QUICK,
        quiet=True,
    )


def with_training(options):
    """The same run, its gradients too."""
    return replace(options, choice=replace(options.choice, tasks=ROLLS))


class WrongOutputs(PlainScan):
    """A peer that mistakes a convention: it walks backwards."""

    def roll(self, layer, *, reverse):
        return super().roll(layer, reverse=not reverse)


class WrongGradients(PlainScan):
    """A peer that is right forwards and off by a tenth backwards."""

    def restore(self, layer, weights):
        return jax.tree.map(lambda w: 1.1 * w, weights)


class Broken(PlainScan):
    """A peer that raises."""

    def roll(self, layer, *, reverse):
        raise RuntimeError("no kernel in /usr/lib/thing.so\nand more")
