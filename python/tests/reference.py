"""What eager PyTorch says by hooks and double backward: what attune is held against, in float64."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

ACTIVATIONS = {"relu", "relu_", "gelu"}


class _Gate(torch.autograd.Function):
    """Behind an activation: the identity, whose gradient loses its negative part while `on`."""

    on = False

    @staticmethod
    def forward(context: Any, y: Tensor) -> Tensor:
        return y.view_as(y)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return gradient.clamp_min(0) if _Gate.on else gradient


class _Gated(TorchFunctionMode):
    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        y = function(*arguments, **(keywords or {}))
        return _Gate.apply(y) if getattr(function, "__name__", "") in ACTIVATIONS else y


@contextlib.contextmanager
def guided() -> Iterator[None]:
    _Gate.on = True
    try:
        yield
    finally:
        _Gate.on = False


def forward(net: nn.Module, x: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Scores [N,K] and the output of a layer, both in one graph."""
    kept: list[Tensor] = []
    handle = net.get_submodule(layer).register_forward_hook(lambda module, given, made: kept.append(_tensor(made)))
    with _Gated(), torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        scores = _tensor(net(x))
    handle.remove()
    return scores, kept[0]


def scores(net: nn.Module, x: Tensor) -> Tensor:
    return _tensor(net(x)).detach()


def gradcam(activation: Tensor, gradient: Tensor) -> Tensor:
    """[N,1,H,W] of a layer [N,C,H,W], or of tokens [N,1+H*W,C]."""
    if activation.dim() == 3:
        side = round((activation.shape[1] - 1) ** 0.5)
        activation, gradient = (t[:, 1:].transpose(1, 2).unflatten(2, (side, side)) for t in (activation, gradient))
    return (gradient.mean((2, 3), keepdim=True) * activation).sum(1, keepdim=True)


def maps(
    net: nn.Module, x: Tensor, layer: str, classes: Tensor | None = None, graph: bool = False
) -> dict[str, Tensor]:
    """Grad-CAM of a layer, guided backpropagation and the plain gradient of the input; classes [N], or the best."""
    x = x if x.requires_grad else x.detach().requires_grad_()
    scores, activation = forward(net, x, layer)
    classes = scores.argmax(1) if classes is None else classes
    score = scores.gather(1, classes.unsqueeze(1)).sum()
    (at_layer,) = torch.autograd.grad(score, activation, create_graph=graph, retain_graph=True)
    (plain,) = torch.autograd.grad(score, x, create_graph=graph, retain_graph=True)
    with guided():
        (at_input,) = torch.autograd.grad(score, x, create_graph=graph, retain_graph=graph)
    return {"gradcam": gradcam(activation, at_layer), "gradient": plain, "guided": at_input, "classes": classes}


def atcon(net: nn.Module, x: Tensor, layer: str) -> Tensor:
    """The loss of docs/specs/atcon.json with a scale of std: Grad-CAM of x, and of x under its mask."""
    first = maps(net, x, layer, graph=True)
    source = first["guided"].abs().sum(1, keepdim=True).flatten(1)
    mask = torch.sigmoid((source - source.mean(1, keepdim=True)) / source.std(1, keepdim=True))
    again = maps(net, x * mask.view(len(x), 1, *x.shape[2:]), layer, first["classes"], graph=True)
    return -pearson(first["gradcam"], again["gradcam"]).mean()


def pearson(a: Tensor, b: Tensor) -> Tensor:
    a, b = (t.flatten(1) - t.flatten(1).mean(1, keepdim=True) for t in (a, b))
    return torch.cosine_similarity(a, b, 1, eps=0)


def _tensor(value: Any) -> Tensor:
    while not isinstance(value, Tensor):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value
