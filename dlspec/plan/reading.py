"""From a plan's tree to its facts: every key known, every value of its kind and in its range.

Reading goes on after a mistake, so that a plan's mistakes are reported together; what could not be
read is None where it has no default.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dlspec.diagnostics.near_names import near
from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.plan import keys
from dlspec.plan.augmentations import Augmentation
from dlspec.plan.facts import Facts, Family, annotation, fields, has_default, kind, listed_in
from dlspec.plan.groups import ParameterGroup
from dlspec.plan.kinds import Kind
from dlspec.plan.losses import Loss, Output
from dlspec.plan.metrics import Metric
from dlspec.plan.optimizers import Optimizer
from dlspec.plan.other_names import called_here
from dlspec.plan.other_spellings import meant
from dlspec.plan.plugins import Unusable, declared_names, member_of
from dlspec.plan.proposers import Proposer
from dlspec.plan.schedules import Schedule
from dlspec.plan.sources import Source
from dlspec.plan.stages import Stage
from dlspec.plan.values import NotAValue, call_of, described, expression_text, value_of
from dlspec.plan.weights import Weights
from dlspec.record import TYPE_CHECKING, Record
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.source import Span


class Catalogue(Record):
    """A family of facts, what a user calls a member, and the code of an unknown one."""

    family: type[Family]
    member: str
    code: str
    example: str
    of_text: str = ""
    """The member that a text alone stands for, given as its first parameter."""


CATALOGUES: dict[str, Catalogue] = {
    "Source": Catalogue(Source, "data source", "E0605", "digits"),
    "Proposer": Catalogue(Proposer, "proposer", "E0636", "selective_search"),
    "Stage": Catalogue(Stage, "stage", "E0638", 'linear_svm("svms")'),
    "Loss": Catalogue(Loss, "loss", "E0601", "cross_entropy"),
    "Optimizer": Catalogue(Optimizer, "optimizer", "E0611", "sgd(lr=0.1)"),
    "Schedule": Catalogue(Schedule, "schedule", "E0612", "cosine"),
    "Metric": Catalogue(Metric, "metric", "E0610", "accuracy"),
    "Augmentation": Catalogue(Augmentation, "augmentation", "E0613", "rotate(10)"),
    "Weights": Catalogue(Weights, "source of weights", "E0106", '"resnet18.safetensors"', of_text="load"),
    "ParameterGroup": Catalogue(ParameterGroup, "parameter group", "E0106", 'group("backbone", lr_factor=0.1)'),
}

SECTIONS: dict[str, tuple[type[Facts], str]] = {
    "Data": (keys.Data, "`data`"),
    "Split": (keys.Split, "`split`"),
    "Standardize": (keys.Standardize, "`standardize`"),
    "Keep": (keys.Keep, "`keep`"),
    "EarlyStopping": (keys.EarlyStopping, "`early_stopping`"),
    "Log": (keys.Log, "`log`"),
    "Seeds": (keys.Seeds, "`seeds`"),
    "Search": (keys.Search, "`search`"),
    "Limits": (keys.Limits, "`limits`"),
}

_NAMED = re.compile(r"`(\w+)`")

UNREAD = object()
"""What a mistake leaves in place of a value."""


class Reader:
    """Reads sections and applications, and collects the problems.

    `outputs` are those of the network in training, whose bare names may be losses; None where they are not known.
    """

    def __init__(self, outputs: tuple[str, ...] | None = None) -> None:
        self.outputs = outputs
        self.problems: list[Diagnostic] = []

    def plan(self, plan: tree.Plan, section: tree.Section) -> keys.ResolvedPlan:
        """A plan from its section, or from that section with some keys overridden."""
        owner = "the plan" if plan.name == "plan" else f"the plan `{plan.name}`"
        read = self.section(keys.ResolvedPlan, section, owner, owner_span=plan.name_span)
        assert isinstance(read, keys.ResolvedPlan)
        return read

    def section(
        self, facts: type[Facts], section: tree.Section, owner: str, *, owner_span: Span | None = None
    ) -> Facts:
        """A section's facts; `owner` is what its keys are keys of, in words."""
        written: dict[str, Any] = {}
        spans: dict[str, Span] = {}
        for entry in section.entries:
            if entry.key not in fields(facts):
                self.problems.append(unknown_key(facts, entry.key, entry.key_span, owner))
                for meant_key in called_here(entry.key, fields(facts)) or near(entry.key, fields(facts), 1):
                    spans.setdefault(meant_key, entry.key_span)  # it is misspelt, and not missing
                continue
            spans[entry.key] = entry.value.span
            value = self._entry(facts, entry)
            if value is not UNREAD:
                written[entry.key] = value
        for field in () if isinstance(section, tree.BrokenSection) else fields(facts):
            if not has_default(facts, field) and field not in spans:
                self.problems.append(_missing_key(owner, field, owner_span or section.span))
        return _made(facts, written, spans, section.span)

    def _entry(self, facts: type[Facts], entry: tree.Entry) -> Any:
        wanted = annotation(facts, entry.key).removesuffix(" | None")
        if wanted in SECTIONS:
            return self._nested(wanted, entry)
        if wanted in CATALOGUES:
            return self.applied(CATALOGUES[wanted], entry.value, entry.key)
        if listed_in(wanted) in CATALOGUES:
            return self._list(CATALOGUES[listed_in(wanted) or ""], entry)
        match wanted:
            case "tuple[Term, ...]":
                return self._sum(entry.value, entry.key)
            case "dict[str, str]":
                return self._reasons(entry)
            case "Offers":
                return self._offers(entry)
            case "Application":
                return self._application(entry)
        kind_ = kind(facts, entry.key)
        assert kind_ is not None, f"no reader for {wanted}"
        return self._key_value(kind_, entry)

    def _nested(self, wanted: str, entry: tree.Entry) -> Facts | object:
        facts, owner = SECTIONS[wanted]
        if isinstance(entry.value, tree.Section):
            return self.section(facts, entry.value, owner)
        self.problems.append(
            problem(
                "E0106",
                f"{owner} holds keys of its own",
                entry.value.span,
                "is a single value",
                notes=[f"{owner} takes {listed(fields(facts))}"],
            )
        )
        return UNREAD

    def _key_value(self, kind_: Kind, entry: tree.Entry) -> Any:
        value = self._value(entry.value, f"`{entry.key}` wants {kind_.says}", "E0106")
        if value is UNREAD:
            return UNREAD
        return self._checked(kind_, value, f"`{entry.key}`", entry.value.span, ("E0106", "E0614"))

    def _value(self, expr: tree.Expr | tree.Section, message: str, code: str) -> Any:
        try:
            return value_of(expr)
        except NotAValue as found:
            self.problems.append(problem(code, message, found.expr.span, "a plan's values are written out"))
            return UNREAD

    def _checked(self, kind_: Kind, value: Any, what: str, span: Span, codes: tuple[str, str]) -> Any:
        """The value as its field holds it; `codes` are for a wrong type and a wrong range."""
        fits = kind_.has_type(value)
        if fits and kind_.has_range(value):
            return kind_.converted(value)
        message = f"{what} wants {kind_.says}"
        choices = _NAMED.findall(kind_.says) if isinstance(value, str) else []
        fixes = renamed(value, choices, span, "choice") if choices else []
        self.problems.append(problem(codes[fits], message, span, f"is {described(value)}", fixes=fixes))
        return UNREAD

    def applied(self, catalogue: Catalogue, expr: tree.Expr | tree.Section, key: str) -> Any:
        """A member of a catalogue: `digits`, `sgd(lr=0.1)`."""
        match expr:
            case tree.Name():
                return self._member(catalogue, expr, ())
            case tree.Call(function=tree.Name()):
                return self._member(catalogue, expr.function, expr.args, expr.span)
            case tree.Literal(value=str()) if catalogue.of_text:
                name = tree.Name(expr.span, catalogue.of_text)
                return self._member(catalogue, name, (tree.Arg(expr.span, None, expr),), expr.span)
        message = f"`{key}` wants {_article(catalogue.member)}, such as `{catalogue.example}`"
        fixes = meant(expr, tuple(catalogue.family.members))
        self.problems.append(problem("E0106", message, expr.span, f"is no {catalogue.member}", fixes=fixes))
        return UNREAD

    def _member(
        self, catalogue: Catalogue, name: tree.Expr, args: Sequence[tree.Arg], span: Span | None = None
    ) -> Facts | object:
        assert isinstance(name, tree.Name)
        member = self._known(catalogue, name)
        if member is None:
            return UNREAD
        written, spans = self._arguments(member, args, name.span)
        if any(field not in written and not has_default(member, field) for field in fields(member)):
            return UNREAD
        return _made(member, written, {"": name.span, **spans}, span or name.span)

    def _known(self, catalogue: Catalogue, name: tree.Name) -> type[Facts] | None:
        """The member of a name; None, with a problem, where there is none or a package's cannot be used."""
        try:
            member = member_of(catalogue.family, name.name)
        except Unusable as reason:
            message = f"the {catalogue.member} `{name.name}` cannot be used"
            self.problems.append(problem(catalogue.code, message, name.span, "of a package", notes=[str(reason)]))
            return None
        if member is None:
            outputs = (self.outputs or ()) if catalogue.family is Loss else ()
            self.problems.append(_unknown_member(catalogue, name, outputs))
        return member

    def _arguments(
        self, member: type[Facts], args: Sequence[tree.Arg], name_span: Span
    ) -> tuple[dict[str, Any], dict[str, Span]]:
        written: dict[str, Any] = {}
        spans: dict[str, Span] = {}
        takes = fields(member)
        for position, arg in enumerate(args):
            field = arg.name or (takes[position] if position < len(takes) else None)
            if field is None or field not in takes:
                self.problems.append(unknown_parameter(member, field, arg))
                continue
            if field in spans:
                message = f"`{member.name}` is given `{field}` twice"
                self.problems.append(problem("E0112", message, arg.span, "again", also=[(spans[field], "first")]))
                continue
            spans[field] = arg.value.span
            value = self._parameter(member, field, arg.value)
            if value is not UNREAD:
                written[field] = value
        for field in takes:
            if field not in spans and not has_default(member, field):
                self.problems.append(_missing_parameter(member, field, name_span))
        return written, spans

    def _parameter(self, member: type[Facts], field: str, expr: tree.Expr) -> Any:
        kind_ = kind(member, field)
        assert kind_ is not None, f"{member.name}.{field} has no kind"
        what = f"`{field}` of `{member.name}`"
        if annotation(member, field) == "Application":
            return self._call(expr, what)
        value = self._value(expr, f"{what} wants {kind_.says}", "E0201")
        return UNREAD if value is UNREAD else self._checked(kind_, value, what, expr.span, ("E0201", "E0202"))

    def _call(self, expr: tree.Expr, what: str) -> Any:
        """A name that something else knows, with values for its parameters, as text."""
        try:
            text = expression_text(expr)
            call_of(text)
        except NotAValue:
            message = f"{what} wants a name, or one with named values, as in `RandomSolarize(thresholds=0.1)`"
            self.problems.append(problem("E0201", message, expr.span, "is neither"))
            return UNREAD
        return text

    def _list(self, catalogue: Catalogue, entry: tree.Entry) -> Any:
        if not isinstance(entry.value, tree.ListExpr):
            one = self.applied(catalogue, entry.value, entry.key)
            return UNREAD if one is UNREAD else (one,)
        read = [self.applied(catalogue, item, entry.key) for item in entry.value.items]
        return tuple(item for item in read if item is not UNREAD)

    def _sum(self, expr: tree.Expr | tree.Section, key: str, factor: float = 1.0) -> Any:
        """A loss, or a sum of losses with factors: `cross_entropy(logits) + 0.4 * cross_entropy(aux)`."""
        match expr:
            case tree.Binary(operator="+"):
                sides = [self._sum(side, key, factor) for side in (expr.left, expr.right)]
                return UNREAD if UNREAD in sides else sides[0] + sides[1]
            case tree.Binary(operator="*"):
                for number, loss in ((expr.left, expr.right), (expr.right, expr.left)):
                    if isinstance(number, tree.Literal | tree.Unary | tree.Binary):
                        scale = self._value(number, "the factor of a loss is a number", "E0106")
                        return UNREAD if scale is UNREAD else self._sum(loss, key, factor * scale)
        if isinstance(expr, tree.Name) and self._is_output(expr.name):
            named = Output(output=expr.name, span=expr.span, spans={"": expr.span, "output": expr.span})
            return (keys.Term(loss=named, factor=factor, span=expr.span),)
        loss = self.applied(CATALOGUES["Loss"], expr, key)
        return UNREAD if loss is UNREAD else (keys.Term(loss=loss, factor=factor, span=expr.span),)

    def _is_output(self, name: str) -> bool:
        """Whether a name in place of a loss is an output's; of an unknown network any is that is near no loss."""
        if name in Loss.members:
            return False
        return name in self.outputs if self.outputs is not None else not near(name, Loss.members)

    def _application(self, entry: tree.Entry) -> Any:
        try:
            if not isinstance(entry.value, tree.Section):
                return expression_text(entry.value)
        except NotAValue:
            pass
        message = f"`{entry.key}` wants a network, or one with its parameters set, as in `lenet(classes=10)`"
        self.problems.append(problem("E0106", message, entry.value.span, "is neither"))
        return UNREAD

    def _offers(self, entry: tree.Entry) -> Any:
        """`over { optimizer { lr = log(1e-4, 1e-1) } }`: expressions by dotted key; `check_search` judges them."""
        from dlspec.plan.search import declared

        if not isinstance(entry.value, tree.Section) or not entry.value.entries:
            message = "`over` holds keys of the plan, each with values to try"
            self.problems.append(problem("E0106", message, entry.value.span, "holds none"))
            return UNREAD
        found = {}
        for key, one in declared(entry.value):
            assert not isinstance(one.value, tree.Section)
            try:
                found[key] = expression_text(one.value)
            except NotAValue:
                return UNREAD
        return found

    def _reasons(self, entry: tree.Entry) -> Any:
        """`allow { double_softmax = "distilling from probabilities" }`: lints with their reasons."""
        if not isinstance(entry.value, tree.Section):
            message = "`allow` holds lints, each with a reason"
            self.problems.append(problem("E0106", message, entry.value.span, "is a single value"))
            return UNREAD
        reasons: dict[str, str] = {}
        for one in entry.value.entries:
            lint = one.key.replace("_", "-")
            if lint not in _lints():
                self.problems.append(_unknown_lint(one))
            elif not isinstance(one.value, tree.Literal) or not str(one.value.value or "").strip():
                message = f"`{one.key}` is allowed without a reason"
                fix = Fix("say why, in quotes; the report repeats it", safety="placeholder")
                self.problems.append(problem("E0106", message, one.value.span, "is no sentence", fixes=[fix]))
            else:
                reasons[lint] = str(one.value.value)
        return reasons


def unknown_key(facts: type[Facts], key: str, span: Span, owner: str) -> Diagnostic:
    fixes = renamed(key, fields(facts), span, "key")
    notes = [] if fixes else [f"{owner} takes {listed(fields(facts))}", *_keys_elsewhere(facts, key)]
    return problem("E0105", f"{owner} has no key `{key}`", span, "not a key", notes=notes, fixes=fixes)


def _keys_elsewhere(facts: type[Facts], key: str) -> list[str]:
    """Where a key stands that is missing here: in the plan itself, or in another of its sections."""
    places: tuple[tuple[type[Facts], str], ...] = ((keys.ResolvedPlan, "the plan itself"), *SECTIONS.values())
    for name in (key, *{one for place, _ in places for one in called_here(key, fields(place))}):
        here = [owner for other, owner in places if other is not facts and name in fields(other)]
        if here:
            return [f"`{name}` is a key of {listed(here)}"]
    close = near(key, fields(keys.ResolvedPlan), 1) if facts is not keys.ResolvedPlan else []
    return [f"`{name}` is a key of the plan itself" for name in close]


def unknown_parameter(member: type[Facts], field: str | None, arg: tree.Arg) -> Diagnostic:
    takes = fields(member)
    notes = [f"`{member.name}` takes {listed(takes)}" if takes else f"`{member.name}` takes no parameters"]
    if field is None:
        message = f"`{member.name}` takes {_counted(len(takes))}"
        return problem("E0112", message, arg.span, "one too many", notes=notes)
    span = arg.span
    named = type(span)(span.source, span.start, span.start + len(field)) if span.text.startswith(field) else span
    fixes = renamed(field, takes, named, "parameter")
    return problem(
        "E0112",
        f"`{member.name}` has no parameter `{field}`",
        named,
        "not a parameter",
        notes=notes,
        fixes=fixes,
    )


def _made(facts: type[Facts], written: dict[str, Any], spans: dict[str, Span], span: Span) -> Facts:
    unread = {field: None for field in fields(facts) if field not in written and not has_default(facts, field)}
    return facts(span=span, spans=spans, **unread, **written)


def _missing_key(owner: str, field: str, span: Span) -> Diagnostic:
    catalogue = CATALOGUES.get(field.capitalize())
    example = f": `{field} = {catalogue.example}`" if catalogue else ""
    fix = Fix(f"add `{field}`{example}", safety="placeholder")
    return problem("E0608", f"{owner} has no `{field}`", span, f"needs `{field}`", fixes=[fix])


def _missing_parameter(member: type[Facts], field: str, span: Span) -> Diagnostic:
    kind_ = kind(member, field)
    assert kind_ is not None
    fix = Fix(f"give `{field}`: {kind_.says}", safety="placeholder")
    return problem("E0203", f"`{member.name}` needs `{field}`", span, "is without it", fixes=[fix])


def _unknown_member(catalogue: Catalogue, name: tree.Name, outputs: tuple[str, ...]) -> Diagnostic:
    """E0601 and the like; an output of the network may be meant where it can stand for a loss."""
    members = (*catalogue.family.members, *declared_names(catalogue.family))
    return problem(
        catalogue.code,
        f"there is no {catalogue.member} `{name.name}`",
        name.span,
        "not known",
        notes=[f"{_several(catalogue.member)} are {listed(members)}"],
        fixes=renamed(name.name, (*members, *outputs), name.span, catalogue.member),
    )


def _unknown_lint(entry: tree.Entry) -> Diagnostic:
    lints = _lints()
    fixes = renamed(entry.key, lints, entry.key_span, "lint")
    notes = [f"lints are {listed(lints)}"]
    return problem("E0105", f"there is no lint `{entry.key}`", entry.key_span, "not a lint", notes=notes, fixes=fixes)


def _lints() -> tuple[str, ...]:
    from dlspec.diagnostics.codes import CODES

    return tuple(name for code, name in CODES.items() if code.startswith("W"))


def renamed(name: str, known: Sequence[str], span: Span, what: str) -> list[Fix]:
    from dlspec.diagnostics.near_names import near

    other = called_here(name, known)
    message = f"there is {_article(what)} with a similar name"
    if other:
        return [Fix(f"here it is called `{one}`", [Edit(span, one)], "unsafe") for one in other]
    return [Fix(message, [Edit(span, close)], "safe") for close in near(name, known)]


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b, and c`."""
    if len(words) < 3:
        return " and ".join(words)
    return f"{', '.join(words[:-1])}, and {words[-1]}"


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _several(words: str) -> str:
    first, of, rest = words.partition(" of ")
    return f"{first}{'es' if first.endswith('s') else 's'}{of}{rest}"


def _counted(number: int) -> str:
    return {0: "no parameters", 1: "1 parameter"}.get(number, f"at most {number} parameters")
