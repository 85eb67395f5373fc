"""Which colours a family of operators has: an accent for its bar and title, and a tint to write on.

Every accent has a contrast of at least 4.5 to its tint and to white (WCAG 2.1, success criterion 1.4.3).
"""

from __future__ import annotations

INK = "#0F172A"
"""Shapes and names."""
GREY = "#526077"
"""What matters less: paths, counts, tags."""
LINE = "#94A3B8"
"""The edges of the main way."""
SKIP = "#B7791F"
"""Shortcuts, and the border of joins."""
REPEAT = "#B42318"
"""Repeats: their frame and their count."""
FRAME = "#CBD5E1"
"""The frame of a block."""
GROUND = ("#F8FAFC", "#FFFFFF")
"""The inside of blocks, in turn by depth."""

_SLATE = ("#334155", "#F1F5F9")
_FAMILIES = {
    "convolution": ("#2563A8", "#EEF4FB"),
    "resize": ("#0B6B55", "#E9F6F2"),
    "pooling": ("#A94A17", "#FCF0E8"),
    "linear": ("#6D3FA6", "#F4EEFB"),
    "attention": ("#4338CA", "#EEEEFC"),
    "embedding": ("#6D3FA6", "#F4EEFB"),
    "normalization": ("#0E6478", "#E8F5F8"),
    "activation": ("#A12A5E", "#FCEEF4"),
    "detection": ("#9A3412", "#FDF1EA"),
    "wrong": ("#B42318", "#FEECEB"),
    "join": ("#855508", "#FEF6E0"),
    "reduction": ("#A94A17", "#FCF0E8"),
}


def colours(family: str) -> tuple[str, str]:
    """Accent and tint of a family; slate for inputs, shapes, and whatever has no colour of its own."""
    return _FAMILIES.get(family, _SLATE)
