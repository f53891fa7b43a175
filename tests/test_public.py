"""Every public name is documented, exported and tested, and its example runs."""

import doctest
import importlib
import inspect
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.test_layers import MODULES

NAMES = [name for name in MODULES if not name.endswith(("__init__", "__main__"))]
ORDER = ["Args:", "Returns:", "Raises:", "Example:", "References:"]
TESTS = "\n".join(p.read_text() for p in Path(__file__).parent.rglob("*.py"))


# What the examples of these modules need besides the extra `test`.
NEEDS = {
    "interop.equinox": "equinox",
    "interop.haiku": "haiku",
    "interop.keras": "keras",
    "interop.onnx": "onnx",
    "interop.torch": "torch",
    "interop._shared.tensor_file": "safetensors",
}


def needed(name):
    return NEEDS.get(name) or NEEDS.get(name.rpartition(".")[0])


def module(name):
    return importlib.import_module(f"recur.{name}")


def public(name):
    """The functions and classes of a module that it exports."""
    names = getattr(module(name), "__all__", [])
    objects = {n: getattr(module(name), n) for n in names}
    own = {
        n: o
        for n, o in objects.items()
        if getattr(o, "__module__", "") == f"recur.{name}"
    }
    return {n: o for n, o in own.items() if inspect.isclass(o) or inspect.isfunction(o)}


EVERY = [(name, n) for name in NAMES for n in public(name)]


SLOW = (
    "attention.", "diagnostics.", "interop.", "linear_rnn.", "linen.", "online.",
    "tasks.", "training.",
)  # fmt: skip
"""Where the examples compile much; the quick lane runs the others."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.slow if n.startswith(SLOW) else ())
        for n in NAMES
    ],
)
def test_examples_run(name, monkeypatch):
    if needed(name):
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        pytest.importorskip(needed(name), reason="its examples need another library")
    names = {"jax": jax, "jnp": jnp, "np": np, "recur": recur, **vars(recur)}
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    runner = doctest.DocTestRunner(optionflags=flags)
    for test in doctest.DocTestFinder().find(module(name), globs=None):
        test.globs = {**names, **vars(module(name))}
        # Adam raises a float to an integer power, which strict promotion refuses.
        strict = "standard" if name.startswith("tasks.") else "strict"
        with jax.numpy_dtype_promotion(strict):
            runner.run(test)
    assert runner.failures == 0


@pytest.mark.parametrize(("name", "n"), EVERY)
def test_docstrings_have_one_order(name, n):
    text = inspect.getdoc(public(name)[n])
    assert text, f"{n} has no docstring"
    found = [s for s in re.findall(r"^(\w+:)$", text, re.MULTILINE) if s in ORDER]
    assert found == sorted(found, key=ORDER.index), f"{n}: {found}"


@pytest.mark.parametrize(("name", "n"), EVERY)
def test_every_public_function_has_an_example(name, n):
    thing = public(name)[n]
    record = inspect.isclass(thing) and (
        issubclass(thing, tuple) or getattr(thing, "_is_protocol", False)
    )
    plain = thing.__name__ in ("Settings", "Run", "Wrapper")
    assert record or plain or ">>>" in inspect.getdoc(thing), f"{n} has no example"


@pytest.mark.parametrize(("name", "n"), EVERY)
def test_every_argument_is_named_in_args(name, n):
    thing = public(name)[n]
    text = inspect.getdoc(thing)
    if not inspect.isfunction(thing) or "Args:" not in text:
        return
    for parameter in inspect.signature(thing).parameters.values():
        argument = re.escape(str(parameter).split(":")[0])
        assert re.search(rf"^  {argument}: ", text, re.MULTILINE), f"{n}: {argument}"


@pytest.mark.parametrize(("name", "n"), EVERY)
def test_every_public_name_is_tested(name, n):
    assert re.search(rf"\b{n}\b", TESTS), f"no test mentions {n}"


def test_front_exports_what_the_core_exports():
    assert sorted(recur.__all__) == sorted(set(recur.__all__))
    for name in NAMES:
        if name.split(".")[0] in ("cells", "compose", "roll", "static_roll", "steps"):
            assert set(public(name)) - {"Specification", "Wrapper", "Drawn"} <= set(
                recur.__all__
            ), name
    for name in recur.__all__:
        assert getattr(recur, name) is not None


def test_version_is_that_of_the_package():
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", recur.__version__)
