"""Eager modules: maps equal hooks, gradients equal double backward, parameters are the module's own."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest
import reference
import torch
from conftest import Cnn, settled
from torch import Tensor, nn

import attune

SPEC = {
    "version": 1,
    "maps": {"cam": {"use": "gradcam"}, "gb": {"use": "guided_backprop", "channels": "abs_sum"}},
    "terms": [
        {"name": "agreement", "maps": ["cam", "gb"], "match": {"use": "mask", "source": "gb", "scale": "std"},
         "compare": "pearson"}
    ],
}  # fmt: skip


def automatic(model: attune.Model) -> str:
    (layer,) = [layer.name for layer in model.layers() if layer.automatic]
    return layer


def gradients(net: nn.Module) -> Tensor:
    """All of them, zeros where there are none."""
    given = [p.grad if p.grad is not None else torch.zeros_like(p) for p in net.parameters()]
    return torch.cat([gradient.flatten() for gradient in given])


def test_maps_equal_hooks(net_and_model, x):
    net, model = net_and_model
    expected = reference.maps(net, x, automatic(model))
    maps = model.maps(x, ["gradcam", "guided_backprop", "gradient=input_x_gradient"])
    assert model.notes == []
    assert torch.equal(maps.classes[0], expected["classes"])
    torch.testing.assert_close(maps.scores, reference.scores(net, x), rtol=0, atol=1e-10)
    for ours, theirs in {
        "gradcam": expected["gradcam"],
        "guided_backprop": expected["guided"],
        "gradient": (expected["gradient"] * x).sum(1, keepdim=True),
    }.items():
        assert not maps[ours].requires_grad
        largest = theirs.abs().max().item()
        assert largest > 0
        torch.testing.assert_close(maps[ours], theirs.detach(), rtol=0, atol=1e-6 * largest)


def test_loss_equals_double_backward(net_and_model, x):
    net, model = net_and_model
    expected = reference.atcon(net, x, automatic(model))
    expected.backward()
    wanted = gradients(net)
    net.zero_grad()
    loss = attune.ConsistencyLoss(SPEC, model)(x)
    loss.backward()
    assert abs(loss.item() - expected.item()) < 1e-8
    assert wanted.norm() > 0
    assert (gradients(net) - wanted).norm() < 1e-6 * wanted.norm()


def test_gradient_is_that_of_finite_differences(cnn, x):
    loss = attune.ConsistencyLoss(SPEC, attune.Model(cnn, x))
    loss(x).backward()
    weight, step = cnn.conv1.weight, 1e-6
    for index in [(0, 0, 1, 1), (3, 5, 0, 2)]:
        with torch.no_grad():
            weight[index] += step
            above = loss(x).item()
            weight[index] -= 2 * step
            below = loss(x).item()
            weight[index] += step
        assert weight.grad[index].item() == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-8)


def test_maps_with_a_graph_reach_parameters_and_input(cnn, x):
    x.requires_grad_()
    attune.Model(cnn, x).maps(x, "gradcam", graph=True)["gradcam"].square().sum().backward()
    assert cnn.conv2.weight.grad.abs().sum() > 0
    assert x.grad.abs().sum() > 0


def test_nothing_is_copied_and_a_step_shows(cnn, x):
    model = attune.Model(cnn, x)
    for (name, ours), (other, theirs) in zip(model.named_parameters(), cnn.named_parameters(), strict=True):
        assert name == other and ours is theirs
    names, tensors = model.engine(x).parameters()
    memory = {tensor.data_ptr() for tensor in cnn.parameters()}
    assert {tensor.data_ptr() for tensor in tensors} == memory
    loss = attune.ConsistencyLoss(SPEC, model)
    optimizer = torch.optim.SGD(cnn.parameters(), lr=0.1)
    before, maps = loss(x), model.maps(x)["gradcam"]
    before.backward()
    optimizer.step()
    assert loss(x).item() < before.item()
    fresh = attune.Model(copy.deepcopy(cnn), x)
    assert not torch.allclose(model.maps(x)["gradcam"], maps)
    torch.testing.assert_close(model.maps(x)["gradcam"], fresh.maps(x)["gradcam"])


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
@pytest.mark.parametrize("how", [{}, {"foreach": True}, {"fused": True}])
def test_every_way_to_write_parameters_shows(cnn, x, optimizer, how):
    model = attune.maps  # the kept one
    cnn(x).sum().backward()
    before = model(cnn, x)["gradcam"]
    getattr(torch.optim, optimizer)(cnn.parameters(), lr=0.05, **how).step()
    after = model(cnn, x)["gradcam"]
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, reference.maps(cnn, x, "act")["gradcam"].detach())


def test_load_state_dict_and_other_tensors_show(cnn, x):
    model = attune.Model(cnn, x)
    torch.manual_seed(7)
    other = settled(Cnn())
    cnn.load_state_dict(other.state_dict())
    torch.testing.assert_close(model.maps(x)["gradcam"], attune.maps(other, x)["gradcam"])
    cnn.head = nn.Linear(12, 3).double()  # another layer, another number of classes
    assert model.maps(x).scores.shape == (3, 3)
    cnn.float()
    assert model.maps(x.float())["gradcam"].dtype == torch.float32


def test_any_batch_and_another_shape(cnn, x):
    model = attune.Model(cnn, x)
    whole = model.maps(x)["gradcam"]
    for rows in (1, 2):
        torch.testing.assert_close(model.maps(x[:rows])["gradcam"], whole[:rows])
    assert model.maps(x[:, :, :16])["gradcam"].shape == (3, 1, 8, 16)
    assert "[N,3,16,32]" in repr(model) and "[N,3,32,32]" in repr(model)


def test_modes_flags_and_buffers_stay(cnn, x):
    cnn.train()
    cnn.norm.eval()
    cnn.stem.weight.requires_grad_(False)
    state = {name: value.clone() for name, value in cnn.state_dict().items()}
    loss = attune.ConsistencyLoss(SPEC, attune.Model(cnn, x))
    loss(x).backward()
    assert cnn.training and not cnn.norm.training
    assert cnn.stem.weight.grad is None and cnn.stem.bias.grad is not None
    assert all(torch.equal(value, state[name]) for name, value in cnn.state_dict().items())
    frozen = loss(x).item()
    cnn.norm.train()
    cnn(x)  # moves running statistics
    assert loss(x).item() != pytest.approx(frozen, abs=1e-9)


def test_training_mode_means_evaluation_maps(cnn, x):
    expected = attune.maps(cnn, x)["gradcam"]
    torch.testing.assert_close(attune.Model(cnn.train(), x).maps(x)["gradcam"], expected)


def test_tied_weights_get_one_gradient(x):
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 6, 3, padding=1)
            self.one = nn.Conv2d(6, 6, 3, padding=1)
            self.two = nn.Conv2d(6, 6, 3, padding=1)
            self.two.weight = self.one.weight
            self.act = nn.ReLU()
            self.head = nn.Linear(6, 4)
            self.register_buffer("scale", torch.tensor(0.5), persistent=False)

        def forward(self, x: Tensor) -> Tensor:
            x = self.act(self.two(torch.relu(self.one(torch.relu(self.stem(x))))))
            return self.head(x.mean((2, 3))) * self.scale

    torch.manual_seed(0)
    net = settled(Tied())
    expected = reference.atcon(net, x, "act")
    expected.backward()
    wanted = net.one.weight.grad.clone()
    net.zero_grad()
    loss = attune.ConsistencyLoss(SPEC, attune.Model(net, x))
    loss(x).backward()
    torch.testing.assert_close(net.one.weight.grad, wanted)
    before = attune.maps(net, x)
    net.scale.mul_(3)  # a buffer that state_dict() lacks
    torch.testing.assert_close(attune.maps(net, x)["gradcam"], before["gradcam"] * 3)


def test_several_inputs(x):
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Cnn()
            self.weigh = nn.Linear(2, 5)

        def forward(self, image: Tensor, meta: Tensor) -> Tensor:
            return self.net(image) * self.weigh(meta)

    torch.manual_seed(0)
    net = settled(Two())
    meta = torch.tensor([[0.3, -2.0]], dtype=torch.float64)
    model = attune.Model(net, x, extra={"meta": meta})
    maps = model.maps(x)
    torch.testing.assert_close(maps.scores, net(x, meta).detach())
    assert maps["gradcam"].shape == (3, 1, 16, 16)


def test_targets(cnn, x):
    model = attune.Model(cnn, x, labels=["ant", "bee", "cat", "dog", "elk"])
    by_index = model.maps(x, target=2)["gradcam"]
    torch.testing.assert_close(model.maps(x, target="cat")["gradcam"], by_index)
    own = model.maps(x, target=torch.tensor([0, 2, 4]))
    assert own["gradcam"].shape == (3, 1, 16, 16) and own.classes[0].tolist() == [0, 2, 4]
    torch.testing.assert_close(own["gradcam"][1], by_index[1])
    top = model.maps(x, target="top3")
    assert top["gradcam"].shape == (3, 3, 1, 16, 16)
    assert torch.equal(torch.stack(top.classes, 1), cnn(x).topk(3).indices)
    listed = model.maps(x, target=["bee", "top1:minus=ant"])
    assert listed["gradcam"].shape == (2, 3, 1, 16, 16)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")])
def test_callers_modes_change_no_map(cnn, x, mode):
    net = cnn.float()
    expected = attune.maps(net, x.float())["gradcam"]
    with mode():
        # The first call, which exports the module, and another.
        model = attune.Model(net)
        for _ in range(2):
            torch.testing.assert_close(model.maps(x.float() * 1)["gradcam"], expected)


def test_scripted_modules(cnn, x):
    scripted = torch.jit.trace(cnn, x)
    model = attune.Model(scripted, x)
    assert "torchscript" in repr(model)
    torch.testing.assert_close(model.maps(x)["gradcam"], attune.maps(cnn, x)["gradcam"])


@pytest.mark.parametrize("change", [torch.channels_last, torch.bfloat16])
def test_layouts_and_types_of_parameters(cnn, x, change):
    expected = attune.maps(cnn, x)["gradcam"]
    if change == torch.channels_last:
        cnn.to(memory_format=change)
        torch.testing.assert_close(attune.maps(cnn, x)["gradcam"], expected)
    else:
        maps = attune.maps(cnn.to(change), x.to(change), target=0)["gradcam"]
        assert maps.dtype == change and maps.isfinite().all()


def test_few_shapes_are_kept(cnn, x):
    model = attune.Model(cnn)
    for size in range(8, 18):
        assert model.maps(x[:, :, :size, :size])["gradcam"].shape[-1] == (size + 1) // 2
    assert repr(model).count("[N,") == 8


def test_compiled_modules_are_the_modules_within(cnn, x):
    compiled = torch.compile(cnn)
    torch.testing.assert_close(attune.maps(compiled, x)["gradcam"], attune.maps(cnn, x)["gradcam"])


def test_modules_are_let_go(x):
    net = settled(Cnn())
    attune.maps(net, x)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


class Branching(nn.Module):
    """Python that looks at values, which torch.export refuses and tracing does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Cnn()

    def forward(self, x: Tensor) -> Tensor:
        if x.mean().item() > 1000:
            return self.net(x) * 0
        return self.net(x)


def test_what_is_not_exported_is_traced_with_a_note(x):
    torch.manual_seed(0)
    net = settled(Branching())
    with pytest.warns(
        UserWarning, match=r"torch.export does not take the module Branching \(test_eager.py, line \d+\)"
    ):
        model = attune.Model(net, x)
    expected = reference.maps(net.net, x, "act")["gradcam"].detach()
    torch.testing.assert_close(model.maps(x)["gradcam"], expected)
    attune.ConsistencyLoss(SPEC, model)(x).backward()
    assert net.net.conv1.weight.grad.norm() > 0  # the module's own
    before = model.maps(x)["gradcam"]
    torch.optim.SGD(net.parameters(), lr=1.0).step()
    assert not torch.allclose(model.maps(x)["gradcam"], before)


def test_what_is_not_traced_gets_a_sentence_with_its_line(x):
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("not today")

    with pytest.raises(attune.Error, match=r"Broken can neither be exported \(not today \(test_eager.py, line \d+\)\)"):
        attune.Model(Broken(), x)
