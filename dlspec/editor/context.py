"""What may stand at the cursor, told from the text before it alone, which need not be a whole spec."""

from __future__ import annotations

import re

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

    Wants = Literal[
        "item", "statement", "stage", "value", "argument", "part", "type", "key", "key value", "lint", "file", "import",
        "text", "nothing",
    ]  # fmt: skip

_TOKEN = re.compile(r'#[^\n]*|"(?:[^"\\\n]|\\.)*"?|\n|->|\.\.|[A-Za-z_]\w*|\d[\w.]*|==|!=|<=|>=|[^\s]')
_GOES_ON = ("->", "=", ":", ",", "+", "-", "*", "/", "and", "or", "if", "else", "from")
_BODIES = ("block", "network", "if", "for", "else")
_CLOSES = {")": "(", "]": "[", "}": "{"}


class Bracket:
    """A bracket that is open: what stood before it, and what stands in it so far."""

    __slots__ = ("callee", "given", "keys", "kind", "sign")

    def __init__(self, sign: str, kind: str, callee: str = "", keys: tuple[str, ...] = ()) -> None:
        self.sign = sign
        self.kind = kind
        """`call`, `list`, `body`, `plan`, `plan list`, `group`, `type` or `params`."""
        self.callee = callee
        self.keys = keys
        """In a plan, the keys of the sections that are open."""
        self.given: list[str] = []
        """The names of arguments, or the positions as empty texts."""


class Context:
    """What is wanted at the cursor, and what has been written of it."""

    __slots__ = ("callee", "given", "key", "keys", "long_form", "prefix", "wants")

    def __init__(
        self, wants: Wants, prefix: str = "", *, callee: str = "", given: tuple[str, ...] = (), key: str = "",
        keys: tuple[str, ...] = (), long_form: bool = False,
    ) -> None:  # fmt: skip
        self.wants = wants
        self.prefix = prefix
        self.callee = callee
        """What is called around the cursor, or what stands before the `.`."""
        self.given = given
        self.key = key
        """The argument or key whose value is wanted."""
        self.keys = keys
        """In a plan, the keys of the sections around the cursor; `plan` before them within a call."""
        self.long_form = long_form
        """Whether arguments are keys of YAML, as in `{op: linear, out_features: 10}`."""


def context(text: str, start: Wants = "item") -> Context:
    """What the end of a text wants; `start` says what its beginning wants, for a leaf of YAML."""
    reader = _Reader(start)
    for match in _TOKEN.finditer(text):
        reader.take(match.group(), at_end=match.end() == len(text))
    return reader.context()


class _Reader:
    """The brackets that are open, and the words of the statement so far."""

    def __init__(self, start: Wants) -> None:
        self.start = start
        self.open: list[Bracket] = []
        self.words: list[str] = []
        self.prefix = ""
        self.in_text = ""

    def take(self, token: str, *, at_end: bool) -> None:
        self.in_text = ""
        if token.startswith("#"):
            self.in_text = token if at_end else ""
            return
        if token.startswith('"') and at_end and (len(token) == 1 or not token.endswith('"')):
            self.in_text = token
            return
        if at_end and (token[0].isalpha() or token[0] == "_"):
            self.prefix = token
            return
        self._count(token)
        if token == "\n":
            if not self.open or self.open[-1].sign == "{":
                self.words = [*self.words, token]
        elif token in "([{":
            self.open.append(self._bracket(token))
            self.words.append(token)
        elif token in _CLOSES:
            self._close(_CLOSES[token], token)
        else:
            self.words.append(token)

    def _close(self, sign: str, token: str) -> None:
        while self.open and self.open.pop().sign != sign:
            pass
        self.words.append(token)

    def _count(self, token: str) -> None:
        """Note the arguments of the innermost call."""
        if not self.open or self.open[-1].kind != "call":
            return
        given = self.open[-1].given
        if token == "=" and self.words and given:
            given[-1] = self.words[-1]
        elif token == "," or (not given and token not in (")", "\n")):
            given.append("")

    def _statement(self) -> list[str]:
        """The words since the last line end, brace or comma between entries, at this depth."""
        depth = 0
        found: list[str] = []
        for index in range(len(self.words) - 1, -1, -1):
            word = self.words[index]
            if word in _CLOSES:
                depth += 1
            elif word in "([{":
                depth -= 1
                if depth < 0:
                    break
            if depth <= 0 and word == "\n" and self._ends(index, found):
                break
            if word != "\n":
                found.append(word)
        return found[::-1]

    def _ends(self, index: int, after: list[str]) -> bool:
        """Whether a line end is that of a statement: neither the line before nor the line after goes on over it."""
        before = next((word for word in reversed(self.words[:index]) if word != "\n"), "")
        return before not in _GOES_ON and not (after and (after[-1] in _GOES_ON or after[-1] == "else"))

    def _bracket(self, sign: str) -> Bracket:
        before = self.words[-1] if self.words else ""
        outer = self.open[-1] if self.open else None
        is_word = before[:1].isalpha() or before[:1] == "_"
        statement = self._statement()
        first = statement[0] if statement else ""
        if sign == "(":
            if len(statement) == 2 and first in ("block", "network", "foreign"):
                return Bracket(sign, "params")
            return Bracket(sign, "call", self._dotted()) if is_word else Bracket(sign, "group")
        if sign == "[" and outer is not None and outer.kind == "plan" and before == "=":
            return Bracket(sign, "plan list", keys=(*outer.keys, statement[-2]))
        if sign == "[":
            return Bracket(
                sign, "type" if first in ("input", "parameter", "buffer") and "=" not in statement else "list"
            )
        keys = outer.keys if outer is not None else ()
        if first == "plan" or (outer is not None and outer.kind == "plan" and is_word):
            return Bracket(sign, "plan", keys=() if first == "plan" else (*keys, before))
        if first == "limits":
            return Bracket(sign, "plan", keys=("limits",))
        return Bracket(sign, "body" if first in _BODIES and before != "->" and before != "=" else "group")

    def _dotted(self) -> str:
        words = self.words[:]
        name = words.pop() if words else ""
        while len(words) >= 2 and words[-1] == ".":
            words.pop()
            name = f"{words.pop()}.{name}"
        return name

    # What is wanted

    def context(self) -> Context:
        if self.in_text:
            return self._in_text()
        statement = self._statement()
        last = statement[-1] if statement else ""
        inner = self.open[-1] if self.open else None
        if last == ".":
            self.words.pop()
            while self.words and self.words[-1] == "\n":
                self.words.pop()
            return Context("part", self.prefix, callee=self._dotted())
        if inner is None:
            return self._at_top(statement, last)
        if inner.kind in ("params", "type"):
            return Context("nothing" if inner.kind == "params" and last != "=" else "value", self.prefix)
        if inner.kind == "plan list" and last in ("", ","):
            return Context("key value", self.prefix, key=inner.keys[-1], keys=inner.keys)
        if inner.kind == "plan":
            return self._in_plan(inner, statement, last)
        if inner.kind == "call":
            return self._in_call(inner, last)
        if inner.kind == "group":
            return Context("stage" if last in ("", "->", ":") else "value", self.prefix)
        if inner.kind == "list":
            return Context("value", self.prefix)
        return self._in_body(statement, last)

    def _in_text(self) -> Context:
        if self.in_text.startswith("#"):
            return Context("nothing")
        if self._statement()[-1:] == ["from"]:
            return Context("file", self.in_text[1:])
        inner = self.open[-1] if self.open else None
        if inner is not None and inner.kind == "call" and self.words[-1:] == ["="]:
            return Context("text", self.in_text[1:], callee=inner.callee, key=self.words[-2], keys=inner.keys)
        return Context("nothing")

    def _at_top(self, statement: list[str], last: str) -> Context:
        first = statement[0] if statement else ""
        if first == "import":
            return Context("import", self.prefix)
        if not statement:
            return Context(self.start, self.prefix)
        if first in ("block", "network", "plan", "foreign") and "=" not in statement:
            return Context("nothing")
        if first == "allow":
            return Context("lint" if len(statement) == 1 else "nothing", self.prefix)
        return Context("stage" if last in ("->", ":") else "value", self.prefix)

    def _in_plan(self, inner: Bracket, statement: list[str], last: str) -> Context:
        if last == "=" and len(statement) >= 2:
            return Context("key value", self.prefix, key=statement[-2], keys=(*inner.keys, statement[-2]))
        if not statement or last in (",", "{", "}", ")", "]") or last[-1].isalnum():
            return Context("key", self.prefix, keys=inner.keys)
        return Context("value", self.prefix, keys=inner.keys)

    def _in_call(self, inner: Bracket, last: str) -> Context:
        plan = next((one for one in reversed(self.open) if one.kind.startswith("plan")), None)
        keys = () if plan is None else ("plan", *plan.keys, *self._plan_key(plan))
        given = tuple(inner.given[:-1] if inner.given and last in ("(", ",") else inner.given)
        more = {"callee": inner.callee, "given": given}
        if last == "=" and len(self.words) >= 2:
            return Context("value", self.prefix, key=self.words[-2], keys=keys, **more)  # type: ignore[arg-type]  # texts
        if last in ("(", ",", ""):
            return Context("argument", self.prefix, keys=keys, **more)  # type: ignore[arg-type]  # texts
        return Context("stage" if last in ("->", ":") else "value", self.prefix)

    def _plan_key(self, plan: Bracket) -> tuple[str, ...]:
        """The key of a plan whose value a call is in."""
        if plan.kind == "plan list":
            return ()
        opened = [i for i, word in enumerate(self.words) if word == "="]
        return next(((self.words[i - 1],) for i in reversed(opened) if "(" in self.words[i:]), ())

    def _in_body(self, statement: list[str], last: str) -> Context:
        first = statement[0] if statement else ""
        if not statement or last == "{":
            return Context("statement", self.prefix)
        if first == "allow":
            return Context("lint" if len(statement) == 1 else "nothing", self.prefix)
        if first in ("input", "parameter", "buffer") and "[" not in statement:
            return Context("type" if last == ":" and first == "input" else "nothing", self.prefix)
        if first in ("input", "output", "module", "parameter", "buffer") and len(statement) == 1:
            return Context("value" if first == "output" else "nothing", self.prefix)
        return Context("stage" if last in ("->", ":") else "value", self.prefix)
