"""Which module of a torch model is recurrent, and what its weights are when called."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from recur._checks import describe
from recur.interop._shared.optional_imports import loaded
from recur.interop.torch.state import module_names, the_only


def read_module(
    where: str, source: Any, prefix: str | None
) -> tuple[Mapping[str, Any], str | None]:
    """Gives the weights of the one recurrent module of a model, and its nonlinearity.

    Example:
      >>> import torch
      >>> weights, told = read_module("doc", torch.nn.RNNCell(3, 5, bias=False), None)
      >>> list(weights), told
      (['weight_ih', 'weight_hh'], 'tanh')
    """
    torch = loaded("torch")
    module = _find(where, torch, source, prefix)
    with torch.no_grad(), _evaluating(module):
        names = module_names(module)
        weights = {name: _weight(where, torch, module, name) for name in names}
    return weights, getattr(module, "nonlinearity", None)


def _find(where: str, torch: Any, source: Any, prefix: str | None) -> Any:
    if torch is None or not isinstance(source, torch.nn.Module):
        raise TypeError(
            f"{where}: source is {describe(source)}; expected a torch module, a "
            "state_dict, or the path of a .safetensors file."
        )
    kinds = torch.nn.RNNBase, torch.nn.RNNCellBase
    modules = {f"{n}." if n else "": m for n, m in source.named_modules()}
    found = {start: m for start, m in modules.items() if isinstance(m, kinds)}
    if not found:
        quantised = any("quantized" in type(m).__module__ for m in modules.values())
        hint = " Its quantised modules keep other weights: pass the float model."
        raise TypeError(
            f"{where}: source is {describe(source)} of {type(source).__module__}; "
            "expected a torch.nn.RNN, LSTM, GRU or one of their cells, or a module "
            f"with one inside.{hint if quantised else ''}"
        )
    return found[the_only(where, found, prefix)]


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Holds a module in evaluation, where reading a weight moves no statistics."""
    training = {m: m.training for m in module.modules()}
    try:
        for m in training:
            m.training = False
        yield
    finally:
        for m, was in training.items():
            m.training = was


def _weight(where: str, torch: Any, module: Any, name: str) -> Any:
    """Gives a weight as the next call computes with it.

    Where a hook or the module around sets it before each call, the attribute is what
    the last call left, which is not what the parameters say now.
    """
    parametrised = torch.nn.utils.parametrize.is_parametrized(module, name)
    if parametrised or isinstance(module._parameters.get(name), torch.nn.Parameter):
        return getattr(module, name)
    hooks = [h for h in module._forward_pre_hooks.values() if _target(h) == name]
    for hook in hooks if len(hooks) == 1 else ():
        if isinstance(hook, _kind("torch.nn.utils.prune", "BasePruningMethod")):
            return hook.apply_mask(module)
        if isinstance(hook, _kind("torch.nn.utils.weight_norm", "WeightNorm")):
            return hook.compute_weight(module)
        if isinstance(hook, _kind("torch.nn.utils.spectral_norm", "SpectralNorm")):
            return hook.compute_weight(module, do_power_iteration=False)
    raise ValueError(
        f"{where}: {name} of the module is no parameter, so that something sets it "
        "before each call, and what stands there may be old; expected a parameter. "
        "Pass torch.nn.LSTM or its like with the weights copied into it."
    )


def _target(hook: Any) -> str | None:
    return getattr(hook, "_tensor_name", getattr(hook, "name", None))


def _kind(module: str, name: str) -> Any:
    return getattr(loaded(module), name, ())
