"""Imports run downwards only, without a cycle and never through the package's front."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import recur

ROOT = Path(recur.__file__).parent
# Of each list a module may see those above it. A folder stands for all in it that are
# not named by themselves; inside one there is no cycle.
LAYERS = (
    ("types",),
    ("_app.interrupt", "_capacity", "_distribution", "_portable"),
    ("_checks",),
    ("_arguments",),
    ("_ops", "initializers"),
    ("_jaxpr",),
    ("_roll",),
    ("cells",),
    ("linear_rnn",),
    ("compose",),
    ("attention", "regularize"),
    ("_flax", "data", "decoding", "interop._shared", "online", "training"),
    ("diagnostics", "interop.onnx", "linen", "nnx"),
    ("interop",),
    ("tasks.baselines",),
    ("tasks",),
    ("_app",),
    ("__main__",),
)
APART = (
    "cudnn",
    "equinox",
    "flax_linen",
    "flax_nnx",
    "haiku",
    "keras",
    "mamba",
    "onnx",
    "recurrentgemma",
    "rwkv",
    "torch",
    "xlstm",
)
"""Converters of one library each, which know nothing of those of another."""

CORE = {"jax", "numpy"}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted(ROOT.rglob("*.py"))
}


def layer(name):
    parts = name.split(".")
    prefixes = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    places = {prefix: n for n, names in enumerate(LAYERS) for prefix in names}
    return next((places[prefix] for prefix in prefixes if prefix in places), None)


def imports(path):
    """Every module that a file imports, whether at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole.removeprefix("recur.") in MODULES else node.module


def own(path):
    return [
        n.removeprefix("recur.") for n in imports(path) if n.split(".")[0] == "recur"
    ]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_layer(name):
    package = name.endswith("__init__")
    assert package or layer(name) is not None, f"say in LAYERS where {name} belongs"


MODULES_OF_CODE = [n for n in MODULES if not n.endswith("__init__")]


@pytest.mark.parametrize("name", MODULES_OF_CODE)
def test_imports_run_downwards(name):
    for other in own(MODULES[name]):
        assert other != "recur", f"{name} imports the package's own front"
        assert layer(other) <= layer(name), f"{name} imports {other}, which is above it"


def test_there_is_no_cycle():
    graph = {name: own(MODULES[name]) for name in MODULES_OF_CODE}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("library", APART)
def test_converters_know_nothing_of_each_other(library):
    start = f"interop.{library}"
    others = {f"interop.{other}" for other in APART} - {start}
    # Keras has functions at its gates as ONNX has, so that one cell serves both.
    allowed = {"interop.onnx.cells"} if library == "keras" else set()
    for name in (n for n in MODULES_OF_CODE if n.startswith(start)):
        for other in set(own(MODULES[name])) - allowed:
            assert not other.startswith(tuple(others)), f"{name} imports {other}"


def test_front_imports_only_what_needs_jax():
    script = "import sys, recur; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    others = {"optax", "flax", "orbax", "matplotlib", "tqdm", "chex", "torch", "keras"}
    others |= {"haiku", "equinox", "onnx", "onnxruntime", "safetensors"}
    assert not others & set(loaded)


def test_front_is_the_core():
    for name in own(MODULES["__init__"]):
        assert name == "recur" or layer(name) <= LAYERS.index(
            ("attention", "regularize")
        )
        outside = {
            n.split(".")[0] for n in imports(MODULES.get(name, ROOT / "types.py"))
        }
        assert outside - {"recur"} - set(sys.stdlib_module_names) <= CORE
