"""Mappings of known keys: what is unknown, stands twice, or is of the wrong kind is said with its place."""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.syntax.lexer import RESERVED
from dlspec.syntax.yaml_leaves import Leaves
from dlspec.syntax.yaml_nodes import Mapping, Scalar, Sequence, YamlNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.source import Source, Span


class Field:
    """A key with its value."""

    __slots__ = ("key", "value")

    def __init__(self, key: Scalar, value: YamlNode) -> None:
        self.key = key
        self.value = value

    def span(self, source: Source) -> Span:
        """From the key to the end of the value."""
        return source.span(min(self.key.start, self.value.start), max(self.key.end, self.value.end))


class Fields:
    """Reads mappings and lists of one source."""

    def __init__(self, source: Source, problems: list[Diagnostic]) -> None:
        self.source = source
        self.problems = problems
        self.leaves = Leaves(source, problems)
        self._misnamed: set[int] = set()

    def wrong(self, node: YamlNode, message: str, label: str, help_: str = "") -> None:
        """Say that something is of the wrong kind."""
        fixes = [Fix(help_, safety="placeholder")] if help_ else []
        self.problems.append(problem("E0106", message, self.first_line(node), label, fixes=fixes))

    def first_line(self, node: YamlNode) -> Span:
        """The span of a node, of a longer one the first line."""
        line_end = self.source.text.find("\n", node.start, node.end)
        return self.source.span(node.start, node.end if line_end < 0 else line_end)

    def missing(self, node: YamlNode, kind: str, key: str) -> None:
        """Say that a key must be there, unless another has a name that is not known: it may be the one."""
        if id(node) in self._misnamed:
            return
        fix = Fix(f"add `{key}:`", safety="placeholder")
        self.problems.append(
            problem(
                "E0106",
                f"the {kind} has no `{key}`",
                self.first_line(node),
                f"expected `{key}:`",
                fixes=[fix],
            )
        )

    def entries(self, node: YamlNode, what: str) -> Iterator[Field]:
        """The keys of a mapping with their values; of repeated keys only the first."""
        if isinstance(node, Scalar) and node.empty:
            return
        if not isinstance(node, Mapping):
            self.wrong(node, f"expected a mapping of {what}", "not a mapping")
            return
        seen: dict[str, Scalar] = {}
        for key, value in node.pairs:
            if not isinstance(key, Scalar):
                self.wrong(key, "a key is a word", "not a word")
            elif key.text in seen:
                self._twice(key, seen[key.text])
            elif key.text == "<<" and key.style is None:
                self._merge(key)
            else:
                seen[key.text] = key
                yield Field(key, value)

    def _twice(self, key: Scalar, first: Scalar) -> None:
        self.problems.append(
            problem("E0104", f"the key `{key.text}` stands twice", key.span(self.source), "again here",
                    also=[(first.span(self.source), "first here")])
        )  # fmt: skip

    def _merge(self, key: Scalar) -> None:
        self.problems.append(
            problem("E0105", "`<<` merges nothing here", key.span(self.source), "not a key",
                    notes=["YAML 1.2 has no merge keys; what repeats is a block, or a parameter with a default"])
        )  # fmt: skip

    def fields(self, node: Mapping, known: tuple[str, ...], what: str) -> dict[str, Field]:
        """The known keys of a mapping; unknown ones are said, and read as the key that was meant if one is near."""
        found: dict[str, Field] = {}
        meant: dict[str, Field] = {}
        for field in self.entries(node, what):
            if field.key.text in known:
                found[field.key.text] = field
            else:
                self._misnamed.add(id(node))
                for name in self._unknown(field.key, known, what)[:1]:
                    meant.setdefault(name, field)
        return {**meant, **found}

    def _unknown(self, key: Scalar, known: tuple[str, ...], what: str) -> list[str]:
        from dlspec.diagnostics.near_names import near

        span = key.span(self.source)
        close = near(key.text, known)
        words = ", ".join(f"`{one}`" for one in known)
        self.problems.append(
            problem(
                "E0105",
                f"{what} has no key `{key.text}`",
                span,
                "not a key of it",
                notes=[f"the keys are {words}"],
                fixes=[Fix(f"there is `{one}`", [Edit(span, one)], "safe") for one in close],
            )
        )
        return close

    def has_key(self, node: YamlNode, name: str) -> bool:
        """Whether a mapping has the key."""
        return isinstance(node, Mapping) and any(isinstance(key, Scalar) and key.text == name for key, _ in node.pairs)

    def listed(self, node: YamlNode) -> list[YamlNode]:
        """The items of a list; anything else is a list of itself, and nothing an empty one."""
        if isinstance(node, Sequence):
            return node.items
        return [] if isinstance(node, Scalar) and node.empty else [node]

    def name(self, key: Scalar) -> str:
        """A name to be bound: a word, and none that the language reserves."""
        self.check_name(key.text, key.span(self.source))
        return key.text

    def check_name(self, text: str, span: Span) -> None:
        """Say if a text cannot be a name."""
        if text in RESERVED:
            self.problems.append(problem("E0114", f"`{text}` is a word of the language", span, "cannot be a name"))
        elif not (text.isascii() and text.isidentifier()):
            self.problems.append(
                problem("E0106", f"`{text}` is no name", span, "not a name",
                        notes=["a name is made of letters, digits and `_`, and begins with no digit"])
            )  # fmt: skip
