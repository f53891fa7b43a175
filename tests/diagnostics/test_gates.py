"""Gates counted, against gates computed from the weights in NumPy; and the picture."""

import builtins
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import recur
from recur._distribution import install
from recur.diagnostics import (
    Diagnosis,
    Saturation,
    diagnose,
    effective_memory,
    gate_saturation,
    plot_diagnosis,
)
from tests.diagnostics.by_hand import carries, network, squares

pytestmark = pytest.mark.usefixtures("x64")


def sigmoid(a):
    return 1 / (1 + np.exp(-np.asarray(a)))


def update_gates(params, carry, xs):
    """The update gate of a GRU at each step, ``[T, B, H]``."""
    _, w, _ = np.split(params.w_ih, 3, -1)
    _, u, _ = np.split(params.w_hh, 3, -1)
    _, b, _ = np.split(params.b, 3)
    hs, (w, u, b) = (
        carries(recur.gru_step, params, carry, xs),
        map(np.asarray, (w, u, b)),
    )
    xs = np.asarray(xs)
    return np.stack(
        [sigmoid(x @ w + np.asarray(h) @ u + b) for x, h in zip(xs, hs, strict=True)]
    )


@pytest.mark.quick(1)
@pytest.mark.parametrize("lengths", [None, (4, 2)])
def test_gates_are_counted_and_memory_measured(lengths):
    cell, params, carry, xs = network("gru")
    time = {} if lengths is None else {"seq_lengths": jnp.array(lengths)}
    gate = update_gates(params, carry, xs)
    rows = [gate[:n, row] for row, n in enumerate(lengths or (4, 4))]
    gate = np.concatenate(rows)
    found = gate_saturation(cell, params, carry, xs, low=0.45, high=0.55, **time)
    (update,) = found["update_gate"]
    assert isinstance(update, Saturation)
    assert 0 < update.shut.sum() < 3
    np.testing.assert_allclose(update.shut, (gate < 0.45).mean(0))
    np.testing.assert_allclose(update.open, (gate > 0.55).mean(0))
    np.testing.assert_allclose(update.mean, gate.mean(0))
    (tau,) = effective_memory(cell, params, carry, xs, **time)["update_gate"]
    np.testing.assert_allclose(tau, -1 / np.log(gate).mean(0))


def test_a_stack_has_the_gates_of_all_its_layers():
    cell, params, carry, xs = network("stack")
    found = gate_saturation(cell, params, carry, xs)
    sizes = {n: [len(g.mean) for g in gates] for n, gates in found.items()}
    lstm = {"input_gate": [2], "forget_gate": [2], "output_gate": [2]}
    assert sizes == {**lstm, "reset_gate": [3], "update_gate": [3]}
    memory = effective_memory(cell, params, carry, xs)
    assert set(memory) == {"forget_gate", "update_gate"}


def test_a_gate_of_ones_keeps_for_ever_and_one_of_zeros_not_at_all():
    def leaky(params, carry, x):
        keep = checkpoint_name(jnp.ones_like(carry) * params, "keep_gate")
        return keep * carry, carry

    for params, expected in ((1.0, np.inf), (0.0, 0.0), (np.exp(-0.1), 10.0)):
        args = leaky, params, jnp.ones((2, 3)), None
        found = effective_memory(*args, keepers=("keep_gate",), length=4)
        np.testing.assert_allclose(found["keep_gate"][0], np.full(3, expected))
    assert effective_memory(*args, length=4) == {}
    assert gate_saturation(*args, length=4)["keep_gate"][0].open.all()


def test_gates_of_one_name_are_counted_whatever_layer_they_are_in():
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    line, step = np.ones((4, 2)), np.array([3])
    curves = {"gradient_norms": line, "lag_norms": line[None], "log_growths": line}
    spectra = {"singular_values": np.ones((1, 2, 3)), "at": step, "seen": step}
    gate = lambda size: Saturation(*[jnp.ones(size)] * 3)
    gates = {"forget_gate": (gate(2), gate(3)), "update_gate": (gate(4),)}
    figure = plot_diagnosis(Diagnosis(**curves, **spectra, gates=gates, memory={}))
    labels = [t.get_text() for t in figure.axes[4].get_yticklabels()]
    assert labels == ["forget gate 1 of 2", "forget gate 2 of 2", "update gate"]


def test_limits_of_a_gate_are_checked():
    with pytest.raises(ValueError, match=r"low is 0.9 and high 0.1; expected"):
        gate_saturation(*network("gru"), low=0.9, high=0.1)
    with pytest.raises(TypeError, match="keepers is str 'update_gate'; expected a seq"):
        effective_memory(*network("gru"), keepers="update_gate")


def test_what_cannot_be_measured_is_refused():
    cell, params, carry, xs = network("gru")
    with pytest.raises(ValueError, match="diagnose: xs has no steps"):
        diagnose(cell, squares, params, carry, xs[:0])
    with pytest.raises(TypeError, match="diagnose: count is str '2'"):
        diagnose(cell, squares, params, carry, xs, count="2")
    with pytest.raises(TypeError, match="diagnosis is a dict; expected Diagnosis"):
        plot_diagnosis({})


@pytest.mark.slow
@pytest.mark.parametrize(("name", "panels"), [("stack", 6), ("elman", 4)])
def test_a_diagnosis_is_one_picture(name, panels, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    cell, params, carry, xs = network(name)
    found = diagnose(cell, squares, params, carry, xs, at=(3, 2), count=2)
    assert isinstance(found, Diagnosis)
    assert found.exponents.shape == (2, 2)
    figure = plot_diagnosis(found, title=name)
    assert len(figure.axes) == panels
    drawn = figure.axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, np.median(found.gradient_norms, axis=-1))
    drawn = figure.axes[3].lines[0].get_ydata()[-1]
    np.testing.assert_allclose(drawn, np.median(found.exponents[:, 0]))
    figure.savefig(tmp_path / "one.png")
    assert len(jax.tree.leaves(found)) > 5


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    whole = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return whole(name, *args, **kwargs)

    found = diagnose(recur.Elman(3), squares, *network("elman")[1:])
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=re.escape(install("train"))):
        plot_diagnosis(found)
