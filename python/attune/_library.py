"""Where the package's files are, and its library, which is loaded with this module."""

from __future__ import annotations

import os
import threading
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from attune._errors import call

try:
    __version__ = metadata.version("attune")
except metadata.PackageNotFoundError:  # a source tree
    __version__ = "0"


def _find_prefix() -> Path:
    """What `cmake --install` calls a prefix: the package's folder, or a build folder that ATTUNE_PREFIX names."""
    named = os.environ.get("ATTUNE_PREFIX")
    return Path(named).absolute() if named else Path(__file__).absolute().parent


PREFIX = _find_prefix()
SPECS = PREFIX / "share" / "attune" / "specs"
PROGRAM = PREFIX / "bin" / "attune"


def _load(name: str) -> None:
    library = PREFIX / "lib" / f"lib{name}.so"
    if not library.exists():
        raise ImportError(f"attune's library {library} is missing; install the package again (pip install .)")
    try:
        call(torch.ops.load_library, str(library))
    except OSError as error:
        raise ImportError(
            f"attune's library does not fit PyTorch {torch.__version__}; install it again, "
            f"so that it is built with this one (pip install --force-reinstall .): {error}"
        ) from None


_load("attune_python")
if threading.current_thread() is threading.main_thread():
    torch.ops.attune.watch_signals()


@cache
def load_media() -> None:
    """What draws and reads pictures; it brings OpenCV along, so that only those who draw load it."""
    _load("attune_python_media")


_plugins: list[str] = []
_catalogue: Any = None
_lock = threading.Lock()


def catalogue() -> Any:
    """The installed components, loaded when they are first needed."""
    global _catalogue
    with _lock:
        if _catalogue is None:
            _catalogue = _loaded(_plugins)
        return _catalogue


def add_plugin(file: str) -> None:
    """Another plugin for `catalogue()` from now on."""
    global _catalogue
    with _lock:
        _catalogue = _loaded([*_plugins, file])
        _plugins.append(file)


def _loaded(files: list[str]) -> Any:
    return call(torch.ops.attune.load_catalogue, str(PREFIX / "lib" / "attune" / "plugins"), files)
