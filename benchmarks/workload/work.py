"""The work a case asks for, whoever does it: products, and bytes that must move."""

from typing import NamedTuple

import jax
import numpy as np

from benchmarks.workload.case import Case
from benchmarks.workload.cells import CELLS
from benchmarks.workload.data import Data


class Work(NamedTuple):
    """The least a program can get away with."""

    flops: int
    bytes: int


def work(case: Case, data: Data) -> Work:
    """Counts the matrix products of a case, and its arrays once each.

    Gate arithmetic is not counted, nor are weights that leave the cache and come
    back: what is counted no program can do without, so that no fraction of the
    ceiling is above one by definition.
    """
    return Work(_flops(case, data), _bytes(case, data))


def _flops(case: Case, data: Data) -> int:
    steps = case.shape.batch if case.task == "step" else int(data.lengths.sum())
    gates = CELLS[case.cell].gates
    cells = sum(
        2 * (layer.input_size + layer.hidden_size) * gates * layer.hidden_size
        for layer in case.layer_stack
    )
    total = steps * cells * case.directions
    if case.task == "decode":
        total += 2 * steps * data.readout.size
    # Backwards, each product has two: with its other operand, and with its result.
    return 3 * total if case.task == "training" else total


def _bytes(case: Case, data: Data) -> int:
    weights, carry = _size(data.params), _size(data.carry)
    if case.task == "step":
        return weights + 2 * carry + (data.xs[0].nbytes + data.cotangents[0].nbytes)
    if case.task == "decode":
        tables = data.embedding.nbytes + data.readout.nbytes
        tokens = case.shape.batch * case.shape.steps * data.tokens.itemsize
        return weights + 2 * carry + tables + tokens
    roll = weights + 2 * carry + data.xs.nbytes + data.cotangents.nbytes
    if case.task == "training":
        roll += weights + data.xs.nbytes + data.cotangents.nbytes
    return roll


def _size(tree: object) -> int:
    return sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(tree))
