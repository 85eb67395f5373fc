"""The catalogues: facts agree with torch and scikit-learn, and every one of them has its sentence."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import torch

from dlspec.plan import keys
from dlspec.plan.facts import Facts, Family, fields, has_default, kind, sentences
from dlspec.plan.optimizers import Optimizer
from dlspec.plan.reading import CATALOGUES, SECTIONS
from dlspec.plan.sources import Source

MEMBERS = [member for catalogue in CATALOGUES.values() for member in catalogue.family.members.values()]
CLASSES = [*MEMBERS, keys.ResolvedPlan, *(facts for facts, _ in SECTIONS.values())]


@pytest.mark.parametrize("facts", CLASSES, ids=lambda facts: facts.__name__)
def test_every_field_has_a_sentence(facts: type[Facts]) -> None:
    missing = [field for field, sentence in sentences(facts).items() if not sentence.endswith(".")]
    assert missing == []
    assert (facts.__doc__ or "").strip()


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.__name__)
def test_every_parameter_has_a_kind_that_its_default_is_of(member: type[Family]) -> None:
    for field in fields(member):
        wanted = kind(member, field)
        assert wanted is not None, field
        if has_default(member, field):
            default = member._defaults[field]
            assert wanted.has_type(default), field
            assert wanted.has_range(default), field


@pytest.mark.parametrize("member", Optimizer.members.values(), ids=lambda member: member.__name__)
def test_optimizers_have_torchs_parameters_and_defaults(member: type[Optimizer]) -> None:
    theirs = inspect.signature(getattr(torch.optim, member.torch)).parameters
    for field in fields(member):
        default = theirs[field].default
        assert member._defaults[field] == pytest.approx(default) if default is not None else True, field


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "diabetes"])
def test_sources_know_their_data_without_reading_it(name: str) -> None:
    from sklearn import datasets

    source, bunch = Source.members[name](), getattr(datasets, f"load_{name}")()
    assert isinstance(source, Source)
    inputs = bunch.images if name == "digits" else bunch.data
    assert source.samples == len(inputs)
    assert source.shape == (1, *inputs.shape[1:]) if name == "digits" else source.shape == inputs.shape[1:]
    if source.task == "classes":
        assert source.class_names == tuple(str(one) for one in bunch.target_names)


def test_reading_a_plan_imports_neither_torch_nor_numpy_nor_pydantic() -> None:
    code = "import dlspec.plan.read, sys; print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
