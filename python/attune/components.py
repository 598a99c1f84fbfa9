"""Which methods, matchers, correlations and specs are installed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from attune._errors import call
from attune._library import SPECS, add_plugin, catalogue


@dataclass(frozen=True)
class Parameter:
    """What can be set of a component, as ``"gradcam:relu=true"`` or a key of a spec does."""

    name: str
    type: str
    default: Any
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Component:
    """A method, matcher or correlation, as its plugin describes it.

    ``document`` is all of that, the JSON of ``attune describe --json``.
    """

    id: str
    kind: str
    title: str
    summary: str
    citation: str
    parameters: tuple[Parameter, ...]
    differentiable: bool
    document: dict[str, Any]

    def __repr__(self) -> str:
        settings = ", ".join(f"{one.name}={one.default!r}" for one in self.parameters)
        return f"<{self.kind} {self.id}({settings}): {self.summary}>"


def methods(kind: str = "method") -> list[str]:
    """Ids of the installed methods, or with ``kind`` ``"matcher"`` or ``"correlation"`` of these, in order."""
    ids: list[str] = catalogue().ids(kind)
    return ids


def describe(id: str) -> Component:
    """What a component does, and its parameters. Raises `Error` with the nearest id for an unknown one."""
    document: dict[str, Any] = json.loads(call(catalogue().describe, id))
    return Component(
        id=document["id"],
        kind=document["kind"],
        title=document["title"],
        summary=document["summary"],
        citation=document["citation"],
        parameters=tuple(
            Parameter(**{**entry, "choices": tuple(entry.get("choices", ()))}) for entry in document["parameters"]
        ),
        differentiable=document["differentiable"],
        document=document,
    )


def specs() -> list[str]:
    """Names of the consistency losses that ship, each of which `ConsistencyLoss` takes."""
    return sorted(file.stem for file in SPECS.glob("*.json"))


def load_plugin(file: str | os.PathLike[str]) -> None:
    """Loads ``attune-NAME.so`` of a plugin of one's own; its components are there from now on.

    Folders of plugins are named by the environment variable ``ATTUNE_PLUGIN_PATH`` instead. Raises `Error` when the
    file is refused, and says why.
    """
    add_plugin(os.path.abspath(os.fspath(file)))


def refusals() -> list[str]:
    """A sentence for each plugin or folder that was looked at and not taken."""
    sentences: list[str] = catalogue().refusals()
    return sentences
