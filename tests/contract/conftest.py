"""Every law runs on every row."""

import pytest

from tests.cases import CASES


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request):
    """One row of the table of cells."""
    return request.param
