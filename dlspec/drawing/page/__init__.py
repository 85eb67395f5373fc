"""The page: a network in one HTML file to look around in, which asks nothing of any network."""

from __future__ import annotations

from pathlib import Path

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Graph

HERE = Path(__file__).parent
DAGRE = HERE / "vendor" / "dagre.min.js"


def page_html(graph: Graph) -> str:
    """The page of a network. Its policy lets run just the scripts and styles that it holds, by their hashes."""
    import json
    from html import escape

    from dlspec.drawing.page.data import page_data

    style, layout, script = (
        (path).read_text(encoding="utf-8") for path in (HERE / "page.css", DAGRE, HERE / "page.js")
    )
    data = json.dumps(page_data(graph), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src {_hash(layout)} {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; "
        "form-action 'none'"
    )
    body = (HERE / "page.html").read_text(encoding="utf-8")
    parts = {
        "POLICY": policy, "TITLE": escape(graph.name), "STYLE": style, "DATA": data, "LAYOUT": layout, "SCRIPT": script
    }  # fmt: skip
    for name, text in parts.items():
        body = body.replace(f"@{name}@", text, 1)
    return body


def _hash(text: str) -> str:
    """How a policy names a script or a style."""
    from base64 import b64encode
    from hashlib import sha256

    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
