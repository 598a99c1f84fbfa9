"""Consistency beside the loss of other people's training loops."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conftest import Cnn, vit
from test_eager import SPEC
from torch import Tensor


def test_lightning(x, tmp_path):
    lightning = pytest.importorskip("lightning", reason="lightning is not installed")
    from attune.lightning import Consistency

    class Classifier(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = Cnn()

        def training_step(self, batch: Any, index: int) -> Tensor:
            return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(x.float(), torch.arange(3)), batch_size=3, num_workers=0
    )

    def trained(*callbacks: Any) -> tuple[Tensor, dict[str, Tensor]]:
        torch.manual_seed(0)
        module = Classifier()
        trainer = lightning.Trainer(
            max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, callbacks=list(callbacks), default_root_dir=tmp_path,
        )  # fmt: skip
        trainer.fit(module, data)
        return module.net.conv1.weight.detach(), trainer.logged_metrics

    plain, _ = trained()
    none, _ = trained(Consistency(SPEC, weight=0, net="net"))
    with_it, logged = trained(Consistency(SPEC, weight=1, net="net"))
    torch.testing.assert_close(plain, none)
    assert (with_it - plain).norm() > 1e-5
    assert -1 <= logged["consistency"].item() <= 1


def test_transformers(x, tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    pytest.importorskip("PIL", reason="Pillow is not installed")
    from attune.transformers import ConsistencyTrainer, MapPictures

    data = [{"pixel_values": row.float(), "labels": index} for index, row in enumerate(x)]

    def trained(weight: float) -> tuple[Tensor, Any]:
        torch.manual_seed(0)
        net = vit()
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path), num_train_epochs=2, per_device_train_batch_size=3, logging_steps=1, use_cpu=True,
            report_to="none", save_strategy="no", eval_strategy="epoch", disable_tqdm=True, learning_rate=1e-3,
        )  # fmt: skip
        trainer = ConsistencyTrainer(
            net, arguments, train_dataset=data, eval_dataset=data, spec=SPEC, weight=weight,
            callbacks=[MapPictures(x.float())],
        )  # fmt: skip
        trainer.train()
        return torch.cat([p.detach().flatten() for p in net.parameters()]), trainer.state.log_history

    plain, _ = trained(0)
    with_it, history = trained(1)
    assert (with_it - plain).norm() > 1e-5
    values = [entry["consistency"] for entry in history if "consistency" in entry]
    assert len(values) == 2 and all(-1 <= value <= 1 for value in values)
    assert sorted(file.name for file in (tmp_path / "maps").iterdir()) == [
        f"{row}.step{step}.png" for row in range(3) for step in (1, 2)
    ]
