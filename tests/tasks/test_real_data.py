"""The real data sets: as many as their sources say, and floors that others reported."""

import os
from pathlib import Path

import numpy as np
import pytest

from recur.tasks.catalogue import find
from recur.tasks.forecast import Forecast, ForecastSettings

DATA = os.environ.get("RECUR_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="needs the data sets in RECUR_DATA")
COUNTS = {
    "names": "20,050 surnames of 18 languages",
    "dna": "3,005 sequences",
    "reviews": "3,000 sentences",
    "digits": "55,000 images",
    "speech": "2,400 recordings",
    "music": "229 pieces, 13,807 frames",
    "translate": "29,000 pairs",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_all_of_it_is_read(name):
    kind = find(name)
    task = kind(kind.defaults, Path(DATA))
    assert COUNTS[name] in task.source
    assert DATA in task.source


# Root mean squared errors of repeating the last value, on the last fifth.
RMSE = {"sunspots": 20.09, "temperature": 2.481, "passengers": 52.49, "co2": 1.367}
# Root relative squared errors of the same, at 3, 6, 12 and 24 days.
RSE = {3: 0.0171, 6: 0.0238, 12: 0.0329, 24: 0.0434}


def naive(of):
    task = Forecast(ForecastSettings(of=of), Path(DATA))
    return task, task._windows[2][1], task._naive(2)


@pytest.mark.parametrize("of", RMSE)
def test_the_naive_forecast_has_the_known_error(of):
    _, ys, found = naive(of)
    error = np.sqrt(np.mean((found - ys) ** 2))
    assert error == pytest.approx(RMSE[of], rel=1e-3)


def test_the_naive_forecasts_of_papers_are_theirs():
    _, ys, found = naive("exchange")
    for h, known in RSE.items():
        truth = ys[:, h - 1]
        error = np.sum((found[:, h - 1] - truth) ** 2)
        rse = np.sqrt(error / np.sum((truth - truth.mean()) ** 2))
        assert rse == pytest.approx(known, rel=0.01)
    task, ys, found = naive("ett")
    scaled = (found - ys) / task._scale
    assert np.mean(scaled**2) == pytest.approx(0.424, rel=0.01)
