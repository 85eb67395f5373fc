"""How Sphinx builds the documentation: Markdown through MyST in the furo theme, by `make docs`."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "dlspec"
author = "the dlspec authors"
project_copyright = "the dlspec authors, Apache-2.0"
release = re.findall(r'__version__ = "(.+)"', (ROOT / "dlspec" / "__init__.py").read_text())[0]

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
exclude_patterns = ["_build"]
# The language has no Pygments lexer; its examples are shown as they are.
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = "dlspec"
html_copy_source = False
