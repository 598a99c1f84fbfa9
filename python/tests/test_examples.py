"""What the documentation shows runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "python"


def test_the_notebook_makes_maps_agree():
    pytest.importorskip("PIL", reason="Pillow is not installed")
    notebook = json.loads((EXAMPLES / "fine_tune.ipynb").read_text())
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert names["before"] > 0.8 and names["after"] > 0.8
    assert names["agreed_after"] > names["agreed_before"] + 0.05
