"""The PyTorch that the package is built with: that of the environment which it is installed into.

`pip install .` builds in an environment of its own, without PyTorch, so that no other one is fetched. CMake runs this
file for the folder of PyTorch's packages; scikit-build-core calls `dynamic_metadata` for what the wheel then needs.
"""

from __future__ import annotations

import re
import site
import sys
import sysconfig
from pathlib import Path


def folder() -> Path:
    """Of the environment first; then wherever this Python finds modules."""
    for home in [sysconfig.get_path("platlib"), site.getusersitepackages(), *sys.path]:
        if (Path(home) / "torch" / "version.py").is_file():
            return Path(home) / "torch"
    sys.exit(
        "attune is built with the PyTorch that is installed, and there is none; install it first: pip install torch"
    )


def version() -> str:
    """Without what says for which devices it was built: "2.13.0" of "2.13.0+cpu"."""
    found = re.search(r"^__version__ = '([0-9.]+)", (folder() / "version.py").read_text(), re.MULTILINE)
    if found is None:
        sys.exit(f"attune: {folder() / 'version.py'} does not say which PyTorch it is")
    return found[1]


def dynamic_metadata(field: str, settings: object = None) -> list[str]:
    if field != "dependencies":
        raise RuntimeError(f"this says dependencies, not {field}")
    return [f"torch=={version()}"]


if __name__ == "__main__":
    print(version() if "--version" in sys.argv else folder() / "share" / "cmake")
