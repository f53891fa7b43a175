"""Weights that a torch module makes of others before each call come as it acts."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from recur import unroll
from recur.interop.torch import from_torch

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.nn.utils import (
        parametrizations,
        parametrize,
        prune,
        spectral_norm,
        weight_norm,
    )

NAME = "weight_hh_l0"


class Thinned(torch.nn.Module):
    """A parametrisation that drops weights in training."""

    def forward(self, w):
        return torch.nn.functional.dropout(w, 0.5, self.training)


def thinned(module):
    parametrize.register_parametrization(module, NAME, Thinned())
    return module


def pruned(module):
    prune.l1_unstructured(module, NAME, 0.5)
    return prune.random_unstructured(module, NAME, 0.2)


MAKERS = {
    "weight norm of old": lambda module: weight_norm(module, NAME),
    "spectral norm of old": lambda module: spectral_norm(module, NAME),
    "pruned twice": pruned,
    "weight norm": lambda module: parametrizations.weight_norm(module, NAME),
    "spectral norm": lambda module: parametrizations.spectral_norm(module, NAME),
    "weights dropped": thinned,
}


def changed(make):
    """A module in training whose parameters moved after its last call."""
    torch.manual_seed(0)
    module = make(torch.nn.LSTM(3, 5))
    module(torch.ones(4, 2, 3))
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(1.5)
    return module


@pytest.mark.parametrize("name", MAKERS)
def test_they_are_those_of_the_next_call_in_evaluation(name):
    module = changed(MAKERS[name])
    before = {n: a.clone() for n, a in module.state_dict().items()}
    cell, params = from_torch(module)
    assert all(m.training for m in module.modules())
    for n, a in module.state_dict().items():
        assert torch.equal(a, before[n]), n  # No statistics moved.
    xs = torch.randn(6, 2, 3)
    expected = module.eval()(xs)[0].detach().numpy()
    ys = unroll(cell, params, cell.init_carry((2,)), jnp.asarray(xs.numpy()))[1]
    np.testing.assert_allclose(ys, expected, rtol=1e-5, atol=1e-6)


class SetBeforeEachCall(torch.nn.Module):
    """Sets a weight of the module inside, as some do to drop weights."""

    def __init__(self, module, *, among_the_parameters):
        super().__init__()
        w = module._parameters.pop(NAME)
        self.weight_hh_l0_raw, self.module = torch.nn.Parameter(w.detach()), module
        if among_the_parameters:
            module._parameters[NAME] = w.detach().clone()
        else:
            setattr(module, NAME, w.detach().clone())


@pytest.mark.parametrize("among_the_parameters", [True, False])
def test_what_the_module_around_sets_is_refused(among_the_parameters):
    around = SetBeforeEachCall(
        torch.nn.LSTM(3, 5), among_the_parameters=among_the_parameters
    )
    for source in (around, around.module):
        with pytest.raises(ValueError, match=r"weight_hh_l0 of the module is no par"):
            from_torch(source)


@pytest.mark.parametrize("name", [*MAKERS, "set by the module around"])
def test_state_dicts_of_such_modules_are_refused(name):
    if name in MAKERS:
        around = torch.nn.Sequential(MAKERS[name](torch.nn.LSTM(3, 5)))
    else:
        around = SetBeforeEachCall(torch.nn.LSTM(3, 5), among_the_parameters=True)
    with pytest.raises(ValueError, match=r"made of others"):
        from_torch(around.state_dict())


def test_quantised_modules_are_named():
    module = torch.nn.Module()
    module.inside = type(
        "LSTM", (torch.nn.Module,), {"__module__": "a.quantized.rnn"}
    )()
    with pytest.raises(TypeError, match="pass the float model"):
        from_torch(module)


def test_a_checkpoint_around_the_state_dict_is_refused_by_its_key():
    state = {f"lstm.{n}": w for n, w in torch.nn.LSTM(3, 4).state_dict().items()}
    with pytest.raises(ValueError, match=r"Pass source\['model'\]"):
        from_torch({"epoch": 3, "model": state})
