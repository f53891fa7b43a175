"""Windows against a plain loop over their starts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recur.data import windows


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 4), st.integers(1, 5))
def test_windows_are_those_of_a_loop(steps, length, horizon, stride):
    series = {"a": np.arange(steps * 2).reshape(steps, 2), "b": np.arange(steps)}
    sizes = {"length": length, "horizon": horizon, "stride": stride}
    if steps < length + horizon:
        with pytest.raises(ValueError, match=f"series has {steps} steps"):
            windows(series, **sizes)
        return
    starts = range(0, steps - length - horizon + 1, stride)
    inputs, targets = windows(series, **sizes)
    rows, aims = windows(series, **sizes, time_major=False)
    for name, values in series.items():
        read = np.stack([values[n : n + length] for n in starts])
        ahead = [values[n + length : n + length + horizon] for n in starts]
        np.testing.assert_array_equal(rows[name], read)
        np.testing.assert_array_equal(aims[name], np.stack(ahead))
        np.testing.assert_array_equal(inputs[name], read.swapaxes(0, 1))
        np.testing.assert_array_equal(targets[name], np.stack(ahead).swapaxes(0, 1))


def test_no_value_is_copied():
    series = np.arange(10**6, dtype=np.float32)
    inputs, targets = windows(series, length=1000, horizon=10)
    assert np.shares_memory(series, inputs)
    assert inputs.shape == (1000, 998_991)
    assert targets[-1, -1] == series[-1]


def test_bad_input():
    for name in ("length", "horizon", "stride"):
        sizes = {"length": 2, "horizon": 1, "stride": 1} | {name: -1}
        with pytest.raises(ValueError, match=f"windows: {name} is -1; expected a pos"):
            windows(np.ones(9), **sizes)
    with pytest.raises(
        ValueError, match=r"series is float64\[3\], float64\[4\]; expec"
    ):
        windows((np.ones(3), np.ones(4)), length=1)
    with pytest.raises(TypeError, match="series is str 'abc'"):
        windows("abc", length=1)
