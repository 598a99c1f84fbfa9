#!/usr/bin/env python3
"""Do noise and dropout help the samples of lowest agreement? (README.md says what came out.) What is done is kept: after
an interruption the same command goes on.

    stochastic.py DATA train     # a baseline, the photos of lowest agreement, and fine-tuning on these
    stochastic.py DATA report    # the table of README.md

DATA holds data/voc_animals and models/squeezenet1_0_backbone.pt.
"""
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from lab import Lab, options_of  # noqa: E402

SPEC = "atcon_gb_mask_pearson"  # without anything random: what is measured
SEEDS = [1, 2]  # of fine-tuning; the baseline is one
LOWEST, OTHERS = 24, 24  # photos that are trained on, and of the test part
VARIANTS = {"plain": SPEC, "dropout": "dropout.json", "noise": "noise.json"}


def agreements(lab, model, photos, file):
    """h of each photo, by its name; kept in a file."""
    if not file.exists():
        inputs = [str(lab.root / "JPEGImages" / f"{photo}.jpg") for photo in photos]
        command = [lab.options.attune, "loss", str(model), SPEC, *inputs, "--json", "--threads", str(lab.options.threads)]
        document = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        found = {Path(s["input"]).stem: s["value"] for s in document["terms"][0]["samples"]}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found, indent=1) + "\n")
    return json.loads(file.read_text())


def photos_of(lab, part):
    return (lab.root / f"ImageSets/Main/{part}.txt").read_text().split()


def lowest_part(lab, folder, before):
    """A data set whose training part are the photos of lowest agreement."""
    chosen = sorted(before, key=before.get)[:LOWEST]
    (folder / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
    for name in ("JPEGImages", "Annotations"):
        if not (folder / name).exists():
            (folder / name).symlink_to(lab.root / name)
    (folder / "ImageSets/Main/lowest.txt").write_text("\n".join(chosen) + "\n")
    return chosen


def judge(lab, run, model, chosen):
    """The agreement on the chosen photos and on some of the test part, and the answers on all of that."""
    agreements(lab, model, chosen, lab.options.work / f"{run}.lowest.json")
    others = photos_of(lab, "test")
    agreements(lab, model, others[:: len(others) // OTHERS][:OTHERS], lab.options.work / f"{run}.others.json")
    file = lab.options.work / f"{run}.answers.json"
    if not file.exists():
        config = json.loads(lab.config("evaluate", "evaluate", model=model).read_text())
        del config["evaluate"]["maps"]
        written = lab.options.work / "configs/answers.json"
        written.write_text(json.dumps(config) + "\n")
        lab.attune("evaluate", written, "--split", "test", "--model", model, "--least", 5, "--output", file)


def train(lab):
    start = lab.train("baseline", "4_per_class/seed_1/baseline", 4, 1)
    before = agreements(lab, start, photos_of(lab, "train"), lab.options.work / "stochastic/before.json")
    folder = lab.options.work / "stochastic/photos"
    chosen = lowest_part(lab, folder, before)
    judge(lab, "stochastic/baseline", start, chosen)
    part = {"format": "voc", "root": str(folder), "train": "lowest"}
    for seed in SEEDS:
        for name, spec in VARIANTS.items():
            spec = str(HERE / "configs" / spec) if spec.endswith(".json") else spec
            model = lab.train("finetuned", f"stochastic/{name}_{seed}", None, seed, start, {"spec": spec, "data": part})
            judge(lab, f"stochastic/{name}_{seed}", model, chosen)


def report(work):
    lines = ["| variant | seed | h, lowest | least of them | risen | above 0.5 | h, test | macro F1 | mAP |",
             "|---|---|---:|---:|---:|---:|---:|---:|---:|"]

    def read(run, what):
        return json.loads((work / f"stochastic/{run}.{what}.json").read_text())

    def percent(value):
        return f"{100 * value:.1f}"

    before = read("baseline", "lowest")
    for name, seed in [("baseline", ""), *((name, seed) for name in VARIANTS for seed in SEEDS)]:
        run = f"{name}_{seed}" if seed else name
        if not (work / f"stochastic/{run}.answers.json").exists():
            continue
        lowest, metrics = read(run, "lowest"), read(run, "answers")["metrics"]
        cells = [percent(mean(lowest.values())), percent(min(lowest.values())),
                 str(sum(lowest[photo] > before[photo] for photo in lowest)) if seed else "",
                 str(sum(h > 0.5 for h in lowest.values())), percent(mean(read(run, "others").values())),
                 percent(metrics["f1_macro"]["value"]), percent(metrics["mean_average_precision"]["value"])]
        lines.append("| " + " | ".join([name, str(seed), *cells]) + " |")
    return "\n".join(lines)


def main():
    options = options_of(__doc__, ["train", "report"])
    if options.what == "report":
        return print(report(options.work))
    model = options.data / "models/squeezenet1_0_backbone.pt"
    train(Lab(options, HERE / "configs", options.data / "data/voc_animals", model))


if __name__ == "__main__":
    main()
