"""Whether a block or a network can be an `nn.Sequential`: modules that each take what the one before gives."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Tensor
    from dlspec.lowering.uses import Step, Survey, Use


def is_numbered_chain(use: Use, results: list[Tensor]) -> bool:
    """Whether the steps of a network, after its one input, are modules one after the other, called 0, 1, 2."""
    if len(use.inputs) != 1 or use.borrowed:
        return False
    source, *steps = use.steps
    if [step.path for step in steps] != [str(number) for number in range(len(steps))]:
        return False
    last = _through(steps, source.outputs[0])
    return last is not None and results == [last]


def is_chain(use: Use, surveys: list[Survey]) -> bool:
    """Whether a use can be an `nn.Sequential`: modules of its own, one after the other."""
    owned = next(survey for survey in surveys if survey.training == use.training).owned.get(use.path, ())
    names = [module_name(step) for step in use.steps]
    if len(set(use.inputs.values())) != 1 or use.borrowed or len(set(names)) != len(names):
        return False
    if any(path[len(use.path) :].strip(".") not in names for path in owned):
        return False
    last = _through(use.steps, next(iter(use.inputs.values())))
    return last is not None and use.results == [last]


def reads_as_sequence(use: Use) -> bool:
    """Whether a chain is better an `nn.Sequential` than a class: a group, numbered steps, or a loop."""
    if use.application.kind == "group" or any(module_name(step).isdecimal() for step in use.steps):
        return True
    looped = len(use.steps) > 1 and len({step.site for step in use.steps}) == 1
    return looped and all(step.path is not None for step in use.steps)


def _through(steps: list[Step], current: Tensor) -> Tensor | None:
    """What steps give that each take what the one before gives; None where they do not."""
    for step in steps:
        if step.operands != [current] or len(step.outputs) != 1 or not _is_plain(step):
            return None
        (current,) = step.outputs
    return current


def _is_plain(step: Step) -> bool:
    """Whether a step can be a module that is called with one tensor and nothing else."""
    if step.node is None:
        return True
    return step.node.op.family != "parameter" and step.node.op.applied_text("m", ["x"]) == "m(x)"


def module_name(step: Step) -> str:
    """The name of the module that a step is, or would be: its last part."""
    path = step.path if step.path is not None else step.node.path if step.node is not None else ""
    return path.rpartition(".")[2].partition("#")[0]
