"""What a teacher needs of `dlspec quiz`: a choice of questions, sheets that tell nothing, solutions, a class, blanks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dlspec.checking import Spec, open_spec
from dlspec.cli import main
from dlspec.diagnostics.record import SpecError
from dlspec.quiz.blanks import BLANK, blanked, blanks, grade_filled
from dlspec.quiz.exercise import Setup, closed, exercise
from dlspec.quiz.grading import grade
from dlspec.quiz.sheet import read_sheet, sheet, solution
from dlspec.source import Source

SPEC = """\
network week3(width = 6) {
  input image: float32[N, 3, 32, 32]
  output logits = image
    -> conv1: conv2d(width, 5) -> relu -> pool1: max_pool2d(2)
    -> conv2: conv2d(2 * width, 3, padding=1, stride=2) -> relu -> flatten -> fc: linear(10)
}
"""
ASKED = "conv1.shape,conv1.parameters,pool1.field,fc.parameters"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "week3.dls").write_text(SPEC)
    return "week3.dls"


def keys(spec: str, *hide: str) -> list[str]:
    return [question.key for question in exercise(spec, hide=hide).questions]


def test_what_is_hidden_may_be_a_kind_a_layer_or_one_question(spec: str) -> None:
    assert keys(spec, "field") == ["conv1.field", "pool1.field", "conv2.field"]
    assert keys(spec, "conv1") == ["conv1.shape", "conv1.parameters", "conv1.macs", "conv1.field"]
    assert keys(spec, "fc.parameters", "conv1.shape") == ["conv1.shape", "fc.parameters"]
    assert keys(f"{spec}:conv2", "parameters") == ["conv2.parameters"]


def test_of_what_was_chosen_nothing_is_left_out_however_many_there_are() -> None:
    assert len(keys("vgg16", "shape")) > 12
    assert len(keys("vgg16")) == 12


def test_a_word_that_names_nothing_is_refused_with_what_is_near(spec: str) -> None:
    with pytest.raises(SpecError) as caught:
        keys(spec, "conv1.shap")
    assert "there is `conv1.shape`" in str(caught.value.diagnostics[0].notes)


def test_two_equal_layers_may_both_be_asked_where_both_are_named(spec: str) -> None:
    text = "network n {\n  input x: float32[N, 8, 9, 9]\n  output y = x -> a: conv2d(8, 3) -> b: conv2d(8, 3)\n}\n"
    Path("equal.dls").write_text(text)
    assert keys("equal.dls", "a.parameters", "b.parameters") == ["a.parameters", "b.parameters"]


@pytest.mark.parametrize("name", ["lenet", "alexnet", "unet", "resnet18"])
def test_a_sheet_tells_no_shape_that_it_asks_for(name: str) -> None:
    questions = exercise(name, hide=["shape", "parameters"]).questions
    text = sheet(questions, name)
    before = text.index(".shape")
    told = re.findall(r"takes ([\d ×]+)", text)
    assert len(told) == text[:before].count("takes")
    assert len(set(told)) <= 1


@pytest.mark.parametrize("name", ["lenet", "alexnet", "unet", "7", "14"])
def test_a_solution_is_a_sheet_that_is_all_right(name: str) -> None:
    questions = exercise(name).questions
    filled = solution(questions, name)
    marks = grade(questions, read_sheet(Source("sheet", filled), questions))
    assert [one.verdict for one in marks] == ["right"] * len(questions)
    assert all(line.rstrip() in filled for question in questions for line in question.derivation)


def test_each_question_stands_under_its_own_layer(spec: str) -> None:
    lines = sheet(exercise("14").questions, "14").splitlines()
    under = {}
    for line in lines:
        if line.startswith("# ") and ":" in line:
            part = line[2:].partition(":")[0]
        elif line.endswith("= ") and not line.startswith("total"):
            under[line.partition(" =")[0]] = part
    assert all(key.rpartition(".")[0] == part for key, part in under.items())
    assert "layer.1.conv2.field" in under


def test_a_sheet_begins_with_the_command_that_grades_it(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quiz", spec, "--hide", "conv1", "--set", "network.width=8", "--sheet"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "# dlspec quiz week3.dls --hide conv1 --set network.width=8"


def test_questions_are_given_to_programs_with_and_without_their_answers(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["quiz", spec, "--hide", ASKED, "--json"]
    assert main([*command, "--sheet"]) == 0
    asked = json.loads(capsys.readouterr().out)["questions"]
    assert [(one["question"], one["numbers"]) for one in asked][:2] == [("conv1.shape", 3), ("conv1.parameters", 1)]
    assert not any("expected" in one or "derivation" in one for one in asked)
    assert "takes" in asked[0]["about"]
    assert "takes" not in asked[-1]["about"]
    assert main([*command, "--solution"]) == 0
    solved = json.loads(capsys.readouterr().out)["questions"]
    assert [one["expected"] for one in solved][:2] == [[6, 28, 28], 456]


def test_set_changes_the_numbers_that_are_asked(spec: str) -> None:
    from dlspec.checking import parsed_setting

    settings = dict([parsed_setting("width=8")])
    (question,) = exercise(spec, hide=["conv1.parameters"], setup=Setup(settings=settings)).questions
    assert question.answer == (8 * 76,)


def test_a_class_is_graded_side_by_side_and_what_cannot_be_read_is_said(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = exercise(spec, hide=ASKED.split(",")).questions
    right = "\n".join(f"{one.key} = {' x '.join(map(str, one.answer))}" for one in answers)
    Path("sheets").mkdir()
    Path("sheets/ada.txt").write_text(right)
    Path("sheets/bo.txt").write_text(right.replace("= 456", "= 450").replace("fc.parameters", "# fc.parameters"))
    Path("sheets/cy.txt").write_text(right.replace("= 456", "= 450"))
    Path("sheets/di.txt").write_text("conv1.parameters = many\n")
    command = ["quiz", spec, "--hide", ASKED, "--answers", "sheets"]
    assert main(command) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[:4] == [
        "ada.txt  4 of 4",
        "bo.txt   2 of 4   wrong: conv1.parameters   open: fc.parameters",
        "cy.txt   3 of 4   wrong: conv1.parameters",
        "di.txt   not read: line 1: `many` is no answer in numbers",
    ]
    row = next(number for number, line in enumerate(said) if line.startswith("conv1.parameters "))
    assert said[row].split()[1:] == ["1", "2", "0"]
    assert "2 times 450: those are the weights; each filter has an offset as well" in said[row + 1]
    assert main([*command, "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)["sheets"]
    assert [(one["sheet"], one["right"], bool(one["unread"])) for one in rows] == [
        ("ada.txt", 4, False), ("bo.txt", 2, False), ("cy.txt", 3, False), ("di.txt", 0, True),
    ]  # fmt: skip


def test_a_class_in_which_all_is_right_ends_with_0_and_an_empty_folder_is_told(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["quiz", spec, "--hide", "conv1.parameters", "--answers", "sheets"]
    Path("sheets").mkdir()
    assert main(command) == 2
    assert "there is no sheet" in capsys.readouterr().err
    Path("sheets/ada.txt").write_text("conv1.parameters = 456\n")
    assert main(command) == 0


PAGE = "---\nquiz: conv1.shape conv1.parameters\n---\n\n# Week 3\n\nText.\n\n```dls\nnetwork other {{}}\n```\n\n```dls\n{}```\n"


def test_a_markdown_file_is_a_page_whose_last_spec_is_asked(spec: str) -> None:
    Path("week3.md").write_text(PAGE.format(SPEC))
    assert [one.key for one in exercise("week3.md").questions] == ["conv1.shape", "conv1.parameters"]
    Path("plain.md").write_text(f"# Week 3\n\n```dls\n{SPEC}```\n")
    assert len(exercise("plain.md").questions) == 12
    Path("none.md").write_text("# Nothing\n")
    with pytest.raises(SpecError) as caught:
        exercise("none.md")
    assert caught.value.diagnostics[0].code == "E0810"


# Blanks


def task(text: str, *names: str) -> tuple[Spec, str]:
    spec = Spec(Source("spec.dls", text), None)
    graph = closed(spec, Setup())
    return spec, blanked(graph, spec.source, blanks(graph, spec.source, names), "quiz")


def test_blanks_are_put_where_arguments_stand_and_what_must_come_out_is_said() -> None:
    _, made = task(SPEC, "conv1.kernel_size", "conv2.padding")
    assert "conv1: conv2d(width, ___) -> relu" in made
    assert "conv2d(2 * width, 3, padding=___, stride=2)" in made
    assert "#   conv1  6 × 28 × 28, 456 parameters\n#   conv2  12 × 7 × 7, 660 parameters\n" in made


def test_a_layer_that_is_named_loses_all_its_arguments_in_yaml_too() -> None:
    text = "network:\n  name: n\n  inputs: {x: 'float32[N, 3, 8, 8]'}\n  layers:\n    - a: conv2d(4, 3, padding=1)\n  outputs: [a]\n"
    spec = Spec(Source("spec.dlspec.yaml", text), None)
    graph = closed(spec, Setup())
    made = blanked(graph, spec.source, blanks(graph, spec.source, ["a"]), "quiz")
    assert "- a: conv2d(___, ___, padding=___)" in made


@pytest.mark.parametrize("name", ["lenet", "alexnet", "unet", "resnet18", "mobilenet_v2", "vgg16_bn"])
def test_every_blank_that_can_be_left_out_is_right_when_it_is_put_back(name: str) -> None:
    spec = open_spec(name)
    graph = closed(spec, Setup())
    paths = {node.path for node in graph.nodes if node.op.family in ("convolution", "linear")}
    written = [path for path in paths if _can_be_left_out(graph, spec, path)]
    assert written or name == "resnet18"
    for path in written[:5]:
        marks = grade_filled(spec, Setup(), blanks(graph, spec.source, [path]), graph)
        assert marks
        assert all(one.right for one in marks)


def _can_be_left_out(graph: object, spec: Spec, path: str) -> bool:
    try:
        return bool(blanks(graph, spec.source, [path]))  # type: ignore[arg-type]
    except SpecError:
        return False


def graded(filled: str, *names: str) -> list[tuple[str, str, bool | None]]:
    spec = Spec(Source("spec.dls", SPEC), None)
    left_out = blanks(closed(spec, Setup()), spec.source, names)
    marks = grade_filled(spec, Setup(), left_out, closed(Spec(Source("filled.dls", filled), None), Setup()))
    return [(one.question.key, one.given, one.right) for one in marks]


def test_a_mistake_counts_once_and_not_in_the_layers_that_follow() -> None:
    wrong = SPEC.replace("conv2d(width, 5)", "conv2d(width, 3)")
    assert graded(wrong, "conv1.kernel_size", "conv2.padding") == [
        ("conv1.shape", "6 × 30 × 30", False), ("conv1.parameters", "168", False),
        ("conv2.shape", "12 × 7 × 7", True), ("conv2.parameters", "660", True),
    ]  # fmt: skip


def test_another_way_to_the_same_numbers_is_right() -> None:
    other = SPEC.replace("padding=1, stride=2", "padding=2, stride=3")
    assert graded(other, "conv2.padding", "conv2.stride")[0] == ("conv2.shape", "12 × 6 × 6", False)
    wider = SPEC.replace("padding=1, stride=2", "padding=[1, 1], stride=[2, 2]")
    assert {right for _, _, right in graded(wider, "conv2")} == {True}


def test_what_was_filled_in_wrongly_is_told_with_what_it_comes_to(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.dls").write_text(SPEC.replace("conv2d(width, 5)", "conv2d(width, 3)"))
    command = ["quiz", spec, "--blank", "conv1.kernel_size"]
    assert main([*command, "--answers", "mine.dls"]) == 1
    said = capsys.readouterr().out
    assert "32 − 3 + 1 = 30" in said
    assert "wanted is 6 × 28 × 28" in said
    assert main(command) == 0
    Path("task.dls").write_text(capsys.readouterr().out)
    assert main([*command, "--answers", "task.dls"]) == 1
    assert "error[E0816]" in capsys.readouterr().err
    Path("task.dls").write_text(Path("task.dls").read_text().replace("conv2d(width, ___)", "conv2d(width, 5)"))
    assert main([*command, "--answers", "task.dls"]) == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stride=2", "stride=1"),
        ("-> relu -> flatten", "-> flatten"),
        ("fc: linear(10)", "fc: linear(11)"),
        ("fc:", "last:"),
    ],
)
def test_more_than_the_blanks_may_not_be_changed(old: str, new: str) -> None:
    with pytest.raises(SpecError) as caught:
        graded(SPEC.replace(old, new), "conv1.kernel_size")
    assert caught.value.diagnostics[0].code == "E0817"


@pytest.mark.parametrize("name", ["conv1.padding", "conv3", "relu", "conv1.colour"])
def test_a_blank_where_nothing_stands_is_refused(name: str) -> None:
    with pytest.raises(SpecError) as caught:
        task(SPEC, name)
    assert caught.value.diagnostics[0].code == "E0815"
    assert BLANK not in caught.value.diagnostics[0].message
