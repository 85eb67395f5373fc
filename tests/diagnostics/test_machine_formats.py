"""What programs read: JSON, SARIF, GitHub's workflow commands, and the concise lines."""

from __future__ import annotations

import json
import re

import pytest

from dlspec.diagnostics.codes import CODES
from dlspec.diagnostics.record import Diagnostic, Edit, Fix, Label, problem
from dlspec.diagnostics.render import FORMATS, concise, github, render, sarif, text
from dlspec.diagnostics.render import json as lines
from dlspec.source import Source
from tests.diagnostics.places import at

SPEC = Source("specs/stem.dls", "network stem {\n  # 🙂\n  x -> conv2d(64, 7, strides=2)\n}\n")
PLAN = Source("plans/a b.yaml", "plan: {🙂: 1, los: mse}\n")


def misspelt() -> Diagnostic:
    return problem(
        "E0112",
        "`conv2d` has no parameter `strides`",
        at(SPEC, "strides"),
        "not a parameter",
        also=[(at(PLAN, "los"), "in this use of `stem`")],
        notes=["`conv2d` takes out_channels and kernel_size"],
        fixes=[Fix("there is a parameter with a similar name", [Edit(at(SPEC, "strides"), "stride")], "safe")],
    )


def test_a_json_line_has_exactly_the_promised_keys() -> None:
    (line,) = lines.render([misspelt()]).splitlines()
    assert json.loads(line) == {
        "code": "E0112",
        "name": "unknown-parameter",
        "severity": "error",
        "message": "`conv2d` has no parameter `strides`",
        "file": "specs/stem.dls",
        "line": 3,
        "column": 22,
        "end_line": 3,
        "end_column": 29,
        "labels": [
            {
                "file": "specs/stem.dls",
                "line": 3,
                "column": 22,
                "end_line": 3,
                "end_column": 29,
                "text": "not a parameter",
                "primary": True,
            },
            {
                "file": "plans/a b.yaml",
                "line": 1,
                "column": 14,
                "end_line": 1,
                "end_column": 17,
                "text": "in this use of `stem`",
                "primary": False,
            },
        ],
        "notes": ["`conv2d` takes out_channels and kernel_size"],
        "fixes": [
            {
                "message": "there is a parameter with a similar name",
                "safety": "safe",
                "edits": [
                    {
                        "file": "specs/stem.dls",
                        "line": 3,
                        "column": 22,
                        "end_line": 3,
                        "end_column": 29,
                        "text": "stride",
                    }
                ],
            }
        ],
        "rendered": text.render([misspelt()]),
        "explain": "dlspec explain E0112",
    }


def test_json_of_a_problem_without_a_place_has_nulls_for_it() -> None:
    entry = json.loads(lines.render([problem("E0218", "there is no network")]))
    assert [entry[key] for key in ("file", "line", "column", "end_line", "end_column")] == [None] * 5


def test_json_is_one_line_of_ascii_a_problem() -> None:
    both = lines.render([misspelt(), problem("E0102", "a\nb 🙂")])
    assert both.isascii()
    assert [json.loads(line)["code"] for line in both.splitlines()] == ["E0112", "E0102"]


def test_sarif_points_to_every_place_in_utf16_columns() -> None:
    (run,) = json.loads(sarif.render([misspelt()]))["runs"]
    (result,) = run["results"]
    (related,) = result["relatedLocations"]
    assert run["columnKind"] == "utf16CodeUnits"
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "specs/stem.dls"},
                "region": {"startLine": 3, "startColumn": 22, "endLine": 3, "endColumn": 29},
            }
        }
    ]
    assert related["physicalLocation"]["artifactLocation"] == {"uri": "plans/a%20b.yaml"}
    assert related["physicalLocation"]["region"]["startColumn"] == 15
    assert related["message"] == {"text": "in this use of `stem`"}
    assert result["stacks"][0]["frames"][0]["location"]["message"] == related["message"]


def test_sarif_results_name_their_rule_and_carry_their_fixes() -> None:
    log = json.loads(sarif.render([misspelt()]))
    (run,) = log["runs"]
    (result,) = run["results"]
    rules = run["tool"]["driver"]["rules"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in rules] == list(CODES)
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "E0112"
    assert result["level"] == "error"
    assert result["message"]["text"].splitlines() == [misspelt().message, *misspelt().notes]
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 3, "startColumn": 22, "endLine": 3, "endColumn": 29},
            "insertedContent": {"text": "stride"},
        }
    ]


def test_sarif_of_a_clean_file_is_a_run_without_results() -> None:
    assert json.loads(sarif.render([]))["runs"][0]["results"] == []


def test_github_gets_the_place_the_title_and_all_sentences() -> None:
    assert github.render([misspelt()]) == (
        "::error file=specs/stem.dls,line=3,endLine=3,col=22,endColumn=29,"
        "title=dlspec E0112 (unknown-parameter)"
        "::`conv2d` has no parameter `strides`"
        "%0Aspecs/stem.dls:3: not a parameter"
        "%0Aplans/a b.yaml:1: in this use of `stem`"
        "%0Anote: `conv2d` takes out_channels and kernel_size"
        "%0Ahelp: there is a parameter with a similar name\n"
    )


def test_github_escapes_what_would_end_a_command() -> None:
    source = Source("a:b,c%.dls", "x\ny\n")
    (line,) = github.render([problem("W0402", "50 %\r\n::error::", source.span(0, 3))]).splitlines()
    assert line == (
        "::warning file=a%3Ab%2Cc%25.dls,line=1,endLine=2,title=dlspec W0402 (unused-value)::50 %25%0D%0A::error::"
    )


def test_github_annotates_errors_first_and_says_what_it_leaves_out() -> None:
    warnings = [problem("W0402", f"warning {n}", at(SPEC, "stem")) for n in range(12)]
    errors = [problem("E0110", f"error {n}", at(SPEC, "x ->")) for n in range(11)]
    rows = github.render(warnings + errors).splitlines()
    assert [row.split(" ")[0] for row in rows] == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"] + ["not"] * 3
    assert "1 error, 2 warnings more" in rows[20]
    assert rows[21] == "not annotated: specs/stem.dls:3:3: error[E0110]: error 10"


def test_concise_is_a_line_a_problem() -> None:
    assert concise.render([misspelt(), problem("E0218", "there is no network\n")]) == (
        "specs/stem.dls:3:22: error[E0112]: `conv2d` has no parameter `strides`\nerror[E0218]: there is no network␊\n"
    )


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_writes_every_problem_and_ends_its_last_line(format: str) -> None:
    found = [misspelt(), Diagnostic("W0402", "no primary label", [Label(at(PLAN, "los"), "here")])]
    written = render(found, format)
    assert written.endswith("\n")
    assert all(diagnostic.code in written for diagnostic in found)
    assert "\x1b" not in written


@pytest.mark.parametrize("format", FORMATS)
def test_only_what_people_read_has_colour(format: str) -> None:
    coloured = render([misspelt()], format, colour=True)
    assert ("\x1b" in coloured) == (format in ("full", "concise"))
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == render([misspelt()], format)
