"""What does somebody propose, and what is known that bears on it? The judge's only input.

May import core and policy.config.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitcellar.core.digests import Digest
from gitcellar.core.events import Fact
from gitcellar.core.manifest import Entry
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState
from gitcellar.core.tags import format_tag
from gitcellar.core.versions import Version
from gitcellar.policy.config import ModelRules


@dataclass(frozen=True, slots=True)
class ProposedTag:
    """A tag that would be written. `target` is the id of the object that it would point at."""

    model: ModelName
    fact: Fact
    target: str


@dataclass(frozen=True, slots=True)
class Change:
    """The tags that one act would write for one model, and what was so before.

    `base` is the state of the rack's base model, for a project model; `entry` what the manifest declares at the
    registered commit; `checkpoints` the digests that earlier registrations recorded; `neighbours` the names of
    the other models, read for a model's first tag alone; `blocking` the tags that stand where its folder must.
    """

    model: ModelName
    tags: tuple[ProposedTag, ...]
    state: ModelState
    rules: ModelRules
    base: ModelState | None = None
    entry: Entry | None = None
    checkpoint: Digest | None = None
    checkpoints: Mapping[Version, Digest] = field(default_factory=dict)
    neighbours: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()

    def tag_of(self, proposed: ProposedTag) -> str:
        """The name that the proposed tag would have."""
        return format_tag(proposed.model, proposed.fact, dialect=self.rules.dialect)
