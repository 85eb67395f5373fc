"""What may stand at the cursor of a YAML spec: keys by those above, which indentation tells; leaves as in `.dls`."""

from __future__ import annotations

import re

from dlspec.editor.context import Context, context
from dlspec.record import TYPE_CHECKING
from dlspec.syntax.yaml_bodies import STATEMENTS
from dlspec.syntax.yaml_reader import TOP_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.editor.context import Wants

    Keys = tuple[str, ...]

_LINE = re.compile(r"(?P<blank>[ ]*)(?P<dashes>(?:-[ ]+|-$)*)(?P<rest>.*)")
_KEY = re.compile(r"(?P<key>[\w.*-][\w.*{}-]*|\{\w+\}[\w{}]*|\"[^\"\n]*\"):(?:[ ]+|$)(?P<value>.*)", re.DOTALL)
_DEFINITION = ("params", "inputs", "layers", "outputs", "allow", "limits")


class YamlContext:
    """The keys above the cursor, `-` for an item of a list, and what may stand there: keys, or what a leaf wants."""

    __slots__ = ("keys", "leaf", "offers")

    def __init__(self, keys: Keys, offers: Keys, leaf: Context | None) -> None:
        self.keys = keys
        self.offers = offers
        self.leaf = leaf


def yaml_context(text: str) -> YamlContext:
    """What the end of a YAML text wants."""
    lines = text.split("\n")
    line = _LINE.fullmatch(lines[-1].rstrip("\r"))
    assert line is not None  # every part of it may be empty
    keys, rest = _above(lines), line["rest"]
    if rest.lstrip().startswith("#"):
        return YamlContext(keys, (), Context("nothing"))
    found = _KEY.fullmatch(rest)
    if found is not None:
        return _value((*keys, found["key"].strip('"')), found["value"])
    return _value(keys, rest) if rest[:1] in ("{", "[") else _word(keys, rest)


def _above(lines: list[str]) -> Keys:
    """The keys and list items that the end of the last line lies in, the outermost first."""
    found: list[str] = []
    last = _LINE.fullmatch(lines[-1].rstrip("\r"))
    column, is_dash = len(last["blank"]) + len(last["dashes"]) if last else 0, False
    for number in range(len(lines) - 1, -1, -1):
        for at, word in _marks(lines[number], with_key=number < len(lines) - 1):
            if at < column or (at == column and is_dash and word != "-"):
                found.append(word)
                column, is_dash = at, word == "-"
    return tuple(reversed(found))


def _marks(text: str, *, with_key: bool) -> Iterator[tuple[int, str]]:
    """The dashes and the key of a line with their columns, the last first."""
    line = _LINE.fullmatch(text.rstrip("\r"))
    if line is None or line["rest"].startswith("#"):
        return
    column = len(line["blank"])
    key = _KEY.fullmatch(line["rest"])
    if key is not None and with_key:
        yield column + len(line["dashes"]), key["key"].strip('"')
    for match in reversed(list(re.finditer("-", line["dashes"]))):
        yield column + match.start(), "-"


# What stands behind a key


class _Flow:
    """Braces that are open behind a key: their keys so far, and what each is the value of."""

    def __init__(self, value: str) -> None:
        self.maps: list[tuple[str, dict[str, str]]] = []
        """For each open brace, its sign and the keys within it with their values."""
        self.path: list[str] = []
        key, start, quoted = "", 0, ""
        for index, letter in enumerate(value):
            if quoted:
                quoted = "" if letter == quoted else quoted
            elif letter in "\"'":
                quoted = letter
            elif letter in "{[" and not value[start:index].strip():
                self.maps.append((letter, {}))
                self.path.append(key)
                key, start = "", index + 1
            elif letter in "}]" and self.maps:
                self.maps.pop()
                key, start = self.path.pop(), index + 1
            elif letter == ":" and self.maps and self.maps[-1][0] == "{" and value[index + 1 : index + 2] in (" ", ""):
                key, start = value[start:index].strip(), index + 1
                self.maps[-1][1][key] = ""
            elif letter == "," and self.maps and _is_balanced(value[start:index]):
                if key:
                    self.maps[-1][1][key] = value[start:index].strip()
                key, start = "", index + 1
        self.key, self.rest = key, value[start:].lstrip()


def _is_balanced(text: str) -> bool:
    return text.count("(") <= text.count(")") and text.count("[") <= text.count("]")


def _value(keys: Keys, value: str) -> YamlContext:
    """What may stand behind a key: an expression, or keys within braces."""
    flow = _Flow(value)
    inner = (*keys, *(key for key in flow.path if key))
    if not flow.maps or flow.maps[-1][0] == "[" or flow.key:
        where = (*inner, flow.key) if flow.key else inner
        return YamlContext(where, (), _leaf(where, flow.rest))
    operator = flow.maps[-1][1].get("op")
    if operator:
        given = tuple(key for key in flow.maps[-1][1] if key != "op")
        return YamlContext(inner, (), Context("argument", flow.rest, callee=operator, given=given, long_form=True))
    return _word(inner, flow.rest)


def _word(keys: Keys, text: str) -> YamlContext:
    """A word where a key, or the leaf of a list, may stand."""
    offers, plan = _offers(keys), _plan_keys(keys)
    if plan is not None and keys[-1] != "-":
        return YamlContext(keys, (), Context("key", text, keys=plan))
    if keys[-1:] == ("allow",):
        return YamlContext(keys, (), Context("lint", text))
    if not keys or (offers and not _in_layers(keys)):
        return YamlContext(keys, offers, None)
    return YamlContext(keys, offers, _leaf(keys, text))


def _offers(keys: Keys) -> Keys:
    """The keys of the language that may stand under some keys."""
    plain = _plain(keys)
    if not keys:
        return TOP_KEYS
    if plain == ("network",):
        return ("name", *_DEFINITION)
    if plain[:1] in (("blocks",), ("networks",)) and len(plain) == 2:
        return _DEFINITION
    if plain == ("imports",) and keys[-1] != "imports":
        return ("from", "names")
    return (*STATEMENTS, "op", "repeat") if _in_layers(keys) and keys[-1] == "-" else ()


def _plain(keys: Keys) -> Keys:
    return tuple(key for key in keys if key != "-")


def _plan_keys(keys: Keys) -> Keys | None:
    """The keys within a plan; None outside of plans."""
    plain = _plain(keys)
    if plain[:1] == ("plan",):
        return plain[1:]
    return plain[2:] if plain[:1] == ("plans",) and len(plain) >= 2 else None


def _in_layers(keys: Keys) -> bool:
    return not {"layers", "body", "then", "else"}.isdisjoint(keys)


def _leaf(keys: Keys, text: str) -> Context:
    """What an expression wants at its end, by what it is the value of."""
    inner, plain = _plan_keys(keys), _plain(keys)
    if inner is not None:
        if re.fullmatch(r"\w*", text):
            return Context("key value", text, keys=inner, key=inner[-1] if inner else "")
        found = context(text, "value")
        found.keys = ("plan", *inner)
        return found
    text = text.lstrip("\"'")
    if plain[:1] == ("imports",):
        return Context("file" if plain[-1:] == ("from",) else "import", text)
    if "inputs" in plain[:-1] and plain[0] != "blocks":
        return context(text, "type")
    return context(text, _start(keys, plain))


def _start(keys: Keys, plain: Keys) -> Wants:
    if plain[-1:] in (("params",), ("name",), ("allow",)):
        return "nothing"
    return "stage" if _in_layers(keys) and {"let", "do"}.isdisjoint(plain) else "value"
