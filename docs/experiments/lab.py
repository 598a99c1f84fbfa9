"""What the experiments share: configs, runs that are not done again, and the command line of their scripts."""
import argparse
import json
import shutil
import subprocess
import time
from pathlib import Path


class Lab:
    """Configs from a folder, changed run by run; what a run needs is in one file of its own."""

    def __init__(self, options, configs, root, model):
        self.options, self.configs, self.root, self.model = options, configs, root, model
        self.end = time.monotonic() + 60 * options.minutes

    def attune(self, *arguments):
        if time.monotonic() > self.end:
            raise SystemExit("the time is up; the same command goes on")
        command = [self.options.attune, *map(str, arguments), "--threads", str(self.options.threads)]
        print(*command, flush=True)
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
            raise SystemExit("failed: " + " ".join(command))

    def config(self, name, run, per_class=None, seed=1, model=None, changes=None):
        """configs/NAME.json with everything that this run has of its own; a file."""
        config = json.loads((self.configs / f"{name}.json").read_text())
        config["model"] = str(model or self.model)
        config["data"]["root"] = str(self.root)
        if per_class:
            config["data"]["samples_per_class"] = per_class
        for stage in config.get("stages", []):
            if stage.get("spec", "").endswith(".json"):
                stage["spec"] = str(self.configs / stage["spec"])
        config["seed"] = seed
        config["output"] = str(self.options.work / run)
        changes = dict(changes or {})
        if "lr" in changes:
            config["stages"][0]["optimizer"]["lr"] = changes.pop("lr")
        if changes.pop("pool", False):  # all training photos, without their labels
            config["stages"][0]["data"] = {key: config["data"][key] for key in ("format", "root", "train")}
        if changes:
            config["stages"][0].update(changes)
        file = self.options.work / "configs" / f"{run.replace('/', '_')}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(config, indent=2) + "\n")
        return file

    def train(self, name, run, per_class, seed, model=None, changes=None):
        """Gives the trained model."""
        file = self.config(name, run, per_class, seed, model, changes)
        if not (self.options.work / run / "results.json").exists():
            self.attune("train", file, "--resume")
        return self.options.work / run / "stages" / json.loads(file.read_text())["stages"][0]["name"] / "model.pt"

    def evaluate(self, run, split, model, against=None, least=1):
        file = self.options.work / f"{run}.{split}.json"
        if not file.exists():
            config = self.config("evaluate", "evaluate", model=model)
            more = ["--against", against] if against else []
            self.attune("evaluate", config, "--split", split, "--model", model, *more, "--least", least, "--output", file)


def options_of(description, phases):
    def folder(text):
        return Path(text).resolve()

    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=folder, metavar="DATA")
    parser.add_argument("what", choices=phases)
    parser.add_argument("--work", type=folder, default=folder("runs"), help="folder of all runs (default: runs)")
    parser.add_argument("--attune", default="attune", help="the program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60, help="no new step begins after so long (default: 60)")
    options = parser.parse_args()
    if options.what != "report" and shutil.which(options.attune) is None:
        parser.error(f"there is no program '{options.attune}'; --attune FILE names it")
    return options
