"""Writes ``released.npz``: what released layers do, gradients included.

They are those of Hugging Face's transformers, in its plain PyTorch, with small weights
drawn at random. Run ``python -m tests.golden.make_released`` where transformers (5.24
when this was written, with torch 2.13) is installed; the tests read the file
everywhere, and where transformers is installed they also ask it anew on other sizes.
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("released.npz")


def plainly(layer, x):
    """Puts out one array."""
    return layer(x)


def first(layer, x):
    """Puts out a state beside it."""
    return layer(x)[0]


def griffin(hidden_size=4, lru_width=6, heads=2, width=3):
    """RecurrentGemma's recurrent block, in the midst of a sequence."""
    from transformers.models.recurrent_gemma import modeling_recurrent_gemma as theirs
    from transformers.models.recurrent_gemma.configuration_recurrent_gemma import (
        RecurrentGemmaConfig,
    )

    config = RecurrentGemmaConfig(
        hidden_size=hidden_size,
        lru_width=lru_width,
        num_attention_heads=heads,
        conv1d_width=width,
    )
    return theirs.RecurrentGemmaRecurrentBlock(config, 0), later, hidden_size


def later(layer, x):
    """From position 1 on, where no step is the first."""
    import torch

    batch, steps, _ = x.shape
    positions = torch.arange(1, steps + 1).expand(batch, -1)
    return layer(x, positions, None, use_cache=False)[0]


def rg_lru(lru_width=6, heads=2):
    """The unit inside that block."""
    import torch

    block, *_ = griffin(lru_width=lru_width, heads=heads)

    def call(layer, x):
        layer.recurrent_states = None
        return layer(x, torch.ones(x.shape[:2]))

    return block.rg_lru, call, lru_width


def mamba(hidden_size=4, state_size=3, rank=2, width=3):
    """Mamba's mixer."""
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    config = MambaConfig(
        hidden_size=hidden_size,
        state_size=state_size,
        time_step_rank=rank,
        conv_kernel=width,
        num_hidden_layers=1,
    )
    return MambaMixer(config, 0), plainly, hidden_size


def mamba2(hidden_size=4, heads=2, state_size=3, width=3, groups=1):
    """Mamba-2's mixer, in chunks of 4 steps."""
    from transformers import Mamba2Config
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

    config = Mamba2Config(
        hidden_size=hidden_size,
        num_heads=heads,
        head_dim=2 * hidden_size // heads,
        state_size=state_size,
        conv_kernel=width,
        n_groups=groups,
        chunk_size=4,
        num_hidden_layers=1,
    )
    return Mamba2Mixer(config, 0), plainly, hidden_size


def rwkv4(hidden_size=4):
    """RWKV-4's time mixing."""
    from transformers import RwkvConfig
    from transformers.models.rwkv.modeling_rwkv import RwkvSelfAttention

    config = RwkvConfig(hidden_size=hidden_size, num_hidden_layers=1)
    return RwkvSelfAttention(config), first, hidden_size


def xlstm(hidden_size=8, heads=2, cap=2.0, keys=0.5, values=1.0):
    """The mLSTM of xLSTM 7B, step by step in float32."""
    from transformers import xLSTMConfig
    from transformers.models.xlstm.modeling_xlstm import xLSTMLayer

    config = xLSTMConfig(
        hidden_size=hidden_size,
        num_heads=heads,
        qk_dim_factor=keys,
        v_dim_factor=values,
        gate_soft_cap=cap,
        num_hidden_layers=1,
        autocast_kernel_dtype="float32",
    )
    return xLSTMLayer(config), first, hidden_size


def mamba2_of_groups():
    """The same with two groups of heads."""
    return mamba2(groups=2)


LAYERS = {
    "griffin": griffin,
    "rg_lru": rg_lru,
    "mamba": mamba,
    "mamba2": mamba2,
    "rwkv4": rwkv4,
    "xlstm": xlstm,
    "mamba2_of_groups": mamba2_of_groups,
}


def whole_model(name):
    """A model of two layers, such as ``"Mamba"``, as its makers' config has it."""
    import transformers

    sizes = {"hidden_size": 128, "num_hidden_layers": 2, "vocab_size": 16}
    sizes |= {"num_heads": 4, "num_attention_heads": 4, "intermediate_size": 256}
    if name == "Mamba2":
        sizes |= {"head_dim": 64, "n_groups": 2, "state_size": 16}
    if name == "Mamba":
        del sizes["intermediate_size"]
    config = getattr(transformers, f"{name}Config")(**sizes)
    return getattr(transformers, f"{name}ForCausalLM")(config)


def record(kind, *, batch, steps, seed, **sizes):
    """Weights, inputs, outputs and gradients of one layer as a dictionary of arrays.

    The loss is the sum of all outputs, each entry times a weight.
    """
    import torch

    torch.manual_seed(seed)
    layer, call, size = LAYERS[kind](**sizes)
    layer = layer.eval()
    with torch.no_grad():
        for weight in layer.parameters():
            weight.copy_(0.5 * torch.randn(weight.shape))
    x = torch.randn(batch, steps, size, requires_grad=True)
    ys = call(layer, x)
    cotangent = torch.randn(ys.shape)
    (cotangent * ys).sum().backward()
    weights = dict(layer.named_parameters())
    return {
        **{f"w/{name}": w.detach().numpy() for name, w in weights.items()},
        **{f"grad/{name}": w.grad.numpy() for name, w in weights.items()},
        "x": x.detach().numpy(),
        "grad_x": x.grad.numpy(),
        "ys": ys.detach().numpy(),
        "cotangent": cotangent.numpy(),
    }


def main():
    """Writes the file."""
    arrays = {}
    for seed, kind in enumerate(LAYERS):
        for name, value in record(kind, batch=2, steps=6, seed=seed).items():
            arrays[f"{kind}/{name}"] = value
    np.savez_compressed(PATH, **arrays)


if __name__ == "__main__":
    main()
