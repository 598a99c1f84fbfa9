"""What the tests share: small modules in float64, and inputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import attune

torch.set_num_threads(1)


class Cnn(nn.Module):
    """A residual network of one's own, small enough for second derivatives in no time."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1, stride=2)
        self.head = nn.Linear(12, classes)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = x + torch.relu(self.conv1(x))
        x = self.act(self.conv2(x))
        return self.head(x.mean((2, 3)))


def resnet() -> nn.Module:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=5
    )
    return transformers.ResNetForImageClassification(config)


def vit() -> nn.Module:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        num_labels=5,
        initializer_range=0.3,
    )
    return transformers.ViTForImageClassification(config)


NETS: dict[str, Callable[[], nn.Module]] = {"own": Cnn, "resnet": resnet, "vit": vit}


def settled(net: nn.Module) -> nn.Module:
    """In float64 and evaluation mode, with statistics as after training."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net.double().eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(3, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def cnn() -> nn.Module:
    torch.manual_seed(0)
    return settled(Cnn())


_nets: dict[str, tuple[nn.Module, attune.Model]] = {}


@pytest.fixture(params=list(NETS))
def net_and_model(request: pytest.FixtureRequest, x: Tensor) -> tuple[nn.Module, attune.Model]:
    """Exported once for all tests, which leave values as they are."""
    if request.param not in _nets:
        torch.manual_seed(0)
        net = settled(NETS[request.param]())
        _nets[request.param] = net, attune.Model(net, x)
    net, model = _nets[request.param]
    net.zero_grad()
    return net, model
