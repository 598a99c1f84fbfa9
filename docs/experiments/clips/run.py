#!/usr/bin/env python3
"""Every strategy on clips of moving objects (README.md says what came out). What is done is kept.

    make.py FOLDER         # first: the clips and the network
    run.py FOLDER train    # all strategies
    run.py FOLDER report   # the table of README.md
"""
import json
import sys
from pathlib import Path
from statistics import mean

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from lab import Lab, options_of  # noqa: E402

SEEDS = [1, 2, 3]
PER_CLASS = 6
FURTHER = ["finetuned", "combined", "alternated", "control"]  # each goes on from "baseline"
METRICS = ["f1_macro", "accuracy", "loss", "consistency_loss"]


def train(lab):
    for seed in SEEDS:
        models = {"baseline": lab.train("baseline", f"seed_{seed}/baseline", PER_CLASS, seed)}
        for name in FURTHER:
            models[name] = lab.train(name, f"seed_{seed}/{name}", PER_CLASS, seed, models["baseline"])
        for name, model in models.items():
            lab.evaluate(f"seed_{seed}/{name}", "test", model, None if name == "control" else models["control"])


def report(work):
    print("| variant | " + " | ".join(METRICS) + " |\n|---|" + "---:|" * len(METRICS))
    for name in ["baseline", *FURTHER]:
        files = [work / f"seed_{seed}/{name}.test.json" for seed in SEEDS]
        metrics = [json.loads(file.read_text())["metrics"] for file in files if file.exists()]
        cells = []
        for key in METRICS:
            values = [m[key]["value"] for m in metrics]
            cells.append(f"{mean(values):.3f} ({min(values):.3f} to {max(values):.3f})" if values else "-")
        print("| " + " | ".join([name, *cells]) + " |")


def main():
    options = options_of(__doc__, ["train", "report"])
    if options.what == "report":
        return report(options.work)
    train(Lab(options, HERE / "configs", options.data / "clips", options.data / "network.pt"))


if __name__ == "__main__":
    main()
