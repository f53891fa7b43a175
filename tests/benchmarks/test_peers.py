"""Every peer that is installed computes what we compute, for every cell it has."""

from functools import cache

import jax
import pytest

from benchmarks.measure.agreement import disagreement
from benchmarks.peers.catalogue import CATALOGUE, Absent, load_peer
from benchmarks.running.trial import _where_valid
from benchmarks.workload.case import Case
from benchmarks.workload.cells import CELLS
from benchmarks.workload.data import draw
from benchmarks.workload.shape import Shape

DEVICE = jax.devices("cpu")[0]
PEERS = [name for name in CATALOGUE if name != "recur"]
SHAPE = Shape(3, 5, 4, 6)


@cache
def ours(case):
    data = draw(case)
    program = load_peer("recur").prepare(case, data, DEVICE)
    return data, _where_valid(program.result(), data.lengths)


def check(name, **facts):
    """Skips a peer that is not here or has no such cell; else compares."""
    try:
        peer = load_peer(name)
    except Absent as absent:
        pytest.skip(f"{name}: {absent}")
    case = Case(suite="test", shape=SHAPE, **facts)
    if reason := peer.refuses(case, DEVICE):
        pytest.skip(reason)
    data, expected = ours(case)
    program = peer.prepare(case, data, DEVICE)
    found = _where_valid(program.result(), data.lengths)
    assert disagreement(expected, found, dtype=case.dtype) is None
    program.call()


def hardest(name):
    """Training where there are gradients: it compares the outputs too."""
    return "forward" if name == "onnxruntime" else "training"


@pytest.mark.quick(13)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", PEERS)
def test_a_roll_agrees(name, cell):
    check(name, cell=cell, task=hardest(name))


@pytest.mark.quick(6)
@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("task", ["forward", "step", "decode"])
def test_carries_streams_and_decoding_agree(name, task):
    check(name, cell="lstm", task=task)


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", PEERS)
def test_layers_both_ways_over_ragged_rows_agree(name):
    extra = {"layers": 2, "bidirectional": True, "ragged": True}
    check(name, cell="lstm", task="forward", **extra)


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", PEERS)
def test_gradients_both_ways_over_ragged_rows_agree(name):
    extra = {"bidirectional": True, "ragged": True}
    check(name, cell="elman", task=hardest(name), **extra)


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", PEERS)
def test_bfloat16_agrees(name):
    check(name, cell="lstm", task="forward", dtype="bfloat16")
