"""From a picture to what a model takes, and from a map to a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from attune._errors import Error, call
from attune._library import load_media

Picture = Any  # a PIL image, an array or a tensor [H,W,3] of uint8, a path, or a model's input [C,S1..Sd]


def overlay(
    image: Picture,
    map: Tensor,
    *,
    row: int = 0,
    colormap: str = "",
    alpha: float = 0.6,
    uniform: bool = False,
    signed: bool = False,
    full_heat: float = 0.0,
    title: str = "",
    label: str = "",
    score: str = "",
    at_input_resolution: bool | None = None,
) -> Any:
    """A map over the picture that the model saw, as a PIL image of the picture's size.

    ``image`` is a PIL image, a path, uint8 [H,W,3], or one sample of the model's input itself, [C,S1..Sd] of floating
    type: a signal is drawn as curves, a clip as frames, a volume as slices. ``map`` is [C,S1..Sd] or [N,C,S1..Sd], of
    which ``row`` is drawn. ``alpha`` is the opacity where the heat is greatest, or everywhere with ``uniform``;
    ``signed`` draws negative values too; ``full_heat`` is the value of the greatest heat, by which several pictures
    share a scale (0: the map's own). ``title``, ``label`` and ``score`` go into a strip of text below.
    ``at_input_resolution`` says whether the map is as fine as the input, as `Maps.at_input_resolution` does; it is
    guessed otherwise.

    Raises `Error` for a map that cannot be drawn over the image, or an unknown colour map.
    """
    load_media()
    picture = _picture(image)
    if not isinstance(map, Tensor):
        raise Error(f"expected a map [C,S1..Sd], not {type(map).__name__}")
    spatial = picture.shape[:2] if picture.dtype == torch.uint8 else picture.shape[1:]
    axes = len(spatial)
    values = map.detach()
    if values.dim() == axes + 2 and 0 <= row < values.shape[0]:
        values = values[row]
    if values.dim() != axes + 1:
        raise Error(
            f"a map {list(map.shape)} cannot be drawn over a picture of {axes} axes; expected [C,S1..Sd]", "run"
        )
    if at_input_resolution is None:
        at_input_resolution = values.shape[1:] == spatial or values.shape[0] == 3
    style = (colormap, float(alpha), uniform, signed, float(full_heat))
    drawn = call(
        torch.ops.attune_media.overlay, picture, values.unsqueeze(0), at_input_resolution, style, [title, label, score]
    )
    return _pil().fromarray(drawn.numpy())


def photo_input(
    image: Picture,
    size: int | tuple[int, int] = 224,
    *,
    crop: bool = False,
    mean: Sequence[float] = (0.485, 0.456, 0.406),
    std: Sequence[float] = (0.229, 0.224, 0.225),
) -> Tensor:
    """What a model takes of a photo: float32 [C,H,W], as ``attune heatmap`` makes it.

    ``image`` is a PIL image, a path, or uint8 [H,W,3]. It is squashed to ``size`` (H and W, or both), or with ``crop``
    resized and its centre cut out; then (x - mean) / std of values of 0 to 1, ImageNet's unless said. One mean: the
    model takes grey.
    """
    load_media()
    sizes = [size, size] if isinstance(size, int) else list(size)
    result: Tensor = call(
        torch.ops.attune_media.input_of, _picture(image), sizes, crop, [float(m) for m in mean], [float(s) for s in std]
    )
    return result


def _pil() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise Error("pictures need Pillow: pip install pillow") from None
    return Image


def _picture(image: Picture) -> Tensor:
    """uint8 [H,W,3], or a model's input [C,S1..Sd]."""
    picture: Tensor
    if isinstance(image, (str, os.PathLike)):
        picture = call(torch.ops.attune_media.read_image, os.fspath(image))
    elif isinstance(image, Tensor):
        picture = image.detach()
    else:
        import numpy

        picture = torch.from_numpy(numpy.array(image.convert("RGB") if hasattr(image, "convert") else image))
    is_picture = picture.dtype == torch.uint8 and picture.dim() == 3 and picture.shape[2] == 3
    if not is_picture and not (picture.is_floating_point() and picture.dim() >= 2):
        found = f"{picture.dtype} {list(picture.shape)}".removeprefix("torch.")
        raise Error(f"a picture is uint8 [H,W,3] or an input [C,S1..Sd] of floating type, not {found}", "run")
    return picture.cpu()
