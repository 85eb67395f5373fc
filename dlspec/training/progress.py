"""Progress of a run: a live line on a terminal, a few plain lines elsewhere, nothing when asked."""

from __future__ import annotations

import sys
import time

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, TextIO

    from dlspec.training.job import State

LINES = 10
"""About how many lines a run without a terminal prints."""


class Progress:
    """Says where a run is after each evaluation; this one says nothing."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def epoch(self, state: State, total: int, scores: dict[str, float]) -> None:
        return None


class Lines(Progress):
    """A line each tenth of the run, and one at its end."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.next = 0.0

    def epoch(self, state: State, total: int, scores: dict[str, float]) -> None:
        share = state.step / total
        if share >= self.next or state.stopped:
            self.next = share + 1 / LINES
            text = f"epoch {state.epoch:>4}  step {state.step:>6,}/{total:,}  {summary(scores)}"
            print(text, file=self.stream, flush=True)


class Live(Progress):
    """A bar with rate, remaining time, losses and the first metric."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.bar: Any = RichProgress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[scores]}"),
            console=Console(file=stream),
        )
        self.task: Any = None
        self.began, self.first_step = 0.0, 0

    def __enter__(self) -> Progress:
        self.began = time.monotonic()
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def epoch(self, state: State, total: int, scores: dict[str, float]) -> None:
        if self.task is None:
            self.task = self.bar.add_task("", total=total, epoch=0, rate="", scores="")
        rate = state.step / state.seconds if state.seconds else 0.0
        self.bar.update(
            self.task,
            completed=state.step,
            epoch=state.epoch,
            rate=f"{rate:,.0f} steps/s",
            scores=summary(scores),
        )


def summary(scores: dict[str, float]) -> str:
    """Losses of both splits and what `val` measures: `loss 0.31 (val 0.35)  accuracy 0.981`."""
    beside = f" (val {scores['val.loss']:.4f})" if "val.loss" in scores else ""
    role = "val" if "val.loss" in scores else "train"
    measured = [
        f"{name.partition('.')[2]} {value:.4f}"
        for name, value in scores.items()
        if name.startswith(f"{role}.") and not name.endswith(".loss")
    ]
    return "  ".join([f"loss {scores['train.loss']:.4f}{beside}", *measured[:2]])


def progress(*, quiet: bool = False, stream: TextIO | None = None) -> Progress:
    """What fits where the messages go, which is the standard error stream."""
    stream = stream or sys.stderr
    if quiet:
        return Progress()
    return Live(stream) if stream.isatty() else Lines(stream)
