"""The reference of plans tells of every key and every member of a catalogue, in words."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from dlspec.plan.facts import Facts, fields
from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.reading import CATALOGUES, SECTIONS

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
import plan_page

FACTS: list[type[Facts]] = [
    ResolvedPlan,
    *(facts for facts, _ in SECTIONS.values()),
    *(member for catalogue in CATALOGUES.values() for member in catalogue.family.members.values()),
]


@pytest.fixture(scope="module")
def page() -> str:
    return plan_page.page()


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.__name__)
def test_every_key_stands_in_the_reference_with_a_sentence(page: str, facts: type[Facts]) -> None:
    for field in fields(facts):
        assert re.search(rf"^\| `{field}` \| [^|]+ \| [^|]* \| [A-Z`][^|]+ \|$", page, re.M), field


def test_every_link_of_the_reference_leads_to_a_heading_of_it(page: str) -> None:
    heads = {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in re.findall(r"^#+ (.*)$", page, re.M)}
    assert set(re.findall(r"\(#([\w-]+)\)", page)) <= heads


def test_a_default_is_shown_as_it_is_written(page: str) -> None:
    assert "| `betas` | a list of 2, each item a number from 0 up to, but not, 1 | `[0.9, 0.999]` |" in page
