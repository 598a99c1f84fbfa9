"""From an eager module to the engine's model: its graph by torch.export, over its own tensors."""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import traceback
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attune._errors import Error, call

Settings = tuple[str, str, str, str, bool, int]


def engine_model(net: nn.Module, example: Tensor, extra: Mapping[str, Tensor], settings: Settings) -> tuple[Any, str]:
    """The engine's model of a module, and a note where it is not what was hoped for ("" where it is).

    `example` is [N,C,S1..Sd] and the `extra` inputs [1,...]. Nothing is copied: parameters and buffers are the
    module's own. Raises `Error` when the module can neither be exported nor traced, or not be differentiated.
    """
    given = (settings, list(extra), list(extra.values()))
    if isinstance(net, torch.jit.ScriptModule):
        return call(torch.ops.attune.torchscript_model, net._c, *given), ""
    with _evaluating(net), torch.inference_mode(False), torch.enable_grad(), _without_autocast(example.device):
        # Two rows stand for any number.
        rows = example.detach()[:1].repeat(2, *[1] * (example.dim() - 1))
        others = {name: value.detach()[:1].repeat(2, *[1] * (value.dim() - 1)) for name, value in extra.items()}
        try:
            program = _exported(net, rows, others)
            names, tensors = _tensors_of(net, program)
            return call(torch.ops.attune.exported_model, _text_of(program), names, tensors, *given), ""
        except Exception as error:
            refusal = error
        try:
            return call(torch.ops.attune.torchscript_model, _traced(net, rows, others), *given), _note(net, refusal)
        except Exception as error:
            raise Error(_refusal(net, refusal, error), "input") from refusal


def _exported(net: nn.Module, rows: Tensor, others: Mapping[str, Tensor]) -> torch.export.ExportedProgram:
    batch = {0: torch.export.Dim.AUTO if hasattr(torch.export.Dim, "AUTO") else torch.export.Dim("batch")}
    first = next(iter(inspect.signature(net.forward).parameters), "x")
    shapes: Any = {first: batch, **dict.fromkeys(others, batch)} if others else (batch,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(net, (rows,), dict(others), dynamic_shapes=shapes, strict=False)


def _tensors_of(net: nn.Module, program: torch.export.ExportedProgram) -> tuple[list[str], list[Tensor]]:
    """The module's own tensors, by the names that the program has for them."""
    tensors = {name: value for name, value in program.constants.items() if isinstance(value, Tensor)}
    tensors.update(program.state_dict)
    tensors.update(net.named_buffers(remove_duplicate=False))
    tensors.update(net.named_parameters(remove_duplicate=False))
    return list(tensors), list(tensors.values())


def _text_of(program: torch.export.ExportedProgram) -> str:
    """What torch.export.save writes of the program itself, without its weights."""
    light: Any = copy.copy(program)
    none = nn.Parameter(torch.empty(0), requires_grad=False)
    light._state_dict = dict.fromkeys(program.state_dict, none)
    light._constants = {
        name: torch.empty(0) if isinstance(value, Tensor) else value for name, value in program.constants.items()
    }
    light._example_inputs = None
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(light, file)
    with zipfile.ZipFile(file) as archive:
        for record in archive.namelist():
            if record.endswith("models/model.json") or record.endswith("serialized_exported_program.json"):
                return archive.read(record).decode()
    raise Error("torch.export.save wrote a file of a kind that is not known here", "input")


def _traced(net: nn.Module, rows: Tensor, others: Mapping[str, Tensor]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = {next(iter(inspect.signature(net.forward).parameters), "x"): rows, **others}
        trace: Any = torch.jit.trace
        return trace(net, example_kwarg_inputs=inputs, check_trace=False, strict=False)._c


@contextlib.contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode, and after it every layer in the mode that it was in."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _without_autocast(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    return torch.autocast(device.type, enabled=False)


def _note(net: nn.Module, refusal: Exception) -> str:
    return (
        f"torch.export does not take {_name(net)}{_place(refusal)}: {_first_line(refusal)}; it was traced instead, "
        "so that what its Python code decides is decided as for the example"
    )


def _refusal(net: nn.Module, exporting: Exception, tracing: Exception) -> str:
    exported = f"{_first_line(exporting)}{_place(exporting)}"
    traced = f"{_first_line(tracing)}{_place(tracing)}"
    return f"{_name(net)} can neither be exported ({exported}) nor traced ({traced})"


def _name(net: nn.Module) -> str:
    return f"the module {type(net).__name__}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = lines[0] if lines else type(error).__name__
    return line if len(line) <= 300 else line[:300] + "..."


def _place(error: Exception) -> str:
    """The innermost line that is neither PyTorch's nor this package's: " (net.py, line 12)"."""
    ours = tuple(str(Path(file or "").parent) for file in (torch.__file__, contextlib.__file__, __file__))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((*ours, "<")):
            return f" ({Path(frame.filename).name}, line {frame.lineno})"
    return ""
