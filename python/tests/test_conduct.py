"""What a package does beside its numbers: threads, processes, memory, signals, messages, files."""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from conftest import Cnn, settled
from test_eager import SPEC

import attune


def test_components_describe_themselves():
    assert {"gradcam", "guided_backprop", "rise"} - set(attune.methods()) <= {"rise"}
    assert "mask" in attune.methods("matcher") and "pearson" in attune.methods("correlation")
    gradcam = attune.describe("gradcam")
    assert gradcam.title == "Grad-CAM" and gradcam.kind == "method" and gradcam.differentiable
    assert [one.name for one in gradcam.parameters] == ["layer", "relu"]
    assert "gradcam(layer='auto', relu=False)" in repr(gradcam)
    assert "atcon" in attune.specs()
    assert attune.refusals() == []


@pytest.mark.parametrize(
    ("fault", "sentence", "call"),
    [
        (
            "usage",
            'no component is called .gradcamm. .did you mean "gradcam".',
            lambda model, x: attune.describe("gradcamm"),
        ),
        ("spec", 'unknown method "gradcamm"', lambda model, x: model.maps(x, "gradcamm")),
        ("input", "unknown layer 'stm' .did you mean .stem..", lambda model, x: model.maps(x, "gradcam:layer=stm")),
        ("usage", "target 99 is out of range: the model has 5 classes", lambda model, x: model.maps(x, target=99)),
        ("usage", "class 7 is out of range", lambda model, x: model.maps(x, target=torch.tensor([0, 1, 7]))),
        ("usage", "2 classes to explain for 3 samples", lambda model, x: model.maps(x, target=torch.tensor([0, 1]))),
        ("usage", "one for each sample", lambda model, x: model.maps(x, target=torch.tensor([0.0, 1.0, 2.0]))),
        ("input", "of floating type", lambda model, x: model.maps(x.long())),
        ("input", "at least one row", lambda model, x: model.maps(x[:0])),
        ("spec", "no spec of that name ships", lambda model, x: attune.ConsistencyLoss("atconn", model)),
        ("spec", '"terms" is missing', lambda model, x: attune.ConsistencyLoss({"version": 1, "maps": {}}, model)),
        ("input", "does not exist", lambda model, x: attune.Model("nowhere.pt2")),
        ("plugin", "not named attune-<name>.so", lambda model, x: attune.load_plugin("nowhere.so")),
        ("run", "cannot be drawn over a picture", lambda model, x: attune.overlay(x[0], x[0, 0, 0])),
        ("usage", "mud", lambda model, x: attune.overlay(x[0], x[0, :1], colormap="mud")),
    ],
)
def test_errors_are_one_sentence(cnn, x, fault, sentence, call):
    with pytest.raises(attune.Error, match=sentence) as caught:
        call(attune.Model(cnn, x), x)
    assert caught.value.fault == fault
    for noise in ("Exception raised from", "attune:", "c10", "\n  "):
        assert noise not in str(caught.value)


def test_pickling_says_what_to_do(cnn, x):
    model = attune.Model(cnn, x)
    with pytest.raises(TypeError, match="cannot be pickled or copied.*pickle the module"):
        pickle.dumps(model)
    with pytest.raises(TypeError, match="make it anew of its spec and model"):
        copy.deepcopy(attune.ConsistencyLoss(SPEC, model))
    pickle.loads(pickle.dumps(cnn))  # the module itself is as it was


def test_two_threads_at_once(cnn, x):
    model = attune.Model(cnn, x)
    loss = attune.ConsistencyLoss(SPEC, model)
    expected, value = model.maps(x)["gradcam"], loss(x).item()
    faults = []

    def work() -> None:
        try:
            for _ in range(20):
                torch.testing.assert_close(model.maps(x)["gradcam"], expected)
                assert loss(x).item() == pytest.approx(value)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def resident() -> int:
    """Bytes that the allocator has handed out, which pages and caches do not blur."""
    import ctypes

    class Info(ctypes.Structure):
        _fields_ = [
            (name, ctypes.c_size_t)
            for name in [
                "arena",
                "ordblks",
                "smblks",
                "hblks",
                "hblkhd",
                "usmblks",
                "fsmblks",
                "uordblks",
                "fordblks",
                "keepcost",
            ]
        ]

    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Info
    info = mallinfo()
    return info.uordblks + info.hblkhd


def test_a_thousand_steps_do_not_grow(x):
    torch.manual_seed(0)
    net = settled(Cnn()).float()
    small = x[:2, :, :8, :8].float()
    loss = attune.ConsistencyLoss(SPEC, attune.Model(net, small))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)

    def steps(count: int) -> int:
        for _ in range(count):
            optimizer.zero_grad()
            loss(small).backward()
            optimizer.step()
        return resident()

    before = steps(100)
    after = steps(900)
    assert after - before < 200_000


class Explained(torch.utils.data.Dataset):
    """Maps made where the samples are: in the worker processes of a loader."""

    def __init__(self, model: attune.Model, x: torch.Tensor) -> None:
        self.model, self.x = model, x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.model.maps(self.x[index : index + 1])["gradcam"][0]


def test_forked_workers_of_a_loader(cnn, x):
    model = attune.Model(cnn, x)
    expected = model.maps(x)["gradcam"]
    loader = torch.utils.data.DataLoader(
        Explained(model, x), batch_size=3, num_workers=1, multiprocessing_context=multiprocessing.get_context("fork")
    )
    (batch,) = list(loader)
    torch.testing.assert_close(batch, expected)


class Stop(Exception):
    pass


def test_a_signal_ends_a_long_method(cnn, x):
    model = attune.Model(cnn, x)
    model.maps(x, "occlusion")
    endless = "smooth:samples=1000,of=(integrated_gradients:steps=1000)"
    for number, handler, raised in [
        (signal.SIGINT, signal.default_int_handler, KeyboardInterrupt),
        (signal.SIGUSR1, _stop, Stop),
    ]:
        before = signal.signal(number, handler)
        try:
            threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
            with pytest.raises(raised):
                model.maps(x, endless)
        finally:
            signal.signal(number, before)
    assert model.maps(x)["gradcam"].shape == (3, 1, 16, 16)  # nothing is left of it


def _stop(number: int, frame: object) -> None:
    raise Stop


def test_files(cnn, x, tmp_path):
    program = torch.export.export(cnn, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, tmp_path / "net.pt2")
    torch.jit.trace(cnn, x).save(str(tmp_path / "net.pt"))
    expected = attune.maps(cnn, x)["gradcam"]
    for name, source in {"net.pt2": "exported", "net.pt": "torchscript"}.items():
        model = attune.Model(tmp_path / name)
        assert source in repr(model)
        torch.testing.assert_close(model.maps(x)["gradcam"], expected)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        attune.ConsistencyLoss(SPEC, model)(x).backward()
        optimizer.step()
        assert not torch.allclose(model.maps(x)["gradcam"], expected)


def test_losses_of_every_kind_of_spec(cnn, x, tmp_path):
    model = attune.Model(cnn, x)
    (tmp_path / "mine.json").write_text(json.dumps(SPEC))
    values = [
        attune.ConsistencyLoss(spec, model)(x).item() for spec in (SPEC, json.dumps(SPEC), tmp_path / "mine.json")
    ]
    assert values[0] == values[1] == values[2]
    result = attune.ConsistencyLoss("atcon", model, targets="top2").compute(x)
    assert result.terms[0].values.shape == (2, 3) and len(result.classes) == 2
    loss = attune.ConsistencyLoss(SPEC, model)
    assert any("backward of all that is recorded" in step for step in loss.plan())
    assert len(loss.plan(gradient=False)) < len(loss.plan())
    with torch.no_grad():
        assert not loss(x).requires_grad
    assert loss(x).requires_grad


def test_a_teacher(cnn, x):
    spec = {
        "version": 2,
        "models": {"teacher": "teacher.pt2"},
        "maps": {"cam": "gradcam", "cam_t": {"use": "gradcam", "model": "teacher", "stop_gradient": True}},
        "terms": [{"maps": ["cam", "cam_t"], "match": "upsample", "compare": "cosine"}],
    }
    student = attune.Model(cnn, x)
    same = attune.ConsistencyLoss(spec, student, models={"teacher": cnn})
    assert same(x).item() == pytest.approx(-1)
    torch.manual_seed(9)
    other = attune.ConsistencyLoss(spec, student, models={"teacher": settled(Cnn())})
    assert other(x).item() > -1 + 1e-6
    as_it_was = attune.ConsistencyLoss({**spec, "models": {"teacher": "self"}}, student)
    assert as_it_was(x).item() == pytest.approx(-1)
    with torch.no_grad():
        cnn.conv2.weight.add_(torch.randn_like(cnn.conv2.weight))
    assert as_it_was(x).item() > -1 + 1e-6


def test_pictures(cnn, x):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    maps = attune.Model(cnn, x).maps(x, ["gradcam", "guided_backprop"])
    photo = image.new("RGB", (60, 40), (90, 120, 30))
    drawn = attune.overlay(photo, maps["gradcam"], row=1)
    assert drawn.size == (60, 40) and drawn.tobytes() != photo.tobytes()
    assert attune.overlay(photo, maps["gradcam"], title="Grad-CAM", label="cat").size[1] > 40
    assert attune.overlay(x[0], maps["guided_backprop"]).size == (32, 32)
    given = attune.photo_input(photo, 32)
    assert given.shape == (3, 32, 32) and given.dtype == torch.float32
    torch.testing.assert_close(given[0, 0, 0].item(), (90 / 255 - 0.485) / 0.229, rtol=0, atol=1e-5)


def test_program_and_plugin_folder(tmp_path):
    command = [sys.executable, "-c", "import attune._program as p; p.main()"]
    listed = subprocess.run([*command, "plugins", "--json"], capture_output=True, text=True, check=True)
    ids = [one["id"] for one in json.loads(listed.stdout)["components"] if one["kind"] == "method"]
    assert ids == attune.methods()
    own = tmp_path / "plugins"
    own.mkdir()
    code = "import attune; print(attune.refusals())"
    environment = {**os.environ, "ATTUNE_PLUGIN_PATH": f"{own}/missing"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "plugin folder" in told.stdout and "does not exist" in told.stdout


def test_the_documentation_names_what_there_is():
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
    table = page[page.index("## From another package") : page.index("## Threads")]
    ours = [line.split("|")[2] for line in table.splitlines() if line.count("|") >= 3][2:]
    texts = [text for cell in ours for text in re.findall(r"[`\"]([a-z_]+(?::[a-z_0-9=,.]+)?)[`\"]", cell)]
    assert len(texts) > 25
    for text in texts:
        assert text.split(":")[0] in attune.methods(), text
    named = set(re.findall(r"attune\.([A-Za-z_]+)\(", page))
    assert named <= set(attune.__all__) | {"sdk"}
