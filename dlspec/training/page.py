"""`report.html`: all that a run folder tells, on one page that needs no other file and no network.

Everything is read from the folder, and so the page can be written again at any time; only the thumbnails of the worst
mistakes are handed over, since the folder keeps them in one picture.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path

from dlspec.record import TYPE_CHECKING
from dlspec.training.page_results import closed_form, confusion, curves, data_uri, mistakes, per_class, per_target
from dlspec.training.record import read_rows
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SHARES = (
    "accuracy",
    "top_k_accuracy",
    "precision",
    "recall",
    "f1",
    "mean_iou",
    "map",
    "map50",
    "mask_map",
    "mask_map50",
)
"""Metrics that are shown as percentages."""
PICTURES = {
    "predictions.png": ("Predictions", "photos", "What the network makes of samples that it was not trained on."),
    "class_maps.png": ("Class maps", "photos", "Images, their true class maps and what the network makes of them."),
    "regions.png": (
        "Regions",
        "drawn",
        "Which class each point of the plane is taken for, paler where it is less sure.",
    ),
    "templates.png": ("Templates", "photos", "The weights as pictures: blue speaks for the class, red against it."),
    "augmentation.png": ("Augmentation", "photos", "Training samples as successive epochs saw them."),
    "coefficients.png": ("Coefficients", "drawn", "As trained, and as least squares has them."),
    "gradients.png": ("Gradients", "drawn", "The length of each layer's gradient; what vanishes is seen."),
}
"""Pictures of the folder, with a heading, a kind that decides how they look in the dark, and a line about them."""


def write_page(folder: Path, thumbnails: Sequence[tuple[bytes, bool]] = ()) -> None:
    """Write `report.html` of a finished run; `thumbnails` are PNG files of its mistakes, and whether they are ink."""
    write_whole(folder / "report.html", page(folder, thumbnails))


def page(folder: Path, thumbnails: Sequence[tuple[bytes, bool]] = ()) -> str:
    """The text of the page; raises OSError where the folder holds no report."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    made = _json(folder / "environment.json") or {}
    rows = read_rows(folder / "metrics.jsonl")
    listed = _json(folder / "mistakes.json") or []
    told = {"predictions.png"} if thumbnails and not any("missed" in one for one in listed) else set()
    ink = any(is_ink for _, is_ink in thumbnails)
    title = (report["network"] or "network").partition("(")[0]
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    parts = [
        _header(report, made, title),
        _tiles(report),
        _told(report),
        curves(report, rows),
        confusion(report, folder),
        per_class(report),
        per_target(report),
        mistakes(listed, thumbnails),
        closed_form(report),
        *(_picture(folder, name, ink=ink) for name in PICTURES if name not in told),
        _network(folder),
        _plan(folder),
        _environment(report, made),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{escape(title)} · report of a run</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + f"\n<footer>Written by dlspec {escape(_version(made))}. All numbers are in <code>report.json</code> and "
        "<code>metrics.jsonl</code> beside this page.</footer>\n</main>\n</body>\n</html>\n"
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _version(made: dict[str, Any]) -> str:
    return str(made.get("packages", {}).get("dlspec", ""))


def _header(report: dict[str, Any], made: dict[str, Any], title: str) -> str:
    about = [f"plan <b>{escape(report['plan'])}</b>" if report["plan"] != "plan" else ""]
    about.append(f"network <code>{escape(report['network'])}</code>" if report["network"] not in (title, None) else "")
    about.append(f"on <b>{escape(report['source'])}</b>" if "source" in report else "")
    about.append(escape(made["started"].replace("T", " ").removesuffix("Z") + " UTC") if "started" in made else "")
    pills = f'<span class="pill">{escape(report["stopped"])}</span>'
    return f"<header><h1>{escape(title)}</h1>{pills}<p>{' · '.join(filter(None, about))}</p></header>"


def shown(name: str, value: float) -> str:
    """A score as people say it: 97.41 % for a share of samples, else four digits."""
    return f"{value:.2%}".replace("%", " %") if name in SHARES else f"{value:.4g}"


def _tiles(report: dict[str, Any]) -> str:
    tiles = []
    for role in ("test", "val"):
        for name, value in list(_metrics(report[role]).items())[:2]:
            tiles.append((f"{name.replace('_', ' ')}, {role}", shown(name, value)))
    if "best" in report:
        tiles.append(("kept epoch", f"{report['best']['epoch']} of {report['epochs']}"))
    else:
        tiles.append(("epochs", f"{report['epochs']:,}"))
    tiles += [
        ("parameters", f"{report['parameters']:,}"),
        ("steps", f"{report['steps']:,}"),
        ("training", duration(report["train_seconds"])),
    ]
    cells = (
        f"<div{'' if place else ' class=first'}><dt>{escape(what)}</dt><dd>{escape(value)}</dd></div>"
        for place, (what, value) in enumerate(tiles)
    )
    return f'<dl class="tiles">{"".join(cells)}</dl>'


def _metrics(values: dict[str, float]) -> dict[str, float]:
    """The metrics of a split, or its loss where it has no other."""
    return {name: value for name, value in values.items() if name != "loss"} or values


def duration(seconds: float) -> str:
    """Seconds in the unit that people would take."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _told(report: dict[str, Any]) -> str:
    """Warnings of the checks, what was allowed with its reason, and how often test was read where that is twice."""
    said = [f"<b>{escape(one['code'])}</b> {_coded(one['message'])}" for one in report.get("warnings", ())]
    allowed = report.get("allowed", {}).items()
    said += [f"<b>{escape(lint)}</b> is allowed: {escape(reason)}" for lint, reason in allowed]
    if report.get("test_reads", 0) > 1:
        said.append(f"the test split was read {report['test_reads']} times")
    listed = "".join(f"<li>{one}</li>" for one in said)
    return f'<section class="told"><ul>{listed}</ul></section>' if said else ""


def _coded(message: str) -> str:
    """A message with what stands between backticks as code."""
    pieces = escape(message).split("`")
    return "".join(f"<code>{piece}</code>" if place % 2 else piece for place, piece in enumerate(pieces))


def _picture(folder: Path, name: str, *, ink: bool) -> str:
    """A picture of the folder; what is ink on paper is shown in the dark as the charts are."""
    source = data_uri(folder / name)
    if not source:
        return ""
    heading, kind, about = PICTURES[name]
    kind = "photos inked" if ink and kind == "photos" else kind
    image = f'<figure class="picture {kind}"><img alt="{escape(about)}" src="{source}"></figure>'
    return f'<section><h2>{heading}</h2><p class="soft">{escape(about)}</p>{image}</section>'


def _network(folder: Path) -> str:
    """The figure, and the table of layers."""
    figure, summary = data_uri(folder / "figure.svg"), _json(folder / "summary.json")
    parts = []
    if figure:
        parts.append(f'<figure class="picture drawn network"><img alt="the network" src="{figure}"></figure>')
    if summary:
        parts.append(f"<div>{_layers(summary)}</div>")
    return f'<section><h2>Network</h2><div class="beside">{"".join(parts)}</div></section>' if parts else ""


def _layers(summary: dict[str, Any]) -> str:
    rows = []
    for layer in summary["layers"]:
        size = " ".join(map(str, layer["output_shape"]))
        counts = "".join(f'<td class="right">{_count(layer[key])}</td>' for key in ("parameters", "macs"))
        rows.append(
            f"<tr><td>{escape(layer['path'])}</td><td>{escape(layer['op'])}</td><td>{escape(size)}</td>{counts}"
        )
    totals = "".join(f'<td class="right">{_count(summary["totals"][key])}</td>' for key in ("parameters", "macs"))
    head = "<th>layer</th><th>operator</th><th>gives</th><th class=right>parameters</th><th class=right>MACs</th>"
    foot = f"<tfoot><tr><td>total</td><td></td><td></td>{totals}</tr></tfoot>"
    table = f"<thead><tr>{head}</tr></thead>{''.join(rows)}{foot}"
    return f'<div class="scroll"><table class="layers">{table}</table></div>'


def _count(value: Any) -> str:
    """A number, or an expression in open sizes, with thousands apart."""
    if not value:
        return ""
    return escape(re.sub(r"\d{4,}", lambda digits: f"{int(digits[0]):,}", str(value)).replace("*", "·"))


def _plan(folder: Path) -> str:
    """The resolved spec: the network as it was, and the plan with every default."""
    try:
        text = (folder / "spec.dlspec.yaml").read_text(encoding="utf-8")
    except OSError:
        return ""
    about = "Every default and every override, in <code>spec.dlspec.yaml</code>; it trains again."
    return (
        f'<section><h2>Spec</h2><p class="soft">{about}</p>'
        f"<details open><summary>Plan and network</summary><pre>{escape(_plan_first(text))}</pre></details></section>"
    )


def _plan_first(text: str) -> str:
    """The plan above what it trains: that is what runs differ in."""
    before, mark, plan = text.rpartition("\nplan:\n")
    return f"plan:\n{plan.rstrip()}\n\n{before.strip()}\n" if mark else text


def _environment(report: dict[str, Any], made: dict[str, Any]) -> str:
    """What the run was made with: seeds, versions, hardware, the state of the repository, the command."""
    if not made:
        return ""
    git = made.get("git") or {}
    changed = " with changes that are not committed" if git.get("changed") else ""
    rows = {
        "seeds": ", ".join(f"{name} {seed}" for name, seed in made.get("seeds", {}).items()),
        "samples": ", ".join(f"{name} {count:,}" for name, count in report["samples"].items()),
        "versions": ", ".join(f"{name} {version}" for name, version in made.get("packages", {}).items()),
        "Python": made.get("python", ""),
        "system": made.get("platform", ""),
        "processor": f"{made.get('cpu') or made.get('processor', '')}, {made.get('cores')} cores",
        "memory": f"{made['memory_bytes'] / 2**30:.1f} GiB" if made.get("memory_bytes") else "",
        "device": f"{made.get('device', '')}, {made.get('threads')} threads",
        "git": f"{git.get('branch') or 'detached'} {git['commit'][:12]}{changed}" if git else "no repository",
        "resumed": "yes" if report.get("resumed") else "no",
        "test split": f"read {report.get('test_reads', 0)} times",
        "command": " ".join(made.get("command", ())),
    }
    body = "".join(f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in rows.items() if value)
    return f'<section><h2>How it was made</h2><table class="about">{body}</table></section>'
