"""The tables of README.md, from the documents of attune evaluate."""
import json
from itertools import product
from statistics import mean

METRICS = [("f1_macro", "macro F1"), ("f1_micro", "micro F1"), ("mean_average_precision", "mAP"), ("iou", "IoU, hits"),
           ("iou_all", "IoU, all"), ("consistency", "consistency")]
NAMES = {"plain": "baseline without augmentation", "finetuned": "fine-tuned", "layer_consistency": "layer consistency",
         "control": "control: labels only", "control_combined": "control at the rate of combined"}


def estimates(document):
    """Of the metrics above; IoU is Grad-CAM's, in percent like the others; consistency is the mean agreement h."""
    found = dict(document["metrics"])
    found.update({key: value for key, value in document["maps"][0].items() if isinstance(value, dict)})
    found["consistency"] = document["terms"][0]["h"]
    return {key: found[key] for key, _ in METRICS}


def percent(estimate, key="value"):
    return float("nan") if estimate[key] is None else 100 * estimate[key]


def row(cells):
    return "| " + " | ".join(cells) + " |"


def read(work, size, seed, name):
    file = work / f"{size}_per_class/seed_{seed}/{name}.test.json"
    return json.loads(file.read_text()) if file.exists() else None


def means(work, seeds, size, names):
    """Of the seeds, in percent, with the least and the greatest."""
    lines = [row(["variant", *[title for _, title in METRICS]]), "|---|" + "---:|" * len(METRICS)]
    for name in names:
        documents = [d for d in (read(work, size, seed, name) for seed in seeds) if d]
        if not documents:
            continue
        cells = []
        for key, _ in METRICS:
            values = [percent(estimates(d)[key]) for d in documents]
            cells.append(f"{mean(values):.1f} ({min(values):.1f} to {max(values):.1f})")
        lines.append(row([NAMES.get(name, name), *cells]))
    return lines


def differences(work, seeds, size, names):
    """To the control, of the same photos: one line for each variant and seed, with 95 % intervals and p."""
    lines = [row(["minus control", "seed", *[title for _, title in METRICS]]), "|---|---|" + "---:|" * len(METRICS)]
    for name in names:
        for seed in seeds:
            document = read(work, size, seed, name)
            if document is None or "difference" not in document:
                continue
            cells = []
            for key, _ in METRICS:
                e = estimates(document["difference"])[key]
                cells.append(f"{percent(e):+.1f} [{percent(e, 'low'):+.1f}, {percent(e, 'high'):+.1f}] p {e.get('p', float('nan')):.3f}")
            lines.append(row([NAMES.get(name, name), str(seed), *cells]))
    return lines


def numbers(work, seeds, sizes):
    """All estimates as CSV: of each model, and of its difference to the control."""
    lines = ["per_class,seed,variant,metric,value,low,high,difference,difference_low,difference_high,p"]
    for size, variants in sizes.items():
        for seed, name in product(seeds, ["baseline", *variants]):
            document = read(work, size, seed, name)
            if document is None:
                continue
            own, between = estimates(document), estimates(document["difference"]) if "difference" in document else {}
            for key, _ in METRICS:
                cells = [own[key][k] for k in ("value", "low", "high")]
                cells += [between[key][k] if between else None for k in ("value", "low", "high", "p")]
                lines.append(f"{size},{seed},{name},{key}," + ",".join("" if c is None else f"{c:.5f}" for c in cells))
    return "\n".join(lines) + "\n"


def report(work, seeds, sizes):
    lines = []
    for size, variants in sizes.items():
        names = ["baseline", *variants]
        lines += [f"### {size} per class", "", *means(work, seeds, size, names), ""]
        lines += [*differences(work, seeds, size, [name for name in names if name != "control"]), ""]
    return "\n".join(lines)
