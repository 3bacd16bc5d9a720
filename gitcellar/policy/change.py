"""What does somebody propose, and what is known that bears on it? The judge's only input.

May import core and policy.settings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from gitcellar.core.claims import Statement
from gitcellar.core.days import Day
from gitcellar.core.digests import Digest
from gitcellar.core.documents import Fault
from gitcellar.core.events import Fact, Registered
from gitcellar.core.manifest import Contract, Entry
from gitcellar.core.metrics import Metrics
from gitcellar.core.names import ModelName
from gitcellar.core.proof import Suspicion
from gitcellar.core.state import ModelState
from gitcellar.core.tags import format_tag
from gitcellar.core.versions import Version
from gitcellar.policy.approvals import Attested, Hearing
from gitcellar.policy.people import Signer
from gitcellar.policy.settings import ModelRules


class NotRead(Enum):
    """Evidence that nobody gathered, as opposed to evidence that there is nothing: a check that meets it fails."""

    NOT_READ = "not read"


NOT_READ: Final = NotRead.NOT_READ


@dataclass(frozen=True, slots=True)
class Arrival:
    """When an event came, in seconds UTC: `at` by its tagger's clock, `newest` the latest such date of the model's
    events before it, and `received` by the clock of the server that takes it; None where it is judged elsewhere.
    """

    at: int
    newest: int
    received: int | None


@dataclass(frozen=True, slots=True)
class WrittenTag:
    """A proposed tag that exists already, for it is pushed rather than planned.

    `kind` is the type of the object that the ref would hold, or `malformed` for a tag that git would not write; `field`
    the name that a tag object has inside, `target_kind` the type of what it points at, and
    `object_id` the object itself. `follows` is the event that its message names as the one before it, and `chained`
    says whether the chain of its model's tip leads back to it; None where that was not asked, or cannot be known.
    `forgery` says why its signature proves nothing, as words that follow "it"; None for one that fits, or for none.
    """

    name: str
    kind: str
    field: str | None = None
    target_kind: str | None = None
    object_id: str | None = None
    chained: bool | None = None
    follows: str | None = None
    forgery: str | None = None


@dataclass(frozen=True, slots=True)
class ProposedTag:
    """A tag that would be written. `target` is the id of the object that it would point at, through all layers.

    A claim that is planned makes a `statement` about the tag object `object_id`.
    """

    model: ModelName
    fact: Fact
    target: str
    written: WrittenTag | None = None
    statement: Statement | None = None
    object_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tracked:
    """The checkpoint's path at a commit, in the index or in the work tree.

    `outside_dvc` where the data stands there without DVC, as in a commit it never should; `digest` and `size` as DVC
    recorded them, `digest` None where DVC tracks nothing there. `data_missing` where the work tree must have the data
    and neither it nor DVC's cache does.
    """

    outside_dvc: bool = False
    digest: str | None = None
    size: int | None = None
    data_missing: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a commit, the index or the work tree declares of a model, and the files that it names.

    `faults` are those of the manifest where it cannot be read. `missing` are the named paths that are not there.
    `files` are those of the model's folder relative to it, and `lock` the content of the environment's lock file,
    each read only where the policy asks; `metrics` the entry's numbers, also those in the file that it names.
    """

    model: ModelName
    rules: ModelRules
    where: str
    entry: Entry | None = None
    file: str = "artifacts.yaml"
    line: int | None = None
    faults: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    tracked: Tracked = Tracked()
    files: tuple[str, ...] | None = None
    lock: tuple[str, bytes] | None = None
    metrics: Metrics = field(default_factory=dict)

    @property
    def contract(self) -> Contract | None:
        """What applications rely on, where the manifest says it."""
        return self.entry.contract if self.entry else None


@dataclass(frozen=True, slots=True)
class Act:
    """The tags that one act would write for one model, and what was so before.

    `base` is the state of the rack's base model, for a project model; `declared` what stands at the tags' commit, read
    for registrations and for stages that ask for fields; `earlier` what the versions before declared, as far as they
    bear on it; `alike` the versions whose tags recorded
    this very checkpoint; `neighbours` the names of the other
    models, read for a model's first tag alone; `blocking` the tags that stand where its folder must. `beside` counts
    the other tags of the same push, those that are none of the registry's too, and `arrival` says when its tag came;
    None of what is planned, and of what was taken long ago. `unreachable` where no protected branch
    contains the commit. `lost` names the objects that the DVC remote was asked for and does not have; `measured` is
    the checkpoint's digest, where the data was read for it. `rivals` are the metrics that gates compare with, by what
    they improve on. `day` is that of the
    act, as 2026-11-30 in UTC. Who stands behind it is read only where the rules ask: `signer` of its tags, `author` who
    signed the registration of the version, and the `claims` on it. `ages` are the seconds since the version entered
    each stage that holds it, and `left` those since the stage that it enters held it last.
    """

    model: ModelName
    tags: tuple[ProposedTag, ...]
    state: ModelState
    rules: ModelRules
    base: ModelState | None = None
    declared: Declaration | None = None
    earlier: Mapping[Version, Declaration] = field(default_factory=dict)
    checkpoint: Digest | None = None
    alike: tuple[Version, ...] = ()
    neighbours: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()
    beside: int = 0
    unreachable: bool = False
    measured: Digest | None = None
    lost: tuple[str, ...] = ()
    rivals: Mapping[str, Metrics] = field(default_factory=dict)
    signer: Signer | None = None
    author: Signer | None = None
    claims: Sequence[Attested] = ()
    ages: Mapping[str, int] = field(default_factory=dict)
    left: int | None = None
    arrival: Arrival | NotRead | None = NOT_READ
    day: Day = field(kw_only=True)

    def hearing(self, version: Version) -> Hearing:
        """What bears on whether `version` may enter a stage."""
        return Hearing(self.state, self.rules, version, self.day, self.claims, self.author, self.signer)

    @property
    def entry(self) -> Entry | None:
        """What the manifest says of the model at the tags' commit."""
        return self.declared.entry if self.declared else None

    @property
    def registrations(self) -> list[tuple[ProposedTag, Version]]:
        """The tags that would register a version, and which."""
        return [(p, p.fact.version) for p in self.tags if isinstance(p.fact, Registered)]

    @property
    def registers(self) -> bool:
        """Whether a version would be registered."""
        return bool(self.registrations)

    def tag_of(self, proposed: ProposedTag) -> str:
        """The name that the proposed tag has, or would have."""
        if proposed.written is not None:
            return proposed.written.name
        return format_tag(proposed.model, proposed.fact, dialect=self.rules.dialect)


@dataclass(frozen=True, slots=True)
class TipStep:
    """Where a model's tip would go. `named` is the tag's name inside the object, None for what is no tag.

    `follows` where the chain leads back from it to where the tip is now; `known` where that tag is, or comes with the
    push, under its own name.
    """

    named: str | None
    follows: bool
    known: bool


@dataclass(frozen=True, slots=True)
class BranchStep:
    """What a push would do to the branch whose policy judges, or beside it while it does not exist.

    `protected` is that branch's full name. `forward` where it would contain what it contains now. `beside` are the
    branches that exist while it does not.
    """

    protected: str
    forward: bool = False
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProposedRef:
    """A ref that a push would create, move or delete, and which states no new fact of the registry.

    `old` and `new` are object ids, None where the ref does not exist before or after. `model` is whose it is, if any
    model's. `blocks` is a registry tag that could not exist beside it. `step` is known of a tip, `branch` of the branch
    whose policy judges, and of every other while that one does not exist.
    `policy_approved` are the people who approved the policy that the ref would bring; None where it brings no other.
    """

    ref: str
    old: str | None
    new: str | None
    rules: ModelRules
    model: ModelName | None = None
    blocks: str | None = None
    step: TipStep | None = None
    branch: BranchStep | None = None
    policy_approved: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ProposedHistory:
    """What `verify` would say of a model once a push has landed, and does not say now."""

    model: ModelName
    rules: ModelRules
    suspicions: tuple[Suspicion, ...]


@dataclass(frozen=True, slots=True)
class PushSize:
    """How much a push asks a server to read: its registry tags, and the bytes of their tag objects."""

    tags: int
    size: int
    rules: ModelRules


@dataclass(frozen=True, slots=True)
class Change:
    """All that is proposed at once: the acts in their order, other refs, and what manifests declare.

    `acts` are taken one after the other, and once: each is good until the next one is asked for. `histories` are those
    of the models that a push touches. `day` is today: exceptions end. `faults` are those of manifests and of a policy
    that is proposed, and `general` the rules for what is no one model's.
    """

    day: Day
    acts: Iterable[Act] = ()
    refs: tuple[ProposedRef, ...] = ()
    histories: tuple[ProposedHistory, ...] = ()
    size: PushSize | None = None
    declarations: tuple[Declaration, ...] = ()
    faults: tuple[Fault, ...] = ()
    general: ModelRules = field(default_factory=ModelRules)
