#!/usr/bin/env python3
"""attune beside Captum and pytorch-grad-cam: whether maps are the same, and what they cost. README.md says how to run it."""
import argparse
import inspect
import os
import re
import resource
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import torch


# pytorch-grad-cam imports torchvision, whose compiled part may be of another PyTorch; then its operators, which nobody
# calls here, must have names at least.
def import_torchvision():
    try:
        import torchvision
    except RuntimeError:
        import_torchvision.names = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            import_torchvision.names.define(name + "(Tensor x) -> Tensor")
        for module in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[module]
        import torchvision
    return torchvision


class Subject:
    """A network as the peers have it, its traced file, and an input."""

    def __init__(self, options, dtype, folder):
        net = getattr(import_torchvision().models, options.model)
        torch.manual_seed(1)
        self.net = net(weights=None)
        if options.weights:
            self.net.load_state_dict(torch.jit.load(options.weights).state_dict())
        elif options.model.startswith("resnet"):  # scores of random weights explode
            for module in self.net.modules():
                if isinstance(module, torch.nn.BatchNorm2d) and module is not self.net.bn1:
                    module.weight.data.mul_(0.5)
        for module in self.net.modules():
            if isinstance(module, torch.nn.ReLU):
                module.inplace = False  # hooks of peers see what is overwritten
        self.net = self.net.to(dtype).eval()
        self.layer = options.layer or {"squeezenet1_0": "features.12", "resnet50": "layer4"}[options.model]
        self.module = self.net.get_submodule(self.layer)
        if options.input:
            x = torch.from_numpy(np.load(options.input))
        else:
            coarse = torch.randn(1, 3, 14, 14, generator=torch.Generator().manual_seed(2))
            x = torch.nn.functional.interpolate(coarse, (224, 224), mode="bicubic")
        np.save(folder / "input.npy", x.numpy())
        self.x = x.to(dtype)
        with torch.no_grad():
            self.target = self.net(self.x).argmax().item()
            traced = torch.jit.trace(self.net, self.x)
        self.folder, self.file = folder, folder / f"model_{str(dtype).split('.')[1]}.pt"
        traced.save(str(self.file))

    def has(self, kind):
        return any(isinstance(module, kind) for module in self.net.modules())


class Attune:
    def __init__(self, options, subject):
        self.options, self.subject = options, subject

    def run(self, method, inputs=1):
        """CPU seconds; the maps are in the folder `maps`."""
        folder = self.subject.folder
        names = []
        for number in range(inputs):
            names.append(folder / f"in{number}.npy")
            if not names[-1].exists():
                names[-1].symlink_to(folder / "input.npy")
        command = [self.options.attune, "heatmap", self.subject.file, *names, "--method", "map=" + method, "--target",
                   self.subject.target, "--raw", "--output", folder / "maps", "--batch", 1,
                   "--threads", self.options.threads]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1].replace("attune: ", "", 1))
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def map(self, method):
        self.run(method)
        return np.load(self.subject.folder / "maps" / "in0_0.map.npy")

    def seconds(self, method, maps):
        """Of one map: what more inputs cost more, so that start and loading are not counted."""
        return (self.run(method, 1 + maps) - self.run(method, 1)) / maps


# --- maps of peers ----------------------------------------------------------------------------------------------------

def grad_cam(name, **settings):
    """The map of pytorch-grad-cam before it is rectified and scaled."""

    def make(subject):
        import pytorch_grad_cam
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
        found = []
        with getattr(pytorch_grad_cam, name)(model=subject.net, target_layers=[subject.module], **settings) as cam:
            cam.batch_size = 32
            of_layer = cam.get_cam_image
            cam.get_cam_image = lambda *given, **named: found.append(of_layer(*given, **named)) or found[-1]
            cam(subject.x, [ClassifierOutputTarget(subject.target)])
        return np.asarray(found[0])

    return make


def without(constant, module, path, make):
    """A peer without a constant that it adds to a denominator: what is left of the difference is not that."""

    def changed(subject):
        import importlib
        home = importlib.import_module("pytorch_grad_cam." + module)
        *owner, name = path.split(".")
        owner = getattr(home, owner[0]) if owner else home
        own = getattr(owner, name)
        made = {}
        source = textwrap.dedent(inspect.getsource(own))
        assert source.count(constant) == 1, "the peer has changed"
        exec(source.replace(constant, "1e-300"), vars(home), made)
        setattr(owner, name, made[name])
        try:
            return make(subject)
        finally:
            setattr(owner, name, own)

    changed.__qualname__ = make.__qualname__
    return changed


def full_grad(subject):
    from pytorch_grad_cam import FullGrad
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    return FullGrad(model=subject.net, target_layers=[])(subject.x, [ClassifierOutputTarget(subject.target)])


def captum(name, *of, **settings):
    def make(subject):
        import captum.attr
        method = getattr(captum.attr, name)(subject.net, *(subject.module for _ in of))
        given = {key: value(subject) if callable(value) else value for key, value in settings.items()}
        return method.attribute(subject.x.clone().requires_grad_(), target=subject.target, **given).detach().numpy()

    return make


def grid(cells):
    def mask(subject):
        rows = torch.arange(224) * cells // 224
        return (rows.unsqueeze(1) * cells + rows).expand(1, 3, -1, -1)

    return mask


def rise(masks, batch=100, cells=7, keep=0.5):
    """As the program of its authors does it: every mask in memory, enlarged one by one."""

    def make(subject):
        size = 224 // cells + (224 % cells > 0)
        generator = np.random.default_rng(1)
        grids = torch.from_numpy((generator.random((masks, 1, cells, cells)) < keep).astype(np.float32))
        all_masks = torch.empty(masks, 1, 224, 224)
        for number in range(masks):
            down, right = generator.integers(0, size, 2)
            whole = torch.nn.functional.interpolate(grids[number:number + 1], ((cells + 1) * size,) * 2, mode="bilinear")
            all_masks[number] = whole[0, :, down:down + 224, right:right + 224]
        with torch.no_grad():
            stack = all_masks * subject.x
            scores = torch.cat([subject.net(stack[begin:begin + batch]).softmax(1)
                                for begin in range(0, masks, batch)])
            return (scores.t() @ all_masks.view(masks, -1))[subject.target].view(1, 224, 224).numpy() / masks / keep

    return make


def scaled(values):
    return (values - values.min()) / (values.max() - values.min())


# --- whether they are the same ----------------------------------------------------------------------------------------

WINDOW = "window=32,stride=16"
PARITY = [
    # method of attune, peer, its name there, note
    ("gradcam", grad_cam("GradCAM"), "pytorch-grad-cam GradCAM", ""),
    ("gradcam", captum("LayerGradCam", "layer"), "Captum LayerGradCam", ""),
    ("hirescam", grad_cam("HiResCAM"), "pytorch-grad-cam HiResCAM", ""),
    ("gradcam_elementwise", grad_cam("GradCAMElementWise"), "pytorch-grad-cam GradCAMElementWise", ""),
    ("gradcam_plus_plus", grad_cam("GradCAMPlusPlus"), "pytorch-grad-cam GradCAMPlusPlus",
     "it adds 1e-6 to a denominator of about g^2"),
    ("gradcam_plus_plus", without("0.000001", "grad_cam_plusplus", "GradCAMPlusPlus.get_cam_weights",
                                  grad_cam("GradCAMPlusPlus")), "the same", "without that"),
    ("xgradcam", grad_cam("XGradCAM"), "pytorch-grad-cam XGradCAM", "it adds 1e-7 to the sum of features"),
    ("layercam", grad_cam("LayerCAM"), "pytorch-grad-cam LayerCAM", ""),
    ("eigencam", grad_cam("EigenCAM"), "pytorch-grad-cam EigenCAM", "but for the sign, which it leaves to chance"),
    ("eigen_gradcam", grad_cam("EigenGradCAM"), "pytorch-grad-cam EigenGradCAM", "likewise"),
    ("shapley_cam", grad_cam("ShapleyCAM"), "pytorch-grad-cam ShapleyCAM", ""),
    ("ablationcam", grad_cam("AblationCAM"), "pytorch-grad-cam AblationCAM", ""),
    ("scorecam", grad_cam("ScoreCAM"), "pytorch-grad-cam ScoreCAM", "it enlarges features corner to corner"),
    ("full_grad:each=channel", full_grad, "pytorch-grad-cam FullGrad",
     "both brought to 0..1; it adds 1e-7 to the range of every channel"),
    ("full_grad:each=channel", without("1e-7", "utils.image", "scale_cam_image", full_grad), "the same", "without that"),
    ("saliency:channels=keep", captum("Saliency"), "Captum Saliency", ""),
    ("input_x_gradient:channels=keep", captum("InputXGradient"), "Captum InputXGradient", ""),
    ("guided_backprop", captum("GuidedBackprop"), "Captum GuidedBackprop", ""),
    ("deconvnet", captum("Deconvolution"), "Captum Deconvolution", ""),
    ("guided_gradcam:enlarge=nearest", captum("GuidedGradCam", "layer"), "Captum GuidedGradCam", ""),
    ("integrated_gradients:channels=keep,steps=16,rule=midpoint",
     captum("IntegratedGradients", n_steps=16, method="riemann_middle"), "Captum IntegratedGradients, midpoints", ""),
    ("integrated_gradients:channels=keep,steps=16,rule=gauss_legendre",
     captum("IntegratedGradients", n_steps=16), "Captum IntegratedGradients, Gauss-Legendre", ""),
    ("deep_lift:channels=keep", captum("DeepLift"), "Captum DeepLift",
     "where its values do not sum to the difference of scores, as behind pooling; see README.md"),
    ("lrp:channels=keep,convolutions=epsilon,linear=epsilon,epsilon=1e-9", captum("LRP"), "Captum LRP, epsilon", ""),
    ("occlusion:" + WINDOW, captum("Occlusion", sliding_window_shapes=(3, 32, 32), strides=(3, 16, 16),
                                   perturbations_per_eval=32), "Captum Occlusion", ""),
    ("feature_ablation:segments=grid,cells=8", captum("FeatureAblation", feature_mask=grid(8), perturbations_per_eval=32),
     "Captum FeatureAblation of the same grid", ""),
]


def parity(options, folder):
    subject = Subject(options, torch.float64, folder)
    attune = Attune(options, subject)
    print(f"{options.model}, float64, layer {subject.layer}: largest difference, in parts of the peer's range\n")
    print("| method | peer | difference | note |\n|---|---|---:|---|")
    for method, make, name, note in PARITY:
        if options.only and not re.search(options.only, method):
            continue
        of_layer = make.__qualname__.startswith("grad_cam") or "Layer" in name
        text = method
        if of_layer or method.startswith("guided_gradcam"):
            text += ("," if ":" in method else ":") + "layer=" + subject.layer
        try:
            ours = attune.map(text).astype(np.float64)
        except RuntimeError as error:
            print(f"| `{method}` | {name} | - | attune: {error} |", flush=True)
            continue
        try:
            theirs = make(subject).astype(np.float64)
        except Exception as error:  # a peer that cannot do it
            print(f"| `{method}` | {name} | - | refused there: {str(error).splitlines()[0][:90]} |", flush=True)
            continue
        if method.startswith("full_grad"):
            ours, theirs = scaled(ours), scaled(theirs)
        theirs = theirs.reshape(-1, *ours.shape[-2:])
        ours = np.broadcast_to(ours.reshape(-1, *ours.shape[-2:]), theirs.shape)
        if method.startswith("eigen") and (ours * theirs).sum() < 0:
            ours = -ours
        if theirs.max() == theirs.min():
            print(f"| `{method}` | {name} | - | it is {theirs.max():g} everywhere |", flush=True)
            continue
        off = np.abs(ours - theirs).max() / (theirs.max() - theirs.min())
        print(f"| `{method}` | {name} | {off:.1e} | {note} |", flush=True)


# --- what they cost ---------------------------------------------------------------------------------------------------

def times(options, folder):
    torch.set_num_threads(options.threads)
    subject = Subject(options, torch.float32, folder)
    attune = Attune(options, subject)
    at_layer = "layer=" + subject.layer
    rows = [
        ("AblationCAM", "ablationcam:" + at_layer, grad_cam("AblationCAM"), "pytorch-grad-cam, batches of 32", 20, 3),
        ("ScoreCAM", "scorecam:" + at_layer, grad_cam("ScoreCAM"), "pytorch-grad-cam, batches of 32", 1.5, 1),
        (f"RISE, {options.masks} masks", f"rise:masks={options.masks}", rise(options.masks), "its authors' program", 1.3, 1),
        ("Occlusion, 169 windows", "occlusion:" + WINDOW,
         captum("Occlusion", sliding_window_shapes=(3, 32, 32), strides=(3, 16, 16), perturbations_per_eval=32),
         "Captum, batches of 32", 1.3, 2),
    ]
    print(f"{options.model}, float32, {options.threads} thread(s), CPU seconds of one map, the smaller of "
          f"{options.rounds} rounds\n")
    print("| method | attune | peer | ratio | wanted | which |\n|---|---:|---:|---:|---:|---|")
    for title, method, make, which, wanted, maps in rows:
        if options.only and not re.search(options.only, method):
            continue
        own, other = [], []
        for _ in range(options.rounds):
            own.append(attune.seconds(method, maps))
            start = time.process_time()
            make(subject)
            other.append(time.process_time() - start)
        print(f"| {title} | {min(own):.2f} | {min(other):.2f} | {min(other) / min(own):.1f} | {wanted} | {which} |",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("parity", "times"))
    parser.add_argument("--attune", default="attune", help="the program, built against this PyTorch's LibTorch")
    parser.add_argument("--model", default="squeezenet1_0", choices=("squeezenet1_0", "resnet50"))
    parser.add_argument("--weights", help="TorchScript file with the same parameters; without it they are random")
    parser.add_argument("--input", help=".npy of [1,3,224,224]; without it coarse noise")
    parser.add_argument("--layer")
    parser.add_argument("--only", help="methods of attune that match this")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--masks", type=int, default=1000)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        {"parity": parity, "times": times}[options.what](options, Path(folder))


if __name__ == "__main__":
    main()
