"""Imports run downwards only, without a cycle and never through the package's front."""

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

import recur

ROOT = Path(recur.__file__).parent
LAYERS = [
    {"types"},
    {"capacity", "interrupt", "portable"},
    {"arguments", "checks", "initializers", "linear", "norm"},
    {"padding", "sequences"},
    {"flags", "identity", "jaxprs", "memory", "series", "steps", "varying"},
    {"fast", "first_carry", "outputs"},
    {"named", "roll", "static_roll"},
    {"loss", "streaming"},
    {"cells"},
    {"compose"},
    {"interop", "linen", "online", "training"},
    {"gradients", "nnx"},
    {"checkpoint", "claim", "decode", "ngram", "seal", "terminal", "text"},
    {"language_model"},
    {"facts"},
    {"record", "run"},
    {"__main__"},
]
# Of each list, a module may see those before it.
INTEROP = (
    *("foreign", "weights", "gates", "holds", "network", "uniform", "tensor_file"),
    *("torch_state", "torch_module", "torch_source", "haiku_cores", "nnx_modules"),
    *("keras_activations", "keras_layers", "keras_models"),
    *("torch", "keras", "flax_linen", "flax_nnx", "haiku", "equinox", "cudnn"),
)
ONNX = (
    *("model", "size", "tensor", "moves", "repeats", "scope", "known"),
    *("reversed", "activation", "cells", "weights", "node", "initial", "joint"),
    *("chain", "read", "fit", "graph", "operator", "roll", "write", "step"),
)
LINEN = ("rolling", "names", "variables", "cell", "layer")
NNX = ("variables", "cell", "layer")
GRADIENTS = (
    *("rows", "backward", "gates", "jacobian", "lag", "lyapunov"),
    *("diagnosis", "picture"),
)
ONLINE = ("vector", "learner", "sparsity", "rtrl", "snap", "uoro", "forward_gradient")
TRAINING = (
    *("loss_scale", "microbatch", "progress", "walk", "window"),
    *("truncated", "stream", "train_step"),
)


def in_order(package, names):
    """Pairs of modules of a package, the later of which may see the earlier."""
    pairs = itertools.combinations(names, 2)
    return [(f"{package}.{later}", f"{package}.{sooner}") for sooner, later in pairs]


# Inside one layer these may see each other, in this order.
BESIDE = [
    *in_order("interop", INTEROP),
    *in_order("interop.onnx", ONNX),
    ("interop.onnx.model", "interop.foreign"),
    ("interop.keras", "interop.onnx.cells"),
    ("interop.keras_layers", "interop.onnx.cells"),
    *in_order("linen", LINEN),
    *in_order("nnx", NNX),
    *in_order("gradients", GRADIENTS),
    *in_order("online", ONLINE),
    *in_order("training", TRAINING),
    *in_order(
        "fast",
        (
            *(
                "shared_tanh",
                "sizes",
                "parts",
                "tangents",
                "keeping",
                "onward",
                "one_row",
                "chunks",
            ),
            *("separable", "flat_product", "joined", "upright", "dissection"),
            *("factors", "any_step", "choice"),
        ),
    ),
    *((f"cells.{name}", f"cells.{name}_parts") for name in ("elman", "gru", "lstm")),
    *(
        (f"cells.{name}_parts", "cells.one_product")
        for name in ("elman", "gru", "lstm")
    ),
    *(
        (f"compose.{name}", "compose.wrapper")
        for name in (
            "bidirectional",
            "clip",
            "drop_connect",
            "dropout",
            "learned_carry",
            "readout",
            "recurrent_dropout",
            "skip",
            "stack",
            "variational",
            "zoneout",
            "regulariser",
        )
    ),
    *(
        (f"compose.{name}", "compose.regulariser")
        for name in (
            *("clip", "drop_connect", "dropout", "recurrent_dropout", "variational"),
        )
    ),
    ("checkpoint", "seal"),
    ("run", "record"),
    ("arguments", "checks"),
    ("initializers", "arguments"),
    ("initializers", "checks"),
    ("norm", "checks"),
    ("norm", "linear"),
    ("cells.elman", "cells.specification"),
    ("cells.gru", "cells.specification"),
    ("cells.layer_norm_gru", "cells.specification"),
    ("cells.layer_norm_lstm", "cells.lstm"),
    ("cells.layer_norm_lstm", "cells.specification"),
    ("cells.lstm", "cells.specification"),
]
CORE = {"jax", "numpy"}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted(ROOT.rglob("*.py"))
}


def layer(name):
    part = name.split(".")[0]
    return next((n for n, names in enumerate(LAYERS) if part in names), None)


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


@pytest.mark.parametrize("name", [n for n in MODULES if not n.endswith("__init__")])
def test_imports_run_downwards(name):
    for other in own(MODULES[name]):
        assert other != "recur", f"{name} imports the package's own front"
        below = layer(other) < layer(name) or (name, other) in BESIDE
        assert below, f"{name} imports {other}, which is not below it"


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
        assert name == "recur" or layer(name) <= LAYERS.index({"compose"})
        outside = {
            n.split(".")[0] for n in imports(MODULES.get(name, ROOT / "roll.py"))
        }
        assert outside - {"recur"} - set(sys.stdlib_module_names) <= CORE
