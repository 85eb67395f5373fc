"""Names and shapes of a safetensors file, read from its header without its tensors.

The file begins with the length of the header, 8 bytes, little-endian; the header is JSON
(https://github.com/huggingface/safetensors, "Format").
"""

from __future__ import annotations

LONGEST = 100_000_000
"""Bytes of a header; the format's own limit."""


def shapes(path: str) -> dict[str, tuple[int, ...]]:
    """Shape by name. Raises OSError where it cannot be read, ValueError where it is no such file."""
    import json
    from os.path import getsize

    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(LONGEST, getsize(path) - 8):
            raise ValueError("it is no safetensors file, or was cut off")
        try:
            header = json.loads(file.read(length))
            found = {name: tuple(map(int, about["shape"])) for name, about in header.items() if name != "__metadata__"}
            end = max((about["data_offsets"][1] for name, about in header.items() if name != "__metadata__"), default=0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            raise ValueError("its header is damaged") from None
    if 8 + length + end != getsize(path):
        raise ValueError("it was cut off")
    return found
