"""Runs notebooks from top to bottom, each in a fresh kernel, and writes them as they ran.

    python notebooks/execute.py                   # all of them
    python notebooks/execute.py 04_your_own_cell.ipynb 10_backends.ipynb

A notebook that fails is left as it was. Pictures are written in 256 colours.
"""

import base64
import io
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).parent


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Runs all cells in place, without data sets: what is committed holds none.

    Args:
        notebook: of format 4.

    Returns:
        The same notebook, with the outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: With the cell that failed.
    """
    # On a busy machine XLA complains of its own compilation: no warning of ours.
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("RECUR_DATA", None)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(HERE)}},
    )
    return client.execute(env=environment)


def reduce_pictures(notebook: nbformat.NotebookNode) -> None:
    """Writes every picture in 256 colours: curves look the same in a third of the bytes."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = reduced(data["image/png"])


def reduced(png: str) -> str:
    """One picture, in base64 as notebooks hold it; as it was where that is smaller."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    file = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return min(base64.b64encode(file.getvalue()).decode("ascii"), png, key=len)


def main(names: list[str]) -> None:
    """Runs the notebooks of these names, or all."""
    for path in [HERE / name for name in names] or sorted(HERE.glob("*.ipynb")):
        notebook = execute(nbformat.read(path, as_version=4))
        reduce_pictures(notebook)
        # The version of Python that ran it is no change of the notebook.
        notebook.metadata["language_info"] = {"name": "python"}
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
