"""What would a push change? Each new registry tag as an act with everything that bears on it, and the other refs.

The same serves for a whole cellar, as if all of it were pushed now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gitcellar.cellar.authority import Authority
from gitcellar.cellar.evidence import Wanted, read_declarations
from gitcellar.cellar.judging import Bearing, find_blocking, find_needed, find_unreachable, sort_declared
from gitcellar.cellar.policies import ProtectedBranch
from gitcellar.cellar.policy_changes import find_policy_approvals, goes_forward
from gitcellar.cellar.push_batch import TAGS, TIPS, PushBatch, find_folders, find_model_of, find_tip_model
from gitcellar.core.chain import leads_back
from gitcellar.core.days import Day
from gitcellar.core.digests import Digest
from gitcellar.core.events import Event, Registered
from gitcellar.core.lineage import find_checkpoint
from gitcellar.core.names import ModelName
from gitcellar.core.proof import Evidence, Suspicion, find_registrations, find_suspicions
from gitcellar.core.pushes import PushedRef
from gitcellar.core.state import replay_events
from gitcellar.core.tags import APPROVALS, parse_listing
from gitcellar.core.trailers import parse_message
from gitcellar.core.versions import Version
from gitcellar.policy.change import (
    Act,
    Arrival,
    BranchStep,
    Change,
    Declaration,
    ProposedHistory,
    ProposedRef,
    ProposedTag,
    PushSize,
    TipStep,
    WrittenTag,
)
from gitcellar.policy.config import Policy
from gitcellar.policy.settings import ModelRules
from gitcellar.store.git import GitRepository


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and where a push is judged. `remote` is where it goes, as seen from a clone; None on the server itself.

    `protected` is the branch whose policy judges; None where what is there already is judged, and no branch moves.
    `whole` is False where one ref is shown at a time, as to the update hook: what comes with it is not known then.
    `now` is seconds UTC; None where what happened long ago is judged, each event at its own time.
    """

    policy: Policy
    day: Day
    protected: ProtectedBranch | None
    remote: str | None = None
    whole: bool = True
    now: int | None = None


def measure_push(repository: GitRepository, pushed: Sequence[PushedRef], occasion: Occasion) -> Change:
    """How much a push asks to be read, as the judge wants it, before any of it is."""
    return _Gathering(repository, pushed, occasion).measure()


def gather_push(repository: GitRepository, pushed: Sequence[PushedRef], occasion: Occasion) -> Change:
    """A push as the judge wants it: each new registry tag as an act of its own, in the order in which they count.

    What acts need is read at once; each act is made when it is asked for, and good until the next one is.
    """
    return _Gathering(repository, pushed, occasion).gather()


class _Gathering:
    """One push, and what was read for it so far."""

    def __init__(self, repository: GitRepository, pushed: Sequence[PushedRef], occasion: Occasion) -> None:
        self.repository = repository
        self.occasion = occasion
        self.rules: dict[ModelName | None, ModelRules] = {}
        self.batch = PushBatch(repository, pushed, remote=occasion.remote, people=self.rules_of(None).people)

    def measure(self) -> Change:
        size = PushSize(len(self.batch.new_tags), self.batch.size, self.rules_of(None))
        return Change(self.occasion.day, size=size)

    def gather(self) -> Change:
        self.authority = Authority(self.repository, now=self.occasion.now, proven=self.batch.proven)
        needed: dict[str, dict[Bearing, Wanted]] = {}
        for act in self.replay():
            self.authority.collect(act)
            needed[act.tag_of(act.tags[0])] = find_needed(act.tags, act.state, act.rules, act.base)
        wanted = dict.fromkeys(item for found in needed.values() for item in found.values())
        declared = read_declarations(self.repository, list(wanted))
        others = [pushed for pushed in self.batch.pushed if pushed.ref not in self.batch.new_tags]
        return Change(
            self.occasion.day,
            self.complete(needed, declared),
            tuple(map(self.find_ref, others)),
            tuple(self.find_histories()) if self.occasion.whole else (),
        )

    def rules_of(self, model: ModelName | None) -> ModelRules:
        if model not in self.rules:
            self.rules[model] = self.occasion.policy.rules_of(model)
        return self.rules[model]

    # Acts

    def replay(self) -> Iterator[Act]:
        """Each new event as an act, with what names and objects say of it."""
        batch = self.batch
        for model in sorted(batch.new_events):
            base = batch.find_state(model.base) if model.kind == "project" else None
            chain = batch.find_chain(model) if self.occasion.whole else None
            newest = batch.find_newest_date(model) if self.occasion.now is not None else 0
            for event, state in replay_events(model, batch.known.get(model, []), batch.new_events[model]):
                written = self.describe(event, chain)
                yield Act(
                    model,
                    (ProposedTag(model, event.fact, event.commit or event.object_id, written),),
                    state,
                    self.rules_of(model),
                    base,
                    beside=self.beside,
                    arrival=self.find_arrival(event, newest),
                    day=self.occasion.day,
                )

    def complete(self, needed: dict[str, dict[Bearing, Wanted]], declared: dict[Wanted, Declaration]) -> Iterator[Act]:
        """The acts once more, each with all the evidence."""
        for act in self.replay():
            proposed = act.tags[0]
            act = replace(act, **sort_declared(needed[act.tag_of(proposed)], declared))
            if isinstance(proposed.fact, Registered):
                digest = self.digest_of(proposed)
                alike = self.note_checkpoint(act.model, digest, proposed.fact.version) if digest else ()
                unreachable = proposed.target in self.find_outside(act.rules)
                act = replace(act, checkpoint=digest, alike=alike, unreachable=unreachable)
            if not act.state.events:
                blocking = self.blocking.get(act.model, ())
                act = replace(act, neighbours=self.find_neighbours(act.model), blocking=blocking)
            yield self.authority.complete(act)

    @cached_property
    def beside(self) -> int:
        """How many other tags are pushed, those that are none of the registry's too, as Git hosts count them."""
        return sum(pushed.ref.startswith(TAGS) for pushed in self.batch.pushed) - 1

    def describe(self, event: Event, chain: frozenset[str] | None) -> WrittenTag:
        proven = self.batch.proven.get(event.object_id)
        if proven is None:
            header = self.batch.headers.get(event.object_id)
            # A tag object that git would not have written is judged as none.
            return WrittenTag(event.tag, "commit" if header is None or header.kind != "tag" else "malformed")
        return WrittenTag(
            event.tag,
            "tag",
            proven.found.field,
            proven.found.target_kind,
            event.object_id,
            chained=event.object_id in chain if chain is not None else None,
            follows=self.batch.links.get(event.object_id),
            forgery=proven.fault if proven.forged else None,
        )

    def find_arrival(self, event: Event, newest: int) -> Arrival | None:
        """When an event came; None of what is judged long after, and of what has no date."""
        found = self.batch.objects.get(event.object_id)
        if self.occasion.now is None or found is None:
            return None
        # Only who receives a push knows a clock that its sender does not set.
        return Arrival(found.at, newest, self.occasion.now if self.occasion.remote is None else None)

    def digest_of(self, proposed: ProposedTag) -> Digest | None:
        object_id = proposed.written.object_id if proposed.written else None
        found = self.batch.objects.get(object_id or "")
        return find_checkpoint(parse_message(found.message)) if found else None

    def note_checkpoint(self, model: ModelName, digest: Digest, version: Version) -> tuple[Version, ...]:
        """The versions that had this very checkpoint before `version`, which has it from now on.

        Two are kept, of different numbers: one of them differs from any other version that comes.
        """
        known = self.checkpoints.setdefault(model, {}).setdefault(digest, {})
        before = tuple(known.values())
        if len(known) < 2:
            known.setdefault(version.final, version)
        return before

    @cached_property
    def checkpoints(self) -> dict[ModelName, dict[Digest, dict[Version, Version]]]:
        """The versions by the checkpoint that their tags record, of the touched models."""
        found: dict[ModelName, dict[Digest, dict[Version, Version]]] = {}
        for model in self.batch.touched:
            for event in self.batch.known.get(model, ()):
                tag = self.batch.objects.get(event.object_id)
                digest = find_checkpoint(parse_message(tag.message)) if tag else None
                if digest is not None and isinstance(event.fact, Registered):
                    of_digest = found.setdefault(model, {}).setdefault(digest, {})
                    of_digest.setdefault(event.fact.version.final, event.fact.version)
        return found

    def find_outside(self, rules: ModelRules) -> set[str]:
        """The registered commits that no protected branch contains, not even as the push leaves it."""
        if rules.protected and rules.protected not in self.outside:
            commits = [e.commit for events in self.batch.new_events.values() for e in events if e.commit]
            heads = {p.ref: p.new for p in self.batch.pushed if p.new and p.ref.startswith("refs/heads/")}
            self.outside[rules.protected] = find_unreachable(
                self.repository, commits, rules, remote=self.occasion.remote, pushed=heads
            )
        return self.outside.get(rules.protected, set())

    @cached_property
    def outside(self) -> dict[tuple[str, ...], set[str]]:
        return {}

    # Names

    @cached_property
    def blocking(self) -> dict[ModelName, tuple[str, ...]]:
        """Of the models that are new, the tags that stand where their folders must."""
        new = [model for model in self.batch.new_events if not self.batch.known.get(model)]
        return find_blocking(self.repository, new)

    @cached_property
    def spellings(self) -> dict[str, dict[str, str]]:
        """Of each beginning of a name, without regard to case: how it is spelled, and a model that spells it so."""
        there = parse_listing(self.repository.list_tags())
        found: dict[str, dict[str, str]] = {}
        for model in sorted({*there, *self.batch.new_events}):
            for beginning in _beginnings(model.text):
                found.setdefault(beginning.casefold(), {}).setdefault(beginning, model.text)
        return found

    def find_neighbours(self, model: ModelName) -> tuple[str, ...]:
        """Models of which a part is spelled as the same part of `model`, but for case."""
        found = [self.spellings[beginning.casefold()] for beginning in _beginnings(model.text)]
        return tuple(sorted({name for spelled in found for name in spelled.values()} - {model.text}))

    # Histories

    def find_histories(self) -> Iterator[ProposedHistory]:
        """The touched models of which `verify` would say after the push what it does not say now."""
        for model in self.batch.touched:
            known = {(found.code, found.tag) for found in self.find_suspicions(model, after=False)}
            after = self.find_suspicions(model, after=True)
            new = tuple(found for found in after if (found.code, found.tag) not in known)
            if new:
                yield ProposedHistory(model, self.rules_of(model), new)

    def find_suspicions(self, model: ModelName, *, after: bool) -> list[Suspicion]:
        batch = self.batch
        bases = batch.find_held(model.base, after=after) if model.kind == "project" else {}
        evidence = Evidence(
            model,
            batch.find_held(model, after=after),
            batch.objects,
            batch.links,
            batch.find_new_tip(model) if after else batch.find_old_tip(model),
            None,
            find_registrations(bases),
        )
        # What git would not write, what was written under another name and a tip of nothing have rules of their own.
        found = [s for s in find_suspicions(evidence) if s.grave and s.code not in ("forged", "replayed")]
        return [suspicion for suspicion in found if find_model_of(f"{TAGS}{suspicion.tag}")]

    # Other refs

    def find_ref(self, pushed: PushedRef) -> ProposedRef:
        if pushed.ref.startswith(TIPS):
            model = find_tip_model(pushed.ref)
            step = self.find_step(model, pushed) if model and pushed.new else None
            return ProposedRef(pushed.ref, pushed.old, pushed.new, self.rules_of(model), model, step=step)
        model = find_model_of(pushed.ref)
        blocks = self.find_blocked(pushed) if model is None else None
        rules = self.rules_of(model)
        branch = self.find_branch_step(pushed)
        approved = self.find_approvals(pushed, rules) if rules.policy_changes else None
        return ProposedRef(
            pushed.ref, pushed.old, pushed.new, rules, model, blocks=blocks, branch=branch, policy_approved=approved
        )

    def find_branch_step(self, pushed: PushedRef) -> BranchStep | None:
        """What the push does to the branch whose policy judges, or beside it while the server has it not."""
        protected = self.occasion.protected
        if protected is None or not pushed.ref.startswith("refs/heads/"):
            return None
        if protected.commit is not None:
            if pushed.ref != protected.name:
                return None
            return BranchStep(protected.name, forward=goes_forward(self.repository, pushed))
        # A clone that knows nothing of the remote cannot tell which of its branches come first.
        if self.occasion.remote is not None:
            return None
        if pushed.ref == protected.name:
            return BranchStep(protected.name, beside=self.branches)
        comes = any(p.ref == protected.name and p.new is not None for p in self.batch.pushed)
        return None if comes or self.branches else BranchStep(protected.name)

    @cached_property
    def branches(self) -> tuple[str, ...]:
        """All branches that exist."""
        return tuple(sorted(self.repository.list_ref_ids("refs/heads/")))

    def find_approvals(self, pushed: PushedRef, rules: ModelRules) -> tuple[str, ...] | None:
        """Who approved the policy that the protected branch would get; None where it gets no other."""
        if self.occasion.protected is None or pushed.ref != self.occasion.protected.name:
            return None
        beside = [p.new for p in self.batch.pushed if p.new and p.ref.startswith(f"{TAGS}{APPROVALS}")]
        return find_policy_approvals(self.repository, pushed, rules, self.occasion.day, beside)

    def find_step(self, model: ModelName, pushed: PushedRef) -> TipStep:
        new = pushed.new or ""
        found = self.batch.objects.get(new)
        if found is None or find_model_of(f"{TAGS}{found.field}") != model:
            return TipStep(None, follows=False, known=False)
        held = self.batch.find_held(model, after=True).get(found.field)
        follows = pushed.old is None or leads_back(new, pushed.old, self.batch.links)
        return TipStep(found.field, follows, held == new)

    def find_blocked(self, pushed: PushedRef) -> str | None:
        """A registry tag below the folder whose name a pushed tag would take."""
        if pushed.new is None or not pushed.ref.startswith(TAGS):
            return None
        below = self.folders.get(pushed.ref)
        return below.removeprefix(TAGS) if below else None

    @cached_property
    def folders(self) -> dict[str, str]:
        """The folders of registry tags: of those that are pushed, and of those below a pushed tag of another kind."""
        others = [p.ref for p in self.batch.pushed if p.ref.startswith(TAGS) and p.new and not find_model_of(p.ref)]
        there = list(self.repository.list_ref_ids(*(f"{ref}/" for ref in others))) if others else []
        return find_folders([*self.batch.new_tags, *filter(find_model_of, there)])


def _beginnings(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
