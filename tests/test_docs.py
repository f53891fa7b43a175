"""The Python of the site runs, page by page, and every public name is on a page."""

import importlib
import importlib.util
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import jax
import pytest

import recur
import recur.interop

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(
    page
    for page in [*DOCS.glob("*.md"), *DOCS.glob("guides/*.md")]
    if "```python" in page.read_text(encoding="utf-8")
)
NEEDS = ("torch", "keras", "haiku", "equinox", "onnx")


def blocks(page):
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def runs_here(block):
    """Whether the libraries that a block imports are installed."""
    imported = set(re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE))
    imported |= {n for n in NEEDS if f"recur.interop.{n}" in block}
    return all(importlib.util.find_spec(n) for n in imported & set(NEEDS))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_code_of_a_page_runs_from_top_to_bottom(page, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    here = [block for block in blocks(page) if runs_here(block)]
    if not here:
        pytest.skip(f"its code needs one of {', '.join(NEEDS)}")
    names = {}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in here:
            exec(compile(block, page.name, "exec"), names)


def test_a_page_imports_the_modules_it_names():
    """What another page imported in the same process is not there for its reader."""
    asked = "import sys, recur; print(*(n for n in sys.modules if n[:6] == 'recur.'))"
    command = [sys.executable, "-c", asked]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True)
    for page in PAGES:
        code = "\n".join(blocks(page))
        imported = set(re.findall(r"^(?:import|from) (recur\.\w+)", code, re.MULTILINE))
        imported |= set(loaded.stdout.split())
        used = {f"recur.{name}" for name in re.findall(r"\brecur\.(\w+)\.", code)}
        modules = {name for name in used if importlib.util.find_spec(name)}
        assert modules <= imported, page


def public_modules():
    """Those that users import, ``recur`` itself first."""
    yield recur
    for info in pkgutil.iter_modules(recur.__path__, "recur."):
        if not info.name.split(".")[1].startswith("_"):
            yield importlib.import_module(info.name)
    for info in pkgutil.iter_modules(recur.interop.__path__, "recur.interop."):
        if not info.name.split(".")[2].startswith("_"):
            yield importlib.import_module(info.name)


def documented():
    """All objects of which a page of the API has the docstring."""
    text = "\n".join(p.read_text(encoding="utf-8") for p in DOCS.glob("api/*.md"))
    for name in re.findall(r"^\.\. automodule:: (\S+)", text, re.MULTILINE):
        module = importlib.import_module(name)
        yield from (getattr(module, n) for n in module.__all__)
    for name in re.findall(r"^\.\. auto\w+:: recur\.(\w+)$", text, re.MULTILINE):
        yield getattr(recur, name)


def test_every_public_name_is_on_a_page():
    found = list(documented())
    missing = [
        f"{module.__name__}.{name}"
        for module in public_modules()
        for name in getattr(module, "__all__", ())
        if not inspect.ismodule(getattr(module, name))
        and not any(getattr(module, name) is each for each in found)
    ]
    assert not missing


def test_every_notebook_and_record_is_on_a_page():
    pages = "\n".join(p.read_text() for p in DOCS.glob("performance/*.md"))
    for record in DOCS.parent.glob("benchmarks/results/*.md"):
        assert record.name in pages, f"no page includes {record.name}"
    assert "notebooks/*" in (DOCS / "tutorials.md").read_text()
