"""The one exception of attune, and how it comes out of the library."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import Any

import torch

# The numbers are the program's exit codes.
_FAULTS = {1: "check", 2: "usage", 3: "spec", 4: "plugin", 5: "input", 6: "run", 7: "output"}
_SENTENCE = re.compile(r"attune:(\d):(.*)", re.DOTALL)


class Error(RuntimeError):
    """What attune refuses, and why, in one sentence.

    ``fault`` says whose fault it is: ``"usage"`` (an argument), ``"spec"`` (a spec or a component's parameters),
    ``"plugin"`` (a plugin that was refused), ``"input"`` (a model or an input), ``"run"`` (a method or a matcher
    failed) or ``"output"`` (a file that cannot be written).
    """

    def __init__(self, sentence: str, fault: str = "usage") -> None:
        super().__init__(sentence)
        self.fault = fault


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls into the library, whose errors arrive as `Error` and whose end by a signal as what its handler raised."""
    try:
        return function(*arguments)
    except RuntimeError as error:
        _raise_from_handler()
        found = _SENTENCE.search(str(error))
        if found is None:
            raise
        sentence, fault = found[2], _FAULTS.get(int(found[1]), "run")
    raise Error(sentence, fault)


def _raise_from_handler() -> None:
    parts = torch.ops.attune.take_raised()
    if not any(parts):
        return
    restore = ctypes.pythonapi.PyErr_Restore
    restore.argtypes = [ctypes.c_void_p] * 3
    restore.restype = None
    # As of every function of Python's interface, ctypes raises what it leaves.
    restore(*(part or None for part in parts))
