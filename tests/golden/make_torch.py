"""Writes ``torch.npz``: what torch.nn.RNN, LSTM and GRU do, gradients included.

Run ``python -m tests.golden.make_torch`` where torch is installed; the tests read the
file everywhere, and where torch is installed they also ask it anew on other sizes.
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("torch.npz")
KINDS = ("rnn-tanh", "rnn-relu", "lstm", "gru")


def record(kind, *, input_size, hidden_size, batch, steps, seed, proj_size=0):
    """Inputs, weights, outputs and gradients of one layer as a dictionary of arrays.

    The loss is the sum of all outputs and last states, each entry times a weight.
    """
    import torch

    torch.manual_seed(seed)
    layer = {
        "rnn-tanh": lambda: torch.nn.RNN(input_size, hidden_size),
        "rnn-relu": lambda: torch.nn.RNN(input_size, hidden_size, nonlinearity="relu"),
        "lstm": lambda: torch.nn.LSTM(input_size, hidden_size, proj_size=proj_size),
        "gru": lambda: torch.nn.GRU(input_size, hidden_size),
    }[kind]()
    inputs = {"x": torch.randn(steps, batch, input_size)}
    for name in ("h0", "c0") if kind == "lstm" else ("h0",):
        size = proj_size if name == "h0" and proj_size else hidden_size
        inputs[name] = torch.randn(1, batch, size)
    for value in inputs.values():
        value.requires_grad_()
    state = [value for name, value in inputs.items() if name != "x"]
    ys, last = layer(inputs["x"], tuple(state) if kind == "lstm" else state[0])
    outputs = {"ys": ys, "hn": last[0] if kind == "lstm" else last}
    if kind == "lstm":
        outputs["cn"] = last[1]
    weights = {name: torch.randn(value.shape) for name, value in outputs.items()}
    sum((weights[name] * value).sum() for name, value in outputs.items()).backward()
    given = {**dict(layer.named_parameters()), **inputs}
    return {
        **{name: value.detach().numpy() for name, value in given.items()},
        **{f"grad/{name}": value.grad.numpy() for name, value in given.items()},
        **{name: value.detach().numpy() for name, value in outputs.items()},
        **{f"weight/{name}": value.numpy() for name, value in weights.items()},
    }


def record_packed(*, input_size, hidden_size, lengths, seed):
    """The same of a bidirectional LSTM on a packed batch of ragged sequences."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.manual_seed(seed)
    layer = torch.nn.LSTM(input_size, hidden_size, bidirectional=True)
    batch, steps = len(lengths), max(lengths)
    inputs = {"x": torch.randn(steps, batch, input_size)}
    for name in ("h0", "c0"):
        inputs[name] = torch.randn(2, batch, hidden_size)
    for value in inputs.values():
        value.requires_grad_()
    packed = pack_padded_sequence(inputs["x"], list(lengths), enforce_sorted=False)
    ys, (hn, cn) = layer(packed, (inputs["h0"], inputs["c0"]))
    outputs = {"ys": pad_packed_sequence(ys)[0], "hn": hn, "cn": cn}
    weights = {name: torch.randn(value.shape) for name, value in outputs.items()}
    sum((weights[name] * value).sum() for name, value in outputs.items()).backward()
    given = {**dict(layer.named_parameters()), **inputs}
    return {
        "lengths": np.array(lengths),
        **{name: value.detach().numpy() for name, value in given.items()},
        **{f"grad/{name}": value.grad.numpy() for name, value in given.items()},
        **{name: value.detach().numpy() for name, value in outputs.items()},
        **{f"weight/{name}": value.numpy() for name, value in weights.items()},
    }


def main():
    """Writes the file."""
    arrays = {}
    for seed, kind in enumerate(KINDS):
        sizes = {"input_size": 3, "hidden_size": 5, "batch": 2, "steps": 7}
        for name, value in record(kind, **sizes, seed=seed).items():
            arrays[f"{kind}/{name}"] = value
    packed = record_packed(input_size=3, hidden_size=5, lengths=(4, 7, 1, 6), seed=9)
    arrays |= {f"packed/{name}": value for name, value in packed.items()}
    np.savez_compressed(PATH, **arrays)


if __name__ == "__main__":
    main()
