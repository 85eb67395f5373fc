"""Exact decisions: when conditions on open sizes hold, and what to ask of the sizes for all to hold.

Nothing is guessed. ALWAYS and NEVER are proved, SOMETIMES has a case on either side, and the rest is said to
be UNDECIDED.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from dlspec.sizes.condition import Condition, Verdict, simplified
from dlspec.sizes.describe import described
from dlspec.sizes.domain import Domain, solved_for
from dlspec.sizes.progressions import Progressions
from dlspec.sizes.tied import class_count, groups, is_always, split, verdict_by_classes, witness

PAIRS_TRIED = 24
"""Up to how many conditions a conflict is looked for pair by pair, before one at a time is left out."""


class Answer:
    """When several conditions hold together.

    `texts` are what remains to be asked: inside the domain they hold together exactly where the conditions do
    (where none is `undecided`). `causes` gives for each text the conditions it comes from. `unsatisfiable` is
    a small subset that never holds, where the verdict is NEVER; it is empty if the domain itself is. `numbers` are
    the values left to each open size that the conditions narrow.
    """

    __slots__ = ("causes", "numbers", "texts", "undecided", "unsatisfiable", "verdict")

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.texts: list[str] = []
        self.causes: list[list[Condition]] = []
        self.undecided: list[Condition] = []
        self.numbers: dict[str, Progressions] = {}
        self.unsatisfiable: list[Condition] = []

    def ask(self, texts: Iterable[str], causes: list[Condition]) -> None:
        """Add texts that come from these conditions, unless they are there."""
        for text in texts:
            if text not in self.texts:
                self.texts.append(text)
                self.causes.append(causes)


def decide(condition: Condition, domain: Domain) -> Verdict:
    """Whether a condition holds for all values in a domain, for none, for some; or that it is undecided."""
    if isinstance(condition.difference, int):
        return Verdict.ALWAYS if condition.holds({}) else Verdict.NEVER
    found = domain.memo.get(condition)
    if found is None:
        found = domain.memo[condition] = _answer([condition], domain).verdict
    return found


def solve(conditions: Iterable[Condition], domain: Domain) -> Answer:
    """When all conditions hold together in a domain, in few words, and which conflict if they never do."""
    stated = list(dict.fromkeys(conditions))
    answer = _answer(stated, domain)
    if answer.verdict is Verdict.NEVER and not domain.impossible:
        answer.unsatisfiable = _conflict(stated, domain)
    return answer


def _answer(conditions: list[Condition], domain: Domain) -> Answer:
    """The answer without its `unsatisfiable`."""
    if domain.impossible:
        return Answer(Verdict.NEVER)
    narrowing = _Narrowing(domain)
    for condition in conditions:
        narrowing.take(domain.restated(condition), condition)
    tie = narrowing.tie()
    if tie is None:
        narrowing.settle()
        tie = narrowing.tie()
    if narrowing.impossible:
        return Answer(Verdict.NEVER)
    return narrowing.answer() if tie is None else _tied_answer(tie, conditions, domain)


def _tied_answer(tie: tuple[Condition, Condition], conditions: list[Condition], domain: Domain) -> Answer:
    """The answer where a condition sets a size equal to another: ask for that, and for the rest given it."""
    condition, origin = tie
    narrowed = domain.with_condition(condition)
    answer = _answer(conditions, narrowed)
    if answer.verdict is Verdict.NEVER:
        return answer
    possible = all(witness(group, narrowed.numbers) is not None for group in groups(narrowed.ties))
    # Without ties the size that goes had other values, so there is a case on the other side.
    if not possible or (domain.ties and not _fails_somewhere(condition, domain)):
        answer.undecided.append(origin)
    else:
        answer.ask([simplified(condition)], [origin])
    if answer.verdict is Verdict.ALWAYS:
        answer.verdict = Verdict.SOMETIMES
    if answer.undecided:
        answer.verdict = Verdict.UNDECIDED
    return answer


class _Narrowing:
    """The values left to each open size while conditions are taken in; `kept` are those that tie sizes."""

    __slots__ = ("causes", "domain", "impossible", "kept", "left")

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.left: dict[str, Progressions] = {}
        self.causes: dict[str, list[tuple[Condition, Condition]]] = {}
        self.kept: list[tuple[Condition, Condition]] = []
        self.impossible = False

    def numbers(self, name: str) -> Progressions:
        return self.left.get(name) or self.domain.numbers(name)

    def take(self, condition: Condition, origin: Condition) -> None:
        """Narrow by a condition on one size, split one on several, or keep it for later."""
        names = condition.symbols
        if not names:
            self.impossible = self.impossible or not condition.holds({})
        elif self._follows(condition):
            return
        elif len(names) > 1:
            parts = split(condition, self.numbers)
            if parts is None:
                self.kept.append((condition, origin))
            for part in parts or []:
                self.take(part, origin)
        else:
            (name,) = names
            narrowed = self.numbers(name).where(condition)
            if narrowed is None:
                self.kept.append((condition, origin))
            else:
                self._narrow(name, narrowed, condition, origin)

    def tie(self) -> tuple[Condition, Condition] | None:
        """The first kept condition that gives a size as a function of others."""
        return next((kept for kept in self.kept if solved_for(kept[0])), None)

    def settle(self) -> None:
        """Prove or split what is kept, the cheap ones first, as long as that narrows a size."""
        progress = True
        while progress and not self.impossible:
            progress = False
            kept = sorted(self.kept, key=lambda pair: class_count(pair[0], self.numbers))
            self.kept = []
            for condition, origin in kept:
                progress = self._settle_one(condition, origin) or progress

    def answer(self) -> Answer:
        """What to ask of each size, then of several; UNDECIDED for what has no case on either side."""
        answer = Answer(Verdict.ALWAYS)
        answer.numbers = dict(self.left)
        answer.undecided = self._without_a_case()
        for name in sorted(self.left, key=lambda name: (name != "N", name)):
            self._ask(answer, name)
        for condition, origin in self.kept:
            if origin in answer.undecided:
                continue
            if _fails_somewhere(condition, self.domain):
                answer.ask([simplified(condition)], [origin])
            else:
                answer.undecided.append(origin)
        answer.undecided = list(dict.fromkeys(answer.undecided))
        if answer.undecided:
            answer.verdict = Verdict.UNDECIDED
        elif answer.texts:
            answer.verdict = Verdict.SOMETIMES
        return answer

    def _without_a_case(self) -> list[Condition]:
        """The conditions on sizes for which no values were found that satisfy all that ties them."""
        kept = [condition for condition, _ in self.kept]
        concerned = frozenset(self.left).union(*(condition.symbols for condition in kept))
        found: list[Condition] = []
        for group in groups([*self.domain.ties, *kept]):
            names = frozenset().union(*(condition.symbols for condition in group))
            if names & concerned and witness(group, self.numbers) is None:
                found += [origin for condition, origin in self.kept if condition in group]
                found += [origin for name in sorted(names) for _, origin in self.causes.get(name, [])]
        return found

    def _ask(self, answer: Answer, name: str) -> None:
        """Add the texts for one size, unless what narrows it is undecided."""
        origins = [origin for _, origin in self.causes[name]]
        if any(origin in answer.undecided for origin in origins):
            return
        tied = any(name in tie.symbols for tie in self.domain.ties)
        if tied and not any(_fails_somewhere(condition, self.domain) for condition, _ in self.causes[name]):
            answer.undecided += origins
            return
        causes = self._needed(name)
        texts = described(name, self.domain.numbers(name), self.numbers(name))
        own_words = [simplified(condition) for condition, _ in causes]
        answer.ask(texts or own_words, [origin for _, origin in causes])

    def _needed(self, name: str) -> list[tuple[Condition, Condition]]:
        """The conditions that narrowed a size, less those that the others imply."""
        causes = self.causes[name]
        if any(len(condition.symbols) > 1 for condition, _ in causes):
            return causes
        for cause in list(causes):
            others = [other for other in causes if other is not cause]
            numbers: Progressions | None = self.domain.numbers(name)
            for condition, _ in others:
                numbers = numbers and numbers.where(condition)
            if others and numbers is not None and numbers.equals(self.numbers(name)):
                causes = others
        return causes

    def _follows(self, condition: Condition) -> bool:
        """Whether a declared tie gives the condition at once."""
        return any(
            tie == condition
            or (
                tie.relation == condition.relation == ">="
                and is_always(Condition(">=", condition.difference, tie.difference), self.numbers)
            )
            for tie in self.domain.ties
        )

    def _narrow(self, name: str, narrowed: Progressions, condition: Condition, origin: Condition) -> bool:
        """Take in what is left to a size; whether that is less than before."""
        if narrowed.equals(self.numbers(name)):
            return False
        self.left[name] = narrowed
        self.causes.setdefault(name, []).append((condition, origin))
        self.impossible = self.impossible or not narrowed.runs
        return True

    def _settle_one(self, condition: Condition, origin: Condition) -> bool:
        """Prove or split one kept condition, or keep it again; whether some size was narrowed."""
        before = dict(self.left)
        parts = split(condition, self.numbers) if len(condition.symbols) > 1 else None
        if parts is not None:
            for part in parts:
                self.take(part, origin)
            return self.left != before
        verdict, sides = verdict_by_classes(condition, self.numbers)
        if verdict is Verdict.NEVER:
            self.impossible = True
        elif sides is not None:
            for name, narrowed in sides.items():
                self._narrow(name, narrowed, condition, origin)
        elif verdict is not Verdict.ALWAYS:
            self.kept.append((condition, origin))
        return self.left != before


def _fails_somewhere(condition: Condition, domain: Domain) -> bool:
    """Whether values are found in the domain with which the condition does not hold."""
    return any(
        witness([negation, *(tie for tie in domain.ties if tie.symbols & condition.symbols)], domain.numbers)
        is not None
        for negation in condition.negations()
    )


def _conflict(conditions: list[Condition], domain: Domain) -> list[Condition]:
    """A small subset of conditions that never hold together: one, else two, else none of them to spare."""

    def never(subset: Iterable[Condition]) -> bool:
        return _answer(list(subset), domain).verdict is Verdict.NEVER

    for condition in conditions:
        if never([condition]):
            return [condition]
    if len(conditions) <= PAIRS_TRIED:
        for pair in combinations(conditions, 2):
            if never(pair):
                return list(pair)
    needed = list(conditions)
    for condition in conditions:
        rest = [each for each in needed if each is not condition]
        if never(rest):
            needed = rest
    return needed
