"""The arguments of a call, and the parameters of a block or network that they are bound to."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate.frame import Frame
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import (
    ArgumentSpans,
    BlockStage,
    ForeignStage,
    NetworkStage,
    OpStage,
    Partial,
    Stage,
    holds_tensor,
    is_unknown,
)
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.source import Span


def no_arguments(span: Span) -> ArgumentSpans:
    """The spans of a stage that is applied by its bare name."""
    return ArgumentSpans(span, [span], {})


def arguments(run: Run, frame: Frame, call: tree.Call) -> tuple[list[Any], dict[str, Any], ArgumentSpans]:
    """The evaluated arguments of a call, with where they stand."""
    args: list[Any] = []
    named: dict[str, Any] = {}
    spans = ArgumentSpans(call.function.span, [], {})
    for arg in call.args:
        value = run.language.evaluate(run, frame, arg.value)
        if arg.name is None:
            if named:
                run.report(
                    frame,
                    "E0205",
                    "an argument by position stands after one by name",
                    arg.span,
                    "put it first",
                )
            args.append(value)
            spans.positional.append(arg.value.span)
        elif arg.name in named:
            run.report(
                frame, "E0205", f"`{arg.name}` is given twice", arg.span, "again here",
                also=[(spans.named[arg.name], "first here")],
            )  # fmt: skip
        else:
            named[arg.name] = value
            spans.named[arg.name] = arg.span
    return args, named, spans


def starts_with_tensor(stage: Stage, args: list[Any], named: dict[str, Any]) -> bool:
    """Whether a call applies its stage now: its first argument is a tensor, or holds some."""
    if isinstance(stage, Partial):
        return bool(args) and holds_tensor(args[0])
    if args and (holds_tensor(args[0]) or is_unknown(args[0])):
        return True
    if isinstance(stage, BlockStage) and not stage.definition.params:
        return True
    return any(holds_tensor(value) for value in named.values()) and not isinstance(stage, OpStage)


def bind_params(
    run: Run, frame: Frame, what: str, params: tuple[tree.Param, ...], args: list[Any], named: dict[str, Any],
    spans: ArgumentSpans,
) -> dict[str, Any] | None:  # fmt: skip
    names = [param.name for param in params]
    if len(args) > len(names):
        run.report(
            frame, "E0205", f"the {what} takes {len(names)} arguments, {len(args)} are given",
            spans.positional[len(names)] if len(names) < len(spans.positional) else spans.call, "one too many",
            notes=[f"it takes {', '.join(names) or 'none'}"],
        )  # fmt: skip
        return None
    bound = dict(zip(names, args))
    ok = True
    for name, value in named.items():
        span = spans.named[name]
        if name not in names:
            ok = _unknown_argument(run, frame, what, name, span, names)
        elif name in bound:
            run.report(frame, "E0205", f"`{name}` is given twice", span, "again here")
            ok = False
        else:
            bound[name] = value
    return bound if ok else None


def _unknown_argument(run: Run, frame: Frame, what: str, name: str, span: Span, names: list[str]) -> bool:
    from dlspec.diagnostics.near_names import near

    where = span.source.span(span.start, span.start + len(name)) if span.text.startswith(name) else span
    run.report(
        frame, "E0112", f"the {what} has no parameter `{name}`", where, "not a parameter",
        notes=[f"it takes {', '.join(names) or 'none'}"],
        fixes=[Fix(f"there is `{n}`", [Edit(where, n)], "safe") for n in near(name, names)],
    )  # fmt: skip
    return False


def defaults(
    run: Run, frame: Frame, stage: BlockStage | NetworkStage | ForeignStage, params: tuple[tree.Param, ...],
    bound: dict[str, Any], spans: ArgumentSpans,
) -> dict[str, Any] | None:  # fmt: skip
    seen = Frame(stage.file, frame.application, frame.scope, frame.uses)
    values: dict[str, Any] = {}
    missing = []
    for param in params:
        if param.name in bound:
            values[param.name] = bound[param.name]
        elif param.default is not None:
            values[param.name] = run.language.evaluate(run, seen, param.default)
        else:
            missing.append(param)
        if param.name in values:
            seen.env[param.name] = values[param.name]
    if missing:
        words = " and ".join(f"`{param.name}`" for param in missing)
        run.report(
            frame, "E0203", f"`{stage.definition.name}` needs {words}", spans.call, f"without {words}",
            also=[(missing[0].span, "has no default")],
        )  # fmt: skip
        return None
    return values
