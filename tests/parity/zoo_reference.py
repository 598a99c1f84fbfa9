"""What eager PyTorch says of a model by hooks: scores, maps and gradients that zoo.py holds attune against."""
import contextlib

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

ACTIVATIONS = {"relu", "relu_", "relu6", "leaky_relu", "prelu", "gelu", "silu", "mish", "elu", "selu", "celu", "softplus", "hardswish"}
WRITTEN_OUT = {"QuickGELUActivation"}  # modules that are activations, of several operators
FOLDED = ("WeightStandardized", "Swinv2SelfAttention")  # modules that compute weights or biases from parameters alone
SMALLEST_VARIANCE = 1e-18  # of a mask


class Guide:
    """Whether backward passes stop negative gradients at activations."""
    on = False


class Gate(torch.autograd.Function):
    """Behind an activation: the identity, whose gradient loses its negative part while Guide is on."""

    @staticmethod
    def forward(context, y):
        return y.view_as(y)

    @staticmethod
    def backward(context, gradient):
        return gradient.clamp_min(0) if Guide.on else gradient


def sampled(picture, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    """grid_sample of pictures [N,C,H,W], bilinear, with zeros around them: PyTorch's has no second derivative."""
    assert mode == "bilinear" and padding_mode == "zeros" and not align_corners
    height, width = picture.shape[2:]
    x, y = ((grid[..., 0] + 1) * width - 1) / 2, ((grid[..., 1] + 1) * height - 1) / 2
    rows = torch.arange(len(picture)).view(-1, 1, 1)
    total = 0
    for left in (x.detach().floor(), x.detach().floor() + 1):
        for top in (y.detach().floor(), y.detach().floor() + 1):
            inside = (left >= 0) & (left < width) & (top >= 0) & (top < height)
            share = (1 - (x - left).abs()) * (1 - (y - top).abs()) * inside
            cells = picture[rows, :, top.clamp(0, height - 1).long(), left.clamp(0, width - 1).long()]  # [N,h,w,C]
            total = total + share.unsqueeze(1) * cells.movedim(-1, 1)
    return total


TWICE = {"hardsigmoid": lambda x, inplace=False: F.relu6(x + 3) / 6, "grid_sample": sampled}


class Gated(TorchFunctionMode):
    """Gates behind activations; with `twice` what has no second derivative is written out."""

    def __init__(self, twice=False):
        super().__init__()
        self.written = TWICE if twice else {}

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        name = getattr(function, "__name__", "")
        keywords = keywords or {}
        y = self.written.get(name, function)(*arguments, **keywords)
        lowest = arguments[1] if name == "hardtanh" and len(arguments) > 1 else keywords.get("min_val")
        return Gate.apply(y) if name in ACTIVATIONS or lowest == 0 else y  # ReLU6 is a hardtanh from 0


def first_tensor(value):
    while not isinstance(value, torch.Tensor):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value


def map_of(activation, gradient, lies, extents):
    """Grad-CAM [N,S1..Sd] of an activation whose channels come first, last, or behind tokens: their number before the
    grid, or that and the grid."""
    if lies not in ("first", "last"):
        before, grid = lies if isinstance(lies, tuple) else (lies, None)
        if grid is None:
            stride = (np.prod(extents) / (activation.shape[1] - before)) ** (1 / len(extents))
            grid = [round(e / stride) for e in extents]
        activation, gradient = (t[:, before:].reshape(len(t), *grid, -1) for t in (activation, gradient))
    if lies != "first":
        activation, gradient = activation.movedim(-1, 1), gradient.movedim(-1, 1)
    weights = gradient.flatten(2).mean(2)
    return (activation * weights.reshape(*weights.shape, *[1] * (activation.dim() - 2))).sum(1)


def kind_of(output):
    return {4: "positions", 3: "anchors"}.get(output.dim(), "class")


def score_of(output, classes):
    """Of a class each: its logit; of a segmentation the sum over positions of class 0; of a detector its highest anchor."""
    if kind_of(output) == "positions":
        return output[:, 0].flatten(1).sum(1)
    return output[:, 4].max(1).values if kind_of(output) == "anchors" else output.gather(1, classes[:, None])[:, 0]


class Eager:
    """A network, with the activation of one layer kept."""

    def __init__(self, net, layer, lies, twice=False):
        self.net, self.layer, self.lies, self.twice = net, layer, lies, twice
        self.fired = set()

    def __call__(self, x):
        """The output and what the layer gave, None where no module is that layer."""
        kept = {}

        def hook(name):
            def keep(module, arguments, result):
                try:
                    value = first_tensor(result)
                except (KeyError, IndexError, StopIteration, TypeError):
                    return result
                if not any(value is argument for argument in arguments):  # then it computes nothing
                    self.fired.add(name)
                if type(module).__name__ in WRITTEN_OUT:
                    result = value = Gate.apply(value)
                if name == self.layer:
                    kept[name] = value
                return result
            return keep

        hooks = [module.register_forward_hook(hook(name)) for name, module in self.net.named_modules() if name]
        attention = sdpa_kernel(SDPBackend.MATH) if self.twice else contextlib.nullcontext()
        with Gated(self.twice), attention:
            output = self.net(*x)
        for h in hooks:
            h.remove()
        return output, kept.get(self.layer)

    def cam(self, score, activation, extents, graph=False):
        gradient, = torch.autograd.grad(score.sum(), activation, create_graph=graph, retain_graph=True)
        return map_of(activation, gradient, self.lies, extents)


def guided(score, x, graph=False):
    Guide.on = True
    gradient, = torch.autograd.grad(score.sum(), x, create_graph=graph, retain_graph=True)
    Guide.on = False
    return gradient


def pearson(a, b):
    """Of a constant map it is 0, without a gradient."""
    a, b = (t.flatten(1) - t.flatten(1).mean(1, keepdim=True) for t in (a, b))
    power = a.square().sum(1) * b.square().sum(1)
    alive = power > 0
    return (a * b).sum(1).where(alive, 0) / power.where(alive, 1).sqrt()


def atcon(net, x, layer, lies):
    """ATCON's loss as printed (equations 3, 5 and 6), and the norm of its gradient of every parameter: Grad-CAM of the
    picture is compared with that of the picture under a mask, which guided backpropagation makes."""
    eager = Eager(net, layer, lies, twice=True)
    x = [t.clone().requires_grad_(i == 0) for i, t in enumerate(x)]
    extents = x[0].shape[2:]
    output, activation = eager(x)
    classes = output.argmax(1) if kind_of(output) == "class" else None
    score = score_of(output, classes)
    cam = eager.cam(score, activation, extents, graph=True)
    map = guided(score, x[0], graph=True).abs().sum(1)
    cells = map.flatten(1)
    mean, variance = cells.mean(1), cells.var(1).clamp_min(SMALLEST_VARIANCE)
    shape = (-1, *[1] * len(extents))
    mask = torch.sigmoid((map - mean.view(shape)) / variance.view(shape)).unsqueeze(1)
    output, activation = eager([x[0] * mask, *x[1:]])
    again = eager.cam(score_of(output, classes), activation, extents, graph=True)
    loss = -pearson(cam, again).mean()
    parameters = dict(net.named_parameters())
    gradients = torch.autograd.grad(loss, parameters.values(), allow_unused=True)
    return {"loss": loss.item(), "norms": {name: 0.0 if g is None else g.norm().item() for name, g in zip(parameters, gradients)}}


def folds(module):
    """Whether exporters of ONNX compute other weights of this module's."""
    is_norm = isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
    return is_norm or any(name in type(module).__name__ for name in FOLDED)


def repeated(net):
    """Parameters with the values of another, such as weights of norms that were not trained: ONNX files hold them once."""
    of = {}
    for name, weight in net.named_parameters():
        of.setdefault((tuple(weight.shape), weight.detach().numpy().tobytes()), []).append(name)
    return [name for names in of.values() if len(names) > 1 for name in names]


def reference(net, x, layer, lies):
    """What is known of a model as JSON, and arrays."""
    modules = dict(net.named_modules())
    aliases = {}  # all names of a module by its first
    for name, module in net.named_modules(remove_duplicate=False):
        aliases.setdefault(next(n for n, m in modules.items() if m is module), []).append(name)
    eager = Eager(net, layer, lies)
    inputs = [t.clone().requires_grad_() for t in x]
    output, activation = eager(inputs)
    score = score_of(output, torch.zeros(len(output), dtype=torch.long))
    arrays = {"input_gradient": torch.autograd.grad(score.sum(), inputs[0], retain_graph=True)[0], "guided": guided(score, inputs[0])}
    known = {"modules": aliases, "fired": sorted(eager.fired), "target": kind_of(output), "scores": score.tolist(),
             "repeated": repeated(net), "folds": any(folds(module) for module in modules.values())}
    if activation is not None and lies is not None:
        arrays["cam"] = eager.cam(score, activation, inputs[0].shape[2:])
        known["atcon"] = atcon(net, x, layer, lies)
    return known, {name: t.detach().numpy() for name, t in arrays.items()}
