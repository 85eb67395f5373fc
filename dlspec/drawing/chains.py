"""Which cards stand in one column, and what part each edge plays there.

Every card goes on with the card after it on the longest way to an output, and came from the one before it on
the longest way from an input; where both agree the two are linked. Linked cards make chains, each a straight
column; the chain that holds the longest way of all is the main one. An edge that leaves a chain and comes back
to it is a shortcut.
"""

from __future__ import annotations

from itertools import pairwise

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.parts import Card
    from dlspec.drawing.scene import Scene


def assign_roles(made: Scene) -> None:
    """Find the chains of a scene and give every edge its role."""
    made.chains = _chains(made)
    chain_of = {card: number for number, chain in enumerate(made.chains) for card in chain}
    linked = {pair for chain in made.chains for pair in pairwise(chain)}
    loose = [edge for edge in made.edges if (edge.source, edge.target) not in linked and edge.role != "size"]
    left = {(chain_of[edge.source], chain_of[edge.target]) for edge in loose}
    for edge in made.edges:
        source, target = chain_of[edge.source], chain_of[edge.target]
        edge.same_chain = source == target
        if edge.role == "size":
            continue
        if (edge.source, edge.target) in linked:
            edge.role = "main" if source == 0 else "side"
        elif edge.same_chain or (target, source) in left:
            edge.role = "skip"


def _chains(made: Scene) -> list[list[Card]]:
    """Every card in one chain, the longest way first; the others in the order of their first cards."""
    before: dict[Card, list[Card]] = {card: [] for card in made.cards}
    after: dict[Card, list[Card]] = {card: [] for card in made.cards}
    for edge in made.edges:
        if edge.role != "size":
            before[edge.target].append(edge.source)
            after[edge.source].append(edge.target)
    down = _longest(made.cards, before)
    up = _longest(made.cards[::-1], after)
    came_from = {card: max(before[card], key=down.__getitem__) for card in made.cards if before[card]}
    goes_to: dict[Card, Card] = {}
    for card in made.cards:
        own = [other for other in after[card] if came_from[other] is card]
        if own:
            goes_to[card] = max(own, key=up.__getitem__)
    heads = [card for card in made.cards if goes_to.get(came_from.get(card, card)) is not card]
    heads.sort(key=lambda card: -up[card] if card not in came_from else 0)
    return [_followed(head, goes_to) for head in heads]


def _longest(cards: list[Card], before: dict[Card, list[Card]]) -> dict[Card, int]:
    """For every card how many nodes lie on the longest way to it; `cards` come after all those before them."""
    found: dict[Card, int] = {}
    for card in cards:
        own = max(len(card.nodes) * card.count, 1)
        found[card] = own + max((found[other] for other in before[card]), default=0)
    return found


def _followed(head: Card, goes_to: dict[Card, Card]) -> list[Card]:
    chain = [head]
    while chain[-1] in goes_to:
        chain.append(goes_to[chain[-1]])
    return chain
