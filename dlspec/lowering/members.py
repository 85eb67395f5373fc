"""The attributes of a class: a tree of modules by their paths, and the arguments that are kept for `forward`."""

from __future__ import annotations

from dlspec.lowering.expressions import Constant, Expression, Formal, Name, mentions_training, python_literal
from dlspec.lowering.modules import Repeated, Texts, folded, in_list
from dlspec.lowering.names import fresh, is_attribute
from dlspec.lowering.settle import settled
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.lowering.emitter import Emitter
    from dlspec.lowering.units import Line, Unit
    from dlspec.lowering.uses import Survey
    from dlspec.source import Span

Parts = tuple[str, ...]


class Member:
    """One module, or a list of modules, at its place."""

    __slots__ = ("children", "kind", "line", "others", "span", "test", "text")

    def __init__(self) -> None:
        self.children: dict[str, Member] = {}
        self.line: Line | None = None
        self.text = ""
        """Its constructor; empty for a list."""
        self.kind = "module"
        """`module`, `parameter` or `buffer`."""
        self.test: Expression | None = None
        self.others: list[tuple[Expression, str]] = []
        """What it is where other conditions hold: the spec makes a module of one name in several branches."""
        self.span: Span | None = None

    def there(self, use: int) -> bool:
        """Whether a use has it."""
        return self.test is None or bool(self.test.value(use)) or any(test.value(use) for test, _ in self.others)


class Members:
    """What the instances of a unit hold."""

    def __init__(self, unit: Unit, texts: Texts, surveys: list[Survey]) -> None:
        self.unit = unit
        self.texts = texts
        self.surveys = surveys
        self.tree = Member()
        self._kept: dict[Formal, str] = {}
        self._conditions: list[tuple[str, Expression]] = []
        for line in unit.lines:
            parts = self._parts(line)
            if parts is not None:
                self._put(parts, line)
        self._elsewhere()

    @property
    def are_numbered(self) -> bool:
        """Whether they are modules called 0, 1, 2, each there under all conditions."""
        plain = all(
            member.text and member.kind == "module" and member.test is None and not member.others
            for member in self.tree.children.values()
        )
        return plain and bool(self.tree.children) and _is_list(self.tree)

    def items(self) -> str:
        """Their constructors, one after the other."""
        return ", ".join(folded(Repeated("", member.text) for member in self.tree.children.values()))

    # Building

    def _parts(self, line: Line) -> Parts | None:
        """The path of a line's module from here; None where it has none, or another class holds it."""
        number, step = next(iter(line.steps.items()))[0], line.sample
        use = self.unit.uses[number]
        if step.path is None or step.path in use.borrowed:
            return None
        return tuple(step.path[len(use.path) :].strip(".").split("."))

    def _place(self, parts: Parts) -> Member:
        member = self.tree
        for part in parts:
            member = member.children.setdefault(part, Member())
        return member

    def _put(self, parts: Parts, line: Line, use: int | None = None) -> None:
        """Hang up the module of a line; of a line of another class with the numbers of one of its uses."""
        member = self._place(parts)
        test = None if line.test is None or mentions_training(line.test) else settled(line.test)
        if member.text:
            if test is not None and not any(member.there(number) for number in line.steps):
                self._put_beside(member, test, self.texts.module(line, {}))
            return
        member.line = line
        bound: dict[Formal, Expression] = {} if use is None else {f: Constant(f.values[use]) for f in _formals(line)}
        member.text = self.texts.module(line, bound)
        member.span = line.sample.span
        member.test = test
        node = line.sample.node
        if node is not None and node.op.family == "parameter":
            member.kind = node.op.name

    def _put_beside(self, member: Member, test: Expression, text: str) -> None:
        """A module that another branch makes too: one for all where they are the same."""
        member.others.append((test, text))
        if self._is_everywhere(member) and {other for _, other in member.others} == {member.text}:
            member.test = None
            member.others = []

    def _is_everywhere(self, member: Member) -> bool:
        return all(map(member.there, range(len(self.unit.uses))))

    def _elsewhere(self) -> None:
        """Modules that are held here and run by others only."""
        use = self.unit.sample
        survey = next(survey for survey in self.surveys if survey.training == use.training)
        for path in survey.owned.get(use.path, ()):
            parts = tuple(path[len(use.path) :].strip(".").split("."))
            if not self._place(parts).text:
                self._put(parts, *_maker(path, survey))

    # Reading

    def attribute(self, line: Line) -> str:
        """The text that reaches a line's module from `forward`."""
        parts = self._parts(line)
        if parts is None:
            assert line.sample.path is not None
            number = next(iter(line.steps))
            return self.unit.uses[number].borrowed[line.sample.path]
        return self._reach(parts)

    def module(self, path: str, unit: Unit) -> str:
        """A module by its path, to be handed on: an attribute, or what was handed in."""
        use = unit.sample
        if path in use.borrowed:
            return use.borrowed[path]
        return self._reach(tuple(path[len(use.path) :].strip(".").split(".")))

    def _reach(self, parts: Parts) -> str:
        text, member = "self", self.tree
        for part in parts:
            if member is self.tree:
                text = f"self.{part}" if is_attribute(part) else f"getattr(self, {python_literal(part)})"
            elif _is_list(member):
                text = f"{text}[{part}]"
            else:
                text = f"{text}[{python_literal(part)}]"
            member = member.children[part]
        return text

    def kept(self, formal: Formal) -> str:
        """The attribute that keeps an argument for `forward`."""
        if formal not in self._kept:
            taken = {*self.tree.children, *self._kept.values()}
            self._kept[formal] = fresh(formal.name, taken)
        return f"self.{self._kept[formal]}"

    def condition(self, test: Expression, about: str) -> str:
        """The attribute that keeps a condition for `forward`: an argument as it is, or what it comes to."""
        if isinstance(test, Name):
            return self.kept(test.formal)
        truth = [bool(test.value(use)) for use in range(len(self.unit.uses))]
        for name, known in self._conditions:
            if [bool(known.value(use)) for use in range(len(self.unit.uses))] == truth:
                return f"self.{name}"
        taken = {*self.tree.children, *self._kept.values(), *(name for name, _ in self._conditions)}
        name = fresh(f"with_{about}", taken)
        self._conditions.append((name, test))
        return f"self.{name}"

    def presence(self, test: Expression) -> str | None:
        """The question whether a module is there, where that is what a condition asks."""
        wanted = [bool(test.value(use)) for use in range(len(self.unit.uses))]
        for name, member in self.tree.children.items():
            if member.test is None or not is_attribute(name) or not member.text:
                continue
            there = [member.there(use) for use in range(len(self.unit.uses))]
            if there == wanted:
                return f"self.{name} is not None"
            if there == [not it for it in wanted]:
                return f"self.{name} is None"
        return None

    # Writing

    @property
    def empty(self) -> bool:
        return not self.tree.children and not self._kept and not self._conditions

    def write(self, emit: Emitter) -> None:
        """The statements of `__init__` behind `super().__init__()`."""
        for formal, name in self._kept.items():
            emit.line(f"self.{name} = {formal.name}")
        for name, test in self._conditions:
            emit.line(f"self.{name} = {test.text(lambda formal: formal.name)}")
        guarded: list[tuple[str, Member]] = []
        branching: dict[tuple[str, ...], list[tuple[str, Member]]] = {}
        for name, member in self.tree.children.items():
            if member.others:
                branching.setdefault(tuple(map(_condition_text, _tests(member))), []).append((name, member))
        for name, member in self.tree.children.items():
            if guarded and (
                member.test is None or member.others or not _same(member.test, guarded[0][1].test, self.unit)
            ):
                self._guarded(emit, guarded)
                guarded = []
            if member.others:
                self._branches(emit, branching.pop(tuple(map(_condition_text, _tests(member))), []))
            elif member.test is not None:
                guarded.append((name, member))
            else:
                self._member(emit, name, member)
        if guarded:
            self._guarded(emit, guarded)

    def _guarded(self, emit: Emitter, members: list[tuple[str, Member]]) -> None:
        for name, member in members:
            emit.line(f"self.{name} = None", member.span)
        test = members[0][1].test
        assert test is not None
        emit.line(f"if {test.text(lambda formal: formal.name)}:", members[0][1].span)
        emit.indent()
        for name, member in members:
            self._member(emit, name, member)
        emit.dedent()

    def _branches(self, emit: Emitter, members: list[tuple[str, Member]]) -> None:
        """Modules that several branches make, each in its way; all of them under the same conditions."""
        if not members:
            return
        first = members[0][1]
        everywhere = self._is_everywhere(first)
        if not everywhere:
            for name, member in members:
                emit.line(f"self.{name} = None", member.span)
        for number, test in enumerate(_tests(first)):
            word = "elif" if number else "if"
            last = everywhere and number == len(first.others)
            emit.line("else:" if last else f"{word} {_condition_text(test)}:", first.span)
            emit.indent()
            for name, member in members:
                self._member(emit, name, member, [member.text, *(text for _, text in member.others)][number])
            emit.dedent()

    def _member(self, emit: Emitter, name: str, member: Member, text: str = "") -> None:
        text = text or self._constructor(member)
        quoted = python_literal(name)
        if member.kind == "buffer":
            emit.line(f"self.register_buffer({quoted}, {text})", member.span)
            return
        if member.kind == "parameter":
            self.texts.imports["from torch import nn"] = None
            text = f"nn.Parameter({text})"
        if is_attribute(name):
            emit.line(f"self.{name} = {text}", member.span)
        else:
            call = "register_parameter" if member.kind == "parameter" else "add_module"
            emit.line(f"self.{call}({quoted}, {text})", member.span)

    def _constructor(self, member: Member) -> str:
        if member.text:
            return member.text
        self.texts.imports["from torch import nn"] = None
        if _is_list(member):
            items = (Repeated("", self._constructor(child)) for child in member.children.values())
            return f"nn.ModuleList({in_list(list(folded(items)))})"
        pairs = (f"{python_literal(n)}: {self._constructor(child)}" for n, child in member.children.items())
        return f"nn.ModuleDict({{{', '.join(pairs)}}})"


def _is_list(member: Member) -> bool:
    return list(member.children) == [str(index) for index in range(len(member.children))]


def _tests(member: Member) -> list[Expression]:
    """The conditions under which it is there, each with a text of its own."""
    assert member.test is not None
    return [member.test, *(test for test, _ in member.others)]


def _condition_text(test: Expression) -> str:
    return test.text(lambda formal: formal.name)


def _same(left: Expression, right: Expression | None, unit: Unit) -> bool:
    return right is not None and all(left.value(use) == right.value(use) for use in range(len(unit.uses)))


def _formals(line: Line) -> Iterator[Formal]:
    for expression in [*line.words.values(), *line.arguments.values()]:
        yield from expression.formals()


def _maker(path: str, survey: Survey) -> tuple[Line, int]:
    """The line that makes a module, wherever it is run first, and the number of the use."""
    for use in survey.uses:
        for line in use.unit.lines:
            step = line.steps.get(use.number)
            if step is not None and step[0].path == path:
                return line, use.number
    raise LookupError(path)
