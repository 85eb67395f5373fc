"""Statements of blocks and networks, in order."""

from __future__ import annotations

from dlspec.diagnostics.record import Fix
from dlspec.elaborate import declare
from dlspec.elaborate.frame import Frame, Scope
from dlspec.elaborate.labels import claim
from dlspec.elaborate.no_output import no_output
from dlspec.elaborate.reserved import PYTHON_WORDS
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import (
    UNKNOWN,
    ArgumentSpans,
    Fields,
    SharedStage,
    Stage,
    is_unknown,
    kind_of,
    tensors_in,
)
from dlspec.graph import Module, Node, Source, Tensor
from dlspec.ops.op import At
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

_NOTHING = object()


class Body:
    """What the statements of one body have given so far."""

    __slots__ = ("given", "inputs", "naming", "outputs", "result", "spans")

    def __init__(self, naming: str, given: list[Any] | None = None) -> None:
        self.naming = naming
        self.given = given
        """For a network within another: the tensors for its inputs."""
        self.inputs = 0
        self.outputs: dict[str, Any] = {}
        self.spans: dict[str, Any] = {}
        self.result: Any = _NOTHING


def block_body(run: Run, frame: Frame, definition: tree.Block) -> Any:
    """What a block gives: its last expression, or a record of its outputs."""
    if any(isinstance(statement, tree.Broken) for statement in definition.body):
        return UNKNOWN
    body = Body("numbered" if is_one_pipeline(definition.body) else "named")
    run_statements(run, frame, definition.body, body)
    if body.outputs:
        values = body.outputs
        return next(iter(values.values())) if len(values) == 1 else Fields(values)
    if body.result is _NOTHING:
        run.report(
            frame, "E0206", f"the block `{definition.name}` gives nothing", definition.name_span,
            "its last line is not an expression", notes=["the last expression of a block is what it gives"],
        )  # fmt: skip
        return UNKNOWN
    return body.result


def network_body(
    run: Run, frame: Frame, definition: tree.Network, given: list[Any] | None, spans: ArgumentSpans | None
) -> dict[str, Any] | None:
    """The outputs of a network by name; None after a mistake that leaves none."""
    if any(isinstance(statement, tree.Broken) for statement in definition.body):
        return None
    declared = [s for s in definition.body if isinstance(s, tree.Input) and (run.training or not s.training)]
    if given is not None and len(given) != len(declared):
        names = ", ".join(f"`{s.name}`" for s in declared)
        run.report(
            frame, "E0204", f"the network `{definition.name}` takes {len(declared)} inputs ({names}), it gets "
            f"{len(given)}",
            spans.call if spans else definition.name_span, f"gets {len(given)}",
        )  # fmt: skip
        return None
    body = Body("network" if is_one_pipeline(definition.body) else "named", given)
    run_statements(run, frame, definition.body, body)
    if not body.outputs:
        if body.result is not UNKNOWN:
            no_output(run, frame, definition)
        return None
    if given is None:
        run.graph.output_spans = body.spans
    return body.outputs


def is_one_pipeline(statements: tuple[tree.Statement, ...]) -> bool:
    """Whether a body is a single pipeline, beside what it declares and compile-time values."""
    makers = [s for s in statements if not _only_declares(s)]
    if len(makers) != 1 or not isinstance(makers[0], (tree.Evaluate, tree.Output)):
        return False
    return isinstance(makers[0].value, tree.Pipe)


def _only_declares(statement: tree.Statement) -> bool:
    if isinstance(statement, (tree.Input, tree.Allow, tree.Limits)):
        return True
    if isinstance(statement, tree.Output):
        return statement.value is None
    return (
        isinstance(statement, tree.Assign)
        and not isinstance(statement.value, (tree.Pipe, tree.Labelled, tree.Group, tree.IfExpr))
        and not _calls_something(statement.value)
    )


def _calls_something(expr: Any) -> bool:
    """Whether an expression may make a node: a call with a name or expression that may be a tensor in it."""
    return isinstance(expr, tree.Call) and any(not isinstance(arg.value, tree.Literal) for arg in expr.args)


def run_statements(run: Run, frame: Frame, statements: tuple[tree.Statement, ...], body: Body) -> None:
    for statement in statements:
        _RUN[type(statement)](run, frame, statement, body)


# One function a statement


def _value(run: Run, frame: Frame, expr: tree.Expr, body: Body) -> Any:
    if isinstance(expr, tree.Pipe):
        return run.language.pipeline(run, frame, expr, body.naming)
    return run.language.evaluate(run, frame, expr)


def _broken(run: Run, frame: Frame, statement: tree.Broken, body: Body) -> None:
    body.result = UNKNOWN


def _evaluate(run: Run, frame: Frame, statement: tree.Evaluate, body: Body) -> None:
    body.result = _value(run, frame, statement.value, body)


def _assign(run: Run, frame: Frame, statement: tree.Assign, body: Body) -> None:
    value = _value(run, frame, statement.value, body)
    body.result = _NOTHING
    if len(statement.targets) == 1:
        frame.env[statement.targets[0]] = value
        return
    parts = list(value.values()) if isinstance(value, Fields) else value
    if is_unknown(value) or not isinstance(parts, list) or len(parts) != len(statement.targets):
        if value is not UNKNOWN and not (isinstance(parts, list) and len(parts) == len(statement.targets)):
            has = f"has {len(parts)}" if isinstance(parts, list) else f"is {kind_of(value)}"
            run.report(
                frame, "E0205", f"{len(statement.targets)} names are given, the value {has}",
                statement.value.span, has,
            )  # fmt: skip
            parts = [UNKNOWN] * len(statement.targets)
        if value is UNKNOWN:
            parts = [UNKNOWN] * len(statement.targets)
    for name, item in zip(statement.targets, parts):
        frame.env[name] = item


def _input(run: Run, frame: Frame, statement: tree.Input, body: Body) -> None:
    if statement.training and not run.training:
        run.asks_training = True
        return
    if statement.name in frame.env:
        run.report(
            frame,
            "E0113",
            f"the input `{statement.name}` is defined twice",
            statement.span,
            "the name is taken",
        )
        return
    if statement.name in PYTHON_WORDS:
        run.report(
            frame,
            "E0114",
            f"an input cannot be called `{statement.name}`",
            statement.span,
            "is a word of Python",
        )
    if body.given is not None:
        value = body.given[body.inputs]
        body.inputs += 1
        frame.env[statement.name] = declare.accept(run, frame, statement, value)
        return
    frame.env[statement.name] = declare.declared_input(run, frame, statement)


def _output(run: Run, frame: Frame, statement: tree.Output, body: Body) -> None:
    if statement.training:
        run.asks_training = True
        if not run.training:
            return
    if statement.condition is not None and not run.language.truth(run, frame, statement.condition):
        return
    if statement.name in body.outputs:
        run.report(
            frame, "E0113", f"the output `{statement.name}` is defined twice", statement.span, "again here",
            also=[(body.spans[statement.name], "first here")],
        )  # fmt: skip
        return
    if statement.value is None:
        value = run.language.look_up(run, frame, statement.name, statement.span)
    else:
        value = _value(run, frame, statement.value, body)
        frame.env.setdefault(statement.name, value)
    body.spans[statement.name] = statement.span
    body.outputs[statement.name] = value
    if value is not UNKNOWN and next(tensors_in(value), None) is None:
        what = kind_of(value)
        run.report(
            frame, "E0205", f"the output `{statement.name}` is not a tensor", statement.span, f"is {what}",
            notes=["the pipeline begins with a stage, not with an input"] if isinstance(value, Stage) else [],
        )  # fmt: skip
        body.outputs[statement.name] = UNKNOWN


def _module(run: Run, frame: Frame, statement: tree.Module, body: Body) -> None:
    known = frame.env.get(statement.name)
    if isinstance(known, SharedStage) and known.span != statement.span:
        run.report(
            frame, "E0113", f"the module `{statement.name}` is defined twice", statement.span, "again here",
            also=[(known.span, "first here")],
        )  # fmt: skip
    value = run.language.evaluate(run, frame, statement.value)
    if isinstance(value, list) and value and all(isinstance(item, Stage) for item in value):
        home = Frame(frame.file, frame.application, frame.scope, frame.uses, frame)
        frame.env[statement.name] = _shared_list(run, home, statement, value)
        return
    if isinstance(value, Stage):
        frame.env[statement.name] = SharedStage(statement.name, value, frame, statement.span)
        return
    if value is not UNKNOWN:
        run.report(
            frame, "E0205", f"`module {statement.name}` is made of a stage", statement.value.span,
            f"is {kind_of(value)}",
            notes=["a stage is an operator, block or group without its tensor: `module head = linear(10)`"],
        )  # fmt: skip
    frame.env[statement.name] = UNKNOWN


def _shared_list(run: Run, frame: Frame, statement: tree.Module, stages: list[Stage]) -> list[SharedStage]:
    """`module heads = [a, b]`: modules `heads.0`, `heads.1`, a copy each of what is repeated."""
    path = claim(run, frame, statement.name, statement.span)
    made = []
    for index, stage in enumerate(stages):
        home = Frame(frame.file, frame.application, Scope(path, frame.scope.round), frame.uses, frame)
        made.append(SharedStage(str(index), stage, home, statement.span))
    return made


def _learned(run: Run, frame: Frame, statement: tree.Learned, body: Body) -> None:

    shape = [run.language.evaluate(run, frame, axis) for axis in statement.shape]
    if any(map(is_unknown, shape)):
        frame.env[statement.name] = UNKNOWN
        return
    for size, axis in zip(shape, statement.shape):
        if type(size) is not int or size < 1:
            run.report(
                frame, "E0201", f"an axis of `{statement.name}` is a whole number of at least 1", axis.span,
                f"is {kind_of(size)}",
            )  # fmt: skip
            frame.env[statement.name] = UNKNOWN
            return
    path = claim(run, frame, statement.name, statement.span)
    op = LearnedTensor(statement.kind, _start(run, frame, statement.start), tuple(shape))
    node = Node(path, op, (), At(()), statement.span, frame.application)
    node.outputs = (Tensor("float32", tuple(shape), node),)
    known = run.graph.modules.get(path)
    if known is None:
        known = run.graph.modules[path] = Module(path, op, node.at, statement.span)
        known.frozen = run.frozen > 0
        run.weighted += 1
    else:
        node.path = f"{path}#{frame.scope.round + 1}"
    node.module = known
    run.add(node, frame.application)
    run.values[node.path] = frame.env[statement.name] = node.outputs[0]


class LearnedTensor(Source, abstract=True):
    """`parameter` or `buffer`: a tensor with a path of its own."""

    family = "parameter"

    def __init__(self, kind: str, start: str, shape: tuple[Any, ...]) -> None:
        super().__init__(kind, start)
        self.shape = shape

    def weights(self, at: At) -> Any:
        return iter([("", self.shape)] if self.kind == "parameter" else [])

    def buffers(self, at: At) -> Any:
        return iter([("", self.shape, "float32")] if self.kind == "buffer" else [])


STARTS = {"zeros": (0, 0), "ones": (0, 0), "full": (1, 1), "normal": (0, 1), "uniform": (0, 2), "trunc_normal": (0, 1)}
"""How a learned tensor may begin, with how many numbers each takes at least and at most."""


def _start(run: Run, frame: Frame, expr: tree.Expr) -> str:
    """The text of a beginning, `normal(0.02)`; checked, since it reaches generated code."""
    call = expr if isinstance(expr, tree.Call) else None
    name = call.function if call else expr
    numbers = [run.language.evaluate(run, frame, arg.value) for arg in call.args] if call else []
    if any(number is UNKNOWN for number in numbers):
        return "zeros"
    least, most = STARTS.get(name.name, (1, 0)) if isinstance(name, tree.Name) else (1, 0)
    if not least <= len(numbers) <= most or any(type(number) not in (int, float) for number in numbers):
        run.report(
            frame, "E0205", "a learned tensor begins as `zeros`, `ones`, `full`, `normal`, `trunc_normal` or `uniform`",
            expr.span, "not one of them",
            notes=["with numbers: `full(1e-6)`, `normal(0.02)`, `trunc_normal(0.02)`, `uniform(-1, 1)`"],
        )  # fmt: skip
        return "zeros"
    assert isinstance(name, tree.Name)
    return f"{name.name}({', '.join(map(repr, numbers))})" if numbers else name.name


def _if(run: Run, frame: Frame, statement: tree.If, body: Body) -> None:
    chosen = run.language.truth(run, frame, statement.test)
    frame.application.decisions.append((statement, chosen))
    run_statements(run, frame, statement.body if chosen else statement.orelse, body)


def _for(run: Run, frame: Frame, statement: tree.For, body: Body) -> None:
    for row in run.language.rows(run, frame, statement.iterable, statement.targets, statement.span) or []:
        run.spend(frame, statement.span)
        frame.env.update(row)
        run_statements(run, frame, statement.body, body)


def _allow(run: Run, frame: Frame, statement: tree.Allow, body: Body) -> None:
    from dlspec.diagnostics.codes import CODES
    from dlspec.diagnostics.near_names import near

    names = [name for code, name in CODES.items() if code[0] == "W"]
    if statement.lint not in names:
        close = near(statement.lint, names)
        run.report(
            frame, "E0110", f"there is no lint `{statement.lint}`", statement.span, "not known",
            fixes=[Fix(f"there is `{name.replace('-', '_')}`", safety="placeholder") for name in close],
        )  # fmt: skip
    elif not statement.reason.strip():
        run.report(frame, "E0203", f"`allow {statement.lint}` needs a reason", statement.span, "the reason is empty")
    run.graph.allowed[statement.lint] = statement.reason


def _limits(run: Run, frame: Frame, statement: tree.Limits, body: Body) -> None:
    if frame.application.parent is None:
        run.graph.limits = statement.section


_RUN: dict[type, Any] = {
    tree.Broken: _broken,
    tree.Evaluate: _evaluate,
    tree.Assign: _assign,
    tree.Input: _input,
    tree.Output: _output,
    tree.Module: _module,
    tree.Learned: _learned,
    tree.If: _if,
    tree.For: _for,
    tree.Allow: _allow,
    tree.Limits: _limits,
}
