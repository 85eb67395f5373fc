"""The font of figures: dlspec Sans, a subset of Liberation Sans, whose widths are those of Helvetica and Arial."""

from __future__ import annotations

from pathlib import Path

FAMILY = "dlspec Sans"
REGULAR = Path(__file__).parent / "dlspec-sans-regular.ttf"
BOLD = Path(__file__).parent / "dlspec-sans-bold.ttf"
CONFIGURATION = Path(__file__).parent / "fonts.conf"
"""Of fontconfig, by which graphviz finds them under the name Helvetica."""
