"""Attention maps and consistency losses of vision models, differentiable.

>>> model = attune.Model(net, example)                    # an nn.Module, or a .pt, .pt2 or .onnx file
>>> maps = model.maps(x, ["gradcam", "guided_backprop"])  # {name: [N,C,S1..Sd]}
>>> loss = attune.ConsistencyLoss("atcon", model)         # a spec's name, file, text or dict
>>> loss(x).backward()                                    # reaches net.parameters()
>>> attune.overlay(image, maps["gradcam"])                # a PIL image
"""

from attune._errors import Error
from attune._library import __version__
from attune.components import Component, Parameter, describe, load_plugin, methods, refusals, specs
from attune.loss import ConsistencyLoss, LossResult, Term
from attune.model import Layer, Maps, Model, maps
from attune.picture import overlay, photo_input

__all__ = [
    "Component",
    "ConsistencyLoss",
    "Error",
    "Layer",
    "LossResult",
    "Maps",
    "Model",
    "Parameter",
    "Term",
    "__version__",
    "describe",
    "load_plugin",
    "maps",
    "methods",
    "overlay",
    "photo_input",
    "refusals",
    "specs",
]
