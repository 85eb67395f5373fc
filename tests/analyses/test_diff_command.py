"""`dlspec diff` and `explain --what-if`: files, zoo names and git revisions in; text, Markdown or JSON and an exit code out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest

from dlspec.checking import open_spec, parsed_setting
from dlspec.cli import main
from dlspec.comparing import what_if
from dlspec.diagnostics.record import SpecError

PARTS = "block unit(x, width) { x -> conv: conv2d(width, 3, padding=1) -> relu }\n"
SPEC = """\
import unit from "parts/blocks.dls"
network small(classes = 4) {
  input image: float32[N, 1, 32, 32]
  output y = image -> stem: unit(8) -> deep: unit(16) -> adaptive_avg_pool2d(1) -> flatten -> fc: linear(classes)
}
plan short {
  network = small(classes=10)
  data { source = digits, resize = 32 }
  loss = cross_entropy, optimizer = sgd(lr=1e-3), epochs = 2
}
"""
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema_version", "old", "new", "differs", "networks", "networks_alike", "plans"],
    "properties": {
        "schema_version": {"const": 1},
        "old": {"type": "string"},
        "new": {"type": "string"},
        "differs": {"type": "boolean"},
        "networks": {"type": "array", "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["old", "new", "edits", "consequences", "totals", "requires", "weights"],
            "properties": {
                "old": {"type": "string"}, "new": {"type": "string"},
                "edits": {"type": "array", "items": {
                    "type": "object",
                    "required": ["kinds", "old", "new", "changes", "again", "written", "file", "line", "column"],
                }},
                "consequences": {"type": "array", "items": {
                    "type": "object", "required": ["facet", "what", "layers", "total"],
                }},
                "totals": {"type": "object", "required": ["parameters", "macs", "peak_bytes"]},
                "requires": {"type": "object", "required": ["removed", "added"]},
                "weights": {"type": ["object", "null"], "required": ["loads", "loaded", "renamed"]},
            },
        }},
        "networks_alike": {"type": "array", "items": {"type": "string"}},
        "networks_added": {"type": "array"}, "networks_removed": {"type": "array"},
        "plans": {"type": "array", "items": {"type": "object", "required": ["name", "unread", "changes"]}},
        "plans_added": {"type": "array"}, "plans_removed": {"type": "array"},
    },
}  # fmt: skip


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec and the block that it imports, committed; both were edited since."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "blocks.dls").write_text(PARTS)
    (tmp_path / "small.dls").write_text(SPEC)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "parts" / "blocks.dls").write_text(PARTS.replace("3, padding=1", "5, padding=2"))
    (tmp_path / "small.dls").write_text(SPEC.replace("lr=1e-3", "lr=3e-3").replace("deep: unit(16)", "deep: unit(32)"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_a_file_is_compared_with_a_revision_and_so_is_what_it_imports(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = ran(capsys, "diff", "small.dls", "--git", "HEAD")
    assert code == 1
    assert out.splitlines()[0] == "HEAD:small.dls → small.dls"
    assert "~ stem.conv conv2d: kernel_size 3 → 5, padding 1 → 2; also deep.conv" in " ".join(out.split())
    assert "~ deep       unit: width 16 → 32" in out
    assert "~ optimizer.lr  0.001 → 0.003" in out


def test_two_revisions_are_compared(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(repository, "commit", "-q", "-a", "-m", "second")
    assert ran(capsys, "diff", "small.dls", "--git", "HEAD")[0] == 0
    code, out, _ = ran(capsys, "diff", "small.dls", "--git", "HEAD~1..HEAD")
    assert code == 1
    assert out.splitlines()[0] == "HEAD~1:small.dls → HEAD:small.dls"
    (repository / "small.dls").unlink()
    assert ran(capsys, "diff", "small.dls", "--git", "HEAD")[0] == 2


def test_json_is_as_promised(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ran(capsys, "diff", "small.dls", "--git", "HEAD", "--format", "json")
    data = json.loads(out)
    jsonschema.validate(data, SCHEMA)
    (network,) = data["networks"]
    assert network["totals"]["parameters"] == {"old": 1316, "new": 6772}
    assert network["weights"]["loads"] is False


def test_markdown_is_a_diff_block_tables_and_the_plan(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ran(capsys, "diff", "small.dls", "--git", "HEAD", "--format", "markdown")
    assert "```diff\n! stem.conv  conv2d: kernel_size 3\u00a0→\u00a05" in out
    assert "| parameters | 1,316 | 6,772 | +415 % |" in out
    assert "| `optimizer.lr` | `0.001` | `0.003` |" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["small.dls"], "`diff` takes two specs"),
        (["small.dls", "small.dls", "--git", "HEAD"], "`diff` takes two specs"),
        (["small.dls", "--git", "nowhere"], "git knows no revision `nowhere`"),
        (["small.dls", "--git=--output=x"], "`--output=x` is no revision"),
        (["small.dls", "missing.dls"], "there is no file `missing.dls`"),
        (["-", "--git", "HEAD"], "standard input has no revisions"),
        (["small.dls", "broken.dls"], "there is no operator or block `reul`"),
    ],
)
def test_what_cannot_be_read_ends_with_2(
    repository: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (repository / "broken.dls").write_text("network small {\n  input x: float32[N, 3]\n  output y = x -> reul\n}\n")
    code, out, err = ran(capsys, "diff", *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_layout_and_spelling_are_no_difference(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "small.dls", "-o", "other.dlspec.yaml"]) == 0
    code, out, _ = ran(capsys, "diff", "small.dls", "other.dlspec.yaml")
    assert (code, out.splitlines()[-1]) == (0, "no difference")


def test_networks_that_only_one_side_has_are_named(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = (repository / "small.dls").read_text() + "network large = small(classes=1000)\n"
    (repository / "more.dls").write_text(more)
    code, out, _ = ran(capsys, "diff", "small.dls", "more.dls")
    assert code == 1
    assert "+ network large" in out


# What if


def test_what_if_is_what_the_edited_spec_would_be(tmp_path: Path) -> None:
    (tmp_path / "old.dls").write_text(PARTS + SPEC.partition("\n")[2].partition("plan")[0])
    (tmp_path / "new.dls").write_text((tmp_path / "old.dls").read_text().replace("deep: unit(16)", "deep: unit(24)"))
    key, value = parsed_setting("deep.width=24", "--what-if")
    asked = what_if(open_spec(tmp_path / "old.dls"), None, {key: value})
    assert asked.new.to_json() | {"layers": []} == open_spec_summary(tmp_path / "new.dls") | {"layers": []}
    assert [(edit.new.path, [(c.name, c.old, c.new) for c in edit.changes]) for edit in asked.written if edit.new] == [
        ("deep", [("width", "16", "24")])
    ]


def open_spec_summary(path: Path) -> dict[str, object]:
    from dlspec.analyses.summary import summarize

    return summarize(open_spec(path).graph()).to_json()


@pytest.mark.parametrize("given", ["features.3.stride=2", "features.0.out_channels=12", "classes=5"])
def test_what_if_leaves_every_other_call_alone(given: str) -> None:
    key, value = parsed_setting(given, "--what-if")
    found = what_if(open_spec("lenet"), None, {key: value})
    assert len(found.written) == 1
    assert found.written[0].count == 1


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ("features.0.stride=0", 1, "error[E0202]"),
        ("features.0.kernel_size=99", 1, "error[E0307]"),
        ("features.0.kernl=3", 2, "error[E0112]"),
        ("features.9.stride=2", 2, "error[E0119]"),
        ("features.stride=2", 2, "is a group, which has no parameters"),
        ("clases=2", 2, "error[E0112]"),
        ("features.0.stride", 2, "is not `key=value`"),
    ],
)
def test_what_no_longer_checks_is_refused_with_the_error(
    capsys: pytest.CaptureFixture[str], given: str, code: int, message: str
) -> None:
    got, out, err = ran(capsys, "explain", "lenet", "--what-if", given)
    assert (got, out) == (code, "")
    assert message in err


def test_several_arguments_are_put_together(capsys: pytest.CaptureFixture[str]) -> None:
    both = ("--what-if", "features.0.kernel_size=3", "--what-if", "features.0.padding=1")
    code, out, _ = ran(capsys, "explain", "lenet:features.0", *both)
    assert code == 0
    assert "(28 − 3 + 2·1) + 1" in out.replace("in − k + 2·pad + 1 = 28 − 3 + 2·1 + 1", "(28 − 3 + 2·1) + 1")
    assert "~ features.0  conv2d: kernel_size 5 → 3, padding 2 → 1" in out


def test_what_changes_nothing_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(capsys, "explain", "lenet", "--what-if", "features.0.padding=2")[1] == "nothing would change\n"


def test_mistakes_are_of_the_words_and_not_of_the_spec() -> None:
    key, value = parsed_setting("features.0.stride=0", "--what-if")
    with pytest.raises(SpecError) as raised:
        what_if(open_spec("lenet"), None, {key: value})
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.primary is not None
    assert (diagnostic.primary.span.source.name, diagnostic.primary.span.text) == ("--what-if", "0")
