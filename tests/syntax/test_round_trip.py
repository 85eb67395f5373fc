"""What is written reads back as the same tree, in both spellings; what is formatted stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given

from dlspec.source import Source
from dlspec.syntax import tree
from dlspec.syntax.convert import convert, written
from dlspec.syntax.read import read
from tests.syntax.trees import files

SUFFIXES = (".dls", ".dlspec.yaml")


def back(file: tree.File, suffix: str) -> tree.File:
    """The tree that the text of a tree reads as, which must be read without a mistake."""
    text = written(file, suffix)
    found, problems = read(Source(f"made{suffix}", text))
    assert not problems, (text, problems)
    return found


@given(files)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_written_tree_reads_back_as_itself(suffix: str, file: tree.File) -> None:
    assert back(file, suffix) == file


@given(files)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_formatted_text_is_formatted_as_it_is(suffix: str, file: tree.File) -> None:
    once = convert(Source(f"made{suffix}", written(file, suffix)), suffix)
    assert convert(Source(f"made{suffix}", once), suffix) == once
