"""Weights from and to Mamba and Mamba-2: the mixers of their layers.

Names are those of Hugging Face's files, such as
``backbone.layers.0.mixer.in_proj.weight``, and of the makers' own. Nothing is rounded.

FalconMamba has the same names and shapes for another function, which normalises what
selects the steps; no file tells them apart but its config.
"""

from recur.interop.mamba.convert import from_mamba, to_mamba

__all__ = ["from_mamba", "to_mamba"]
