"""Sizes, counts and operators as people write them: `⌈H/2⌉`, `2,352·NHW`, `46.8 MB`, `conv2d(64, 7, stride=2)`."""

from __future__ import annotations

from math import gcd

from dlspec.analyses.remainders import remainder_words
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from dlspec.graph import Application, Graph
    from dlspec.ops.op import Op
    from dlspec.sizes import Dim
    from dlspec.sizes.size import Atom

    Parts = Mapping[str, int]
    """What open sizes are multiples of, by name."""
    Powers = tuple[str, ...]
    """The open sizes of a product, each as often as it stands in it."""


# Sizes


def multiples(graph: Graph) -> dict[str, int]:
    """What each open size is known to be a multiple of, since the inputs declare it or the network asks it."""
    found: dict[str, int] = {}
    declared = [f"{left} {relation} {right}" for relation, left, right in graph.declared]
    for text in (*declared, *graph.requires):
        name, sign, rest = text.partition(" % ")
        number, equals, zero = rest.partition(" == ")
        if sign and equals and zero == "0" and name.isidentifier() and number.isdigit():
            known = found.get(name, 1)
            found[name] = known * int(number) // gcd(known, int(number))
    return found


def size_words(size: Dim, parts: Mapping[str, int] = {}, *, separator: str = "") -> str:
    """A size as a formula: `H/32` where that is known to be whole, else `⌈H/32⌉`, `⌊(H + 2)/4⌋`.

    >>> from dlspec.sizes import symbol
    >>> H = symbol("H")
    >>> print(size_words((H + 1) // 2), size_words((H - 5) // 4), size_words((H + 1) // 2, {"H": 2}))
    ⌈H/2⌉ ⌈H/4⌉ − 2 H/2
    """
    if parts and not isinstance(size, int):
        parts = {name: part for name, part in parts.items() if name in size.symbols}
        size = size.substitute({name: _named(name) * part for name, part in parts.items()})
    if isinstance(size, int):
        return f"{size:{separator}}".replace("-", "−")
    terms = sorted(size.terms.items(), key=lambda term: -len(term[0]))
    words = [_term_words(atoms, count, parts, separator) for atoms, count in terms]
    if size.constant or not words:
        words.append((size.constant < 0, f"{abs(size.constant):{separator}}"))
    words.sort(key=lambda word: word[0])
    first = ("−" if words[0][0] else "") + words[0][1]
    return first + "".join(f" {'−' if negative else '+'} {text}" for negative, text in words[1:])


def _named(name: str) -> Size:
    return Size({(name,): 1}, 0)


def _term_words(atoms: tuple[Atom, ...], count: int, parts: Mapping[str, int], separator: str) -> tuple[bool, str]:
    """Whether a term is subtracted, and its text."""
    factor, texts = abs(count), []
    for atom in atoms:
        if not isinstance(atom, str):
            texts.append(_floor_words(atom.numerator, atom.divisor, parts))
            continue
        part = parts.get(atom, 1)
        common = gcd(factor, part)
        factor, part = factor // common, part // common
        texts.append(atom if part == 1 else f"{atom}/{part}")
    if factor > 1 or not texts:
        texts.insert(0, f"{factor:{separator}}")
    return count < 0, "·".join(texts)


def _floor_words(numerator: Dim, divisor: Dim, parts: Mapping[str, int]) -> str:
    below = size_words(divisor, {})
    if isinstance(numerator, Size) and isinstance(divisor, int) and numerator.constant == divisor - 1:
        plain = _grouped(size_words(numerator - numerator.constant, {}))
        return f"⌈{plain}/{below}⌉"
    return f"⌊{_grouped(size_words(numerator, {}))}/{_grouped(below)}⌋"


def _grouped(text: str) -> str:
    return f"({text})" if " " in text else text


def shape_words(shape: Iterable[Dim], parts: Mapping[str, int] = {}) -> str:
    """A shape, its axes beside each other: `N 64 H/2 W/2`; sums in parentheses."""
    texts = [size_words(size, parts) for size in shape]
    return " ".join(f"({text})" if " " in text and text[0] not in "⌈⌊" else text for text in texts)


# Counts


def count_words(count: Dim, terms: int = 2) -> str:
    """A count in full; with open sizes its leading terms, floors left out: `2,352·NHW`.

    >>> from dlspec.sizes import symbol
    >>> N, H = symbol("N"), symbol("H")
    >>> print(count_words(1814073344), count_words(9408 * N * ((H + 1) // 2) + 512 * N))
    1,814,073,344 4,704·NH + 512·N
    """
    if isinstance(count, int):
        return f"{count:,}"
    leading = _without_floors(count)
    if leading is None:
        return str(count)
    texts = [_product_words(powers, *factor) for powers, factor in _leading(leading, terms)]
    return " + ".join(texts).replace("+ −", "− ")


def _leading(polynomial: dict[Powers, tuple[int, int]], terms: int) -> list[tuple[Powers, tuple[int, int]]]:
    """At most so many of the largest terms; of terms that weigh the same (`9·NH + 9·NW`) all or none."""

    def weight(term: tuple[Powers, tuple[int, int]]) -> tuple[int, float]:
        return -len(term[0]), -abs(term[1][0]) / term[1][1]

    ranked = sorted(polynomial.items(), key=lambda term: (*weight(term), term[0]))
    kept = min(terms, len(ranked))
    while 0 < kept < len(ranked) and weight(ranked[kept - 1]) == weight(ranked[kept]):
        kept -= 1
    return ranked[: kept or 1]


def is_rounded(count: Dim, terms: int = 2) -> bool:
    """Whether `count_words` leaves out a floor or a term."""
    if not isinstance(count, Size):
        return False
    polynomial = _without_floors(count)
    if polynomial is None:
        return False
    if any(not isinstance(atom, str) for atoms in count.terms for atom in atoms):
        return True
    return len(_leading(polynomial, terms)) < len(polynomial)


def _product_words(powers: Powers, numerator: int, denominator: int) -> str:
    whole, rest = divmod(abs(numerator), denominator)
    value = abs(numerator) / denominator
    text = f"{whole:,}" if not rest or value >= 1000 else f"{value:.4g}"
    sign = "−" if numerator < 0 else ""
    if not powers:
        return sign + text
    names = sorted(set(powers), key=lambda name: (name != "N", name))
    joint = "·" if any(len(name) > 1 for name in names) else ""
    letters = joint.join(name + _power(powers.count(name)) for name in names)
    return sign + (letters if text == "1" else f"{text}·{letters}")


def _power(exponent: int) -> str:
    return "" if exponent == 1 else str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _without_floors(size: Dim) -> dict[Powers, tuple[int, int]] | None:
    """The polynomial that a size follows where open sizes are large, as fractions; None where it is no polynomial."""
    if isinstance(size, int):
        return {(): (size, 1)} if size else {}
    total: dict[Powers, tuple[int, int]] = {(): (size.constant, 1)} if size.constant else {}
    for atoms, count in size.terms.items():
        product: dict[Powers, tuple[int, int]] = {(): (count, 1)}
        for atom in atoms:
            factor: dict[Powers, tuple[int, int]] | None
            factor = {(atom,): (1, 1)} if isinstance(atom, str) else _quotient_without_floor(atom)
            if factor is None:
                return None
            product = _multiplied(product, factor)
        for powers, value in product.items():
            total[powers] = _sum(total.get(powers, (0, 1)), value)
    return {powers: value for powers, value in total.items() if value[0]}


def _quotient_without_floor(atom: Any) -> dict[Powers, tuple[int, int]] | None:
    above = _without_floors(atom.numerator)
    if above is None or not isinstance(atom.divisor, int):
        return None
    # What is added before the floor is taken rounds it up; it is no part of the growth.
    return {powers: (p, q * atom.divisor) for powers, (p, q) in above.items() if powers}


def _multiplied(
    one: dict[Powers, tuple[int, int]], other: dict[Powers, tuple[int, int]]
) -> dict[Powers, tuple[int, int]]:
    out: dict[Powers, tuple[int, int]] = {}
    for left, (p, q) in one.items():
        for right, (r, s) in other.items():
            powers = tuple(sorted(left + right))
            out[powers] = _sum(out.get(powers, (0, 1)), (p * r, q * s))
    return out


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    above, below = one[0] * other[1] + other[0] * one[1], one[1] * other[1]
    common = gcd(above, below) or 1
    return above // common, below // common


def bytes_words(count: Dim) -> str:
    """Bytes in the unit that suits them: `46.8 MB`; with open sizes as a count of bytes."""
    if not isinstance(count, int):
        return f"{count_words(count)} bytes"
    if count < 1000:
        return f"{count} bytes"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.3g} {unit}" if value < 999.5 else f"{value:,.0f} {unit}"


# Operators and uses of blocks


def operator_words(op: Op) -> str:
    """An operator as a spec spells it, with what was given: `conv2d(64, 7, stride=2)`."""
    parts = []
    for name, value in op.given.items():
        field = op.fields.get(name)
        if field is None or (not field.required and value == field.default):
            continue
        parts.append(value_words(value) if field.required else f"{name}={value_words(value)}")
    return f"{op.name}({', '.join(parts)})" if parts else op.name


def part_words(application: Application) -> str:
    """A use of a block as a spec spells it, with its plain parameters: `basic(128, stride=2)`."""
    if application.kind not in ("block", "network"):
        return ""
    definition, parts = application.definition, []
    for param in definition.params:
        value = application.arguments.get(param.name)
        if not _is_plain(value) or value == getattr(param.default, "value", _NO_DEFAULT):
            continue
        text = value_words(value)
        parts.append(text if param.default is None else f"{param.name}={text}")
    return f"{definition.name}({', '.join(parts)})" if parts else str(definition.name)


_NO_DEFAULT = object()


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return isinstance(value, (int, float, str, Size))


def value_words(value: Any) -> str:
    """A compile-time value as a spec spells it; equal sizes along all axes are said once."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple) and value and all(item == value[0] for item in value):
        return value_words(value[0])
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(value_words, value))}]"
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) else str(value)


def copies_words(first: str, last: str) -> str:
    """Numbered names as one: `1–5`, `encoder_layer_0–11`; others `first … last`."""
    stem = first.rstrip("0123456789")
    if stem == last.rstrip("0123456789") and stem not in (first, last):
        return f"{first}–{last[len(stem) :]}"
    return f"{first} … {last}"


def listed(names: Sequence[str]) -> str:
    """`H`, `H and W`, `N, H and W`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def requirements_words(texts: Sequence[str]) -> list[str]:
    """The conditions of `requires` in words, equal ones together: "H and W are multiples of 32".

    >>> requirements_words(["H % 32 == 0", "W % 32 == 0", "H >= 33"])
    ['H and W are multiples of 32', 'H is at least 33']
    """
    names: dict[tuple[str, str], list[str]] = {}
    for text in texts:
        if (remainder := remainder_words(text)) is not None:
            names.setdefault(remainder[1:], []).append(remainder[0])
            continue
        name, _, rest = text.partition(" ")
        names.setdefault(_predicate(rest) if name.isidentifier() else ("", text), []).append(name)
    words = []
    for (one, many), who in names.items():
        words.append(f"{listed(who)} {one if len(who) == 1 else many}" if one else many)
    return words


def _predicate(rest: str) -> tuple[str, str]:
    """What is said of one size, and of several; the first is empty where the condition stays as it is."""
    match rest.split():
        case ["%", number, "==", "0"]:
            return f"is a multiple of {number}", f"are multiples of {number}"
        case ["%", number, "==", left]:
            return f"leaves {left} when divided by {number}", f"leave {left} when divided by {number}"
        case [">=", number] if number.isdigit():
            return f"is at least {number}", f"are at least {number}"
        case ["<=", number] if number.isdigit():
            return f"is at most {number}", f"are at most {number}"
        case ["==", other]:
            return f"is {other}", f"are {other}"
    return f"with {rest}", f"with {rest}"
