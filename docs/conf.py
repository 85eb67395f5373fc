"""How Sphinx builds the documentation: Markdown through MyST in the furo theme, by `make docs`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

project = "dlspec"
author = "the dlspec authors"
project_copyright = "the dlspec authors, Apache-2.0"
release = re.findall(r'__version__ = "(.+)"', (ROOT / "dlspec" / "__init__.py").read_text())[0]

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
exclude_patterns = ["_build"]
highlight_language = "none"

html_theme = "furo"
html_title = "dlspec"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_theme_options = {
    name: {"code-font-size": "78%", "font-stack--monospace": "DejaVu Sans Mono, Menlo, Consolas, monospace"}
    for name in ("light_css_variables", "dark_css_variables")
}


def setup(app: Any) -> None:
    """Teach Sphinx the colours of the language and of its diagnostics, and write the reference of plans."""
    import lexers
    import plan_page
    from pygments.lexers.special import TextLexer

    from dlspec.editor.lexer import DlspecLexer

    app.add_lexer("dls", DlspecLexer)
    app.add_lexer("console", lexers.Session)
    app.add_lexer("csv", TextLexer)
    plan_page.main()
