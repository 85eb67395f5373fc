"""Progress of a run: a live line on a terminal, a few plain lines elsewhere, nothing when asked."""

from __future__ import annotations

import sys
import time

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, TextIO

    from dlspec.training.job import State

PERIOD = 0.2
"""Seconds between two looks of a live line."""

ROOMY, WIDE = 95, 130
"""Columns of a terminal from which on the rate is shown too, and the bar is long."""

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

    def step(self, state: State, total: int) -> None:
        """Called after every step, so it must cost nothing."""

    def epoch(self, state: State, total: int, scores: dict[str, float]) -> None:
        """Called after every evaluation."""


class Lines(Progress):
    """A line each tenth of the run, and one at its end."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.next = 0.0

    def epoch(self, state: State, total: int, scores: dict[str, float]) -> None:
        share = state.step / total
        if share >= self.next or state.stopped or state.step >= total:
            self.next = share + 1 / LINES
            text = f"epoch {state.epoch:>4}  step {state.step:>6,}/{total:,}  {summary(scores)}"
            print(text, file=self.stream, flush=True)


class Live(Progress):
    """A bar with rate, remaining time, losses and the first metric."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        console = Console(file=stream)
        rate = [TextColumn("{task.fields[rate]}")] if console.width >= ROOMY else []
        self.bar: Any = RichProgress(
            TextColumn("epoch {task.fields[epoch]:>3}"),
            BarColumn(bar_width=40 if console.width >= WIDE else 10),
            TaskProgressColumn(),
            *rate,
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[scores]}"),
            console=console,
        )
        self.task = self.bar.add_task("", total=None, epoch=0, rate="", scores="")
        self.shown = 0.0

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def step(self, state: State, total: int) -> None:
        now = time.monotonic()
        if now - self.shown >= PERIOD:
            self.shown = now
            self._update(state, total, epoch=state.epoch + 1)

    def epoch(self, state: State, total: int, scores: dict[str, float]) -> None:
        self._update(state, total, epoch=state.epoch, scores=summary(scores))

    def _update(self, state: State, total: int, **words: Any) -> None:
        rate = f"{state.step / state.seconds:,.0f} steps/s" if state.seconds else ""
        self.bar.update(self.task, total=total, completed=state.step, rate=rate, **words)


def summary(scores: dict[str, float]) -> str:
    """Losses of both splits and what `val` measures: `loss 0.31 (val 0.35)  accuracy 0.981`."""
    beside = f" (val {scores['val.loss']:.4f})" if "val.loss" in scores else ""
    role = "val" if any(name.startswith("val.") for name in scores) else "train"
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
