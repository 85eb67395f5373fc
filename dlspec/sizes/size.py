"""An exact size: an integer polynomial over open sizes and floors of such polynomials.

A chain of convolutions and poolings collapses to one floor, since for integers with positive divisors
`((x + a)//m + b)//n = (x + a + b*m)//(m*n)`. What is constant is a plain `int`, so a concrete network
pays what ints cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import gcd


class Size:
    """A size that depends on open sizes; immutable, equal when its normal form is equal.

    `terms` maps a product of atoms (a sorted tuple; an atom is a name or a `Floor`) to its coefficient and is
    never empty or changed; `constant` is added. Sizes have no `<`: an order depends on the open sizes and is
    a `Condition`.

    >>> H = symbol("H")
    >>> print(((H + 1) // 2 + 1) // 2, 3 * H - 1, H * (H + 2), H % 16)
    (H + 3)//4 3*H - 1 H*H + 2*H H % 16
    """

    __slots__ = ("_hash", "_symbols", "constant", "terms")

    terms: dict[tuple[Atom, ...], int]
    constant: int
    _hash: int
    _symbols: frozenset[str]

    def __init__(self, terms: dict[tuple[Atom, ...], int], constant: int) -> None:
        self.terms = terms
        self.constant = constant

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the open sizes it depends on."""
        try:
            return self._symbols
        except AttributeError:
            self._symbols = frozenset().union(*(_atom_symbols(atom) for product in self.terms for atom in product))
            return self._symbols

    @property
    def degree(self) -> int:
        """Its growth as a polynomial: 1 for `H//2`, 2 for `H*W`."""
        return max(sum(map(_atom_degree, product)) for product in self.terms)

    @property
    def is_affine(self) -> bool:
        """Whether it is a plain integer combination of open sizes, without floors or products."""
        return all(len(product) == 1 and isinstance(product[0], str) for product in self.terms)

    @property
    def is_quasi_affine(self) -> bool:
        """Whether it is an integer combination of open sizes and of floors, by numbers, of such."""
        return all(len(product) == 1 and _atom_is_quasi_affine(product[0]) for product in self.terms)

    def evaluate(self, values: Mapping[str, int]) -> int:
        """The number it is where every open size has a value; KeyError where one is missing."""
        total = self.constant
        for atoms, term in self.terms.items():
            for atom in atoms:
                term *= values[atom] if isinstance(atom, str) else atom.evaluate(values)
            total += term
        return total

    def substitute(self, values: Mapping[str, Dim]) -> Dim:
        """The same size with some open sizes replaced; names that do not occur are ignored."""
        if self.symbols.isdisjoint(values):
            return self
        total: Dim = self.constant
        for atoms, coefficient in self.terms.items():
            term: Dim = coefficient
            for atom in atoms:
                term = term * _atom_substituted(atom, values)
            total = total + term
        return total

    def __add__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return Size(self.terms, self.constant + other)
        if isinstance(other, Size):
            terms = dict(self.terms)
            for product, coefficient in other.terms.items():
                total = terms.get(product, 0) + coefficient
                if total:
                    terms[product] = total
                else:
                    del terms[product]
            return _collapsed(terms, self.constant + other.constant)
        return NotImplemented

    __radd__ = __add__

    def __neg__(self) -> Size:
        return Size({product: -coefficient for product, coefficient in self.terms.items()}, -self.constant)

    def __sub__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return Size(self.terms, self.constant - other)
        return self + -other if isinstance(other, Size) else NotImplemented

    def __rsub__(self, other: int) -> Dim:
        return -self + other if isinstance(other, int) else NotImplemented

    def __mul__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            if not other:
                return 0
            return Size({product: term * other for product, term in self.terms.items()}, self.constant * other)
        if not isinstance(other, Size):
            return NotImplemented
        terms: dict[tuple[Atom, ...], int] = {}
        for left, coefficient in _with_constant(self):
            for right, factor in _with_constant(other):
                product = _multiplied(left, right)
                terms[product] = terms.get(product, 0) + coefficient * factor
        constant = terms.pop((), 0)
        return _collapsed({product: term for product, term in terms.items() if term}, constant)

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            if other > 0:
                return _floored(self, other)
            if other < 0:
                return _floored(-self, -other)
            raise ZeroDivisionError("a size divided by zero")
        return _quotient(self, other) if isinstance(other, Size) else NotImplemented

    def __rfloordiv__(self, other: int) -> Dim:
        return _quotient(other, self) if isinstance(other, int) else NotImplemented

    def __mod__(self, other: Dim) -> Dim:
        return self - other * (self // other) if isinstance(other, int | Size) else NotImplemented

    def __rmod__(self, other: int) -> Dim:
        return other - self * (other // self) if isinstance(other, int) else NotImplemented

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Size) and self.constant == other.constant and self.terms == other.terms
        )

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            self._hash = hash((self.constant, frozenset(self.terms)))
            return self._hash

    def __str__(self) -> str:
        return size_text(self)

    def __repr__(self) -> str:
        return f"Size({self})"


class Floor:
    """The whole part of a quotient, `numerator // divisor`, where it cannot be written without a floor."""

    __slots__ = ("_hash", "_order", "divisor", "numerator")

    numerator: Dim
    divisor: Dim
    _hash: int
    _order: tuple[bool, str, str]

    def __init__(self, numerator: Dim, divisor: Dim) -> None:
        self.numerator = numerator
        self.divisor = divisor
        # A floor is a key of the terms it enters, so it is hashed at once and by what costs little to see.
        if isinstance(numerator, int):
            self._hash = hash((numerator, divisor))
        else:
            terms = numerator.terms
            part = next(iter(terms)) if len(terms) == 1 else len(terms)
            self._hash = hash((part, numerator.constant, divisor))

    @property
    def order(self) -> tuple[bool, str, str]:
        """Its place among the factors of a product: beside its first open size."""
        try:
            return self._order
        except AttributeError:
            first = min(map(_atom_order, _atom_symbols(self)))
            self._order = (*first[:2], _factor_text(self, {}))
            return self._order

    def evaluate(self, values: Mapping[str, int]) -> int:
        return evaluated(self.numerator, values) // evaluated(self.divisor, values)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Floor) and self.divisor == other.divisor and self.numerator == other.numerator
        )

    def __hash__(self) -> int:
        return self._hash


Atom = str | Floor
Dim = int | Size


def symbol(name: str) -> Size:
    """An open size, known by its name."""
    return Size({(name,): 1}, 0)


def symbol_of(atom: Atom) -> Size:
    """The size that one atom is."""
    return Size({(atom,): 1}, 0)


def product(sizes: Iterable[Dim]) -> Dim:
    """All sizes multiplied; 1 for none."""
    total: Dim = 1
    for size in sizes:
        total = total * size
    return total


def ceil_div(size: Dim, divisor: int) -> Dim:
    """The quotient rounded up, as one floor; `divisor` is positive."""
    return (size + (divisor - 1)) // divisor


def evaluated(size: Dim, values: Mapping[str, int]) -> int:
    """The number a size is where its open sizes have values."""
    return size if isinstance(size, int) else size.evaluate(values)


def substituted(size: Dim, values: Mapping[str, Dim]) -> Dim:
    """The size with some open sizes replaced."""
    return size if isinstance(size, int) else size.substitute(values)


def symbols_of(size: Dim) -> frozenset[str]:
    """The open sizes a size depends on; none where it is a number."""
    return frozenset() if isinstance(size, int) else size.symbols


def exact_quotient(dividend: Dim, divisor: Dim) -> Dim | None:
    """The size whose product with `divisor` is `dividend` as a polynomial, or None where there is none.

    >>> H, W = symbol("H"), symbol("W")
    >>> exact_quotient(64 * H * W, H * W)
    64
    """
    if divisor == 0:
        return None
    if dividend == 0:
        return 0
    lead, factor = min(_with_constant(divisor), key=descending)
    quotient: Dim = 0
    while dividend != 0:
        # Each round cancels the leading product in a graded order, so the rounds end.
        product, coefficient = min(_with_constant(dividend), key=descending)
        left = _cancelled(product, lead)
        if left is None or coefficient % factor:
            return None
        step = _collapsed({left: coefficient // factor}, 0) if left else coefficient // factor
        quotient = quotient + step
        dividend = dividend - step * divisor
    return quotient


def size_text(size: Dim, multiples: Mapping[str, int] = {}) -> str:
    """A size as people write it: `(H + 31)//32`, `2*H - 1`, `N*H*W`, `H % 2`.

    A name in `multiples` stands for that part of itself: with `{"H": 32}`, `2*H + 1` reads `H/16 + 1`.
    """
    if isinstance(size, int):
        return str(size)
    parts, rest = remainders(size, multiples)
    terms, constant = ({}, rest) if isinstance(rest, int) else (rest.terms, rest.constant)
    for atoms, term in sorted(terms.items(), key=descending):
        parts.append((_term_text(atoms, abs(term), multiples), term))
    if constant:
        parts.append((str(abs(constant)), constant))
    # A text begins with a minus only where all of it is subtracted: `3 - H`.
    first = next((place for place, part in enumerate(parts) if part[1] > 0), 0)
    parts.insert(0, parts.pop(first))
    lead, sign = parts[0]
    if sign < 0:
        # A minus binds closer than a quotient.
        atoms = min(terms, key=lambda atoms: descending((atoms, 0)))
        quotient = len(atoms) == 1 and isinstance(atoms[0], Floor) and terms[atoms] == -1
        lead = f"-({lead})" if quotient else f"-{lead}"
    words = [lead]
    words += [f"{'-' if term < 0 else '+'} {text}" for text, term in parts[1:]]
    return " ".join(words)


def remainders(size: Size, multiples: Mapping[str, int] = {}) -> tuple[list[tuple[str, int]], Dim]:
    """The parts `k*y - k*n*(y//n)` as texts `y % n` with their sign, and what is left."""
    texts: list[tuple[str, int]] = []
    rest: Dim = size
    for atoms, term in sorted(size.terms.items(), key=descending):
        atom = atoms[0]
        if len(atoms) > 1 or isinstance(atom, str) or not isinstance(atom.divisor, int) or term >= 0:
            continue
        times, over = divmod(-term, atom.divisor)
        if over or not isinstance(atom.numerator, Size) or not isinstance(rest, Size):
            continue
        if all(rest.terms.get(part) == times * factor for part, factor in atom.numerator.terms.items()):
            rest = rest - times * (atom.numerator - atom.divisor * symbol_of(atom))
            text = f"{_grouped(atom.numerator, multiples)} % {atom.divisor}"
            texts.append((f"{times}*({text})" if times > 1 else text, 1))
    return texts, rest


def _collapsed(terms: dict[tuple[Atom, ...], int], constant: int) -> Dim:
    return Size(terms, constant) if terms else constant


def _with_constant(size: Dim) -> list[tuple[tuple[Atom, ...], int]]:
    """All terms, the constant as the empty product."""
    if isinstance(size, int):
        return [((), size)]
    return [*size.terms.items(), ((), size.constant)] if size.constant else [*size.terms.items()]


def _multiplied(left: tuple[Atom, ...], right: tuple[Atom, ...]) -> tuple[Atom, ...]:
    if left and right:
        return tuple(sorted(left + right, key=_atom_order))
    return left or right


def _cancelled(product: tuple[Atom, ...], factor: tuple[Atom, ...]) -> tuple[Atom, ...] | None:
    """The product without the atoms of `factor`; None where one is missing."""
    left = list(product)
    for atom in factor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def _floored(size: Size, divisor: int) -> Dim:
    """The normal form of `size // divisor` for a positive number.

    Multiples of the divisor leave the floor, a common factor is divided out, and a floor within becomes one
    with it.
    """
    if divisor == 1:
        return size
    whole, constant = divmod(size.constant, divisor)
    if len(size.terms) == 1:
        # The usual step of a chain, one open size or one floor, goes the short way.
        ((atoms, term),) = size.terms.items()
        if term == 1 and len(atoms) == 1:
            atom = atoms[0]
            if isinstance(atom, str) or not isinstance(atom.divisor, int):
                return Size({(Floor(Size(size.terms, constant), divisor),): 1}, whole)
            return (atom.numerator + atom.divisor * constant) // (atom.divisor * divisor) + whole
    return _floored_sum(size, whole, constant, divisor)


def _floored_sum(size: Size, whole: int, constant: int, divisor: int) -> Dim:
    """`_floored` for any sum, whose constant is `whole * divisor + constant`."""
    outside: dict[tuple[Atom, ...], int] = {}
    inside: dict[tuple[Atom, ...], int] = {}
    for atoms, term in size.terms.items():
        quotient, remainder = divmod(term, divisor)
        if quotient:
            outside[atoms] = quotient
        if remainder:
            inside[atoms] = remainder
    if not inside:
        return _collapsed(outside, whole)
    common = gcd(divisor, *inside.values())
    if common > 1:
        inside = {atoms: term // common for atoms, term in inside.items()}
        constant //= common
        divisor //= common
    floor = _unnested(inside, constant, divisor)
    if floor is None:
        floor = symbol_of(Floor(Size(inside, constant), divisor))
    if outside:
        return floor + Size(outside, whole)
    return floor + whole if whole else floor


def _unnested(terms: dict[tuple[Atom, ...], int], constant: int, divisor: int) -> Dim | None:
    """The quotient of a sum in which a floor by a number stands once, as one floor with that; else None.

    The first such floor in order is taken, so that equal sums have equal forms.
    """
    nested = [
        atoms[0]
        for atoms, term in terms.items()
        if term == 1 and len(atoms) == 1 and isinstance(atoms[0], Floor) and isinstance(atoms[0].divisor, int)
    ]
    if not nested:
        return None
    floor = min(nested, key=_atom_order)
    rest = _collapsed({atoms: term for atoms, term in terms.items() if atoms != (floor,)}, constant)
    return (floor.numerator + rest * floor.divisor) // (floor.divisor * divisor)


def _quotient(dividend: Dim, divisor: Size) -> Dim:
    """`dividend // divisor` for an open divisor: divided where that is exact, else left as it is."""
    exact = exact_quotient(dividend, divisor)
    return Size({(Floor(dividend, divisor),): 1}, 0) if exact is None else exact


def _atom_symbols(atom: Atom) -> frozenset[str]:
    if isinstance(atom, str):
        return frozenset((atom,))
    return symbols_of(atom.numerator) | symbols_of(atom.divisor)


def _atom_degree(atom: Atom) -> int:
    return atom.numerator.degree if isinstance(atom, Floor) and isinstance(atom.numerator, Size) else 1


def _atom_is_quasi_affine(atom: Atom) -> bool:
    if isinstance(atom, str):
        return True
    return isinstance(atom.divisor, int) and isinstance(atom.numerator, Size) and atom.numerator.is_quasi_affine


def _atom_substituted(atom: Atom, values: Mapping[str, Dim]) -> Dim:
    if isinstance(atom, str):
        return values[atom] if atom in values else symbol(atom)
    return substituted(atom.numerator, values) // substituted(atom.divisor, values)


def _atom_order(atom: Atom) -> tuple[bool, str, str]:
    """The batch first, then the alphabet; so `N*H*W` reads as shapes do."""
    return (atom != "N", atom, "") if isinstance(atom, str) else atom.order


def descending(term: tuple[tuple[Atom, ...], int]) -> tuple[int, list[tuple[bool, str, str]]]:
    """A key that sorts higher degrees first, then by the atoms (graded lexicographic order)."""
    return -len(term[0]), [_atom_order(atom) for atom in term[0]]


def _term_text(atoms: tuple[Atom, ...], coefficient: int, multiples: Mapping[str, int]) -> str:
    factors: list[str] = []
    for atom in atoms:
        part = multiples.get(atom, 1) if isinstance(atom, str) else 1
        common = gcd(coefficient, part)
        coefficient //= common
        factors.append(f"({atom}/{part // common})" if part > common else _factor_text(atom, multiples))
    if coefficient > 1:
        factors.insert(0, str(coefficient))
    if len(factors) > 1:
        return "*".join(factors)
    # Alone in its term a quotient needs no brackets: `H//2 + 1`, `H/32`.
    alone = len(atoms) == 1 and factors[0].startswith("(") and factors[0].endswith(")")
    return factors[0][1:-1] if alone else factors[0]


def _factor_text(atom: Atom, multiples: Mapping[str, int]) -> str:
    if isinstance(atom, str):
        return atom
    return f"({_grouped(atom.numerator, multiples)}//{_grouped(atom.divisor, multiples)})"


def _grouped(size: Dim, multiples: Mapping[str, int]) -> str:
    text = size_text(size, multiples)
    return text if text.isidentifier() or text.isdecimal() else f"({text})"
