"""What the tests share: small modules, and hand-written eager references in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

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


def settled(net: nn.Module) -> nn.Module:
    """In float64 and evaluation mode, with statistics and biases as after training."""
    torch.manual_seed(1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net.double().eval()


@pytest.fixture
def cnn() -> nn.Module:
    torch.manual_seed(0)
    return settled(Cnn())


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(2)
    return torch.randn(3, 3, 16, 16, dtype=torch.float64)
