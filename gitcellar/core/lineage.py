"""Where did a version come from? What a registration's trailers say of its base and its checkpoint.

May import names, versions, events, tags, digests and trailers.
"""

import re
from dataclasses import dataclass

from gitcellar.core.digests import Digest, find_digest
from gitcellar.core.events import Registered
from gitcellar.core.names import ModelName
from gitcellar.core.tags import find_tag_name
from gitcellar.core.trailers import Message
from gitcellar.core.versions import Version

_BASE = re.compile(r"(\S+) ([0-9a-f]{40,64})")


@dataclass(frozen=True, slots=True)
class Base:
    """A base model's version, bound to its registration by the object id of its tag."""

    model: ModelName
    version: Version
    object_id: str

    def __str__(self) -> str:
        return f"{self.model}@{self.version} {self.object_id}"


def find_base(message: Message) -> Base | None:
    """The base that a registration names; None where it names none."""
    match = _BASE.fullmatch(message.find("Base") or "")
    named = find_tag_name(match[1]) if match else None
    if match is None or named is None or not isinstance(named.fact, Registered):
        return None
    return Base(named.model, named.fact.version, match[2])


def find_checkpoint(message: Message) -> Digest | None:
    """The checkpoint's digest that a registration recorded; None where it recorded none."""
    return find_digest(message.find("Checkpoint") or "")
