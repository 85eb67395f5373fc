"""The parts of a run's page that tell how well it went: curves, confusion matrix, worst mistakes, least squares."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from dlspec.record import TYPE_CHECKING
from dlspec.training.charts import lines
from dlspec.training.record import measured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

LONG_RUN = 500
"""Epochs from which on their axis is logarithmic, since most of what happens happens early."""
MOST_CLASSES = 30
"""Classes up to which the confusion matrix is a table; for more it is the picture."""


def curves(report: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """A chart for loss, each metric, and the learning rate where it moves."""
    shown = [row for row in rows if row["split"] in ("train", "val")]
    names = measured(shown)
    kept = report["best"]["epoch"] if "best" in report else None
    levels = report.get("closed_form", {}).get("scores", {}).get("least_squares", {}).get("train", {})
    charts = []
    for name in names:
        series = {
            split: [(row["epoch"], row[name]) for row in shown if row["split"] == split and name in row]
            for split in ("train", "val")
        }
        values = [value for points in series.values() for _, value in points]
        log_y = name == "loss" and min(values) > 0 and max(values) > 20 * min(values)
        drawn = lines(series, log_x=shown[-1]["epoch"] >= LONG_RUN, log_y=log_y, kept=kept, level=levels.get(name))
        scale = " <span class=soft>(log)</span>" if log_y else ""
        charts.append(f"<div><h3>{escape(name.replace('_', ' '))}{scale}</h3>{drawn}</div>")
    if not charts:
        return ""
    key = '<span class="train">train</span>'
    key += '<span class="val">val</span>' if any(row["split"] == "val" for row in shown) else ""
    key += f'<span class="kept">epoch {kept}, which was kept</span>' if kept else ""
    key += '<span class="kept">least squares</span>' if levels else ""
    return f'<section><h2>Curves</h2><p class="key">{key}</p><div class="columns">{"".join(charts)}</div></section>'


def confusion(report: dict[str, Any], folder: Path) -> str:
    """Counts with the true class down and the predicted one across; blue is right, red is wrong."""
    matrix = report.get("confusion_matrix")
    if not matrix:
        return ""
    counts, names = matrix["counts"], matrix["classes"]
    total, right = sum(map(sum, counts)), sum(row[place] for place, row in enumerate(counts))
    about = f"{matrix['split']}: {total - right:,} of {total:,} wrong. True classes down, predicted ones across."
    if len(names) > MOST_CLASSES:
        image = data_uri(folder / "confusion_matrix.png")
        table = f'<figure class="picture drawn"><img alt="" src="{image}"></figure>' if image else ""
    else:
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        body = "".join(
            f"<tr><th>{escape(names[place])}</th>{''.join(_cells(row, place))}</tr>" for place, row in enumerate(counts)
        )
        thead = f"<thead><tr><th></th>{head}</tr></thead>"
        table = f'<div style="overflow:auto"><table class="confusion">{thead}<tbody>{body}</tbody></table></div>'
    return f'<section><h2>Confusion matrix</h2><p class="soft">{escape(about)}</p>{table}</section>'


def _cells(row: Sequence[int], place: int) -> list[str]:
    """The cells of a row of the matrix; small shares of mistakes are lifted to be seen."""
    cells = []
    for column, count in enumerate(row):
        share = count / max(sum(row), 1)
        kind, strength = ("right-cell", share) if column == place else ("wrong-cell", share**0.5)
        full = " full" if strength > 0.6 else ""
        style = f' class="{kind}{full}" style="--share:{strength:.0%}"' if count else ""
        cells.append(f"<td{style}>{count or ''}</td>")
    return cells


def per_class(report: dict[str, Any]) -> str:
    """A row for each class of objects: how many there are, and how precisely they are found."""
    found = report.get("per_class")
    if not found:
        return ""
    rows, names = found["classes"], [name for name in found["classes"][0] if name != "class"]
    head = "".join(f"<th class=right>{escape(_heading(name))}</th>" for name in names)
    body = "".join(
        f"<tr><td>{escape(row['class'])}</td>"
        + "".join(f"<td class=right>{_precision(row[name])}</td>" for name in names)
        for row in rows
    )
    measured = "what prediction and truth share of what either covers (IoU), and of each alone; over all pixels"
    if "iou" not in rows[0]:
        measured = "average precision over IoUs from 0.5 to 0.95, and at an IoU of 0.5"
    about = f"{found['split']}: {measured}."
    table = f'<div class="scroll"><table><thead><tr><th>class</th>{head}</tr></thead>{body}</table></div>'
    return f'<section><h2>Classes</h2><p class="soft">{escape(about)}</p>{table}</section>'


def per_target(report: dict[str, Any]) -> str:
    """A row for each number that is predicted, where there are several."""
    found = report.get("per_target")
    if not found:
        return ""
    rows, names = found["targets"], [name for name in found["targets"][0] if name != "target"]
    head = "".join(f"<th class=right>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr><td>{escape(row['target'])}</td>" + "".join(f"<td class=right>{row[name]:.4f}</td>" for name in names)
        for row in rows
    )
    table = f'<div class="scroll"><table><thead><tr><th>target</th>{head}</tr></thead>{body}</table></div>'
    return f'<section><h2>Targets</h2><p class="soft">{escape(found["split"])}, each alone.</p>{table}</section>'


def _heading(name: str) -> str:
    return name.replace("mask_", "mask ").replace("ap", "AP").replace("iou", "IoU")


def _precision(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.1%}".replace("%", " %")


def mistakes(found: Sequence[dict[str, Any]], thumbnails: Sequence[tuple[bytes, bool]]) -> str:
    """The samples of `val` that went worst: as pictures where they are some, else as a table."""
    if not found:
        return ""
    about = f'<p class="soft">{_worst_by(found[0])}, worst first.</p>'
    if thumbnails:
        cards = "".join(_card(one, *image) for one, image in zip(found, thumbnails, strict=False))
        wide = " wide" if "missed" in found[0] else ""
        return f'<section><h2>Worst mistakes</h2>{about}<div class="gallery{wide}">{cards}</div></section>'
    sure = any(one["probability"] is not None for one in found)
    names = ["row", "true", "predicted", *(["probability"] if sure else []), "loss"]
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_cell(one[name])}</td>" for name in names) + "</tr>" for one in found)
    table = f'<div class="scroll" style="max-height:360px"><table><thead><tr>{head}</tr></thead>{body}</table></div>'
    return f"<section><h2>Worst mistakes</h2>{about}{table}</section>"


def _worst_by(one: dict[str, Any]) -> str:
    if "missed" in one:
        return (
            "The scenes of the validation split in which most was overlooked (violet) or found wrongly (red, with its "
            "score)"
        )
    if "iou" in one:
        return (
            "The images of the validation split whose classes share least with the true ones: above image and truth, "
            "below the prediction and where it is wrong"
        )
    return "The samples of the validation split with the highest loss"


def _card(one: dict[str, Any], image: bytes, ink: bool) -> str:
    if "missed" in one or "iou" in one:
        return _scene_card(one, image)
    sure = f" {one['probability']:.0%}" if one["probability"] is not None else ""
    said = f"is {escape(one['true'])}, " if one["wrong"] else ""
    classes = " class=ink" if ink else ""
    place = escape(one["file"]) if one.get("file") else f"row {one['row']:,}"
    source = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    return (
        f'<figure class="{"wrong" if one["wrong"] else "right-one"}"><img{classes} alt="" src="{source}">'
        f"<figcaption><b>{escape(one['predicted'])}</b>{sure}<br>{said}loss {one['loss']:.2f}<br>"
        f"{place}</figcaption></figure>"
    )


def _scene_card(one: dict[str, Any], image: bytes) -> str:
    """A scene or a segmented image: how much of it went wrong."""
    if "missed" in one:
        missed, false = len(one["missed"]), len(one["false"])
        told = f"<b>{missed} of {one['objects']} missed</b><br>{false} false"
        kind = "wrong" if missed or false else "right-one"
    else:
        told, kind = f"<b>IoU {one['iou']:.1%}</b><br>{one['wrong']:.1%} wrong, loss {one['loss']:.2f}", "right-one"
    place = escape(one["file"]) if one.get("file") else f"row {one['row']:,}"
    source = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    return f'<figure class="{kind}"><img alt="" src="{source}"><figcaption>{told}<br>{place}</figcaption></figure>'


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))


def closed_form(report: dict[str, Any]) -> str:
    """How what was trained compares with least squares."""
    found = report.get("closed_form")
    if not found:
        return ""
    if "largest_difference" in found:
        said = f"Coefficients differ from the exact ones by at most {found['largest_difference']:.1e}."
    else:
        said = (
            f"Its scores run from {found['lowest_score']:.2f} to {found['highest_score']:.2f}, where 0 and 1 are "
            f"wanted; {found['error_on_right']:.0%} of its squared error on train is of samples told right."
        )
    scores = found["scores"]
    columns = [(kind, role) for role in scores["trained"] for kind in ("trained", "least_squares")]
    head = "".join(f"<th>{escape(role)}, {kind.replace('_', ' ')}</th>" for kind, role in columns)
    names = next(iter(scores["trained"].values()))
    body = "".join(
        f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{scores[k][r][name]:.5g}</td>" for k, r in columns) + "</tr>"
        for name in names
    )
    table = f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead>{body}</table></div>'
    return f'<section><h2>Against least squares</h2><p class="soft">{said}</p>{table}</section>'


def data_uri(path: Path) -> str:
    """A picture of the folder as an address that holds it; empty where there is none."""
    kind = "svg+xml" if path.suffix == ".svg" else path.suffix[1:]
    try:
        return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    except OSError:
        return ""
