"""The command `attune` of the environment: the program that the package has."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn


def main() -> NoReturn:
    prefix = os.environ.get("ATTUNE_PREFIX") or Path(__file__).absolute().parent
    program = Path(prefix) / "bin" / "attune"
    torch = importlib.util.find_spec("torch")
    if torch is not None and torch.origin:  # wherever it lies
        folders = [str(Path(torch.origin).parent / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
        os.environ["LD_LIBRARY_PATH"] = ":".join(filter(None, folders))
    try:
        os.execv(program, ["attune", *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"attune: the program {program} cannot be run: {error.strerror}; install the package again")
