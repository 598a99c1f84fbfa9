#!/usr/bin/env python3
"""Trains and compares everything on the voc_animals photos (README.md says what came out). What is done is kept: after an
interruption the same command goes on.

    run.py DATA tune       # on the validation part: what the settings in configs/ were chosen from
    run.py DATA final      # all variants, and the test part, which is read once for each model
    run.py DATA ablation   # the table of twelve consistency losses
    run.py DATA report     # the tables of README.md, and results.csv, from what is there

DATA holds data/voc_animals and models/squeezenet1_0_backbone.pt.
"""
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from lab import Lab, options_of  # noqa: E402
from report import numbers, report  # noqa: E402

SEEDS = [1, 2, 3]
FURTHER = ["finetuned", "combined", "alternated", "layer_consistency", "control", "control_combined"]  # from "baseline"
SIZES = {4: ["plain", *FURTHER], 2: ["finetuned", "control"], 8: ["finetuned", "control"]}


def tune(lab):
    for name, changes in json.loads((lab.configs / "tried.json").read_text()):
        for seed in SEEDS[:2]:
            start = None
            if name != "baseline":
                start = lab.train("baseline", f"4_per_class/seed_{seed}/baseline", 4, seed)
            settings = "_".join(f"{key}_{value}" for key, value in changes.items())
            run = f"tune/seed_{seed}/{name}_{settings}"
            lab.evaluate(run, "validate", lab.train(name, run, 4, seed, start, changes), least=5)


def final(lab):
    for per_class, variants in SIZES.items():
        for seed in SEEDS:
            at = f"{per_class}_per_class/seed_{seed}"
            models = {"baseline": lab.train("baseline", f"{at}/baseline", per_class, seed)}
            for name in variants:
                start = None if name == "plain" else models["baseline"]
                models[name] = lab.train(name, f"{at}/{name}", per_class, seed, start)
            for name, model in models.items():
                control = "control_combined" if name == "combined" else "control"  # of the same rate
                lab.evaluate(f"{at}/{name}", "test", model, None if name == control else models[control], 5)


def ablation(lab):
    lab.attune("ablate", lab.config("ablation", "ablation", per_class=4), "--resume")


def main():
    options = options_of(__doc__, ["tune", "final", "ablation", "report"])
    if options.what == "report":
        (options.work / "results.csv").write_text(numbers(options.work, SEEDS, SIZES))
        return print(report(options.work, SEEDS, SIZES))
    model = options.data / "models/squeezenet1_0_backbone.pt"
    lab = Lab(options, HERE / "configs", options.data / "data/voc_animals", model)
    {"tune": tune, "final": final, "ablation": ablation}[options.what](lab)


if __name__ == "__main__":
    main()
