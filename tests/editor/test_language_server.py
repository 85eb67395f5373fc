"""`dlspec lsp` as an editor meets it: each feature over standard input and output, on specs that people write."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig, LanguageClient

from dlspec.places import ZOO
from dlspec.source import Source
from dlspec.syntax.convert import fmt
from tests.editor.sessions import SERVER, Session, capabilities, edited

NET = """\
block unit(x, width, stride = 1) {
  x -> conv: conv2d(width, 3, stride=stride, padding=1) -> relu
}

network small(classes = 10) {
  input image: float32[N, 3, 32, 32]

  output logits = image
    -> a: unit(16) -> b: unit(32, stride=2)
    -> flatten -> fc: linear(classes)
}
"""
YAML = """\
network:
  name: small
  inputs:
    image: float32[N, 1, 28, 28]
  layers:
    - features:
        - conv2d(6, 5, padding=2)
        - relu
    - flatten
    - logits: {op: linear, out_features: 10}
  outputs: [logits]
"""
BLOCKS = "# Two layers.\nblock head(x, width) {\n  x -> fc1: linear(width) -> relu -> fc2: linear(width)\n}\n"
USER = """\
import head from "blocks.dls"

network n {
  input x: float32[N, 8]
  output y = x -> top: head(4)
}
"""

pytestmark = pytest.mark.asyncio


@pytest_lsp.fixture(scope="module", config=SERVER)
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    await lsp_client.initialize_session(lsp.InitializeParams(capabilities=capabilities()))
    yield
    await lsp_client.shutdown_session()


@pytest.fixture
def session(client: LanguageClient, tmp_path: Path) -> Session:
    return Session(client, tmp_path.resolve())


async def test_a_mistake_is_told_with_its_place_its_reason_and_its_version(session: Session) -> None:
    (problem,) = await session.open("net.dls", NET.replace("relu", "rellu"))
    assert (problem.code, problem.severity, problem.source) == ("E0111", lsp.DiagnosticSeverity.Error, "dlspec")
    assert problem.range == lsp.Range(lsp.Position(1, 59), lsp.Position(1, 64))
    assert "there is no operator or block `rellu`" in problem.message
    assert "help: there is `relu`" in problem.message
    assert await session.change("net.dls", NET) == []


async def test_what_led_to_a_mistake_stands_beside_it(session: Session) -> None:
    (problem,) = await session.open("net.dls", NET.replace("32, 32]", "2, 2]").replace("padding=1", "padding=0"))
    assert problem.code == "E0307"
    related = [one.message for one in problem.related_information or []]
    assert any("in this use of `unit`" in text for text in related)


async def test_text_that_cannot_be_read_is_a_diagnostic_and_keeps_the_hints_around_it(session: Session) -> None:
    await session.open("net.dls", NET)
    before = await session.hints("net.dls")
    assert before[9] == ["→ N 16 32 32", "→ N 32 16 16"]
    broken = NET.replace("fc: linear(classes)", "fc: linear(")
    problems = await session.change("net.dls", broken)
    assert [problem.code for problem in problems if problem.severity == lsp.DiagnosticSeverity.Error] == ["E0102"]
    assert (await session.hints("net.dls"))[9] == ["→ N 16 32 32", "→ N 32 16 16"]


async def test_every_prefix_of_a_spec_can_be_asked_of(session: Session) -> None:
    text = USER.replace('"blocks.dls"', '"resnet"') + NET
    await session.open("net.dls", "")
    for end in range(0, len(text), 23):
        session.type("net.dls", text[:end])
        await session.hints("net.dls")
        place = {"text_document": lsp.TextDocumentIdentifier(session.uri("net.dls"))}
        last = lsp.Position(text[:end].count("\n"), len(text[:end].rpartition("\n")[2]))
        await session.client.text_document_completion_async(lsp.CompletionParams(**place, position=last))
        await session.client.text_document_hover_async(lsp.HoverParams(**place, position=last))
        await session.client.text_document_document_symbol_async(lsp.DocumentSymbolParams(**place))
    assert not [message for message in session.client.messages if "mistake of dlspec" in message.message]


@pytest.mark.parametrize(("name", "text", "line", "shapes"), [
    ("net.dls", NET, 10, ["→ N 8192", "→ N 10"]),
    ("net.dls", NET, 2, ["→ N 16 32 32, 1 more", "→ N 16 32 32, 1 more"]),
    ("net.dlspec.yaml", YAML, 7, ["→ N 6 28 28"]),
    ("net.dlspec.yaml", YAML, 6, ["→ N 6 28 28"]),
    ("net.dlspec.yaml", YAML, 10, ["→ N 10"]),
])  # fmt: skip
async def test_every_stage_shows_its_shape(
    session: Session, name: str, text: str, line: int, shapes: list[str]
) -> None:
    await session.open(name, text)
    assert (await session.hints(name))[line] == shapes


async def hovered(session: Session, name: str, words: str, inside: int = 1) -> str:
    found = await session.client.text_document_hover_async(lsp.HoverParams(**session.at(name, words, inside)))  # type: ignore[arg-type]
    assert found is not None
    assert isinstance(found.contents, lsp.MarkupContent)
    return found.contents.value


async def test_hover_derives_the_numbers_and_shows_the_page_of_the_operator(session: Session) -> None:
    await session.open("net.dls", NET)
    text = await hovered(session, "net.dls", "conv2d")
    assert "3·3·3 + 1 = 28 per filter, × 16 filters = 448" in text
    assert "# conv2d" in text
    assert "`padding_mode`" in text


async def test_hover_derives_the_numbers_of_what_comes_before_a_mistake(session: Session) -> None:
    text = (
        "network n {\n  input x: float32[N, 1, 28, 28]\n  output y = x -> a: conv2d(8, 5) -> rellu -> b: linear(3)\n}\n"
    )
    await session.open("wrong.dls", text)
    found = await hovered(session, "wrong.dls", "conv2d(8")
    assert "28 − 5 + 1 = 24" in found
    assert "#### conv2d" in found, "headings of a page are small in a hover"


async def test_hover_on_names_tells_what_they_stand_for(session: Session) -> None:
    await session.open("net.dls", "# Halves the map.\n" + NET)
    assert "Halves the map." in await hovered(session, "net.dls", "unit(32")
    assert "in `small`: `1`, `2`" in await hovered(session, "net.dls", "stride=stride", 8)
    assert "Positions moved" in await hovered(session, "net.dls", "stride=stride")
    assert "parameters" in await hovered(session, "net.dls", "small(")


async def test_hover_on_a_key_of_a_plan_has_its_sentence(session: Session) -> None:
    plan = "\nplan p {\n  network = small\n  data { source = digits, resize = 32 }\n  optimizer = sgd(lr=0.1)\n}\n"
    await session.open("net.dls", NET + plan)
    assert "Where samples come from" in await hovered(session, "net.dls", "source")
    assert "`momentum`" in await hovered(session, "net.dls", "sgd")
    assert "momentum=0.0" in await hovered(session, "net.dls", "sgd")
    assert "`lr` of `sgd`" in await hovered(session, "net.dls", "lr=0.1")


async def completed(session: Session, name: str, text: str) -> dict[str, lsp.CompletionItem]:
    """What is offered at the `|` of a text."""
    start = text.index("|")
    session.texts[name] = text.replace("|", "")
    if name in session.versions:
        session.type(name, session.texts[name])
    else:
        await session.open(name, session.texts[name])
    line, column = text.count("\n", 0, start), start - text.rfind("\n", 0, start) - 1
    found = await session.client.text_document_completion_async(
        lsp.CompletionParams(lsp.TextDocumentIdentifier(session.uri(name)), lsp.Position(line, column))
    )
    assert isinstance(found, lsp.CompletionList)
    return {item.label: item for item in found.items}


async def test_a_step_is_completed_by_operators_and_blocks(session: Session) -> None:
    found = await completed(session, "net.dls", NET.replace("-> flatten", "-> |"))
    assert found["unit"].kind == lsp.CompletionItemKind.Function
    assert found["conv2d"].insert_text == "conv2d(${1:out_channels}, ${2:kernel_size})$0"
    assert found["conv2d"].insert_text_format == lsp.InsertTextFormat.Snippet
    page = await session.client.completion_item_resolve_async(found["conv2d"])
    assert isinstance(page.documentation, lsp.MarkupContent)
    assert "Slide a bank of learned filters" in page.documentation.value


async def test_parameters_are_completed_with_what_they_mean(session: Session) -> None:
    found = await completed(session, "net.dls", NET.replace("padding=1", "p|"))
    assert found["padding"].insert_text == "padding="
    assert found["stride"].kind == lsp.CompletionItemKind.TypeParameter  # the block's, not the one that is given
    own = await completed(session, "net.dls", NET.replace("stride=2", "|"))
    assert own["stride"].kind == lsp.CompletionItemKind.Property
    words = await completed(session, "net.dls", NET.replace("padding=1", 'padding_mode="|"'))
    assert set(words) == {"zeros", "reflect", "replicate", "circular"}


async def test_leaves_and_keys_of_yaml_are_completed(session: Session) -> None:
    assert "conv2d" in await completed(session, "net.dlspec.yaml", YAML.replace("- relu", "- |"))
    assert "bias" in await completed(session, "net.dlspec.yaml", YAML.replace("padding=2", "|"))
    assert (await completed(session, "net.dlspec.yaml", YAML.replace(": 10}", ": 10, |}")))[
        "bias"
    ].insert_text == "bias: "
    assert "outputs" in await completed(session, "net.dlspec.yaml", YAML.replace("  outputs: [logits]", "  |"))
    plan = YAML + "plan:\n  network: small\n  data: {source: digits, |}\n"
    assert "stratify" in await completed(session, "net.dlspec.yaml", plan)


async def defined(session: Session, name: str, words: str, inside: int = 1) -> tuple[str, int]:
    found = await session.client.text_document_definition_async(lsp.DefinitionParams(**session.at(name, words, inside)))  # type: ignore[arg-type]
    assert isinstance(found, lsp.Location)
    return Path(found.uri).name, found.range.start.line + 1


async def test_definitions_are_found_in_the_file_and_in_others(session: Session) -> None:
    (session.folder / "blocks.dls").write_text(BLOCKS)
    await session.open("user.dls", USER)
    await session.open("net.dls", NET)
    assert await defined(session, "user.dls", "head(4)") == ("blocks.dls", 2)
    assert await defined(session, "user.dls", '"blocks.dls"') == ("blocks.dls", 1)
    assert await defined(session, "user.dls", "x -> top", 0) == ("user.dls", 4)
    assert await defined(session, "net.dls", "stride=2") == ("net.dls", 1)
    plan = (
        NET
        + "\nplan p {\n  network = small\n  data { source = digits, resize = 32 }\n  loss = cross_entropy(logits)\n}\n"
    )
    await session.open("plan.dls", plan)
    assert await defined(session, "plan.dls", "cross_entropy(logits", 16) == ("plan.dls", 8)
    assert await defined(session, "plan.dls", "network = small", 12) == ("plan.dls", 5)


async def test_a_label_of_another_network_is_found_where_it_stands(session: Session) -> None:
    text = 'import resnet18 from "resnet"\nnetwork n {\n  input x: float32[N, 3, 64, 64]\n  output y = x -> body: resnet18.layer2\n}\n'
    await session.open("tuned.dls", text)
    name, line = await defined(session, "tuned.dls", "layer2")
    assert name == "resnet.dls"
    assert "layer2:" in (ZOO / "resnet.dls").read_text().splitlines()[line - 1]


async def renamed(session: Session, name: str, words: str, new: str, inside: int = 1) -> dict[str, str]:
    """The texts of the files after a rename."""
    place = session.at(name, words, inside)
    found = await session.client.text_document_rename_async(lsp.RenameParams(**place, new_name=new))  # type: ignore[arg-type]
    assert found is not None
    texts = {}
    for uri, edits in (found.changes or {}).items():
        file = Path(uri).name
        text = session.texts.get(file) or (session.folder / file).read_text()
        texts[file] = edited(text, [edit for edit in edits if isinstance(edit, lsp.TextEdit)])
    return texts


async def test_a_block_is_renamed_in_every_file_of_the_folder(session: Session) -> None:
    (session.folder / "user.dls").write_text(USER)
    (session.folder / "also.dlspec.yaml").write_text(
        "imports: {blocks.dls: [head]}\nnetwork:\n  name: m\n  inputs: {x: 'float32[N, 8]'}\n  layers:\n    - y: head(width=4)\n  outputs: [y]\n"
    )
    await session.open("blocks.dls", BLOCKS)
    texts = await renamed(session, "blocks.dls", "head(", "tail")
    assert texts["user.dls"] == USER.replace("head", "tail")
    assert "block tail(x, width)" in texts["blocks.dls"]
    assert "[tail]" in texts["also.dlspec.yaml"]
    assert "- y: tail(width=4)" in texts["also.dlspec.yaml"]
    width = await renamed(session, "blocks.dls", "width)", "wide")
    assert "head(wide=4)" in width["also.dlspec.yaml"]


async def test_a_parameter_is_renamed_with_what_is_passed_to_it_through_other_parameters(session: Session) -> None:
    text = """\
block one(x, size) { x -> fc: linear(size) }
block two(x, size) { x -> fc: linear(size) -> relu }
block twice(x, unit) { x -> a: unit(size=4) -> b: unit(size=4) }
network n { input x: float32[N, 8]
  output y = x -> c: twice(one) -> d: twice(two) }
"""
    await session.open("net.dls", text)
    assert await renamed(session, "net.dls", "size) {", "wide") == {"net.dls": text.replace("size", "wide")}


async def test_a_label_and_a_value_are_renamed(session: Session) -> None:
    (session.folder / "user.dls").write_text(
        'import small from "net.dls"\nnetwork m {\n  input x: float32[N, 3, 32, 32]\n  output y = x -> part: small.b\n}\n'
    )
    await session.open("net.dls", NET)
    texts = await renamed(session, "net.dls", "b: unit", "later", 0)
    assert "-> later: unit(32, stride=2)" in texts["net.dls"]
    assert "part: small.later" in texts["user.dls"]


async def test_a_rename_that_would_be_a_mistake_is_refused_with_the_reason(session: Session) -> None:
    await session.open("net.dls", NET)
    for new, why in (("b", "used twice"), ("for", "word of the language"), ("a-b", "is no name")):
        with pytest.raises(JsonRpcException, match=why):
            await renamed(session, "net.dls", "a: unit", new, 0)
    with pytest.raises(JsonRpcException, match="that would be a mistake"):
        await renamed(session, "net.dls", "width,", "stride")
    with pytest.raises(JsonRpcException, match="operators and keys keep their names"):
        await renamed(session, "net.dls", "conv2d", "convolution")


async def test_references_are_found_across_files(session: Session) -> None:
    (session.folder / "blocks.dls").write_text(BLOCKS)
    await session.open("user.dls", USER)
    found = await session.client.text_document_references_async(
        lsp.ReferenceParams(**session.at("user.dls", "head(4)"), context=lsp.ReferenceContext(include_declaration=True))  # type: ignore[arg-type]
    )
    places = sorted((Path(one.uri).name, one.range.start.line + 1) for one in found or [])
    assert places == [("blocks.dls", 2), ("user.dls", 1), ("user.dls", 5)]


async def test_a_quick_fix_repairs_the_text(session: Session) -> None:
    wrong = NET.replace("relu", "rellu")
    problems = await session.open("net.dls", wrong)
    actions = await session.client.text_document_code_action_async(
        lsp.CodeActionParams(
            lsp.TextDocumentIdentifier(session.uri("net.dls")), problems[0].range, lsp.CodeActionContext(problems)
        )
    )
    fixes = [one for one in actions or [] if isinstance(one, lsp.CodeAction)]
    assert [fix.title for fix in fixes] == ["change `rellu` to `relu`", "repair all that is safe to repair"]
    assert fixes[0].is_preferred
    for fix in fixes:
        assert fix.edit is not None
        assert edited(wrong, list((fix.edit.changes or {})[session.uri("net.dls")])) == NET


@pytest.mark.parametrize(("name", "text"), [("net.dls", NET), ("net.dlspec.yaml", YAML)])
async def test_formatting_is_that_of_fmt(session: Session, name: str, text: str) -> None:
    await session.open(name, text)
    edits = await session.client.text_document_formatting_async(
        lsp.DocumentFormattingParams(lsp.TextDocumentIdentifier(session.uri(name)), lsp.FormattingOptions(2, True))
    )
    assert edits
    assert edited(text, list(edits)) == fmt(Source(name, text))


async def test_lenses_tell_what_networks_cost_and_see(session: Session) -> None:
    await session.open("net.dls", NET)
    lenses = await session.client.text_document_code_lens_async(
        lsp.CodeLensParams(lsp.TextDocumentIdentifier(session.uri("net.dls")))
    )
    assert lenses is not None
    words = [(await session.client.code_lens_resolve_async(lens) if lens.command is None else lens) for lens in lenses]
    titles = {lens.range.start.line + 1: lens.command.title for lens in words if lens.command}
    assert titles[1] == "used 2 times in small · 448 to 4,640 parameters"
    assert titles[5].startswith("87,018 parameters · ")
    assert titles[5].endswith("receptive field 5 × 5, then the whole input")


async def test_the_outline_has_labels_below_their_block(session: Session) -> None:
    await session.open("net.dls", NET)
    found = await session.client.text_document_document_symbol_async(
        lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(session.uri("net.dls")))
    )
    outline = {
        one.name: [inner.name for inner in one.children or []]
        for one in found or []
        if isinstance(one, lsp.DocumentSymbol)
    }
    assert outline == {
        "unit": ["x", "width", "stride", "conv"],
        "small": ["classes", "image", "a", "b", "fc", "logits"],
    }


async def test_columns_count_utf_16_units(session: Session) -> None:
    text = """network: {name: n, allow: {unused-value: "𝔸𝔹 ü"}, inputs: {x: 'float32[N, 8]'}, layers: [y: rellu], outputs: [y]}\n"""
    (problem,) = await session.open("wide.dlspec.yaml", text)
    units = text.encode("utf-16-le")[2 * problem.range.start.character : 2 * problem.range.end.character]
    assert units.decode("utf-16-le") == "rellu"
    assert "there is no operator or block `rellu`" in problem.message
    fixed = text.replace("rellu", "relu")
    assert await session.change("wide.dlspec.yaml", fixed) == []
    assert "Keep what is positive" in await hovered(session, "wide.dlspec.yaml", "relu")
    assert await renamed(session, "wide.dlspec.yaml", "y: relu", "z", 0) == {
        "wide.dlspec.yaml": fixed.replace("[y", "[z")
    }


async def test_a_file_that_another_imports_is_taken_as_it_stands_in_the_editor(session: Session) -> None:
    (session.folder / "blocks.dls").write_text("block other(x) { relu(x) }\n")
    assert [one.code for one in await session.open("user.dls", USER)] == ["E0110"]
    await session.open("blocks.dls", BLOCKS)
    while session.client.diagnostics[session.uri("user.dls")]:
        await session.client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)


BUG = """
import dlspec.editor.hover as hover
def failing(document, offset):
    raise IndexError("list index out of range")
hover.hover = failing
from dlspec.editor.server import serve
serve()
"""


@pytest_lsp.fixture(config=ClientServerConfig(server_command=[sys.executable, "-c", BUG]))
async def faulty(lsp_client: LanguageClient) -> AsyncIterator[None]:
    await lsp_client.initialize_session(lsp.InitializeParams(capabilities=capabilities()))
    yield
    await lsp_client.shutdown_session()


async def test_a_mistake_of_dlspec_is_told_as_one_and_the_server_goes_on(
    faulty: LanguageClient, tmp_path: Path
) -> None:
    session = Session(faulty, tmp_path.resolve())
    await session.open("net.dls", NET)
    place = session.at("net.dls", "conv2d")
    assert await faulty.text_document_hover_async(lsp.HoverParams(**place)) is None  # type: ignore[arg-type]
    (message,) = faulty.messages
    assert "IndexError: list index out of range" in message.message
    assert "this is a mistake of dlspec, not of the spec" in message.message
    assert (await session.hints("net.dls"))[9] == ["→ N 16 32 32", "→ N 32 16 16"]
