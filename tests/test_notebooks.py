"""The notebooks run from top to bottom, and are committed as they ran."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from notebooks.execute import execute, reduce_pictures

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
SIZE = re.compile(r"^(STEPS\w*) = (\d+)", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_processes")
@each_notebook
def test_runs_in_a_fresh_kernel(path: Path):
    notebook = execute(shortened(nbformat.read(path, as_version=4)))
    assert not warnings_of(notebook)


def shortened(notebook):
    """Training of a twentieth of the steps: all is run, and less is learned."""
    less = lambda size: f"{size[1]} = {max(2, int(size[2]) // 20)}"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = SIZE.sub(less, cell.source)
    return notebook


def warnings_of(notebook):
    """What was written where warnings go."""
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    return [o.text for o in outputs if o.get("name") == "stderr"]


@each_notebook
def test_is_committed_as_it_ran(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]

    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), "run all cells in a fresh kernel"
    assert not [output for output in outputs if output.output_type == "error"]
    assert not warnings_of(notebook)
    assert any("image/png" in output.get("data", {}) for output in outputs)


@each_notebook
def test_is_small_and_says_how_to_run_it(path: Path):
    assert path.stat().st_size < 300_000
    notebook = json.loads(path.read_text(encoding="utf-8"))
    first, imports = notebook["cells"][:2]
    # What a picture is written as may hold any letters.
    text = re.sub(r'"image/png": "[^"]*"', "", json.dumps(notebook))
    assert not [root for root in ("/work", "/root", "/home", "/tmp") if root in text]
    assert 'pip install ".[notebooks]"' in "".join(first["source"])
    assert 'plt.style.use("plots.mplstyle")' in "".join(imports["source"])


@each_notebook
def test_holds_pictures_in_few_colours(path: Path):
    notebook = nbformat.read(path, as_version=4)
    before = len(nbformat.writes(notebook))
    reduce_pictures(notebook)
    assert len(nbformat.writes(notebook)) > 0.9 * before, "run notebooks/execute.py"
