"""For Lightning: a consistency loss beside a module's own, and pictures of maps in its logger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning
import numpy
from torch import Tensor, nn

from attune.loss import ConsistencyLoss, Spec
from attune.model import Model
from attune.picture import overlay


def _first(batch: Any) -> Tensor:
    tensor: Tensor = batch[0]
    return tensor


class Consistency(lightning.Callback):  # type: ignore[misc]
    """Adds ``weight`` times a consistency loss to every training step, and logs it.

    Every ``pictures_every`` steps it draws a map of the batch's first sample too. ``net`` is the attribute of the
    module that is the network; "" the module itself.

    ``inputs`` takes [N,C,S1..Sd] out of a batch, its first element unless said. Where several processes train one
    module, add `ConsistencyLoss` to the loss in ``training_step`` instead: they expect one backward pass.
    """

    def __init__(
        self,
        spec: Spec = "atcon_fast",
        weight: float = 0.1,
        *,
        net: str = "",
        inputs: Callable[[Any], Tensor] = _first,
        pictures_every: int = 0,
        method: str = "gradcam",
    ) -> None:
        self.spec, self.weight, self.net, self.inputs = spec, weight, net, inputs
        self.pictures_every, self.method = pictures_every, method

    def setup(self, trainer: Any, pl_module: nn.Module, stage: str) -> None:
        self.model = Model(pl_module.get_submodule(self.net))
        self.loss = ConsistencyLoss(self.spec, self.model)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.x = self.inputs(batch)

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:
        value = self.loss(self.x)  # after the module's own forward pass, and with a backward pass of its own
        pl_module.log("consistency", value.detach())
        value = value * self.weight / trainer.accumulate_grad_batches
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        (scaler.scale(value) if scaler is not None else value).backward()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.pictures_every == 0 or trainer.global_step % self.pictures_every != 0:
            return
        picture = numpy.asarray(overlay(self.x[0], self.model.maps(self.x[:1], self.method)[self.method]))
        for logger in trainer.loggers:
            if hasattr(logger.experiment, "add_image"):  # TensorBoard
                logger.experiment.add_image(self.method, picture, trainer.global_step, dataformats="HWC")
            elif hasattr(logger, "log_image"):  # Weights & Biases
                logger.log_image(self.method, [picture], step=trainer.global_step)
