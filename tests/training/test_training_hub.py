"""Data sets of the Hub, from one that this test plays: what is read, and what is said where one is not given."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("datasets")
ROOT = Path(__file__).parents[2]
FILE = "data/train-00000-of-00001.parquet"


def parquet() -> bytes:
    import pyarrow as arrow  # type: ignore[import-untyped]
    import pyarrow.parquet as written  # type: ignore[import-untyped]

    chance, made = np.random.default_rng(0), io.BytesIO()
    columns = {"a": chance.random(60), "b": chance.random(60), "label": chance.integers(0, 3, 60)}
    written.write_table(arrow.table({name: arrow.array(values) for name, values in columns.items()}), made)
    return made.getvalue()


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as its client asks for, with one data set, one that is gated, and no other."""

    content = parquet()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if "me/none" in path:
            self.answer(404, {}, X_Error_Code="RepoNotFound")
        elif "me/gated" in path and ("/resolve/" in path or "/tree/" in path):
            self.answer(403, {}, X_Error_Code="GatedRepo", X_Error_Message="Access to dataset me/gated is restricted")
        elif "/tree/" in path:
            file = {"type": "file", "path": FILE, "size": len(self.content), "oid": "0" * 40}
            folder = {"type": "directory", "path": "data", "oid": "0" * 40}
            self.answer(200, [file] if path.endswith("/data") else [folder])
        elif path.endswith(FILE):
            tag = f'"{hashlib.sha256(self.content).hexdigest()}"'
            self.answer(200, self.content, ETag=tag, X_Repo_Commit="a" * 40)
        elif "/resolve/" in path:
            self.answer(404, {}, X_Error_Code="EntryNotFound", X_Repo_Commit="a" * 40)
        else:
            name = "me/gated" if "gated" in path else "me/set"
            about = {"id": name, "sha": "a" * 40, "private": False, "siblings": [{"rfilename": FILE}], "tags": []}
            self.answer(200, about | {"gated": "manual" if "gated" in path else False, "downloads": 0, "likes": 0})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(200, [{"type": "file", "path": FILE, "size": len(self.content), "oid": "0" * 40}])

    def answer(self, code: int, body: object, **headers: str) -> None:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


LOADS = """
import json, sys
from dlspec.training.data import load
from dlspec.training.errors import RunError
from tests.training.runs import DIGITS, plan_of

for asked in json.loads(sys.argv[2]):
    try:
        found = load(plan_of(DIGITS, sys.argv[1], data=f"{{ source = hub({asked}) }}"))
    except RunError as error:
        print(f"{error.span.text if error.span else ''} | {error.message} | {error.hint}")
    else:
        print(tuple(found.samples.inputs.shape), found.classes, found.notes)
"""


def said(folder: Path, server: ThreadingHTTPServer, *asked: str) -> list[str]:
    """What comes of loading each, one after the other, in a process of its own."""
    environment = os.environ | {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}", "HF_HOME": str(folder / "home"),
        "no_proxy": "127.0.0.1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", LOADS, str(folder), json.dumps(asked)], env=environment, capture_output=True, text=True,
        timeout=120, check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_data_set_is_loaded_and_what_is_wrong_is_told_at_its_place(hub: ThreadingHTTPServer, tmp_path: Path) -> None:
    script, empty = tmp_path / "scripted", tmp_path / "empty"
    script.mkdir()
    (script / "scripted.py").write_text("import datasets\n")
    empty.mkdir()
    columns = 'x=["a", "b"]'
    lines = said(
        tmp_path, hub,
        f'"me/set", {columns}', f'"me/none", {columns}', f'"me/gated", {columns}', f'"me/set", {columns}, part="trian"',
        '"me/set", x=["a", "c"]', f'"scripted", {columns}', f'"empty", {columns}', f'"me/new", {columns}, offline=true',
    )  # fmt: skip
    told = [
        r"(60, 2) ('0', '1', '2') ()",
        '"me/none" | there is no data set `me/none` on the Hub | look at its spelling',
        '"me/gated" | `me/gated` is given only to those who ask | ask on https://huggingface.co/datasets/me/gated, then',
        '"trian" | `me/set` has no part `trian` | the nearest is `train`',
        '["a", "c"] | `me/set` has no column `c` | the nearest is `a`',
        '"scripted" | `scripted` is read by code of its own, which is not run | save it as Parquet files',
        '"empty" | the folder `empty` cannot be loaded: ',
        '"me/new" | `me/new` was not downloaded before | load it once without `offline=true`',
    ]
    assert len(lines) == len(told)
    for line, start in zip(lines, told, strict=True):
        assert line.startswith(start)
    hub.shutdown()
    hub.server_close()
    without = said(
        tmp_path, hub, f'"me/set", {columns}', f'"me/set", {columns}, offline=true', f'"me/other", {columns}'
    )
    assert without[0] == lines[0].replace("()", "('the Hub cannot be reached; what was downloaded before is used',)")
    assert without[1] == lines[0]
    assert "the Hub cannot be reached, and `me/other` was not downloaded before" in without[2]
