"""The notebooks run from top to bottom, and are committed as they ran."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
MANY, FEW = "for _ in range(1000)", "for _ in range(100)"
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_processes")
@each_notebook
def test_runs_in_a_fresh_kernel(path: Path):
    notebook = shortened(nbformat.read(path, as_version=4))
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources=resources
    )
    client.execute()  # raises CellExecutionError, which shows the cell and its error


def shortened(notebook):
    """Training on a tenth of the batches: all is run, and less is learned."""
    (cell,) = [c for c in notebook.cells if MANY in c.source and c.cell_type == "code"]
    cell.source = cell.source.replace(MANY, FEW)
    return notebook


@each_notebook
def test_is_committed_as_it_ran(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]

    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), "run all cells in a fresh kernel"
    assert not [output for output in outputs if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@each_notebook
def test_names_no_path_of_the_machine_it_ran_on(path: Path):
    text = path.read_text(encoding="utf-8")
    assert not [root for root in ("/work", "/root", "/home") if root in text]
