"""What happened to a model? The facts that tags state, and the events that carry them.

May import core.versions alone.
"""

from dataclasses import dataclass
from typing import NamedTuple

from gitcellar.core.versions import Version

# What a claim about a stage begins with, where it changes what is so: the glass was broken, and that was ratified.
BYPASSED, RATIFIED = "bypassed", "ratified"


@dataclass(frozen=True, slots=True)
class Registered:
    """A version was registered at the tagged commit. `counter` is 0 but in GTO's counted form."""

    version: Version
    counter: int = 0


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A version was recalled."""

    version: Version
    counter: int


@dataclass(frozen=True, slots=True)
class Assigned:
    """The version at the tagged commit entered a stage. `counter` is 0 in GTO's form without one."""

    stage: str
    counter: int


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A stage was emptied."""

    stage: str
    counter: int


@dataclass(frozen=True, slots=True)
class Deprecated:
    """The whole model was deprecated."""

    counter: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """Something was stated about a version, such as `approved.production`."""

    version: Version
    claim: str
    counter: int


Fact = Registered | Withdrawn | Assigned | Unassigned | Deprecated | Claimed


class Event(NamedTuple):
    """A fact, and the tag that states it. A named tuple, for a cellar has 100,000 and it is made in half the time.

    `object_id` is the object that the ref holds; `commit` is what it peels to, None for a lightweight tag.
    """

    fact: Fact
    tag: str
    object_id: str
    commit: str | None

    @property
    def kind(self) -> str:
        """The fact's name in lower case: `registered`, `assigned`, …"""
        return type(self.fact).__name__.lower()

    @property
    def version(self) -> Version | None:
        """The version that the tag's name states; an assignment's is found in the state."""
        return getattr(self.fact, "version", None)

    @property
    def stage(self) -> str | None:
        """The stage that the tag's name states."""
        return getattr(self.fact, "stage", None)


@dataclass(frozen=True, slots=True)
class Details:
    """What a tag object says beside its name: `at` is seconds UTC of the tagger's clock, `utc_offset` is `+0100`."""

    author: str
    email: str
    at: int
    utc_offset: str
    message: str


@dataclass(frozen=True, slots=True)
class DetailedEvent:
    """An event with its tag object read."""

    event: Event
    details: Details
