"""Agreement: what counts as the same, and how a difference is told."""

import numpy as np
import pytest

from benchmarks.measure.agreement import TOLERANCE, disagreement

OURS = {"ys": np.array([1.0, -2.0], np.float32)}


def told(theirs):
    return disagreement(OURS, {"ys": np.asarray(theirs)}, dtype="float32")


def test_equal_results_agree():
    assert told(OURS["ys"]) is None


def test_rounding_is_no_difference():
    assert told(OURS["ys"] * (1 + 0.5 * TOLERANCE["float32"])) is None


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        ([1.0, -1.9], "ys differs by 5.0e-02 of its largest entry (allowed: 2e-05)"),
        ([1.0, np.nan], "ys differs by nan"),
        ([1.0, np.inf], "ys differs by inf"),
        ([1.0], "ys has shape (1,), ours (2,)"),
    ],
)
def test_a_difference_is_told(theirs, reason):
    assert told(theirs).startswith(reason)


def test_other_results_are_told():
    theirs = {"ys": OURS["ys"], "carry": OURS["ys"]}
    reason = disagreement(OURS, theirs, dtype="float32")
    assert reason == "its results are not structured as ours"
