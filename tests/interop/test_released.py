"""What all readers of released weights do: sources, prefixes, exactness, refusals."""

import sys
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.interop.mamba import from_mamba, to_mamba
from recur.interop.recurrentgemma import from_recurrentgemma, to_recurrentgemma
from recur.interop.rwkv import from_rwkv, to_rwkv
from recur.interop.xlstm import from_xlstm, to_xlstm
from tests.golden.make_released import whole_model
from tests.golden.rwkv7 import draw
from tests.interop.agreement import assert_close, assert_same, rolled, sequence
from tests.interop.released import assert_same_weights, part, recorded

MAKERS = {
    "griffin": (from_recurrentgemma, to_recurrentgemma),
    "rg_lru": (from_recurrentgemma, to_recurrentgemma),
    "mamba": (from_mamba, to_mamba),
    "mamba2": (partial(from_mamba, groups=1), to_mamba),
    "mamba2_of_groups": (partial(from_mamba, groups=2), to_mamba),
    "rwkv4": (from_rwkv, partial(to_rwkv, names="transformers")),
    "rwkv7": (from_rwkv, to_rwkv),
    "xlstm": (from_xlstm, to_xlstm),
}
"""By the kind of layer: what reads its weights and what writes them."""

DTYPES = ("float32", "bfloat16", "float16")


def weights_of(kind, dtype="float32"):
    if kind == "rwkv7":
        weights = draw(heads=2, of_head=2, ranks=(2, 3, 1), seed=0)
    else:
        weights = part(recorded(kind), "w/")
    return {n: w.astype(jnp.dtype(dtype)) for n, w in weights.items()}


def under(prefix, weights):
    return {f"{prefix}.{name}": w for name, w in weights.items()}


@pytest.mark.quick(6)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", MAKERS)
def test_what_was_read_is_written_to_the_last_bit(kind, dtype):
    read, write = MAKERS[kind]
    weights = weights_of(kind, dtype)
    first = next(iter(weights))
    weights[first].flat[:2] = (-0.0, 1e-6)  # Signs of zero, and few bits, stay.
    cell, params = read(weights)
    assert cell.dtype == dtype
    assert {w.dtype for w in params} == {jnp.dtype(dtype)}
    assert_same_weights(write(cell, params), weights)
    again, same = read(write(cell, params, prefix="a.b"))
    assert again == cell
    assert_same(same, params)


@pytest.mark.parametrize("kind", MAKERS)
def test_files_tensors_and_arrays_of_jax_are_read_alike(kind, tmp_path):
    numpy = pytest.importorskip("safetensors.numpy", reason="needs safetensors")
    read, write = MAKERS[kind]
    weights = weights_of(kind, "bfloat16")
    cell, params = read(weights)
    other = under("layers.1.m", weights) | {"norm.weight": np.ones(3, np.float32)}
    path = tmp_path / "model.safetensors"
    numpy.save_file(write(cell, params, prefix="layers.0.m") | other, path)
    arrays = {n: jnp.asarray(w) for n, w in weights.items()}
    sources = (path, {"prefix": "layers.0.m"}), (str(path), {"prefix": "layers.1.m."})
    for source, where in (*sources, (arrays, {}), (arrays, {"prefix": ""})):
        again, same = read(source, **where)
        assert again == cell
        assert_same(same, params)


def test_tensors_and_modules_of_torch_are_read():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    weights = weights_of("rwkv4")
    tensors = {n: torch.from_numpy(w).to(torch.bfloat16) for n, w in weights.items()}
    bits = {n: w.astype(jnp.bfloat16) for n, w in weights.items()}
    assert_same(from_rwkv(tensors)[1], from_rwkv(bits)[1])
    attention = torch.nn.Module()
    for name in ("key", "value", "receptance", "output"):
        linear = torch.nn.Linear(4, 4, bias=False)
        linear.weight.data = torch.from_numpy(weights.pop(f"{name}.weight"))
        setattr(attention, name, linear)
    for name, w in weights.items():
        setattr(attention, name, torch.nn.Parameter(torch.from_numpy(w)))
    model = torch.nn.ModuleDict({"att": attention, "out": torch.nn.Linear(4, 4)})
    assert_same(from_rwkv(model)[1], from_rwkv(weights_of("rwkv4"))[1])


def test_a_carry_in_float32_stands_beside_weights_in_bfloat16():
    """As the guide says, and as the makers' programs do."""
    cell, params = from_rwkv(weights_of("rwkv7", "bfloat16"))
    cell, xs = replace(cell, dtype=jnp.float32), sequence(5, 2, 4)
    wide = jax.tree.map(lambda w: w.astype(jnp.float32), params)
    pairs = [
        rolled((cell, p), xs, cell.init_carry((2,), params=p)) for p in (params, wide)
    ]
    assert {a.dtype for a in jax.tree.leaves(pairs)} == {jnp.dtype(jnp.float32)}
    assert_close(*pairs, 2e-2)


@pytest.mark.parametrize("kind", ["mamba2_of_groups", "rwkv7"])
def test_cells_made_for_them_are_rolled_in_chunks_as_step_by_step(kind):
    cell, params = MAKERS[kind][0](weights_of(kind))
    xs = sequence(5, 2, cell.hidden_size)
    assert "outer products, in chunks" in str(recur.explain(cell, params, None, xs))
    given = (cell, params), xs, cell.init_carry((2,), params=params)
    assert_close(rolled(*given), rolled(*given, implementation="scan"))


def test_arrays_written_are_nobody_elses():
    cell, params = from_rwkv(weights_of("rwkv4"))
    to_rwkv(cell, params)["time_decay"][:] = 7
    assert_same(params, from_rwkv(weights_of("rwkv4"))[1])


@pytest.mark.parametrize("kind", MAKERS)
def test_one_of_several_layers_has_to_be_named(kind):
    read, _ = MAKERS[kind]
    weights = weights_of(kind)
    two = under("layers.0", weights) | under("layers.10", weights)
    with pytest.raises(ValueError, match=r"prefix is None.*'layers\.0\.', 'layers\.1"):
        read(two)
    with pytest.raises(ValueError, match=r"prefix is str 'layers\.1' .*'layers\.10\.'"):
        read(two, prefix="layers.1")
    assert_same(read(two, prefix="layers.10")[1], read(weights)[1])


@pytest.mark.parametrize("kind", MAKERS)
def test_a_layer_is_whole_and_nothing_else(kind):
    read, _ = MAKERS[kind]
    weights = under("a", weights_of(kind))
    added = weights | {"a.lora_A.weight": np.ones((2, 2), np.float32)}
    with pytest.raises(ValueError, match=r"also has a\.lora_A\.weight; expected all"):
        read(added)
    for name in list(weights)[-2:]:
        with pytest.raises(ValueError, match=f"lacks {name}; expected all"):
            read({n: w for n, w in weights.items() if n != name})


@pytest.mark.parametrize("kind", MAKERS)
def test_vast_arrays_are_refused_by_their_shape(kind):
    """64 TiB by its shape, 4 bytes of memory: no copy of it can be made."""
    read, _ = MAKERS[kind]
    weights = weights_of(kind)
    for name in weights:
        vast = np.broadcast_to(np.float32(1), (2**24, 2**20))
        with pytest.raises(ValueError, match="expected"):
            read(weights | {name: vast})


@pytest.mark.parametrize("kind", ["griffin", "mamba", "rwkv7"])
def test_what_is_no_source_of_weights_is_refused(kind):
    read, write = MAKERS[kind]
    weights = weights_of(kind)
    pair = read(weights)
    cases = [
        (3, TypeError, "source is int 3; expected the path of a .safetensors file"),
        ({}, ValueError, r"source has 0 names \(none\)"),
        ({"out.weight": np.ones(3)}, ValueError, r"1 names \(out.weight\) and none"),
        ({"model": weights}, ValueError, r"Pass source\['model'\]"),
        (weights | {next(iter(weights)): [1.0]}, TypeError, "a list; expected an arr"),
    ]
    for source, kind, match in cases:
        with pytest.raises(kind, match=match):
            read(source)
    for call in (partial(read, weights), partial(write, *pair)):
        with pytest.raises(TypeError, match="prefix is int 0; expected the start"):
            call(prefix=0)


def test_what_is_no_file_of_weights_is_refused(tmp_path):
    pytest.importorskip("safetensors", reason="needs safetensors")
    (tmp_path / "a.safetensors").write_bytes(b"no header")
    for source, match in (
        ("a.bin", "expected a .safetensors file. Others may be pickles"),
        (tmp_path / "a.safetensors", "not a whole safetensors file"),
    ):
        with pytest.raises(ValueError, match=match):
            MAKERS["mamba"][0](source)


@pytest.mark.parametrize("kind", ["griffin", "mamba", "rwkv4"])
def test_the_absence_of_safetensors_is_one_line(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r'pip install "recur-jax\[safetensors\]"'):
        MAKERS[kind][0]("model.safetensors")


MODELS = {
    "RecurrentGemma": (from_recurrentgemma, "model.layers.0.temporal_block"),
    "Mamba": (from_mamba, "backbone.layers.1.mixer"),
    "Mamba2": (partial(from_mamba, groups=2), "backbone.layers.1.mixer"),
    "Rwkv": (from_rwkv, "rwkv.blocks.1.attention"),
    "xLSTM": (from_xlstm, "backbone.blocks.1.mlstm_layer"),
}
"""By its class in transformers: where the layers of a model are."""


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_layers_of_whole_models_are_read(name, tmp_path):
    pytest.importorskip("transformers", reason="transformers is not installed")
    read, prefix = MODELS[name]
    model = whole_model(name)
    model.save_pretrained(tmp_path)
    cell, params = read(tmp_path / "model.safetensors", prefix=prefix)
    assert cell.hidden_size == 128
    assert_same(read(model, prefix=prefix)[1], params)
    with pytest.raises(ValueError, match=r"layers; expected the prefix of one: "):
        read(model)
