#!/usr/bin/env python3
"""attune beside Captum, pytorch-grad-cam, torch-cam and eager PyTorch, on the same model, batch and machine.

    peers.py [--batch 8] [--size 224] [--repeat 5] [--device cpu] [CASE...]

Time is the processor's on a CPU, the clock's on another device: the least of the repeats, after a call that does not
count. Memory is what a call takes beyond what is there before it, at its peak. Packages that are not installed are left
out, and said. Model: ResNet-50 with random weights, of transformers.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import attune

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import reference  # noqa: E402

LAYER = "resnet.encoder.stages.3.layers.2"
STEPS = 20
MASKS = 200
SPEC = {
    "version": 1,
    "maps": {"cam": {"use": "gradcam", "layer": LAYER}, "gb": {"use": "guided_backprop", "channels": "abs_sum"}},
    "terms": [{"maps": ["cam", "gb"], "match": {"use": "mask", "source": "gb", "scale": "std"}, "compare": "pearson"}],
}


class Scores(nn.Module):
    """Scores alone: peers take no model that gives more."""

    def __init__(self) -> None:
        super().__init__()
        transformers = importlib.import_module("transformers")
        self.net = transformers.ResNetForImageClassification(transformers.ResNetConfig(num_labels=1000))
        for module in self.modules():  # guided backpropagation of peers replaces modules, which must not write in place
            if isinstance(module, nn.ReLU):
                module.inplace = False

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).logits


Call = Callable[[], Any]


def attune_calls(net: nn.Module, x: Tensor) -> dict[str, Call]:
    model = attune.Model(net, x)
    layer = f"net.{LAYER}"
    spec = {**SPEC, "maps": {**SPEC["maps"], "cam": {"use": "gradcam", "layer": layer}}}  # type: ignore[dict-item]
    loss = attune.ConsistencyLoss(spec, model)
    return {
        "gradcam": lambda: model.maps(x, f"gradcam:layer={layer}", 281),
        "guided_backprop": lambda: model.maps(x, "guided_backprop", 281),
        "integrated_gradients": lambda: model.maps(x, f"integrated_gradients:steps={STEPS},channels=keep", 281),
        "occlusion": lambda: model.maps(x[:1], "occlusion:window=32,stride=32", 281),
        "scorecam": lambda: model.maps(x[:1], f"scorecam:layer={layer}", 281),
        "rise": lambda: model.maps(x[:1], f"rise:masks={MASKS}", 281),
        "atcon_step": lambda: loss(x).backward(),
    }


def captum_calls(net: nn.Module, x: Tensor) -> dict[str, Call]:
    captum = importlib.import_module("captum.attr")
    layer = net.get_submodule(f"net.{LAYER}")
    return {
        "gradcam": lambda: captum.LayerGradCam(net, layer).attribute(x, 281),
        "guided_backprop": lambda: captum.GuidedBackprop(net).attribute(x, 281),
        "integrated_gradients": lambda: captum.IntegratedGradients(net).attribute(
            x, target=281, n_steps=STEPS, internal_batch_size=len(x)
        ),
        "occlusion": lambda: captum.Occlusion(net).attribute(
            x[:1], (3, 32, 32), strides=(3, 32, 32), target=281, perturbations_per_eval=32
        ),
    }


def gradcam_calls(net: nn.Module, x: Tensor) -> dict[str, Call]:
    package = importlib.import_module("pytorch_grad_cam")
    target = importlib.import_module("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget(281)
    layers = [net.get_submodule(f"net.{LAYER}")]
    cam, scorecam = package.GradCAM(net, layers), package.ScoreCAM(net, layers)
    scorecam.batch_size = 32
    return {"gradcam": lambda: cam(x, [target] * len(x)), "scorecam": lambda: scorecam(x[:1], [target])}


def torchcam_calls(net: nn.Module, x: Tensor) -> dict[str, Call]:
    methods = importlib.import_module("torchcam.methods")
    cam = methods.GradCAM(net, f"net.{LAYER}")
    def score() -> None:
        with methods.ScoreCAM(net, f"net.{LAYER}", batch_size=32) as one, torch.no_grad():
            one(281, net(x[:1]))

    return {"gradcam": lambda: cam([281] * len(x), net(x)), "scorecam": score}


def eager_calls(net: nn.Module, x: Tensor) -> dict[str, Call]:
    def step() -> None:
        reference.atcon(net, x, f"net.{LAYER}").backward()

    def rise() -> Tensor:
        # As its authors' program has it: every mask in memory, enlarged one by one. No other package has the method.
        height, width = x.shape[2:]
        cell = (-(-height // 7), -(-width // 7))
        masks = x.new_empty(MASKS, 1, height, width)
        for mask in masks:
            grid = (torch.rand(1, 1, 7, 7, device=x.device) < 0.5).to(x.dtype)
            whole = nn.functional.interpolate(grid, (8 * cell[0], 8 * cell[1]), mode="bilinear")
            down, right = (int(torch.randint(size, ())) for size in cell)
            mask.copy_(whole[0, :, down : down + height, right : right + width])
        with torch.no_grad():
            scores = torch.cat([net(x[:1] * some)[:, 281] for some in masks.split(32)])
        return torch.einsum("n,nchw->chw", scores, masks) / (0.5 * MASKS)

    return {"atcon_step": step, "rise": rise}


PACKAGES: dict[str, Callable[[nn.Module, Tensor], dict[str, Call]]] = {
    "attune": attune_calls,
    "captum": captum_calls,
    "pytorch-grad-cam": gradcam_calls,
    "torch-cam": torchcam_calls,
    "eager": eager_calls,
}


class Memory:
    """The peak since it was made, in MiB beyond what was there."""

    def __init__(self, device: torch.device) -> None:
        self.cuda = device.type == "cuda"
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()
        else:
            ctypes.CDLL(None).malloc_trim(0)  # what calls before have given back counts as free
            Path("/proc/self/clear_refs").write_text("5")
            self.before = self.resident("VmRSS")

    def peak(self) -> float:
        now = torch.cuda.max_memory_allocated() if self.cuda else self.resident("VmHWM")
        return (now - self.before) / 2**20

    @staticmethod
    def resident(key: str) -> int:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
        return 0


def measured(call: Call, net: nn.Module, device: torch.device, repeat: int) -> tuple[float, float]:
    """Seconds and MiB."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    best, peak = float("inf"), 0.0
    for number in range(repeat + 1):
        net.zero_grad()
        memory, begin = Memory(device), clock()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number > 0:
            best, peak = min(best, clock() - begin), max(peak, memory.peak())
    return best, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--device", type=torch.device, default="cpu")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    net = Scores().eval().to(options.device)
    x = torch.randn(options.batch, 3, options.size, options.size, device=options.device)
    calls: dict[str, dict[str, Call]] = {}
    for package, of in PACKAGES.items():
        try:
            calls[package] = of(net, x)
        except ImportError as error:
            print(f"{package} is left out: {error}", file=sys.stderr)
    print(f"PyTorch {torch.__version__}, ResNet-50, {list(x.shape)}, {options.device}")
    print("| case | package | seconds | MiB | beside attune |\n|---|---|---|---|---|")
    for case in options.cases or list(calls["attune"]):
        own = 0.0
        for package, made in calls.items():
            if case in made:
                seconds, memory = measured(made[case], net, options.device, options.repeat)
                own = own or seconds
                print(f"| {case} | {package} | {seconds:.3f} | {memory:.0f} | {seconds / own:.2f} |", flush=True)


if __name__ == "__main__":
    main()
