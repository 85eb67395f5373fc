"""What the colours of a figure are on a light and on a dark page."""

from __future__ import annotations

from colorsys import hls_to_rgb, rgb_to_hls

from dlspec.drawing import palette

ROLES = {
    # role: on light, on dark
    "ink": (palette.INK, "#E8EEF7"),
    "grey": (palette.GREY, "#9DAAC0"),
    "faint": ("#A8B3C4", "#5B6880"),
    "line": ("#8A99AF", "#7D8CA6"),
    "web": ("#CBD5E1", "#33415C"),
    "rule": ("#E2E8F0", "#2C3850"),
    "track": ("#EAEFF6", "#26324A"),
    "card": ("#F8FAFC", "#182236"),
    "edited": ("#FEF6E0", "#2B2412"),
    "gone": ("#FEE2E2", "#3F1D22"),
    "gone.ink": ("#B42318", "#FF9A8D"),
    "new": ("#DCFCE7", "#12331F"),
    "new.ink": ("#14632F", "#7DE2A0"),
    "paper": ("#FFFFFF", "#0D1526"),
    "skip": (palette.SKIP, "#D9A441"),
    "repeat": (palette.REPEAT, "#FF8A7A"),
    "parameters": ("#2563A8", "#6FA8E8"),
    "macs": ("#0F7B63", "#3FBF9F"),
    "wrong": (palette.REPEAT, "#FF8A7A"),
    "pooling.line": ("#B4531F", "#E8935F"),
    "resize.line": ("#0F7B63", "#3FBF9F"),
}
_LIGHTNESS = {"face": (0.745, 0.56), "top": (0.875, 0.70), "side": (0.645, 0.46)}
"""How light the sides of a slab are on a light page and on a dark one."""
_MOST_SATURATED = 0.66


def colours(role: str) -> tuple[str, str]:
    """What a role is on a light page and on a dark one."""
    known = ROLES.get(role)
    if known is not None:
        return known
    family, _, shade = role.partition(".")
    accent = palette.colours(family)[0]
    if shade == "tint":
        return palette.colours(family)[1], _lit(accent, 0.2)
    if shade == "edge":
        return accent, _lit(accent, 0.80)
    light, dark = _LIGHTNESS[shade]
    if family == "input":
        light += 0.09
    return _lit(accent, light), _lit(accent, dark)


def _lit(colour: str, lightness: float) -> str:
    """The colour with another lightness (HLS), and no more saturated than a large area bears."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, _, saturation = rgb_to_hls(red, green, blue)
    return "#" + "".join(
        f"{round(255 * part):02X}" for part in hls_to_rgb(hue, lightness, min(saturation, _MOST_SATURATED))
    )
