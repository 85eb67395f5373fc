"""Names that generated Python cannot use are known, all of them."""

from __future__ import annotations

import keyword

from torch import nn

from dlspec.elaborate.reserved import MODULE_ATTRIBUTES, PYTHON_WORDS


def test_every_attribute_of_a_module_is_reserved() -> None:
    assert {name for name in dir(nn.Module()) if not name.startswith("_")} == MODULE_ATTRIBUTES


def test_every_word_of_python_is_reserved() -> None:
    assert set(keyword.kwlist) <= PYTHON_WORDS
