"""What is said of a name that is not there: what it was meant to be, or where it is."""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate.builtins import BUILTINS
from dlspec.elaborate.frame import Frame
from dlspec.elaborate.named import names
from dlspec.elaborate.run import Run
from dlspec.ops import operator_names
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

_DOTTED = re.compile(r"(?:\.functional|\.nn)?\.([A-Za-z]\w*)")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dlspec.source import Span

ELSEWHERE = {
    "dense": "linear", "fc": "linear", "fully_connected": "linear", "bn": "batch_norm2d", "batchnorm": "batch_norm2d",
    "batch_normalization": "batch_norm2d", "conv": "conv2d", "convolution": "conv2d", "cat": "concat",
    "concatenate": "concat", "view": "reshape", "lrn": "local_response_norm", "swish": "silu",
    "zero_pad2d": "pad", "global_average_pooling2d": "adaptive_avg_pool2d", "gap": "adaptive_avg_pool2d",
    "pool": "max_pool2d", "maxpool": "max_pool2d", "max_pool": "max_pool2d", "max_pooling2d": "max_pool2d",
    "avgpool": "avg_pool2d", "avg_pool": "avg_pool2d", "average_pooling2d": "avg_pool2d",
    "global_avg_pool": "adaptive_avg_pool2d", "global_average_pool": "adaptive_avg_pool2d",
    "globalavgpool": "adaptive_avg_pool2d", "global_avg_pool2d": "adaptive_avg_pool2d",
    "attention": "multihead_attention", "deconv": "conv_transpose2d", "resize": "interpolate",
}  # fmt: skip
"""Names that other libraries and papers have for operators."""

_LOOPS = ("rnn", "lstm", "gru", "bilstm")
_RECURRENT = (
    "the catalogue has no recurrent layers; a module of your own is named with `foreign`: "
    '`foreign encoder(width) = "package.module:Encoder" takes [N, T, C] gives [N, T, width]`'
)

LITERALS = {"True": "true", "False": "false", "None": "null"}


def unknown_name(run: Run, frame: Frame, name: str, span: Span, called: bool = False) -> None:
    """Report a name that nothing in sight has, unless it is only defined elsewhere."""
    if _in_training_only(run, frame, name, span) or _defined_below(run, frame, name, span):
        return
    from dlspec.diagnostics.near_names import near

    if _spelt_as_in_python(run, frame, name, span):
        return
    literal = LITERALS.get(name) or (ELSEWHERE.get(name.casefold()) if called else None)
    here = [*frame.names(), *frame.file.names, *(BUILTINS if called else ()), *operator_names()]
    close = [literal] if literal else _alike(name, near(name, here))
    fixes = [Fix(f"write `{n}`" if literal else f"there is `{n}`", [Edit(span, n)], "safe") for n in close]
    if literal == "adaptive_avg_pool2d":
        fixes = [_whole_map(span)]
    if called:
        run.report(
            frame, "E0111", f"there is no operator or block `{name}`", span, "not known",
            notes=[] if close else [_RECURRENT if name.casefold() in _LOOPS else "`dlspec ops` lists the operators"],
            fixes=fixes,
        )  # fmt: skip
        return
    line = span.source.text[: span.start].rpartition("\n")[2].rstrip()
    notes = ["a comment begins with `#`; `//` divides"] if line.endswith("//") else []
    if (size := _declared(run, name)) is not None:
        notes.append(f"`{name}` names a size of the input `{size[0]}`; as a value it is `{size[0]}.shape[{size[1]}]`")
    if not fixes and any(isinstance(s, tree.Output) and s.span is span and s.value is None for s in _body(frame)):
        fixes = [Fix(f"give it what it stands for: `output {name} = …`", safety="placeholder")]
    run.report(frame, "E0110", f"there is no `{name}` here", span, "not known", notes=notes, fixes=fixes)


def _declared(run: Run, name: str) -> tuple[str, int] | None:
    """The input and the axis that are declared with a name as their size."""
    for tensor in run.graph.inputs.values():
        for axis, size in enumerate(tensor.shape):
            if str(size) == name:
                return tensor.node.path, axis
    return None


def _whole_map(span: Span) -> Fix:
    """A mean of the whole map is one with a result of 1×1; empty parentheses are taken along."""
    empty = re.compile(r"\([ \t]*\)|(?!\()").match(span.source.text, span.end)
    if empty is None:
        return Fix("write `adaptive_avg_pool2d(1)`", safety="placeholder")
    whole = span.source.span(span.start, empty.end())
    return Fix("write `adaptive_avg_pool2d(1)`", [Edit(whole, "adaptive_avg_pool2d(1)")], "safe")


def _spelt_as_in_python(run: Run, frame: Frame, name: str, span: Span) -> bool:
    """`nn.Conv2d` and its like: the operator is called so without its module, in snake case."""
    found = _DOTTED.match(span.source.text, span.end) if name in ("nn", "F", "torch") else None
    if found is None:
        return False
    whole = span.source.span(span.start, found.end())
    op = next((one for one in operator_names() if one.replace("_", "") == found[1].replace("_", "").lower()), "")
    run.report(
        frame, "E0111", f"operators are named without `{name}`", whole, "not known",
        notes=["PyTorch's name in snake case, less the sizes that are found: `conv2d(64, 3)` is `nn.Conv2d(C, 64, 3)`"],
        fixes=[Fix(f"write `{op}`", [Edit(whole, op)], "placeholder")] if op else [],
    )  # fmt: skip
    return True


def _alike(name: str, close: list[str]) -> list[str]:
    """Of a name of one letter only the case can be mistaken: every other letter is another name."""
    return close if len(name) > 1 else [other for other in close if other.casefold() == name.casefold()]


def _in_training_only(run: Run, frame: Frame, name: str, span: Span) -> bool:
    for statement in _body(frame):
        if isinstance(statement, (tree.Input, tree.Output)) and statement.name == name and statement.training:
            what = "input" if isinstance(statement, tree.Input) else "output"
            run.report(
                frame, "E0223", f"`{name}` is there in training only", span, "asked for in evaluation too",
                also=[(statement.span, f"the {what} is declared `when training`")],
                notes=["mark what uses it `when training`, or put it into `if training { … }`"],
            )  # fmt: skip
            return not run.training
    return False


def _defined_below(run: Run, frame: Frame, name: str, span: Span) -> bool:
    """Whether a later statement gives the name; if what it gives needs the statement here, that is a circle."""
    body = _body(frame)
    later = next((s for s in body if _place(s, span) > 0 and name in _given(s)), None)
    if later is None:
        return False
    here = next((s for s in body if _place(s, span) == 0), None)
    circle = here is not None and bool(set(_given(here)) & _needed(body, here, later))
    notes = ["statements are read from top to bottom"]
    if circle:
        notes = ["each needs the other first; a network has no circles", *notes]
    run.report(
        frame, "E0222", f"`{name}` is used before it is defined", span, "not known yet",
        also=[(later.span, "is defined here" + (", from what is defined above" if circle else ""))], notes=notes,
    )  # fmt: skip
    return True


def _body(frame: Frame) -> tuple[Any, ...]:
    seen: Frame | None = frame
    while seen is not None:
        definition = seen.application.definition
        if isinstance(definition, (tree.Block, tree.Network)):
            return definition.body
        seen = seen.outer
    return ()


def _place(statement: tree.Statement, span: Span) -> int:
    """1 for a statement that comes after what a span marks, 0 for the one around it, -1 for one before."""
    if statement.span.start > span.start:
        return 1
    return 0 if span.end <= statement.span.end else -1


def _given(statement: tree.Statement) -> Iterator[str]:
    """The names that a statement gives values to."""
    if isinstance(statement, tree.Assign):
        yield from statement.targets
    elif isinstance(statement, (tree.Input, tree.Output, tree.Module, tree.Learned)):
        yield statement.name


def _needed(body: tuple[Any, ...], here: Any, later: tree.Statement) -> set[str]:
    """The names that the later statement needs, and those that these need in turn, from here on."""
    found = names(later)
    between = body[body.index(here) : body.index(later)]
    for statement in reversed(between):
        if found & set(_given(statement)):
            found |= names(statement) | set(_given(statement))
    return found
