"""The JSON Schema in the hands of yaml-language-server, as every editor without our own server has it.

Needs what `npm ci` brings into `editors/vscode`; `make editors` fetches it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient

from dlspec.editor.schema import spec_schema
from dlspec.places import ZOO
from tests.editor.sessions import Session, capabilities

OWN = Path(__file__).parents[2] / "editors" / "vscode" / "node_modules" / ".bin" / "yaml-language-server"
SERVER = str(OWN) if OWN.exists() else shutil.which("yaml-language-server")
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.slow,
    pytest.mark.skipif(
        SERVER is None or shutil.which("node") is None,
        reason="needs node, and yaml-language-server from `npm ci` in editors/vscode (`make editors`)",
    ),
]
LINE = "# yaml-language-server: $schema=./schema.json\n"
SPEC = (
    LINE
    + """\
network:
  name: small
  inputs: {x: "float32[N, 8]"}
  layers:
    - {op: linear, out_features: 4}
    - y: relu
  outputs: [y]
plan:
  network: small
  epochs: 3
"""
)


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(server_command=[SERVER or "", "--stdio"]))
async def yaml_client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    @lsp_client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
    def register(params: lsp.RegistrationParams) -> None:
        """It asks to be told of settings; there are none."""

    await lsp_client.initialize_session(lsp.InitializeParams(capabilities=capabilities()))
    yield
    await lsp_client.shutdown_session()


@pytest.fixture
def session(yaml_client: LanguageClient, tmp_path: Path) -> Session:
    (tmp_path / "schema.json").write_text(json.dumps(spec_schema()))
    return Session(yaml_client, tmp_path.resolve())


async def said(session: Session, text: str) -> list[str]:
    name = f"s{len(session.texts)}.dlspec.yaml"
    return [problem.message for problem in await session.open(name, text)]


@pytest.mark.parametrize("path", sorted(ZOO.glob("*.dlspec.yaml")), ids=lambda path: path.name.partition(".")[0])
async def test_the_zoo_is_accepted(session: Session, path: Path) -> None:
    assert await said(session, LINE + path.read_text(encoding="utf-8")) == []


async def test_what_a_check_would_refuse_is_underlined(session: Session) -> None:
    assert await said(session, SPEC) == []
    assert any("epoch" in text for text in await said(session, SPEC.replace("epochs", "epoch")))
    assert any("out_featurs" in text for text in await said(session, SPEC.replace("out_features", "out_featurs")))
    assert any("layer" in text for text in await said(session, SPEC.replace("layers", "layer")))


async def test_keys_are_completed_and_explained(session: Session) -> None:
    text = SPEC + "  \n"
    await session.open("c.dlspec.yaml", text)
    place = lsp.Position(text.count("\n") - 1, 2)
    document = lsp.TextDocumentIdentifier(session.uri("c.dlspec.yaml"))
    found = await session.client.text_document_completion_async(lsp.CompletionParams(document, place))
    assert isinstance(found, lsp.CompletionList)
    labels = {item.label for item in found.items}
    assert {"optimizer", "loss", "schedule"} <= labels
    hover = await session.client.text_document_hover_async(lsp.HoverParams(**session.at("c.dlspec.yaml", "epochs")))  # type: ignore[arg-type]
    assert hover is not None
    assert "How many times the training split is gone through" in str(hover.contents)


async def test_parameters_of_the_long_form_are_completed(session: Session) -> None:
    text = SPEC.replace("    - {op: linear, out_features: 4}", "    - op: linear\n      out_features: 4\n      ")
    await session.open("p.dlspec.yaml", text)
    line = text[: text.index("out_features")].count("\n") + 1
    document = lsp.TextDocumentIdentifier(session.uri("p.dlspec.yaml"))
    found = await session.client.text_document_completion_async(lsp.CompletionParams(document, lsp.Position(line, 6)))
    assert isinstance(found, lsp.CompletionList)
    assert "bias" in {item.label for item in found.items}
