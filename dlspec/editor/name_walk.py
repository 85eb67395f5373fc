"""One way through a file that notes every definition and every mention, in the order in which it is evaluated."""

from __future__ import annotations

from dlspec.editor.flows import UNTOLD, Origin, Site, origins
from dlspec.editor.names import Body, FileNames, NameIndex, Symbol
from dlspec.editor.places import argument_name, last_word, name_before, output_name
from dlspec.ops import lookup
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.source import Span


class _Scope:
    """The names in sight: those bound, and the labels, which give way to them."""

    def __init__(self, outer: _Scope | None = None) -> None:
        self.outer = outer
        self.bound: dict[str, Symbol] = {}
        self.labels: dict[str, Symbol] = {}

    def find(self, name: str) -> Symbol | None:
        scope: _Scope | None = self
        while scope is not None:
            found = scope.bound.get(name) or scope.labels.get(name)
            if found is not None:
                return found
            scope = scope.outer
        return None


class Walk:
    """One way through a file, in the order in which it is evaluated."""

    def __init__(self, index: NameIndex, names: FileNames) -> None:
        self.index = index
        self.names = names
        self.owner: Body | None = None

    def _symbol(self, kind: str, name: str, span: Span, node: Any) -> Symbol:
        return Symbol(kind, name, span, node, self.names.scope, self.owner.symbol if self.owner is not None else None)

    # The file

    def file(self) -> None:
        items = self.names.scope.tree.items
        for item in items:
            self._declare(item)
        for item in items:
            self._item(item)

    def _declare(self, item: tree.Statement) -> None:
        match item:
            case tree.Import():
                self._import(item)
            case tree.Plan():
                symbol = self.names.plans.setdefault(item.name, self._symbol("plan", item.name, item.name_span, item))
                self.names.add(item.name_span, symbol, defines=True)
            case tree.Definition():
                kind = "network" if isinstance(item, tree.Alias) else type(item).__name__.lower()
                self._top(kind, item.name, item.name_span, item)
            case tree.Constant():
                span = name_before(item.name, item.span, item.value.span.start)
                self._top("constant", item.name, span or item.span, item)

    def _top(self, kind: str, name: str, span: Span, item: tree.Statement) -> None:
        symbol = self.names.symbols.setdefault(name, self._symbol(kind, name, span, item))
        self.names.add(span, symbol, defines=symbol.node is item)
        if isinstance(item, tree.Block | tree.Network | tree.Foreign):
            self.names.bodies[id(item)] = Body(symbol)

    def _import(self, item: tree.Import) -> None:
        for name, span in item.names:
            found = self.names.scope.names.get(name)
            origin = self.index.of(found[0]).symbols.get(name) if isinstance(found, tuple) else None
            if origin is not None:
                self.names.symbols.setdefault(name, origin)
                self.names.add(span, origin)

    def _item(self, item: tree.Statement) -> None:
        match item:
            case tree.Constant() | tree.Alias():
                self.expression(_Scope(), item.value)
                if isinstance(item, tree.Constant):
                    self.index.flows.give(self.names.symbols[item.name], self._origins(_Scope(), item.value))
            case tree.Block() | tree.Network():
                self._body(item)
            case tree.Foreign():
                self.owner = self.names.bodies[id(item)]
                self._parameters(_Scope(), item.params)
            case tree.Plan():
                _PlanWalk(self, item).section(item.section)

    def _body(self, item: tree.Block | tree.Network) -> None:
        self.owner = self.names.bodies[id(item)]
        scope = _Scope()
        self._parameters(scope, item.params)
        self._statements(scope, item.body)
        self.owner = None

    def _parameters(self, scope: _Scope, params: tuple[tree.Param, ...]) -> None:
        assert self.owner is not None
        for param in params:
            if param.default is not None:
                self.expression(scope, param.default)
            span = param.span.source.span(param.span.start, param.span.start + len(param.name))
            given = self._origins(scope, param.default)
            self.owner.parameters[param.name] = symbol = self._bind(scope, "parameter", param.name, span, param)
            self.index.flows.give(symbol, given)

    def _bind(self, scope: _Scope, kind: str, name: str, span: Span | None, node: tree.Node) -> Symbol:
        """A name that is bound; one that is bound again stays the symbol that it was."""
        symbol = scope.bound.get(name)
        if symbol is None:
            symbol = scope.bound[name] = self._symbol(kind, name, span or node.span, node)
        self.names.add(span, symbol, defines=symbol.node is node)
        return symbol

    # Statements

    def _statements(self, scope: _Scope, statements: tuple[tree.Statement, ...]) -> None:
        for statement in statements:
            self._statement(scope, statement)

    def _statement(self, scope: _Scope, statement: tree.Statement) -> None:
        span = statement.span
        match statement:
            case tree.Assign():
                self.expression(scope, statement.value)
                given = self._origins(scope, statement.value) if len(statement.targets) == 1 else [UNTOLD]
                for name in statement.targets:
                    place = name_before(name, span, statement.value.span.start)
                    self.index.flows.give(self._bind(scope, "value", name, place, statement), given)
            case tree.Evaluate():
                self.expression(scope, statement.value)
            case tree.Input():
                self._input(scope, statement)
            case tree.Output():
                self._output(scope, statement)
            case tree.Module():
                self.expression(scope, statement.value)
                given = self._origins(scope, statement.value)
                place = name_before(statement.name, span, statement.value.span.start)
                self.index.flows.give(self._bind(scope, "module", statement.name, place, statement), given)
            case tree.Learned():
                for axis in statement.shape:
                    self.expression(scope, axis)
                end = statement.shape[0].span.start if statement.shape else span.end
                self._bind(scope, "learned", statement.name, name_before(statement.name, span, end), statement)
            case tree.If():
                self.expression(scope, statement.test)
                self._statements(scope, statement.body)
                self._statements(scope, statement.orelse)
            case tree.For():
                self.expression(scope, statement.iterable)
                for name in statement.targets:
                    place = name_before(name, span, statement.iterable.span.start)
                    self._bind(scope, "loop", name, place, statement)
                self._statements(scope, statement.body)

    def _input(self, scope: _Scope, statement: tree.Input) -> None:
        place = name_before(statement.name, statement.span, statement.type.span.start)
        declared = statement.type.element if isinstance(statement.type, tree.ListType) else statement.type
        for axis in (*getattr(declared, "axes", ()), *statement.where):
            self._size(scope, axis)
        symbol = self._bind(scope, "input", statement.name, place, statement)
        if self.owner is not None:
            self.owner.inputs[statement.name] = symbol

    def _size(self, scope: _Scope, axis: Any) -> None:
        """Names of an axis that nothing binds are open sizes, the same in all inputs."""
        for name in _names_in(axis):
            if scope.find(name.name) is None and name.name not in self.names.symbols:
                scope.bound[name.name] = self._symbol("size", name.name, name.span, name)
                self.names.add(name.span, scope.bound[name.name], defines=True)
        self.expression(scope, axis)

    def _output(self, scope: _Scope, statement: tree.Output) -> None:
        if statement.value is None:
            symbol = scope.find(statement.name)
            if symbol is not None:
                self.names.add(output_name(statement), symbol)
        else:
            self.expression(scope, statement.value)
            place = name_before(statement.name, statement.span, statement.value.span.start)
            symbol = self._bind(scope, "output", statement.name, place, statement)
        if statement.condition is not None:
            self.expression(scope, statement.condition)
        if self.owner is not None and symbol is not None:
            self.owner.outputs[statement.name] = symbol

    # Expressions

    def expression(self, scope: _Scope, expr: Any) -> Symbol | None:
        """Look through an expression; the symbol that it is, where it is no more than a name or a part of one."""
        match expr:
            case tree.Name():
                return self._name(scope, expr)
            case tree.Literal() | None:
                return None
            case tree.Labelled():
                self._labelled(scope, expr)
            case tree.Call():
                self._call(scope, expr)
            case tree.Attribute():
                return self._attribute(scope, expr)
            case tree.Select():
                self._select(scope, expr)
            case tree.Pipe():
                self.expression(scope, expr.steps[0])
                for step in expr.steps[1:]:
                    self.expression(_Scope(scope) if isinstance(step, tree.Pipe) else scope, step)
            case tree.Group():
                self._all(_Scope(scope), expr.steps)
            case tree.Comprehension():
                self._comprehension(scope, expr)
            case tree.RecordExpr():
                self._record(scope, expr)
            case tree.Node():
                self._all(scope, [getattr(expr, field) for field in expr._fields])
            case tuple():
                self._all(scope, expr)
        return None

    def _all(self, scope: _Scope, parts: Any) -> None:
        for part in parts:
            self.expression(scope, part)

    def _name(self, scope: _Scope, expr: tree.Name, *, short: bool = False) -> Symbol | None:
        symbol = scope.find(expr.name) or self.names.symbols.get(expr.name)
        if symbol is not None:
            self.names.add(expr.span, symbol, short=short)
        return symbol

    def _labelled(self, scope: _Scope, expr: tree.Labelled) -> None:
        self.expression(scope, expr.value)
        for part in expr.label.parts:
            self.expression(scope, part)
        name = expr.label.plain
        if name is not None:
            symbol = scope.labels.setdefault(name, self._symbol("label", name, expr.label.span, expr))
            self.names.add(expr.label.span, symbol, defines=symbol.node is expr)
            if self.owner is not None and scope.outer is None:
                self.owner.labels.setdefault(name, symbol)

    def _call(self, scope: _Scope, expr: tree.Call) -> None:
        body = self.index.body(self.expression(scope, expr.function))
        is_operator = body is None and self._is_operator(scope, expr.function)
        for argument in expr.args:
            self.expression(scope, argument.value)
            place = argument_name(argument) if argument.name is not None else None
            if argument.name is None or place is None:
                continue
            if is_operator:
                self.names.operator_arguments.append(place)
            elif body is None:
                self.names.open_arguments.append((place, argument.name, expr))
            elif argument.name in body.parameters:
                self.names.add(place, body.parameters[argument.name])
        if not is_operator:
            args = [(argument.name, self._origins(scope, argument.value)) for argument in expr.args]
            self.index.flows.call(Site(expr, self._origins(scope, expr.function), args))

    def _origins(self, scope: _Scope, expr: tree.Expr | None) -> list[Origin]:
        return origins(lambda name: scope.find(name) or self.names.symbols.get(name), expr)

    def _is_operator(self, scope: _Scope, function: tree.Expr) -> bool:
        if not isinstance(function, tree.Name) or scope.find(function.name) is not None:
            return False
        return function.name not in self.names.symbols and lookup(function.name) is not None

    def _attribute(self, scope: _Scope, expr: tree.Attribute) -> Symbol | None:
        body = self.index.body(self.expression(scope, expr.value))
        symbol = body.labels.get(expr.name) if body is not None and body.symbol.kind == "network" else None
        if symbol is not None:
            self.names.add(last_word(expr.name, expr.span), symbol)
        return symbol

    def _select(self, scope: _Scope, expr: tree.Select) -> None:
        body = self.index.body(self.expression(scope, expr.value))
        if body is None or body.symbol.kind != "network":
            return
        for name in expr.names:
            if name in body.labels:
                inner = expr.span.source.span(expr.value.span.end, expr.span.end)
                self.names.add(last_word(name, inner), body.labels[name])

    def _comprehension(self, scope: _Scope, expr: tree.Comprehension) -> None:
        inner = scope
        for loop in expr.loops:
            self.expression(inner, loop.iterable)
            inner = _Scope(inner)
            for name in loop.targets:
                place = name_before(name, loop.span, loop.iterable.span.start)
                self._bind(inner, "loop", name, place, expr)
        self._all(inner, [expr.item, expr.condition])

    def _record(self, scope: _Scope, expr: tree.RecordExpr) -> None:
        for name, value in expr.fields:
            if (
                isinstance(value, tree.Name)
                and value.name == name
                and name_before(name, expr.span, value.span.start) is None
            ):
                self._name(scope, value, short=True)
            else:
                self.expression(scope, value)


class _PlanWalk:
    """The names of a plan: its network with arguments, and the network's tensors in what it asks of them."""

    def __init__(self, walk: Walk, plan: tree.Plan) -> None:
        self.walk = walk
        entry = plan.section.get("network")
        value = entry.value if entry is not None else None
        function = value.function if isinstance(value, tree.Call) else value
        symbols = walk.names.symbols
        symbol = symbols.get(function.name) if isinstance(function, tree.Name) else None
        networks = [one for one in symbols.values() if one.kind == "network"]
        if entry is None and networks:
            symbol = networks[-1]
        self.body = walk.index.body(symbol)

    def section(self, section: tree.Section, top: bool = True) -> None:
        for entry in section.entries:
            if isinstance(entry.value, tree.Section):
                self.section(entry.value, top=False)
            elif entry.key == "network" and top:
                self.walk.expression(_Scope(), entry.value)
            elif self.body is not None:
                for name in _names_in(entry.value, callees=False):
                    symbol = self.body.outputs.get(name.name) or self.body.inputs.get(name.name)
                    if symbol is not None:
                        self.walk.names.add(name.span, symbol)


def _names_in(node: Any, *, callees: bool = True) -> list[tree.Name]:
    """The names in an expression, in order; without what is called, where that is asked."""
    found: list[tree.Name] = []
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, tree.Name):
            found.append(part)
        elif isinstance(part, tree.Node):
            fields = [f for f in part._fields if callees or not (isinstance(part, tree.Call) and f == "function")]
            stack += [getattr(part, field) for field in reversed(fields)]
        elif isinstance(part, tuple):
            stack += reversed(part)
    return found
