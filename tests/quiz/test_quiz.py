"""`dlspec quiz` asks only what it can answer, takes every way of writing an answer, and tells the usual slips."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.checking import Spec, open_spec
from dlspec.cli import main
from dlspec.diagnostics.record import SpecError
from dlspec.quiz.answers import read_answer
from dlspec.quiz.exercise import Setup, closed, exercise
from dlspec.quiz.grading import as_json, grade, mark
from dlspec.quiz.questions import Question, all_questions, words_of
from dlspec.quiz.sheet import read_sheet, sheet
from dlspec.source import Source

SPEC = """\
network small {
  input image: float32[N, 3, 28, 28]
  output logits = image
    -> conv1: conv2d(6, 5) -> relu -> pool1: max_pool2d(2)
    -> conv2: conv2d(16, 3, padding=1, stride=2) -> flatten -> fc: linear(10)
}

plan short {
  data { source = digits, resize = 28 }
  loss = cross_entropy, optimizer = sgd(lr=0.1)
  epochs = 3, batch_size = 32
}
"""


def questions(text: str = SPEC) -> dict[str, Question]:
    found = all_questions(closed(Spec(Source("spec.dls", text), None), Setup()))
    return {one.key: one for one in found}


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.dls").write_text(SPEC.replace("float32[N, 3", "float32[N, 1"))
    return "small.dls"


def test_the_answers_are_those_of_the_course() -> None:
    found = {key: one.answer for key, one in questions().items()}
    assert found["conv1.shape"] == (6, 24, 24)
    assert found["conv1.parameters"] == (6 * 76,)
    assert found["pool1.field"] == (6, 6)
    assert found["conv2.shape"] == (16, 6, 6)
    assert found["conv2.field"] == (6 + 2 * 2, 6 + 2 * 2)
    assert found["fc.macs"] == (16 * 6 * 6 * 10,)
    assert found["total.parameters"] == (456 + 6 * 9 * 16 + 16 + 5770,)


def test_layers_that_change_nothing_are_not_asked_for_their_shape() -> None:
    assert not [key for key in questions() if key.startswith("relu")]


@pytest.mark.parametrize(
    "name", ["lenet", "alexnet", "resnet18", "mobilenet_v2", "unet", "vit_b_16", "mlp", "rcnn", "yolo_digits"]
)
def test_of_every_network_the_answer_is_right_no_slip_is_and_the_derivation_ends_with_it(name: str) -> None:
    found = all_questions(closed(open_spec(name), Setup()))
    assert found
    for question in found:
        typed = " x ".join(map(str, question.answer))
        numbers = read_answer(typed, len(question.answer))
        assert numbers == question.answer, question.key
        assert mark(question, typed, numbers).right, question.key
        assert question.answer not in [value for value, _ in question.slips]
        assert question.derivation, question.key
        if question.kind in ("parameters", "macs"):
            assert words_of(question.answer) in question.derivation[0], question.key


@pytest.mark.parametrize(
    ("key", "typed", "says"),
    [
        ("conv1.shape", "6 23 23", "`+ 1` at the end"),
        ("conv1.shape", "3 24 24", "a channel for each filter"),
        ("conv1.shape", "24 24 6", "the order is not"),
        ("conv1.shape", "24 24", "the channels are missing"),
        ("conv2.shape", "16 5 5", "`+ 1` at the end"),
        ("conv2.shape", "16 7 7", "round down"),
        ("conv2.shape", "16 12 12", "the stride is left out"),
        ("conv1.parameters", "5*5*3*6", "each filter has an offset"),
        ("conv1.parameters", "5*5*3*6 + 1", "not one for all"),
        ("conv1.parameters", "76", "that is one filter"),
        ("conv1.parameters", "(5*5+1)*6", "as deep as what comes in"),
        ("conv1.parameters", "456*24*24", "the weights are shared"),
        ("fc.parameters", "5760", "each unit has an offset"),
        ("conv1.macs", "2*259200", "a multiply-add is one multiplication"),
        ("conv1.macs", "456*576", "leave the biases out"),
        ("conv2.field", "8", "counts 2 times"),
        ("conv2.field", "3", "not on the input"),
        ("conv2.field", "12", "k − 1 positions further"),
        ("conv2.field", "14", "from the next layer on"),
        ("flatten.shape", "36", "multiply by the channels too"),
    ],
)
def test_a_usual_slip_is_told_by_its_number(key: str, typed: str, says: str) -> None:
    question = questions()[key]
    numbers = read_answer(typed, len(question.answer))
    assert numbers is not None
    made = mark(question, typed, numbers)
    assert made.right is False
    assert says in made.slip


@pytest.mark.parametrize(
    "typed", ["6 x 24 x 24", "6x24x24", "N 6 24 24", "(N, 6, 24, 24)", "[1, 6, 24, 24]", "6×24×24"]
)
def test_a_shape_may_be_written_in_many_ways(typed: str) -> None:
    question = questions()["conv1.shape"]
    numbers = read_answer(typed, 3)
    assert numbers is not None
    assert mark(question, typed, numbers).right


@pytest.mark.parametrize("typed", ["2416", "2,416", "2 416", "16*(5*5*6+1)", "16·(5·5·6 + 1)", "16*151", "(2*2416)/2"])
def test_a_count_may_be_written_as_what_it_comes_from(typed: str) -> None:
    assert read_answer(typed, 1) == (2416,)


@pytest.mark.parametrize(
    "typed", ["many", "", "1/0", "2**9999", "3.5", "x", "__import__('os')", "conv1", "(" * 500, "1 +"]
)
def test_what_is_no_number_is_no_answer(typed: str) -> None:
    assert read_answer(typed, 1) is None


@given(st.text(max_size=60), st.integers(1, 3))
def test_no_text_makes_reading_fail(text: str, count: int) -> None:
    found = read_answer(text, count)
    assert found is None or all(isinstance(number, int) for number in found)


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(1, 10**6))
def test_arithmetic_is_pythons(one: int, two: int, three: int) -> None:
    assert read_answer(f"{one} + {two}*{three}", 1) == (one + two * three,)
    assert read_answer(f"({one} - {two})//{three}", 1) == ((one - two) // three,)


def test_a_sheet_that_is_filled_in_by_the_analyses_is_all_right_and_an_empty_one_all_open() -> None:
    found = list(questions().values())
    empty = sheet(found, "small")
    assert read_sheet(Source("sheet", empty), found) == {}
    answers = {one.key: " x ".join(map(str, one.answer)) for one in found}
    lines = [line + answers[line.partition(" =")[0]] if line.endswith(" = ") else line for line in empty.splitlines()]
    marks = grade(found, read_sheet(Source("sheet", "\n".join(lines)), found))
    assert [one.question.key for one in marks if one.right is not True] == []
    assert {one.right for one in grade(found, {})} == {None}


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("conv1.parameters = 456\nconv.shape = 6 24 24\n", "E0811", 2),
        ("# mine\nconv1.parameters = a lot\n", "E0812", 2),
        ("conv1.parameters = 456\n\nconv1.parameters = 457\n", "E0813", 3),
    ],
)
def test_a_sheet_that_cannot_be_read_is_told_by_line(text: str, code: str, line: int) -> None:
    with pytest.raises(SpecError) as caught:
        read_sheet(Source("sheet.txt", text), list(questions().values()))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    assert diagnostic.place is not None
    assert diagnostic.place.line == line


def test_steps_are_those_of_the_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    import dlspec

    for text in (
        SPEC,
        SPEC.replace("batch_size = 32", "batch_size = full"),
        SPEC.replace("batch_size = 32", "batch_size = 419"),
    ):
        text = text.replace("float32[N, 3", "float32[N, 1")
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.dls"
        path.write_text(text)
        (question,) = exercise(str(path), hide=["steps"]).questions
        report = dlspec.train(str(path), out=tmp_path / f"run{path.stem}", quiet=True)
        assert question.answer == (report.data["steps"],)


def test_grading_ends_with_0_only_where_all_is_right(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("sheet.txt").write_text("conv1.parameters = 156\nfc.parameters = 5770\n")
    command = ["quiz", spec, "--hide", "parameters", "--answers", "sheet.txt"]
    assert main([*command, "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["right"], data["of"]) == (2, 4)
    assert [one["verdict"] for one in data["answers"]] == ["right", "open", "right", "open"]
    Path("sheet.txt").write_text(
        "conv1.parameters = 156\nfc.parameters = 5770\nconv2.parameters = 880\ntotal.parameters = 6806\n"
    )
    assert main(command) == 0
    assert capsys.readouterr().out.endswith("4 of 4 right\n")


def test_a_wrong_answer_brings_the_slip_and_the_derivation(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("sheet.txt").write_text("conv1.parameters = 150\n")
    assert main(["quiz", f"{spec}:conv1", "--hide", "parameters", "--answers", "sheet.txt"]) == 1
    said = capsys.readouterr().out
    assert "those are the weights; each filter has an offset as well, 6 in all" in said
    assert "5·5·1 + 1 = 26 per filter, × 6 filters = 156" in said


def test_a_terminal_is_asked_twice_and_then_told(
    spec: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("150\n156\nhm\n\n"))
    assert main(["quiz", spec, "--hide", "parameters"]) == 1
    said = capsys.readouterr().out
    assert said.index("each filter has an offset as well") < said.index("right")
    assert "no answer in numbers" in said
    assert "3·3·6 + 1 = 55 per filter, × 16 filters = 880" in said
    assert said.endswith("0 of 4 right, 3 not answered at the first try\n")


def test_all_right_at_a_terminal_ends_with_0(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("156\n880\n5770\n6806\n"))
    assert main(["quiz", spec, "--hide", "parameters"]) == 0


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["quiz", "nothing"], "E0810", 2),
        (["quiz", "small.dls", "small.dls"], "E0810", 2),
        (["quiz", "none.dls"], "E0101", 2),
        (["quiz", "small.dls", "--hide", "colour"], "E0106", 2),
        (["quiz", "small.dls:relu", "--hide", "parameters"], "E0814", 1),
        (["quiz", "small.dls", "--answers", "none.txt"], "E0101", 2),
    ],
)
def test_wrong_usage_is_told(
    words: list[str], code: str, exit_code: int, spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == exit_code
    assert f"error[{code}]" in capsys.readouterr().err


def test_marks_as_json_hold_what_was_given_and_what_was_expected() -> None:
    question = questions()["conv1.shape"]
    data = as_json("small", [mark(question, "6 23 23", (6, 23, 23))])["answers"][0]
    assert (data["given"], data["expected"], data["verdict"]) == ("6 23 23", [6, 24, 24], "wrong")
    assert data["slip"]
    assert data["derivation"]


@pytest.mark.parametrize("name", ["lenet", "alexnet", "resnet18", "mobilenet_v2", "unet", "vit_b_16", "7", "8", "10"])
def test_a_hint_leads_to_the_answer_and_does_not_tell_it(name: str) -> None:
    for question in exercise(name, hide=["shape", "parameters", "macs", "field", "steps"]).questions:
        assert question.hint, question.key
        assert not any(str(size) in question.hint for size in question.answer if size > 9), question.key


def test_a_wrong_answer_that_no_slip_explains_brings_the_hint_first(
    spec: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("6 11 11\n6 24 24\n"))
    assert main(["quiz", spec, "--hide", "conv1.shape"]) == 1
    said = capsys.readouterr().out
    assert "not so: a channel for each filter; and each side is in − k + 1" in said
    assert "28 − 5" not in said


def test_what_cannot_be_read_is_no_try(
    spec: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("many\nlots\n156\n"))
    assert main(["quiz", spec, "--hide", "conv1.parameters"]) == 0
    assert capsys.readouterr().out.count("no answer in numbers") == 2
