#!/usr/bin/env python3
"""Architectures made by today's PyTorch, and what attune makes of them.

    zoo.py OUT [NAME ...] [--attune PROGRAM] [--table FILE.md] [--fresh]

Writes each architecture of zoo_models.py in float64 with seeded weights to OUT/NAME: a program of torch.export, the same
decomposed to core operators, TorchScript, and ONNX by both exporters where its packages are there; and what PyTorch
itself says of it by hooks. Then runs attune on every file, compares, prints a table, and exits with 1 where attune is
wrong. What it refuses is a row that says why.

Compared are names of layers with named_modules(), the automatic layer with the one that the table of models expects, scores,
Grad-CAM at that layer, the gradient of the input, guided backpropagation, and ATCON's loss with the norm of its gradient of
every parameter: with what zoo_reference.py has by hooks, and between the files; and of an ONNX file in float32 the scores with
onnxruntime's.
"""
import argparse
import contextlib
import inspect
import json
import pathlib
import re
import subprocess
import sys
import warnings

import numpy as np

TOLERANCE = 1e-6  # of the largest value; maps are written in float32
ONNX_TOLERANCE = 1e-5  # exporters round constants (1.702 of a GELU, grids, epsilons) to float32, whatever the model is in
SINGLE_TOLERANCE = 1e-5  # in float32
ATCON = pathlib.Path(__file__).resolve().parents[2] / "docs/specs/atcon.json"
SOURCES = {"export": "model.pt2", "core": "core.pt2", "traced": "traced.pt", "script": "model.pt", "onnx": "model.onnx", "dynamo": "dynamo.onnx",
           "single": "single.onnx"}
TARGETS = {"positions": "0:region=all,pick=sum", "anchors": "0:pick=max,axis=1"}  # of outputs that are no class scores
WHAT = {"scores": "scores", "cam": "Grad-CAM", "gradient": "gradient", "guided": "guided backpropagation"}
NAMED = ("export", "core", "traced", "script")  # whose layers have the names that they have in Python


# --- what PyTorch writes and says

def seeded(make, shapes):
    """Weights that let every layer say something: those of initialisation are zeros here and there, or let signals die."""
    import torch
    torch.manual_seed(7)
    net = make()
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if weight.dim() > 1 and name.endswith("weight"):
                weight.normal_(std=1.4 * (weight.numel() / weight.shape[0]) ** -0.5)
            elif name.endswith("weight") and weight.abs().max() < 0.5:  # of a norm that lets next to nothing through
                weight.uniform_(0.5, 1.5)
            elif weight.std() == 0 and ("token" in name or "pos" in name or "grn" in name or name.endswith("bias")):
                weight.normal_(std=0.3)
    net.double()
    x = [pictures(4, shape) for shape in shapes]
    norms = [m for m in net.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        net.eval() if not norms else None
        for m in net.modules():
            m.training = m in norms
        net(*x)
    return net.eval()


def pictures(rows, shape):
    """Seeded, with power at all scales, and exact in float32."""
    import torch
    generator = torch.Generator().manual_seed(3)
    x = torch.zeros(rows, *shape)
    for cells in (1, 2, 4, 8, 16):
        part = torch.randn(rows, *[max(1, s // cells) if i or len(shape) == 1 else s for i, s in enumerate(shape)], generator=generator)
        for axis in range(1 if len(shape) > 1 else 0, len(shape)):
            index = torch.arange(shape[axis]) * part.shape[axis + 1] // shape[axis]
            part = part.index_select(axis + 1, index)
        x += part
    return (x / x.std()).double()


@contextlib.contextmanager
def no_casts():
    """Attention that transformers writes out has a softmax in float32, whatever the model is in."""
    import torch
    softmax = torch.nn.functional.softmax
    torch.nn.functional.softmax = lambda input, dim=None, _stacklevel=3, dtype=None: softmax(input, dim)
    try:
        yield
    finally:
        torch.nn.functional.softmax = softmax


def write_sources(net, x, folder, sources):
    """Returns what could not be written, and why."""
    import torch
    failed = {}
    dynamic = tuple({0: torch.export.Dim.DYNAMIC} for _ in x)

    def attempt(source, write):
        if source not in sources:
            return
        try:
            write(str(folder / SOURCES[source]))
        except Exception as error:  # the exporter's, of any kind
            failed[source] = f"not exported: {type(error).__name__}: {str(error).strip().splitlines()[0][:160] if str(error).strip() else ''}"

    def program():
        return torch.export.export(net, tuple(x), dynamic_shapes=dynamic)

    attempt("export", lambda path: torch.export.save(program(), path))
    attempt("core", lambda path: torch.export.save(program().run_decompositions(), path))
    inner = getattr(net, "net", None)
    if hasattr(inner, "set_attn_implementation"):  # of which every LibTorch knows the operators
        inner.set_attn_implementation("eager")

    attempt("traced", lambda path: torch.jit.trace(net, tuple(x), check_trace=False).save(path))
    if inner is not None:
        failed["script"] = "not exported: models of transformers do not script"
    else:
        attempt("script", lambda path: torch.jit.script(net).save(path))
    try:
        import onnx  # noqa: F401
    except ImportError:
        return failed
    names = [f"x{i}" for i in range(len(x))]
    attempt("onnx", lambda path: torch.onnx.export(net, tuple(x), path, dynamo=False, input_names=names,
                                                   dynamic_axes={name: {0: "batch"} for name in names}))
    attempt("dynamo", lambda path: torch.onnx.export(net, tuple(x), path, dynamo=True, input_names=names, dynamic_shapes=dynamic))
    return failed


def write_single(net, x, path):
    """An ONNX file in float32, for which onnxruntime has all operators, and the scores that it gives."""
    import onnxruntime
    import torch
    from zoo_reference import score_of
    net.float()
    names = [f"x{i}" for i in range(len(x))]
    torch.onnx.export(net, tuple(t.float() for t in x), str(path), dynamo=False, input_names=names,
                      dynamic_axes={name: {0: "batch"} for name in names})
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    output, = session.run(None, {name: t.float().numpy() for name, t in zip(names, x)})
    return score_of(torch.from_numpy(output), torch.zeros(len(output), dtype=torch.long)).tolist()


def make(name, folder, sources):
    import torch
    from zoo_models import MODELS
    from zoo_reference import reference
    build, shapes, layer, lies = MODELS[name]
    shapes = shapes if isinstance(shapes[0], tuple) else (shapes,)
    folder.mkdir(parents=True, exist_ok=True)
    net = seeded(build, shapes)
    x = [pictures(2, shape) for shape in shapes]
    result, arrays = reference(net, x, layer, lies)
    np.savez(folder / "reference.npz", **arrays)
    for i, input in enumerate(x):
        for row in range(2):
            np.save(folder / f"x{i}_{row}.npy", input[row:row + 1].float().numpy())
        np.save(folder / f"extra{i}.npy", input.float().numpy())
    with warnings.catch_warnings(), no_casts():
        warnings.simplefilter("ignore")
        result["failed"] = write_sources(net, x, folder, sources)
        if "single" in sources:
            try:
                result["onnxruntime"] = write_single(net, x, folder / SOURCES["single"])
            except Exception as error:
                result["failed"]["single"] = f"not exported: {type(error).__name__}: {str(error)[:160]}"
                (folder / SOURCES["single"]).unlink(missing_ok=True)
    known = folder / "reference.json"
    if known.exists():
        before = json.loads(known.read_text())
        result = {**before, **result, "failed": {**before["failed"], **result["failed"]}}
    result.update(shapes=[list(s) for s in shapes], layer=layer, names=list(inspect.signature(net.forward).parameters))
    known.write_text(json.dumps(result))


# --- what attune says

class Refused(Exception):
    pass


def run(program, *arguments):
    done = subprocess.run([*program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"ended with {done.returncode}")
    return json.loads(done.stdout)


def difference(found, expected):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def tolerance_of(source):
    return TOLERANCE if source in NAMED else ONNX_TOLERANCE


def missing_layers(layers, known):
    """Modules of the eager model that compute something, but are no layers."""
    found = {layer.split("@")[0] for layer in layers}
    return [name for name in known["fired"] if not found.intersection(known["modules"][name])]


def judge(program, folder, source, known, expected):
    """A row: what was seen, and in "wrong" what is not as PyTorch says."""
    path, row, wrong = folder / SOURCES[source], {}, []
    size = ",".join(map(str, known["shapes"][0]))
    inputs = [folder / f"x0_{i}.npy" for i in range(2)]
    name = known["names"][-1] if source in NAMED else "x1"
    extra = ["--extra", f"{name}={folder / 'extra1.npy'}"] if len(known["shapes"]) > 1 else []
    target = TARGETS.get(known["target"], "0")
    if source == "single":
        return judge_single(program, path, [*inputs, *extra], target, known)
    listed = run(program, "layers", path, "--json", "--input", size, *extra)
    row["auto"] = listed["auto"]
    layers = [layer["name"] for layer in listed["layers"]]
    modules = {name for names in known["modules"].values() for name in names}
    strangers = [name for name in layers if name.split("@")[0] not in modules]
    if source in NAMED and strangers:
        wrong.append(f"layers that are no modules: {strangers[:3]}")
    row["missing"] = missing_layers(layers, known)
    if known["layer"] is not None and row["auto"] != known["layer"] and source in NAMED:
        wrong.append(f"automatic layer {row['auto']}, expected {known['layer']}")
    out = folder / ("out_" + source)
    seen = run(program, "heatmap", path, *inputs, *extra, "--raw", "--json", "--output", out, "--method", "cam=gradcam",
               "--method", "input=saliency:absolute=false", "--method", "guided=guided_backprop", "--target", target)
    maps = {name: [next(m for m in item["maps"] if m["name"] == name) for item in seen["items"]] for name in ("cam", "input", "guided")}
    arrays = {name: [np.load(out / m["raw"]) for m in found] for name, found in maps.items()}
    row["scores"] = difference([m["target"]["score"] for m in maps["cam"]], known["scores"])
    row["gradient"] = difference(arrays["input"], expected["input_gradient"])
    row["guided"] = difference(arrays["guided"], expected["guided"])
    if "cam" in expected and row["auto"] == known["layer"]:
        row["cam"] = difference([a[0] for a in arrays["cam"]], expected["cam"])
    if source in ("export", "core") and row["missing"]:
        wrong.append(f"modules that are no layers: {row['missing'][:3]}")
    spec = folder / "atcon.json"
    spec.write_text(json.dumps({**json.loads(ATCON.read_text()), "target": TARGETS.get(known["target"], "top1")}))
    try:
        loss = run(program, "loss", path, spec, *inputs, *extra, "--gradient", "--json")
        row["loss"], row["norms"] = loss["loss"], loss["gradient"]["parameters"]
    except Refused as error:
        row["no_loss"] = str(error)
    row["wrong"] = wrong + [f"{WHAT[key]} off by {row[key]:.1e}" for key in WHAT if row.get(key, 0) > tolerance_of(source)]
    return row


def judge_single(program, path, inputs, target, known):
    """In float32, scores alone."""
    seen = run(program, "heatmap", path, *inputs, "--json", "--output", path.parent / "out_single", "--method", "saliency", "--target", target)
    scores = [item["maps"][0]["target"]["score"] for item in seen["items"]]
    row = {"scores": difference(scores, known["onnxruntime"]), "wrong": []}
    rounding = difference(known["onnxruntime"], known["scores"])  # onnxruntime's own, whose optimisations reorder sums
    if row["scores"] > SINGLE_TOLERANCE + rounding:
        row["wrong"].append(f"scores off by {row['scores']:.1e} from those of onnxruntime")
    return row


def compare_losses(rows, known):
    """ATCON's loss and gradients with what hooks give; where no module's output is the automatic layer, between the files."""
    first = next((rows[s] for s in SOURCES if "loss" in rows.get(s, {})), None)
    base = known.get("atcon", first)
    for source, row in rows.items():
        if "loss" not in row or row["auto"] != (known["layer"] if "atcon" in known else first["auto"]):
            continue
        row["wrong"] = [fault for fault in row["wrong"] if not fault.startswith("ATCON")]
        row["loss_off"] = difference(row["loss"], base["loss"])
        if row["loss_off"] > tolerance_of(source):
            row["wrong"].append(f"ATCON's loss off by {row['loss_off']:.1e}")
        if source not in NAMED and known["folds"]:
            continue  # its parameters are others: exporters fold batch norm into convolutions
        names = [n for n in row["norms"] if n in base["norms"] and (source in NAMED or n not in known["repeated"])]
        row["compared"] = len(names)
        row["norms_off"] = max((abs(row["norms"][n] - base["norms"][n]) for n in names), default=0.0) / max(base["norms"].values())
        if row["norms_off"] > tolerance_of(source):
            row["wrong"].append(f"ATCON's gradients off by {row['norms_off']:.1e}")
        lost = [n for n, norm in base["norms"].items() if norm > 0 and n not in row["norms"]]
        if source in ("export", "core") and lost:
            row["wrong"].append(f"ATCON's gradients are without {lost[:3]}")


def text_of(row):
    if "refused" in row:
        return row["refused"]
    parts = row["wrong"] + ([row["no_loss"]] if "no_loss" in row else [])
    return "; ".join(parts) or "as PyTorch"


def markdown(results):
    """One row an architecture: what loads, its automatic layer, and what is refused, said once for all files that say the same."""
    kinds = {"export": "`.pt2`", "core": "`.pt2` decomposed", "traced": "traced", "script": "scripted", "onnx": "ONNX", "dynamo": "ONNX (dynamo)"}
    lines = ["| architecture | loads | automatic layer | what is refused, and why |", "|---|---|---|---|"]
    for name, rows in results.items():
        rows = {kind: rows[source] for source, kind in kinds.items() if source in rows}
        refused = {}
        for kind, row in rows.items():
            why = row.get("refused") or row.get("no_loss")
            if why and kind != "scripted":  # what does not script is many
                why = re.sub(r"^attune: |\S*/\S*: |\S+_\d.npy( row 0)?: |model '\S+' | \('/[^']*'\)| in layer '[^']*'|, which cannot be read here", "", why)
                refused.setdefault("PyTorch does not export it" if why.startswith("not exported") else why, []).append(kind)
        auto = sorted({f"`{row['auto']}`" for row in rows.values() if "auto" in row})
        loads = ", ".join(kind for kind, row in rows.items() if "refused" not in row)
        lines.append(f"| {name} | {loads} | {', '.join(auto)} | {'; '.join(', '.join(of) + ': ' + why for why, of in refused.items())} |")
    return "\n".join(lines) + "\n"


def write_table(file, table):
    """Between the marks of a document, or as a file of its own."""
    begin, end = "<!-- made by zoo.py -->\n", "<!-- end -->\n"
    if file.exists() and begin in file.read_text():
        before, rest = file.read_text().split(begin)
        table = before + begin + table + end + rest.split(end)[1]
    file.write_text(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--attune", default="attune", help="the program, with what it is started by")
    parser.add_argument("--table", type=pathlib.Path, help="the results as Markdown")
    parser.add_argument("--fresh", action="store_true", help="write the models again")
    parser.add_argument("--sources", nargs="*", default=list(SOURCES))
    options = parser.parse_intermixed_args()
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    import torch
    torch.set_num_threads(1)
    from zoo_models import MODELS
    faults = 0
    for name in options.names or MODELS:
        folder = options.out / name
        try:
            known = folder / "reference.json"
            failed = json.loads(known.read_text())["failed"] if known.exists() else {}
            missing = [s for s in options.sources if options.fresh or not ((folder / SOURCES[s]).exists() or s in failed)]
            if missing or not known.exists():
                make(name, folder, missing)
        except ImportError as error:
            print(f"{name:24} skipped: {error}", flush=True)
            continue
        known = json.loads((folder / "reference.json").read_text())
        expected = dict(np.load(folder / "reference.npz"))
        results = folder / "results.json"
        rows = json.loads(results.read_text()) if results.exists() else {}
        for source in options.sources:
            if not (folder / SOURCES[source]).exists():
                rows[source] = {"refused": known["failed"].get(source, "not exported: its packages are not there")}
                continue
            try:
                rows[source] = judge(options.attune.split(), folder, source, known, expected)
            except Refused as error:
                rows[source] = {"refused": str(error).replace(str(folder) + "/", "")}
        compare_losses(rows, known)
        for source in options.sources:
            row = rows[source]
            faults += len(row.get("wrong", []))
            numbers = " ".join(f"{row[key]:7.0e}" if key in row else "      -" for key in (*WHAT, "loss_off", "norms_off"))
            print(f"{name:24} {source:7} {row.get('auto', '-'):44} {numbers}  {text_of(row)}", flush=True)
        results.write_text(json.dumps(rows, indent=1))
    found = {name: options.out / name / "results.json" for name in MODELS}
    found = {name: json.loads(file.read_text()) for name, file in found.items() if file.exists()}
    if options.table:
        write_table(options.table, markdown(found))
    loaded = sum(any("refused" not in row for row in rows.values()) for rows in found.values())
    print(f"{len(found)} architectures, {loaded} load, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
