"""Which layers of a Keras model are recurrent, and in which order they come."""

from collections.abc import Sequence
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
    chain = _chain(where, keras, layers)
    places = [n for n, layer in enumerate(chain) if _is_recurrent(keras, layer)]
    if not places:
        raise ValueError(
            f"{where}: there is no recurrent layer in {layers.name!r}; expected one or "
            "more. Pass the layer itself if it is inside another."
        )
    inside = chain[places[0] : places[-1] + 1]
    inside = [layer for layer in inside if not _is_still(keras, layer)]
    for layer in inside:
        if not _is_recurrent(keras, layer):
            raise ValueError(
                f"{where}: the {type(layer).__name__} {layer.name!r} stands between "
                "recurrent layers; expected only what does nothing in evaluation. Pass "
                "the recurrent layers before it and those after it as two lists."
            )
    _check_sequences(where, inside[:-1])
    return inside


def _chain(where: str, keras: Any, model: Any) -> list[Any]:
    """The layers from input to output, where each has one input."""
    if isinstance(model, keras.Sequential):
        return list(model.layers)
    chain, tensors = [], getattr(model, "outputs", None) or ()
    while len(tensors) == 1:
        history = tensors[0]._keras_history
        given = history.operation._inbound_nodes[history.node_index].arguments
        if not given.keras_tensors:
            return chain[::-1]
        if history.tensor_index:  # Behind the outputs of a layer come its states.
            break
        chain.append(history.operation)
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
    return linear or isinstance(layer, kinds)


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
