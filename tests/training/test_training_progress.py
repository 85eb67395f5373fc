"""Progress is a few plain lines without a terminal, a live line on one, and nothing where it is not wanted."""

from __future__ import annotations

import io

import pytest

from dlspec.training.job import State
from dlspec.training.progress import Lines, Live, Progress, progress, summary

SCORES = {"train.loss": 0.5, "train.accuracy": 0.9, "val.loss": 0.6, "val.accuracy": 0.85}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(kind: type[Lines] | type[Live], stream: io.StringIO, epochs: int = 100) -> str:
    with kind(stream) as running:
        for epoch in range(1, epochs + 1):
            state = State(step=5 * epoch, epoch=epoch, seconds=0.1 * epoch)
            running.step(state, 5 * epochs)
            running.epoch(state, 5 * epochs, SCORES)
    return stream.getvalue()


def test_a_run_without_a_terminal_prints_about_ten_lines_and_its_end() -> None:
    lines = shown(Lines, io.StringIO()).splitlines()
    assert 9 <= len(lines) <= 12
    assert lines[-1] == "epoch  100  step    500/500  loss 0.5000 (val 0.6000)  accuracy 0.8500"


@pytest.mark.parametrize("columns", ["80", "100", "140"])
def test_a_terminal_sees_epoch_losses_and_metric(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm")
    last = shown(Live, Terminal()).split("\r")[-1]
    assert "epoch 100" in last
    assert "loss 0.5000 (val 0.6000)  accuracy 0.8500" in last
    assert ("50 steps/s" in last) == (columns != "80")


def test_what_fits_is_chosen() -> None:
    assert type(progress(stream=io.StringIO())) is Lines
    assert type(progress(stream=Terminal())) is Live
    assert type(progress(quiet=True)) is Progress


def test_without_validation_the_training_metrics_are_shown() -> None:
    assert summary({"train.loss": 0.5, "train.r2": 0.4}) == "loss 0.5000  r2 0.4000"
