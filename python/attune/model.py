"""Models, whether they are modules of a Python program or files, and their maps."""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from attune import _export
from attune._errors import Error, call
from attune._library import catalogue, load_media

_MOST_SHAPES = 8  # of inputs that programs are kept for

Target = str | int | Tensor | Sequence[str | int]


@dataclass(frozen=True)
class Layer:
    """A layer as one forward pass sees it.

    ``shape`` is that of its output without N; ``spatial`` the number of its spatial axes, 0 where it has none;
    ``attention`` whether its attention probabilities can be captured; ``no_map`` why no map can be made there, "" where
    one can; ``automatic`` whether ``layer=auto`` stands for it.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    spatial: int
    attention: bool
    no_map: str
    automatic: bool


class Maps(dict[str, Tensor]):
    """Maps by name, and what is known of them.

    Each is ``[N,C,S1..Sd]``, or ``[T,N,C,S1..Sd]`` where several targets were asked for, on the model's device, in its
    type, without unit and with signs unless its method says otherwise.
    """

    scores: Tensor
    """The model's output [N,K] (or whatever it gives), without graph."""
    classes: list[Tensor | None]
    """Of each target the class [N] of every sample; None where it is no class."""
    layers: dict[str, tuple[str, ...]]
    """The layers that each map was made from; none for maps of the input."""
    at_input_resolution: dict[str, bool]
    """Whether S1..Sd of a map are the input's own."""
    left_out: dict[str, str]
    """Of methods asked for as a group, such as ``"all-cam"``, those that do not suit the model, and why."""

    def __repr__(self) -> str:
        return "Maps({" + ", ".join(f"{name!r}: {list(values.shape)}" for name, values in self.items()) + "})"


class _Traceless:
    """Counts steps of fused optimizers, which write parameters without a trace that autograd, or the engine, sees."""

    def __init__(self) -> None:
        self.steps = 0
        register_optimizer_step_post_hook(self.count)

    def count(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        self.steps += any(group.get("fused") for group in optimizer.param_groups)


_traceless = _Traceless()


class _Engine:
    """What answers for a file, or for a module's inputs of one shape."""

    def __init__(self, engine: Any, tensors: Sequence[tuple[int, torch.dtype, torch.device]] = ()) -> None:
        self.engine = engine
        self.tensors = tensors  # which ones the module was of, not their values
        self.steps = _traceless.steps  # that it knows of

    def up_to_date(self) -> Any:
        if self.steps != _traceless.steps:
            self.steps = _traceless.steps
            self.engine.refresh()
        return self.engine


class Model:
    """A model that is asked for maps and losses.

    ``model`` is an ``nn.Module`` or the path of a ``.pt``, ``.pt2`` or ``.onnx`` file. A module is exported once for
    each shape of input, with a batch of any size, and again when its parameters are other tensors than before. Its
    parameters and buffers are shared, not copied: an optimizer's step shows in the next call, and the gradient of a
    loss arrives in their ``.grad``. Maps are those of evaluation mode, whatever the mode of the module, which is left
    as it is, as are flags and hooks.

    ``example`` [N,C,S1..Sd] is an input of the module, which is exported when the model is made; without one it is at
    the first call. ``device`` is of files; ``output`` the one of several outputs that is looked at (an index or a
    key), ``layer`` what ``auto`` stands for, ``layout`` that of layers (``"channels_first"``, ``"channels_last"``,
    ``"tokens"``), ``multi_label`` whether each class has a probability of its own, ``chunk`` the rows of one pass of
    methods that run many variants, ``extra`` all inputs but the one that is explained, by name and [1,...], and
    ``labels`` the names of the classes.

    Any number of threads may use a model at once, as long as none trains it. Raises `Error` for what is no model.
    """

    def __init__(
        self,
        model: nn.Module | str | os.PathLike[str],
        example: Tensor | None = None,
        *,
        device: str | torch.device = "cpu",
        output: str | int = "auto",
        layer: str = "auto",
        layout: str = "auto",
        multi_label: bool = False,
        chunk: int = 32,
        extra: Mapping[str, Tensor] | None = None,
        labels: Sequence[str] = (),
    ) -> None:
        self.labels = list(labels)
        self.notes: list[str] = []
        self._extra = dict(extra or {})
        self._choices = (str(output), layer, layout, multi_label, chunk)
        self._device = torch.device(device)
        self._engines: dict[Any, _Engine] = {}
        self._lock = threading.RLock()
        self._net = _plain(model) if isinstance(model, nn.Module) else None
        self._path = None if isinstance(model, nn.Module) else os.fspath(model)
        self._example = None if example is None else _checked(example)
        if self._path is not None:
            names, tensors = list(self._extra), list(self._extra.values())
            opened = call(torch.ops.attune.open_model, self._path, self._settings(self._device), names, tensors)
            self._engines["file"] = _Engine(opened)
            self._say(opened.remarks())
        elif self._example is not None:
            self.engine(self._example)

    def maps(
        self,
        x: Tensor,
        methods: str | Sequence[str] = "gradcam",
        target: Target = "top1",
        *,
        graph: bool = False,
        seed: int = 0,
    ) -> Maps:
        """Attention maps of a batch, all of one forward pass where their methods allow it.

        ``x`` is [N,C,S1..Sd], d = 1 (signals), 2 (images) or 3 (clips, volumes), as the model takes it. ``methods`` are
        texts as on the command line, ``"[NAME=]ID[:key=value,...]"`` or a group (``"all-cam"``); `attune.methods()`
        lists the ids. ``target`` is a class index, ``"top1"``, ``"top5"``, a label, ``"top1:minus=similar3"``..., a
        list of those, or int64 [N], a class for each sample.

        With ``graph`` the maps carry an autograd graph that reaches the parameters and, where it requires a gradient,
        ``x``. Random methods draw the same for the same ``seed``.

        Raises `Error` with what is wrong and what would be right.
        """
        x = _checked(x)
        texts = [methods] if isinstance(methods, str) else list(methods)
        targets, classes = _target_texts(target)
        scores, explained, rows = call(
            self.engine(x).maps, catalogue(), x, texts, targets, classes, self.labels, graph, seed
        )
        several = len(explained) > 1 or (not isinstance(target, (str, int, Tensor)))
        result = Maps({row[0]: torch.stack(row[1]) if several else row[1][0] for row in rows if row[1]})
        result.scores = scores.detach()
        result.classes = list(explained)
        result.layers = {row[0]: tuple(row[3]) for row in rows if row[1]}
        result.at_input_resolution = {row[0]: row[2] for row in rows if row[1]}
        result.left_out = {row[0]: row[4] for row in rows if not row[1]}
        if not result:
            raise Error("none of the methods that were asked for suits the model", "input")
        return result

    def layers(self, x: Tensor | None = None) -> list[Layer]:
        """The model's layers, and their output shapes on ``x`` [N,C,S1..Sd]; on the example, or a guess of what a
        file's model takes, when there is none."""
        engine, x = self._engine_and_input(x)
        automatic = call(engine.automatic_layer, x)
        return [
            Layer(name, type, tuple(shape), spatial, attention, no_map, name == automatic)
            for name, type, shape, spatial, attention, no_map in call(engine.layers, x)
        ]

    def outputs(self, x: Tensor | None = None) -> dict[str, tuple[int, ...]]:
        """Names and shapes [N,..] of the model's outputs; the name of a single tensor is ``""``."""
        engine, x = self._engine_and_input(x)
        return {name: tuple(shape) for name, shape in call(engine.outputs, x)}

    def probabilities(self, scores: Tensor) -> Tensor:
        """Of scores [N,K] of this model: by softmax, by sigmoid, or as they are, whatever the model ends in."""
        probabilities: Tensor = call(self._any_engine().probabilities, scores)
        return probabilities

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """The parameters themselves, a file's too, to be trained."""
        return iter(self._net.named_parameters() if self._net is not None else _pairs(self._any_engine().parameters()))

    def parameters(self) -> Iterator[Tensor]:
        """As those of ``nn.Module``: what an optimizer takes."""
        return (tensor for _, tensor in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """The buffers themselves."""
        return iter(self._net.named_buffers() if self._net is not None else _pairs(self._any_engine().buffers()))

    def refresh(self) -> None:
        """After a write into a parameter's ``.data`` or by a kernel of one's own, which leave no trace. Training and
        ``load_state_dict`` do."""
        with self._lock:
            for kept in self._engines.values():
                kept.engine.refresh()

    def export_again(self) -> None:
        """After a change of the module's code, or of attributes that are no parameters, buffers or modules."""
        with self._lock:
            if self._net is not None:
                self._engines.clear()

    def engine(self, x: Tensor) -> Any:
        """What answers for inputs of this shape. Exports the module where it has not been."""
        if self._net is None:
            return self._engines["file"].up_to_date()
        with self._lock:
            tensors = [(id(tensor), tensor.dtype, tensor.device) for tensor in self._tensors()]
            key = (tuple(x.shape[1:]), x.dtype)
            kept = self._engines.get(key)
            if kept is not None and kept.tensors == tensors:
                return kept.up_to_date()
            device = next((tensor.device for tensor in self._tensors()), x.device)
            engine, note = _export.engine_model(self._net, x, self._extra, self._settings(device))
            self._say([note] if note else [])
            self._say(engine.remarks())
            for stale in [old for old, kept in self._engines.items() if kept.tensors != tensors]:
                del self._engines[stale]
            while len(self._engines) >= _MOST_SHAPES:  # the one that was made first goes
                del self._engines[next(iter(self._engines))]
            self._engines[key] = _Engine(engine, tensors)
            return engine

    @property
    def example(self) -> Tensor | None:
        """The example that the model was made with."""
        return self._example

    def _tensors(self) -> Iterator[Tensor]:
        assert self._net is not None
        yield from self._net.parameters()
        yield from self._net.buffers()

    def _settings(self, device: torch.device) -> _export.Settings:
        return (str(device), *self._choices)

    def _say(self, notes: Sequence[str]) -> None:
        for note in notes:
            if note not in self.notes:
                self.notes.append(note)
                warnings.warn(f"attune: {note}", stacklevel=4)

    def _engine_and_input(self, x: Tensor | None) -> tuple[Any, Tensor]:
        if x is None:
            x = self._example
        if x is None and self._net is not None:
            raise Error("the module has not seen an input yet; give one: [N,C,S1..Sd]")
        if x is None:
            engine = self._any_engine()
            parameter = next(iter(self.parameters()), torch.empty(0))
            x = torch.rand([1, *engine.likely_input()], dtype=parameter.dtype, device=engine.device())
        x = _checked(x)
        return self.engine(x), x

    def _any_engine(self) -> Any:
        for kept in self._engines.values():
            return kept.engine
        raise Error("the module has not seen an input yet; make the model with an example")

    def __repr__(self) -> str:
        what = type(self._net).__name__ if self._net is not None else repr(self._path)
        shapes = "; ".join("[N," + ",".join(map(str, key[0])) + "]" for key in self._engines if key != "file")
        kinds = sorted({kept.engine.source() for kept in self._engines.values()})
        return (
            f"attune.Model({what}" + (f", {'/'.join(kinds)}" if kinds else "") + (f", {shapes}" if shapes else "") + ")"
        )

    def __reduce__(self) -> NoReturn:
        what = "the module" if self._net is not None else "the path"
        raise TypeError(
            f"an attune.Model cannot be pickled or copied, as its programs cannot; pickle {what}, "
            "and make an attune.Model of it where it is unpickled"
        )


def maps(
    net: nn.Module | Model,
    x: Tensor,
    methods: str | Sequence[str] = "gradcam",
    target: Target = "top1",
    *,
    graph: bool = False,
    seed: int = 0,
) -> Maps:
    """`Model.maps` of a module, which is exported once as long as it is there."""
    return as_model(net).maps(x, methods, target, graph=graph, seed=seed)


# What was exported of modules that were given as they are. It holds their tensors, and not the modules.
_kept: weakref.WeakKeyDictionary[nn.Module, dict[Any, _Engine]] = weakref.WeakKeyDictionary()


def as_model(net: nn.Module | Model) -> Model:
    """The model itself, or one of a module with what was exported of it before."""
    if isinstance(net, Model):
        return net
    if not isinstance(net, nn.Module):
        raise Error(f"expected an nn.Module or an attune.Model, not {type(net).__name__}")
    model = Model(net)
    model._engines = _kept.setdefault(_plain(net), model._engines)
    return model


def _plain(net: nn.Module) -> nn.Module:
    """The module that torch.compile or a parallel wrapper is around, which has the same parameters."""
    while True:
        inner = getattr(net, "_orig_mod", None)
        if inner is None and isinstance(net, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = net.module
        if not isinstance(inner, nn.Module):
            return net
        net = inner


def _checked(x: Tensor) -> Tensor:
    if not isinstance(x, Tensor):
        raise Error(f"expected a tensor [N,C,S1..Sd], not {type(x).__name__}")
    if x.dim() < 3 or x.shape[0] == 0 or not x.is_floating_point():
        found = f"{x.dtype} {list(x.shape)}".removeprefix("torch.")
        raise Error(f"expected a tensor [N,C,S1..Sd] of floating type with at least one row, not {found}", "input")
    return x


def _target_texts(target: Target) -> tuple[list[str], Tensor | None]:
    if isinstance(target, Tensor):
        return [], target
    one_or_more = [target] if isinstance(target, (str, int)) else list(target)
    if not one_or_more:
        raise Error("there is no target; expected a class index, 'top1', 'top5' or a label")
    texts = [str(one) for one in one_or_more]
    if any("similar_to=" in text or "region=" in text for text in texts):
        load_media()  # which reads the files that they name
    return texts, None


def _pairs(table: tuple[list[str], list[Tensor]]) -> list[tuple[str, Tensor]]:
    return list(zip(*table, strict=True))
