"""A search over settings: trials on Optuna, chosen by validation, the best judged once on the test split.

The study lies in the folder as a journal, so that a search goes on where it was stopped, and several processes may
work on one: each asks it for settings and tells it the score. A trial that is refused before it trains does not count.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from dlspec.plan.keys import Search
from dlspec.plan.search import Candidates, Interval
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import Interrupted, Pruned, RunError
from dlspec.training.metrics import better
from dlspec.training.page import write_page
from dlspec.training.trained import evaluate
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from typing import Any, Literal, TextIO

    from optuna import Study, Trial

    from dlspec.training.job import State

    Watch = Callable[[State, dict[str, float]], None]
    Training = Callable[[Path, Watch], None]
    Prepare = Callable[[dict[str, str]], Training | str]

REFUSED_IN_A_ROW = 100
"""Settings refused one after the other from which on there seem to be no others."""
STARTUP = 4
"""Trials that are never stopped early, for others to be compared with."""


class Outcome(Record):
    """A trial: what it tried, and what came of it."""

    number: int
    values: dict[str, str]
    state: str
    """`complete`, `pruned`, `refused`, `failed` or `running`."""
    score: float | None
    reason: str
    """Why it was refused, or failed."""


class Searched(Record):
    """The outcomes of a search, the best of them, and its score on the test split."""

    folder: Path
    by: str
    outcomes: list[Outcome]
    best: Outcome | None
    test: dict[str, float]

    def __str__(self) -> str:
        """The five best, those that were refused, and where the best lies."""
        done = [one for one in self.outcomes if one.score is not None and one.state == "complete"]
        higher = better(_metric(self.by), 1.0, 0.0)
        done.sort(key=lambda one: one.score or 0.0, reverse=higher)
        lines = [f"{'trial':>5}  {self.by:>12}  settings"]
        lines += [f"{one.number:>5}  {one.score:>12.4f}  {_said(one.values)}" for one in done[:5]]
        pruned = sum(one.state == "pruned" for one in self.outcomes)
        lines.append(f"{len(done)} trials trained to the end, {pruned} were stopped early")
        lines += _reasons(self.outcomes)
        if self.best is not None:
            scores = "  ".join(f"{name} {value:.4f}" for name, value in self.test.items())
            lines.append(f"test  {scores}" if scores else "the split holds no test samples")
            lines.append(f"{self.folder}/")
            lines += [f"  {name:<16}  {what}" for name, what in CONTENTS.items() if (self.folder / name).exists()]
        return "\n".join(lines)


def _reasons(outcomes: list[Outcome]) -> list[str]:
    """Why trials were refused or failed, a line for each reason with an example."""
    lines = []
    for state in ("refused", "failed"):
        reasons: dict[str, list[Outcome]] = {}
        for one in outcomes:
            if one.state == state:
                reasons.setdefault(one.reason, []).append(one)
        for reason, same in reasons.items():
            count = "1 trial was" if len(same) == 1 else f"{len(same)} trials were"
            said = f"{count} refused" if state == "refused" else f"{count.split()[0]} failed"
            lines.append(f"{said}, such as {_said(same[0].values)}: {reason}")
    return lines


CONTENTS = {
    "best.dlspec.yaml": "the best plan as a spec; it trains again",
    "best/": "its run folder",
    "search.json": "every trial: settings, score, and why it was refused",
    "search.png": "the score over every setting",
    "trials/": "the other run folders",
}


def search(about: Search, space: Mapping[str, Candidates], folder: Path, prepare: Prepare) -> Searched:
    """Try settings until there are enough; `prepare` gives the training of some, or why they are refused.

    Raises RunError where nothing could be trained, Interrupted after Ctrl-C; what was found stays in the folder.
    """
    study = _study(about, space, folder)
    refused = 0
    while refused < REFUSED_IN_A_ROW and _wants_more(study, about):
        trial = study.ask()
        trial.set_user_attr("worker", f"{socket.gethostname()} {os.getpid()}")
        values = {key: _chosen(trial, key, offered) for key, offered in space.items()}
        trial.set_user_attr("values", values)
        training = _tried_before(study, trial, values) or prepare(values)
        if isinstance(training, str):
            refused += 1
            _tell(study, trial, "refused", training)
            continue
        refused = 0
        _run(study, trial, training, about, folder)
    return _finished(study, about, space, folder)


def _study(about: Search, space: Mapping[str, Candidates], folder: Path) -> Study:
    """The folder's study, made by whoever comes first; trials of processes that died are given up."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(folder / "journal.log")))
    direction: Literal["maximize", "minimize"] = "maximize" if better(_metric(about.by or ""), 1.0, 0.0) else "minimize"
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP) if about.prune else optuna.pruners.NopPruner()
    study = optuna.create_study(
        study_name="search", storage=storage, direction=direction, pruner=pruner, load_if_exists=True
    )
    stated = {key: offered if isinstance(offered, list) else str(offered) for key, offered in space.items()}
    if study.user_attrs.get("space", stated) != stated:
        raise RunError(f"`{folder}` holds a search over other settings", "name another folder with `--out`")
    study.set_user_attr("space", stated)
    seed = about.seed + len(study.get_trials(deepcopy=False))
    study.sampler = (
        optuna.samplers.TPESampler(seed=seed) if about.method == "tpe" else optuna.samplers.RandomSampler(seed=seed)
    )
    if about.method == "grid" and _is_first(folder):
        for values in itertools.product(*(offered for offered in space.values() if isinstance(offered, list))):
            study.enqueue_trial(dict(zip(space, values, strict=True)))
    _give_up_the_dead(study)
    return study


def _is_first(folder: Path) -> bool:
    try:
        (folder / ".grid").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _give_up_the_dead(study: Study) -> None:
    for frozen in study.get_trials(deepcopy=False, states=[_states().RUNNING]):
        host, _, number = str(frozen.user_attrs.get("worker", "")).partition(" ")
        if host == socket.gethostname() and not _lives(int(number)):
            study.tell(frozen.number, state=_states().FAIL)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _states() -> Any:
    from optuna.trial import TrialState

    return TrialState


def _wants_more(study: Study, about: Search) -> bool:
    trials = study.get_trials(deepcopy=False)
    if about.method == "grid":
        return any(frozen.state == _states().WAITING for frozen in trials)
    return sum(_counts(frozen) for frozen in trials) < about.trials


def _counts(frozen: Any) -> bool:
    """Whether a trial was trained, or is: one that was refused or whose process died leaves its place to another."""
    told = frozen.user_attrs.get("told")
    return frozen.state in (_states().COMPLETE, _states().RUNNING) or told in ("pruned", "failed")


def _chosen(trial: Trial, key: str, offered: Candidates) -> str:
    if isinstance(offered, list):
        return str(trial.suggest_categorical(key, offered))
    if offered.kind == "whole":
        return str(trial.suggest_int(key, int(offered.low), int(offered.high)))
    return f"{trial.suggest_float(key, offered.low, offered.high, log=offered.kind == 'log'):.4g}"


def _tried_before(study: Study, trial: Trial, values: dict[str, str]) -> str:
    for frozen in study.get_trials(deepcopy=False):
        same = frozen.number < trial.number and frozen.user_attrs.get("values") == values
        if same and (_counts(frozen) or frozen.user_attrs.get("told") == "refused"):
            return f"the same as trial {frozen.number}"
    return ""


def _run(study: Study, trial: Trial, training: Training, about: Search, folder: Path) -> None:
    """Train one trial, and tell the study its best score by the epoch; show a line about it."""
    by, best = about.by or "", float("nan")

    def watch(state: State, scores: dict[str, float]) -> None:
        nonlocal best
        best = scores[by] if best != best or better(_metric(by), scores[by], best) else best
        trial.report(best, state.epoch)
        if not state.stopped and trial.should_prune():
            raise Pruned(f"stopped after epoch {state.epoch}")

    out = folder / "trials" / f"{trial.number:04d}"
    shutil.rmtree(out, ignore_errors=True)
    try:
        training(out, watch)
    except Pruned as stopped:
        _tell(study, trial, "pruned", stopped.message, best)
        return
    except Interrupted as stopped:
        study.tell(trial, state=_states().FAIL)
        raise Interrupted(
            f"the search is stopped in trial {trial.number}; what was found is in `{folder}`",
            "the same command goes on with it",
        ) from stopped
    except RunError as error:
        _tell(study, trial, "failed", error.message)
        return
    _tell(study, trial, "complete", "", best)


def _tell(study: Study, trial: Trial, state: str, reason: str, score: float | None = None) -> None:
    """What came of a trial. One that was refused counts as stopped, for TPE to keep away from its like."""
    trial.set_user_attr("told", state)
    trial.set_user_attr("reason", reason)
    if score is not None:
        trial.set_user_attr("score", score)
    if state == "complete":
        study.tell(trial, score)
    else:
        study.tell(trial, state=_states().FAIL if state == "failed" else _states().PRUNED)
    _show(outcome(study.get_trials(deepcopy=False)[trial.number]), sys.stderr)


def _show(one: Outcome, stream: TextIO) -> None:
    score = "" if one.score is None else f"{one.score:.4f}"
    print(f"trial {one.number:>3}  {one.state:<8} {score:>8}  {_said(one.values)}", file=stream, flush=True)


def outcome(frozen: Any) -> Outcome:
    """What a study knows of a trial."""
    told = frozen.user_attrs.get("told")
    state = told or ("running" if frozen.state == _states().RUNNING else "failed")
    reason = frozen.user_attrs.get("reason", "" if told or state == "running" else "its process was stopped")
    return Outcome(frozen.number, frozen.user_attrs.get("values", {}), state, frozen.user_attrs.get("score"), reason)


def _finished(study: Study, about: Search, space: Mapping[str, Candidates], folder: Path) -> Searched:
    """Write what was found; the best is judged on the test split, unless that was done."""
    frozen = [one for one in study.get_trials(deepcopy=False) if one.state != _states().WAITING]
    outcomes = [outcome(one) for one in frozen]
    complete = [one for one in outcomes if one.state == "complete"]
    if not complete:
        reasons = "; ".join(dict.fromkeys(one.reason for one in outcomes if one.reason))
        raise RunError(f"no trial was trained to its end: {reasons}", "offer other values in `over`", code="E0707")
    found = Searched(folder, about.by or "", outcomes, outcomes[study.best_trial.number], {})
    assert found.best is not None
    run = folder / "trials" / f"{found.best.number:04d}"
    found.test = _test_once(folder, run, found.best.number)
    _link(folder / "best", run)
    write_whole(folder / "best.dlspec.yaml", (run / "spec.dlspec.yaml").read_text(encoding="utf-8"))
    data = {
        "schema_version": 1, "by": found.by, "method": about.method, "best": found.best.number, "test": found.test,
        "trials": [{field: getattr(one, field) for field in Outcome._fields} for one in outcomes],
    }  # fmt: skip
    write_whole(folder / "search.json", json.dumps(data, indent=2) + "\n")
    _draw(found, space, folder, run)
    return found


def _test_once(folder: Path, run: Path, number: int) -> dict[str, float]:
    """The best trial's scores on the test split; read again only where another trial has become the best."""
    try:
        before = json.loads((folder / "search.json").read_text(encoding="utf-8"))
        if before["best"] == number and before["test"]:
            return dict(before["test"])
    except (OSError, ValueError, KeyError):
        pass
    try:
        return evaluate(run, test=True).values
    except RunError:
        return {}


def _link(link: Path, run: Path) -> None:
    aside = link.with_name(f".{link.name}-{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.symlink_to(run.relative_to(link.parent), target_is_directory=True)
    aside.replace(link)


def _draw(found: Searched, space: Mapping[str, Candidates], folder: Path, run: Path) -> None:
    from dlspec.training.pictures import curves, searched
    from dlspec.training.record import read_rows

    rows = [(one.values, one.score, one is found.best) for one in found.outcomes if one.score is not None]
    scales = {key: offered.kind if isinstance(offered, Interval) else "list" for key, offered in space.items()}
    searched(rows, scales, found.by, folder / "search.png")
    curves(read_rows(run / "metrics.jsonl"), run / "curves.png")
    write_page(run)


def _metric(score: str) -> str:
    return score.partition(".")[2]


def _said(values: dict[str, str]) -> str:
    return "  ".join(f"{key}={value}" for key, value in values.items())
