"""Which event came before which? The hash chain that every tag's `Previous:` makes, walked by object ids.

May import core.trailers.
"""

from collections.abc import Mapping

from gitcellar.core.trailers import parse_message

PREVIOUS = "Previous"


def read_links(messages: Mapping[str, str]) -> dict[str, str | None]:
    """The object id of the event before, for each object id of a tag and its message. None begins a chain."""
    return {object_id: parse_message(message).find(PREVIOUS) for object_id, message in messages.items()}


def leads_back(new: str, old: str, links: Mapping[str, str | None]) -> bool:
    """Whether the chain that ends at `new` comes to `old`, whose own object need not be known."""
    chain = walk_back(new, links)
    return old in chain or (bool(chain) and links[chain[-1]] == old)


def walk_back(tip: str | None, links: Mapping[str, str | None]) -> list[str]:
    """The chain that ends at `tip`, the newest first, as far as its objects are known. A loop ends it."""
    chain: list[str] = []
    seen: set[str] = set()
    while tip is not None and tip in links and tip not in seen:
        chain.append(tip)
        seen.add(tip)
        tip = links[tip]
    return chain
