"""For the Trainer of transformers: a consistency loss beside a model's own, and pictures of maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers
from torch import Tensor

from attune.loss import ConsistencyLoss, Spec
from attune.model import Model
from attune.picture import overlay


class ConsistencyTrainer(transformers.Trainer):  # type: ignore[misc]
    """A Trainer whose loss has ``weight`` times a consistency loss added to it, which it logs as ``consistency``."""

    def __init__(self, *args: Any, spec: Spec = "atcon_fast", weight: float = 0.1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.weight = weight
        self.consistency = ConsistencyLoss(spec, Model(self.model))
        self.last: Tensor | None = None

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **kwargs)
        if model.training:
            value = self.consistency(inputs["pixel_values"])
            self.last = value.detach()
            loss = loss + self.weight * value
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if self.last is not None and "loss" in logs:
            logs = {**logs, "consistency": self.last.item()}
        super().log(logs, *args, **kwargs)


class MapPictures(transformers.TrainerCallback):  # type: ignore[misc]
    """After every evaluation draws maps of ``inputs`` [N,C,H,W] into ``maps/`` of the output folder."""

    def __init__(self, inputs: Tensor, method: str = "gradcam") -> None:
        self.inputs, self.method = inputs, method

    def on_evaluate(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        device = next(model.parameters()).device
        maps = Model(model).maps(self.inputs.to(device), self.method)[self.method]
        folder = Path(args.output_dir) / "maps"
        folder.mkdir(parents=True, exist_ok=True)
        for row, sample in enumerate(self.inputs):
            overlay(sample, maps, row=row).save(folder / f"{row}.step{state.global_step}.png")
