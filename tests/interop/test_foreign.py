"""Other packages are imported only when asked for; without one, a line says how."""

import subprocess
import sys

import pytest

from recur import GRU, LSTM
from recur.interop.equinox import from_equinox, to_equinox
from recur.interop.flax_nnx import from_nnx, to_nnx
from recur.interop.keras import from_keras, to_keras
from recur.interop.torch import carry_to_torch, from_torch, to_torch
from tests.interop.agreement import random_params

PACKAGES = ("torch", "keras", "flax", "haiku", "equinox", "safetensors")


def test_importing_a_module_imports_no_other_library():
    names = ("torch", "keras", "flax_linen", "flax_nnx", "haiku", "equinox", "cudnn")
    imports = "; ".join(f"import recur.interop.{name}" for name in names)
    script = f"import sys; {imports}; print(*set(sys.modules) & set({PACKAGES!r}))"
    run = [sys.executable, "-c", script]
    assert not subprocess.run(
        run, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.parametrize(
    ("package", "extra", "call"),
    [
        ("torch", "torch", lambda cell, params: to_torch(cell, params)),
        ("torch", "torch", lambda cell, _: carry_to_torch(cell, cell.init_carry())),
        ("safetensors", "safetensors", lambda *_: from_torch("model.safetensors")),
        ("equinox", "equinox", to_equinox),
        ("flax.nnx", "flax", to_nnx),
    ],
)
def test_the_absence_of_a_package_is_one_line(package, extra, call, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    cell = LSTM(3)
    with pytest.raises(ImportError) as error:
        call(cell, random_params(cell, 2))
    assert f'pip install "recur-jax[{extra}]"' in str(error.value)
    assert "\n" not in str(error.value)


def test_what_needs_no_package_works_without(monkeypatch):
    for package in PACKAGES:
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, "flax.nnx", None)
    assert len(to_keras(GRU(3), random_params(GRU(3), 2))) == 3
    for read in (from_torch, from_equinox, from_nnx, from_keras):
        with pytest.raises(TypeError, match="int 3"):
            read(3)
