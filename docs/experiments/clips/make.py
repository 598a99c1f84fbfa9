#!/usr/bin/env python3
"""make.py FOLDER: clips of a moving object whose class is its motion, and a small network of the R3D kind, untrained.

Needs torch, numpy and Pillow (python3-torch, python3-numpy, python3-pil). The same bytes every time.
"""
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

SIDE, FRAMES = 80, 16  # pixels; 4 a second
MOTIONS = ["circle", "down", "grow", "right", "shake"]
PARTS = {"train": 32, "val": 20, "test": 40}  # clips of a class


def path_of(motion, random):
    """Place and size of the object at each frame, in pixels."""
    t = np.arange(FRAMES) / (FRAMES - 1)
    x, y = random.uniform(24, 56, 2)
    size = np.full(FRAMES, random.uniform(6, 10))
    reach = random.uniform(22, 34)
    still = np.zeros(FRAMES)
    if motion == "circle":
        angle = random.uniform(0, 2 * math.pi) + 2 * math.pi * t * random.choice([-1, 1])
        return x + reach / 2 * np.cos(angle), y + reach / 2 * np.sin(angle), size
    if motion == "down":
        return x + still, 40 + reach * (2 * t - 1), size
    if motion == "right":
        return 40 + reach * (2 * t - 1), y + still, size
    if motion == "grow":
        return x + still, y + still, size * (0.5 + 1.5 * t)
    return x + random.uniform(-6, 6, FRAMES), y + random.uniform(-6, 6, FRAMES), size


def clip(motion, random):
    coarse = Image.fromarray(random.integers(90, 166, (5, 5, 3), dtype=np.uint8))
    backdrop = coarse.resize((SIDE, SIDE), Image.BICUBIC)
    colour = tuple(int(c) for c in random.integers(0, 50, 3) + 205 * random.integers(0, 2))
    is_round = random.random() < 0.5
    frames = []
    for x, y, r in zip(*path_of(motion, random)):
        frame = backdrop.copy()
        draw = ImageDraw.Draw(frame)
        box = (x - r, y - r, x + r, y + r)
        draw.ellipse(box, fill=colour) if is_round else draw.rectangle(box, fill=colour)
        noise = random.normal(0, 6, (SIDE, SIDE, 3))
        frames.append(Image.fromarray(np.clip(np.asarray(frame) + noise, 0, 255).astype(np.uint8)))
    return frames


class Block(torch.nn.Module):
    def __init__(self, channels, wider, stride):
        super().__init__()
        conv = lambda a, b, s: torch.nn.Conv3d(a, b, 3, s, 1, bias=False)  # noqa: E731
        self.conv1, self.bn1 = conv(channels, wider, stride), torch.nn.BatchNorm3d(wider)
        self.conv2, self.bn2 = conv(wider, wider, 1), torch.nn.BatchNorm3d(wider)
        self.relu = torch.nn.ReLU()
        self.shortcut = torch.nn.Sequential(
            torch.nn.Conv3d(channels, wider, 1, stride, bias=False), torch.nn.BatchNorm3d(wider))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Sequential(
            torch.nn.Conv3d(3, 16, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False), torch.nn.BatchNorm3d(16), torch.nn.ReLU())
        self.layer1, self.layer2, self.layer3 = Block(16, 24, (1, 2, 2)), Block(24, 48, 2), Block(48, 96, (1, 2, 2))
        self.pool = torch.nn.AdaptiveAvgPool3d(1)
        self.fc = torch.nn.Linear(96, len(MOTIONS))

    def forward(self, x):
        return self.fc(torch.flatten(self.pool(self.layer3(self.layer2(self.layer1(self.stem(x))))), 1))


def main(folder):
    for part, count in PARTS.items():
        for m, motion in enumerate(MOTIONS):
            place = folder / "clips" / part / motion
            place.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                random = np.random.default_rng([list(PARTS).index(part), m, i])
                frames = clip(motion, random)
                frames[0].save(place / f"{i:03}.gif", save_all=True, append_images=frames[1:], duration=250, loop=0)
    torch.manual_seed(1)
    torch.jit.script(Network().eval()).save(str(folder / "network.pt"))
    preprocess = {"size": [SIDE, SIDE], "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    sidecar = {"labels": MOTIONS, "layer": "layer3", "frames": FRAMES, "preprocess": preprocess}
    (folder / "network.json").write_text(json.dumps(sidecar, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
