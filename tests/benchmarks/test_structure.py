"""The tree of the benchmarks: imports run downwards, a library stays in its file."""

import ast
from pathlib import Path

import pytest

import benchmarks
from benchmarks.peers.catalogue import CATALOGUE

ROOT = Path(benchmarks.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
FLOORS = ("workload", "measure", "peers", "suites", "report", "running", "commands")

HOMES = {
    "flax": ("flax_linen", "flax_nnx"),
    "haiku": ("dm_haiku",),
    "equinox": ("equinox_nn",),
    "keras": ("keras_layers",),
    "torch": ("torch_nn", "torch_stream", "torch_weights"),
    "onnx": ("onnx_graph",),
    "onnxruntime": ("onnx_runtime",),
}


def imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def floor(module):
    return FLOORS.index(module.split(".")[1])


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_run_downwards(file):
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    if len(parts) > 1 and parts[1] in FLOORS:
        own = [m for m in imports(file) if m.startswith("benchmarks.")]
        assert all(floor(m) <= floor(".".join(parts)) for m in own)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_library_is_imported_in_its_own_file_only(file):
    tops = {module.split(".")[0] for module in imports(file)}
    assert all(file.stem in HOMES[top] for top in tops & set(HOMES))


def test_there_are_no_cycles():
    graph = {
        ".".join(f.relative_to(ROOT.parent).with_suffix("").parts): set(imports(f))
        for f in FILES
    }
    while leaves := [name for name in graph if not graph[name] & set(graph)]:
        for name in leaves:
            del graph[name]
    assert not graph


def test_every_peer_of_the_catalogue_has_its_file():
    modules = {entry.module for entry in CATALOGUE.values()}
    assert all((ROOT / "peers" / f"{module}.py").is_file() for module in modules)
