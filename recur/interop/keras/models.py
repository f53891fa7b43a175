"""Which layers of a Keras model are recurrent, and in which order they come."""

from collections.abc import Sequence
from inspect import signature
from typing import Any

from recur._checks import describe

STILL = (
    *("ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout"),
    *("GaussianNoise", "Identity", "InputLayer", "Masking", "SpatialDropout1D"),
)
"""Layers that are the identity in evaluation; of a mask the roll is told by itself."""


def recurrent_layers(where: str, keras: Any, layers: Any) -> list[Any]:
    """Lists the recurrent layers of what a user has: a layer, several, or a model."""
    if isinstance(layers, (tuple, list)):
        return [layer for layer in layers if not _is_still(keras, layer)]
    if keras is None or not isinstance(layers, keras.Model):
        return [layers]
    calls = _calls(where, keras, layers)
    places = [n for n, (layer, _) in enumerate(calls) if _is_recurrent(keras, layer)]
    if not places:
        raise ValueError(
            f"{where}: there is no recurrent layer in {layers.name!r}; expected one or "
            "more. Pass the layer itself if it is inside another."
        )
    _check_nested(where, keras, [layer for layer, _ in calls])
    calls = calls[places[0] : places[-1] + 1]
    inside = [layer for layer, _ in calls if not _is_still(keras, layer)]
    for layer in inside:
        if not _is_recurrent(keras, layer):
            raise ValueError(
                f"{where}: the {type(layer).__name__} {layer.name!r} stands between "
                "recurrent layers; expected only what does nothing in evaluation. Pass "
                "the recurrent layers before it and those after it as two lists."
            )
    for layer, arguments in calls:
        _check_call(where, layer, arguments)
    _check_once(where, inside)
    _check_sequences(where, inside[:-1])
    return inside


def _calls(where: str, keras: Any, model: Any) -> list[tuple[Any, Any]]:
    """The layers from input to output, each with its arguments: all have one input."""
    if isinstance(model, keras.Sequential):
        return [(layer, None) for layer in model.layers]
    calls, tensors = [], getattr(model, "outputs", None) or ()
    while len(tensors) == 1:
        history = tensors[0]._keras_history
        given = history.operation._inbound_nodes[history.node_index].arguments
        if not given.keras_tensors:
            return calls[::-1]
        if history.tensor_index:  # Behind the outputs of a layer come its states.
            break
        calls.append((history.operation, given))
        mask = given.kwargs.get("mask")
        tensors = [tensor for tensor in given.keras_tensors if tensor is not mask]
    raise ValueError(
        f"{where}: the layers of {model.name!r} are no chain in which each has one "
        "input, the output of the last; expected one. Pass its recurrent layers as a "
        "list, from the bottom up."
    )


def _is_recurrent(keras: Any, layer: Any) -> bool:
    return isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional))


def _is_still(keras: Any, layer: Any) -> bool:
    if keras is None:
        return False
    kinds = tuple(getattr(keras.layers, name) for name in STILL)
    linear = isinstance(layer, keras.layers.Activation) and (
        layer.activation is keras.activations.linear
    )
    # A subclass of the user's may compute anything.
    return linear or type(layer) in kinds


def _check_nested(where: str, keras: Any, layers: Sequence[Any]) -> None:
    """Refuses recurrent layers inside another, which would be left out silently."""
    for layer in layers:
        if _is_recurrent(keras, layer) or not isinstance(layer, keras.layers.Layer):
            continue
        if any(_is_recurrent(keras, one) for one in layer._flatten_layers()):
            raise ValueError(
                f"{where}: the {type(layer).__name__} {layer.name!r} has recurrent "
                "layers inside, beside those of the model itself; expected all of them "
                "in one chain. Pass the recurrent layers alone as a list."
            )


def _check_call(where: str, layer: Any, arguments: Any) -> None:
    """Refuses arguments of a call that make the layer another function."""
    if arguments is None:
        return
    bound = signature(layer.call).bind_partial(*arguments.args, **arguments.kwargs)
    given = bound.arguments | bound.arguments.get("kwargs", {})
    if given.get("training"):
        raise ValueError(
            f"{where}: {layer.name!r} is called with training=True, so that it is "
            "random in evaluation too; expected training=None or False. Pass the "
            "recurrent layers alone as a list, and draw the dropout in the roll."
        )
    if given.get("initial_state") is not None:
        raise ValueError(
            f"{where}: {layer.name!r} is called with an initial_state; expected none, "
            "as the pair holds weights alone. Pass the recurrent layers alone as a "
            "list, and the state to the roll as its carry."
        )


def _check_once(where: str, layers: Sequence[Any]) -> None:
    for n, layer in enumerate(layers):
        if any(layer is other for other in layers[:n]):
            raise ValueError(
                f"{where}: {layer.name!r} is called twice; expected each layer once, "
                "as the params of a Stack are not tied. Pass the recurrent layers as a "
                "list, with the layer twice, to have copies of its weights."
            )


def _check_sequences(where: str, layers: Sequence[Any]) -> None:
    for layer in layers:
        way = getattr(layer, "forward_layer", layer)
        if not way.return_sequences:
            raise ValueError(
                f"{where}: {layer.name!r} gives its last output only and another "
                "recurrent layer comes after it; expected return_sequences=True, as a "
                "Stack hands on every output. Pass both alone "
                f"({describe(layer)})."
            )
