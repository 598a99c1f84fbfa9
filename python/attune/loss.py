"""Consistency losses: a spec and a model become one differentiable number."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from attune._errors import Error, call
from attune._library import SPECS, catalogue
from attune.components import specs
from attune.model import Model, _checked, as_model

Spec = str | os.PathLike[str] | Mapping[str, Any]


@dataclass(frozen=True)
class Term:
    """One term's agreement ``values`` [T,N] of T targets and N samples, larger is more alike, without graph.

    ``degenerate`` [T,N]: a map was constant, so that the agreement is 0 without a gradient. ``saturated`` [T,N]:
    nearly every cell of a mask was 0 or 1.
    """

    name: str
    weight: float
    values: Tensor
    degenerate: Tensor
    saturated: Tensor

    def __repr__(self) -> str:
        return f"Term({self.name!r}, weight={self.weight:g}, mean={self.values.double().mean().item():.4g})"


@dataclass(frozen=True)
class LossResult:
    """``loss``, a number with a graph where autograd is on; ``scores`` [N,K], the model's output without one;
    ``classes``, of each target the class [N] of every sample (None where it is no class); and the terms."""

    loss: Tensor
    scores: Tensor
    classes: list[Tensor | None]
    terms: list[Term]


class ConsistencyLoss:
    """How far attention maps of a model disagree, as a loss to train with.

    ``spec`` is the name of one that ships (`attune.specs()`), a file, its text, or a dict of the same keys. ``model``
    is a `Model` or an ``nn.Module``. ``targets`` stand in for those of the spec; ``models`` are those that the spec
    names, which are read from their files otherwise.

    The loss is minus the weighted mean agreement. ``loss(x).backward()`` reaches the module's own parameters; under
    ``torch.no_grad()`` the same number comes from cheaper passes. To add it to a supervised loss in training mode, run
    the module first, then the loss, then one ``backward()`` of the sum.

    Raises `Error` with everything that is wrong with a spec, with line and column.
    """

    def __init__(
        self,
        spec: Spec,
        model: Model | nn.Module,
        *,
        targets: str | int | Sequence[str | int] = (),
        models: Mapping[str, Model | nn.Module] | None = None,
    ) -> None:
        self.model = as_model(model)
        self._text, self._is_file = _spec_text(spec)
        self._name = self._text if self._is_file or len(self._text) < 40 else self._text[:40] + "..."
        one_or_more = [targets] if isinstance(targets, (str, int)) else targets
        self._targets = [str(target) for target in one_or_more]
        self._models = {name: as_model(other) for name, other in (models or {}).items()}
        self._seed: int | None = None
        self._losses: list[tuple[Any, Any]] = []  # of each engine of the model
        if self.model.example is not None:
            self._loss_for(self.model.example)
        elif not _is_eager(self.model):
            self._loss_for(torch.empty(0))

    def __call__(self, x: Tensor, annotation: Tensor | None = None) -> Tensor:
        """The loss of a batch ``x`` [N,C,S1..Sd]: a number. ``annotation`` as for `compute`."""
        return self.compute(x, annotation).loss

    def compute(self, x: Tensor, annotation: Tensor | None = None) -> LossResult:
        """The loss of a batch with its terms, sample by sample.

        ``annotation``, [N,1,S1..Sd] or a channel for each class, from 0 to 1, is what specs compare maps with that
        have a map ``"annotation"``.
        """
        x = _checked(x)
        loss, scores, classes, rows = call(self._loss_for(x).compute, x, annotation)
        return LossResult(loss, scores, list(classes), [Term(*row) for row in rows])

    def seed(self, next: int) -> None:
        """Methods that draw random numbers draw others in every call: seeds ``next``, ``next`` + 1... from now on."""
        self._seed = next
        for _, loss in self._losses:
            loss.seed(next)

    def plan(self, gradient: bool = True) -> list[str]:
        """A sentence for each step of what a call costs, with a backward pass of the loss or without."""
        if not self._losses:
            raise Error("the module has not seen an input yet; make its attune.Model with an example")
        steps: list[str] = call(self._losses[-1][1].plan, gradient)
        return steps

    def _loss_for(self, x: Tensor) -> Any:
        engine = self.model.engine(x)
        for known, loss in self._losses:
            if known is engine:
                return loss
        others = [other.engine(x) for other in self._models.values()]
        names = list(self._models)
        loss = call(
            torch.ops.attune.consistency_loss,
            engine,
            catalogue(),
            self._text,
            self._is_file,
            self._targets,
            self.model.labels,
            names,
            others,
        )
        if self._seed is not None:
            loss.seed(self._seed)
        self._losses = [*self._losses[-3:], (engine, loss)]
        return loss

    def __repr__(self) -> str:
        terms = ", ".join(self._losses[-1][1].term_names()) if self._losses else "not seen an input yet"
        name = Path(self._name).stem if self._is_file else self._name
        return f"attune.ConsistencyLoss({name!r}, {self.model!r}: {terms})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an attune.ConsistencyLoss cannot be pickled or copied; make it anew of its spec and model")


def _is_eager(model: Model) -> bool:
    return model._net is not None


def _spec_text(spec: Spec) -> tuple[str, bool]:
    """Text or path, and which of the two."""
    if isinstance(spec, Mapping):
        return json.dumps(spec), False
    given = os.fspath(spec)
    if given.lstrip().startswith("{"):
        return given, False
    if os.path.isfile(given) or os.sep in given:
        return given, True
    shipped = SPECS / f"{Path(given).stem}.json"
    if not shipped.is_file():
        known = ", ".join(specs()) or "none"
        raise Error(
            f"there is no file '{given}', and no spec of that name ships with attune; those are {known}", "spec"
        )
    return str(shipped), True
