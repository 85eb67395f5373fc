"""Names that generated Python cannot use are known, all of them."""

from __future__ import annotations

import keyword

from torch import nn

from dlspec.elaborate.reserved import MODULE_ATTRIBUTES, PRIVATE_ATTRIBUTES, PYTHON_WORDS, reserved


def test_every_attribute_of_a_module_is_reserved() -> None:
    assert {name for name in dir(nn.Module()) if not name.startswith("_")} == MODULE_ATTRIBUTES


def test_what_torch_keeps_to_itself_is_reserved() -> None:
    assert {name for name in dir(nn.Module()) if name[0] == "_" and name[:2] != "__"} == PRIVATE_ATTRIBUTES
    assert all(reserved(name) for name in dir(nn.Module()))


def test_every_word_of_python_is_reserved() -> None:
    assert set(keyword.kwlist) <= PYTHON_WORDS
