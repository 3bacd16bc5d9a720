"""What would a push change? Reads the pushed objects, and of the cellar those models that the push touches.

The same serves for a whole cellar, as if all of it were pushed now. May import core, policy, store and the modules of
its own floor that gather.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from gitcellar.cellar.authority import with_authority
from gitcellar.cellar.evidence import read_declarations
from gitcellar.cellar.judging import find_blocking, find_needed, find_unreachable, sort_declared
from gitcellar.cellar.policies import find_protected_branch
from gitcellar.cellar.policy_changes import APPROVALS, find_policy_approvals
from gitcellar.core.chain import read_links, walk_back
from gitcellar.core.digests import Digest
from gitcellar.core.events import Event, Registered
from gitcellar.core.lineage import find_checkpoint
from gitcellar.core.names import ModelName, find_model_name
from gitcellar.core.pushes import PushedRef
from gitcellar.core.state import ModelState, fold_events, replay_events
from gitcellar.core.tag_objects import MAX_BYTES, TagObject, find_tag_object
from gitcellar.core.tags import find_tag_name, model_patterns, parse_listing, tip_ref
from gitcellar.core.trailers import parse_message
from gitcellar.core.versions import Version
from gitcellar.policy.change import Act, Change, ProposedRef, ProposedTag, TipStep, WrittenTag
from gitcellar.policy.config import Policy
from gitcellar.policy.settings import ModelRules
from gitcellar.store.git import GitRepository, ObjectHeader

_TAGS, _TIPS = "refs/tags/", "refs/gitcellar/"
# Beyond this many models one reading of all tags costs less than a glob for each.
_MANY = 100


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and where a push is judged. `remote` is where it goes, as seen from a clone; None on the server itself.

    `whole` is False where one ref is shown at a time, as to the update hook: what comes with it is not known then.
    `now` is seconds UTC; None where what happened long ago is judged, each event at its own time.
    """

    policy: Policy
    day: str
    remote: str | None = None
    whole: bool = True
    now: int | None = None


def gather_push(repository: GitRepository, pushed: Sequence[PushedRef], occasion: Occasion) -> Change:
    """A push as the judge wants it: each new registry tag as an act of its own, in the order in which they count."""
    return _Gathering(repository, pushed, occasion).gather()


@dataclass
class _Gathering:
    """One push, and what was read for it so far."""

    repository: GitRepository
    pushed: Sequence[PushedRef]
    occasion: Occasion
    _rules: dict[ModelName | None, ModelRules] = field(default_factory=dict)
    _outside: dict[tuple[str, ...], set[str]] = field(default_factory=dict)

    def gather(self) -> Change:
        acts = [act for model in sorted(self.new_events) for act in self.find_acts(model)]
        refs = [self.find_ref(pushed) for pushed in self.pushed if pushed.ref not in self.new_tags]
        return Change(self.occasion.day, tuple(self.with_evidence(acts)), tuple(refs))

    # What is pushed

    @cached_property
    def new_tags(self) -> dict[str, PushedRef]:
        """The registry tags that do not exist yet, by ref."""
        return {p.ref: p for p in self.pushed if p.old is None and p.new is not None and _find_model(p.ref) is not None}

    @cached_property
    def headers(self) -> dict[str, ObjectHeader]:
        """The objects of pushed tags and tips, and under `ID^{}` what they peel to."""
        ids = [p.new for p in self.pushed if p.new and (p.ref in self.new_tags or p.ref.startswith(_TIPS))]
        return self.repository.check_objects([name for object_id in ids for name in (object_id, f"{object_id}^{{}}")])

    @cached_property
    def objects(self) -> dict[str, TagObject]:
        """The tag objects among them, by id. One that is malformed or huge is none."""
        ids = [h.object_id for n, h in self.headers.items() if h.kind == "tag" and n == h.object_id]
        read = self.repository.read_objects(
            {object_id: object_id for object_id in ids if self.headers[object_id].size <= MAX_BYTES}, kind="tag"
        )
        found = {object_id: find_tag_object(content) for object_id, content in read.items()}
        return {object_id: tag for object_id, tag in found.items() if tag is not None}

    @cached_property
    def new_events(self) -> dict[ModelName, list[Event]]:
        events: dict[ModelName, list[Event]] = {}
        for ref, pushed in self.new_tags.items():
            named = find_tag_name(ref.removeprefix(_TAGS))
            if named is not None and pushed.new is not None:
                peeled = self.headers.get(f"{pushed.new}^{{}}")
                is_tag = pushed.new in self.objects
                commit = peeled.object_id if peeled and is_tag else None
                event = Event(named.fact, ref.removeprefix(_TAGS), pushed.new, commit)
                events.setdefault(named.model, []).append(event)
        return events

    # What is there already

    @cached_property
    def known(self) -> dict[ModelName, list[Event]]:
        """The events of the models that the push touches, and of their bases, without those that are pushed."""
        tips = [model for p in self.pushed if (model := _find_tip_model(p.ref)) is not None]
        touched = {*self.new_events, *tips}
        touched |= {model.base for model in self.new_events if model.kind == "project"}
        if len(touched) > _MANY:
            listing = self.repository.list_tags()
        else:
            patterns = [pattern for model in sorted(touched) for pattern in model_patterns(model)]
            listing = self.repository.list_refs(patterns) if patterns else ""
        found = parse_listing(listing)
        # In a clone a tag that is pushed exists already.
        return {
            model: [event for event in events if f"{_TAGS}{event.tag}" not in self.new_tags]
            for model, events in found.items()
            if model in touched
        }

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every model that there is or would be, asked for where one is new."""
        there = parse_listing(self.repository.list_tags())
        return tuple(model.text for model in sorted({*there, *self.new_events}))

    @cached_property
    def spellings(self) -> dict[str, dict[str, str]]:
        """Of each beginning of a name, without regard to case: how it is spelled, and a model that spells it so."""
        found: dict[str, dict[str, str]] = {}
        for name in self.names:
            for beginning in _beginnings(name):
                found.setdefault(beginning.casefold(), {}).setdefault(beginning, name)
        return found

    def find_neighbours(self, model: ModelName) -> tuple[str, ...]:
        """Models of which a part is spelled as the same part of `model`, but for case."""
        found = [self.spellings[beginning.casefold()] for beginning in _beginnings(model.text)]
        return tuple(sorted({name for spelled in found for name in spelled.values()} - {model.text}))

    @cached_property
    def blocking(self) -> dict[ModelName, tuple[str, ...]]:
        """Of the models that are new, the tags that stand where their folders must."""
        return find_blocking(self.repository, [model for model in self.new_events if not self.known.get(model)])

    @cached_property
    def digests(self) -> dict[ModelName, dict[Digest, list[Version]]]:
        """The versions that are there by the checkpoint that their tags record, of models that get versions."""
        models = [m for m, events in self.new_events.items() if any(isinstance(e.fact, Registered) for e in events)]
        known = {event.tag: (m, event.fact) for m in models for event in self.known.get(m, [])}
        patterns = [p for m in models for p in model_patterns(m)] if len(models) <= _MANY else [_TAGS]
        found: dict[ModelName, dict[Digest, list[Version]]] = {model: {} for model in models}
        for tag, (_, details) in (self.repository.read_details(patterns) if known else {}).items():
            model, fact = known.get(tag, (None, None))
            digest = find_checkpoint(parse_message(details.message))
            if model is not None and isinstance(fact, Registered) and digest is not None:
                found[model].setdefault(digest, []).append(fact.version)
        return found

    def rules_of(self, model: ModelName | None) -> ModelRules:
        if model not in self._rules:
            self._rules[model] = self.occasion.policy.rules_of(model)
        return self._rules[model]

    # Acts

    def find_acts(self, model: ModelName) -> Iterable[Act]:
        before, after = self.known.get(model, []), self.new_events[model]
        digests = self.digests.get(model, {})
        base = self.state_with_new(model.base) if model.kind == "project" else None
        chain = self.find_chain(model) if self.rules_of(model).chained and self.occasion.whole else None
        for event, state in replay_events(model, before, after):
            proposed = ProposedTag(model, event.fact, event.commit or event.object_id, self.describe(event, chain))
            act = Act(
                model,
                (proposed,),
                state,
                self.rules_of(model),
                base,
                beside=sum(p.ref.startswith(_TAGS) for p in self.pushed) - 1,
                day=self.occasion.day,
            )
            if isinstance(event.fact, Registered):
                digest = self.digest_of(event)
                act = replace(act, checkpoint=digest, alike=tuple(digests.get(digest, ()) if digest else ()))
                if digest is not None:
                    digests.setdefault(digest, []).append(event.fact.version)
            if not state.events:
                act = replace(act, neighbours=self.find_neighbours(model), blocking=self.blocking.get(model, ()))
            yield act

    def state_with_new(self, model: ModelName) -> ModelState:
        """A base's state after the push, for a base and what is tuned from it may come together."""
        return fold_events(model, [*self.known.get(model, []), *self.new_events.get(model, [])])

    def describe(self, event: Event, chain: Collection[str] | None) -> WrittenTag:
        found = self.objects.get(event.object_id)
        if found is None:
            header = self.headers.get(event.object_id)
            # A tag object that git would not have written is judged as none.
            kind = "commit" if header is None or header.kind != "tag" else "malformed"
            return WrittenTag(event.tag, kind)
        chained = event.object_id in chain if chain is not None else None
        return WrittenTag(event.tag, "tag", found.field, found.target_kind, event.object_id, chained)

    def find_chain(self, model: ModelName) -> set[str]:
        """The objects among those that are pushed to which the model's pushed tip leads back."""
        tip = next((pushed.new for pushed in self.pushed if pushed.ref == tip_ref(model)), None)
        return set(walk_back(tip, self.links))

    @cached_property
    def links(self) -> dict[str, str | None]:
        """Which event each pushed one follows."""
        return read_links({object_id: tag.message for object_id, tag in self.objects.items()})

    def digest_of(self, event: Event) -> Digest | None:
        found = self.objects.get(event.object_id)
        return find_checkpoint(parse_message(found.message)) if found else None

    def with_evidence(self, acts: list[Act]) -> list[Act]:
        """The acts with what their commits declare, all of it read at once."""
        bases = {act.model: self.state_with_new(act.model.base) for act in acts if act.model.kind == "project"}
        needed = [find_needed(act.tags, act.state, act.rules, bases.get(act.model)) for act in acts]
        wanted = dict.fromkeys(item for found in needed for item in found.values())
        declared = read_declarations(self.repository, list(wanted))
        completed = []
        for act, bearing in zip(acts, needed, strict=True):
            outside = act.registers and act.tags[0].target in self.outside(act.rules)
            completed.append(replace(act, **sort_declared(bearing, declared), unreachable=bool(outside)))
        return with_authority(self.repository, completed, now=self.occasion.now)

    def outside(self, rules: ModelRules) -> set[str]:
        """The registered commits that no protected branch contains, not even as the push leaves it."""
        if not rules.protected:
            return set()
        if rules.protected not in self._outside:
            commits = [e.commit for events in self.new_events.values() for e in events if e.commit]
            heads = {p.ref: p.new for p in self.pushed if p.new and p.ref.startswith("refs/heads/")}
            self._outside[rules.protected] = find_unreachable(
                self.repository, commits, rules, remote=self.occasion.remote, pushed=heads
            )
        return self._outside[rules.protected]

    # Other refs

    def find_ref(self, pushed: PushedRef) -> ProposedRef:
        if pushed.ref.startswith(_TIPS):
            model = _find_tip_model(pushed.ref)
            step = self.find_step(model, pushed) if model and pushed.new else None
            return ProposedRef(pushed.ref, pushed.old, pushed.new, self.rules_of(model), model, step=step)
        model = _find_model(pushed.ref)
        blocks = self.find_blocked(pushed) if model is None else None
        rules = self.rules_of(model)
        approved = self.find_approvals(pushed, rules) if rules.policy_changes else None
        return ProposedRef(pushed.ref, pushed.old, pushed.new, rules, model, blocks=blocks, policy_approved=approved)

    def find_approvals(self, pushed: PushedRef, rules: ModelRules) -> tuple[str, ...] | None:
        """Who approved the policy that the protected branch would get; None where it gets no other."""
        if pushed.ref != find_protected_branch(self.repository, self.occasion.remote):
            return None
        beside = [p.new for p in self.pushed if p.new and p.ref.startswith(f"{_TAGS}{APPROVALS}")]
        return find_policy_approvals(self.repository, pushed, rules, self.occasion.day, beside)

    def find_step(self, model: ModelName, pushed: PushedRef) -> TipStep:
        new = pushed.new or ""
        found = self.objects.get(new)
        if found is None or _find_model(f"{_TAGS}{found.field}") != model:
            return TipStep(None, follows=False, known=False)
        here = {event.tag: event.object_id for event in self.known.get(model, [])}
        here |= {event.tag: event.object_id for event in self.new_events.get(model, [])}
        # One ref at a time says nothing of the tags beside it.
        known = here.get(found.field, None if self.occasion.whole else new) == new
        return TipStep(found.field, self.follows(model, new, pushed.old), known)

    def follows(self, model: ModelName, new: str, old: str | None) -> bool:
        """Whether the chain leads from `new` back to `old`."""
        if old is None:
            return True
        links = dict(self.links)
        chain = walk_back(new, links)
        if old not in chain and links.get(chain[-1] if chain else new) != old:
            details = self.repository.read_details(model_patterns(model))
            links |= read_links({object_id: found.message for object_id, found in details.values()})
            chain = walk_back(new, links)
        return old in chain or (bool(chain) and links.get(chain[-1]) == old)

    def find_blocked(self, pushed: PushedRef) -> str | None:
        """A registry tag below the folder whose name a pushed tag would take."""
        if pushed.new is None or not pushed.ref.startswith(_TAGS):
            return None
        below = [ref for ref in self.new_tags if ref.startswith(f"{pushed.ref}/")]
        below = below or [ref for ref in self.blocked if ref.startswith(f"{pushed.ref}/") and _find_model(ref)]
        return below[0].removeprefix(_TAGS) if below else None

    @cached_property
    def blocked(self) -> list[str]:
        """Tags below those that are pushed and are none of the registry's."""
        others = [p.ref for p in self.pushed if p.ref.startswith(_TAGS) and p.new and _find_model(p.ref) is None]
        return list(self.repository.list_ref_ids(*(f"{ref}/" for ref in others))) if others else []


def _beginnings(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _find_model(ref: str) -> ModelName | None:
    """The model of whose registry tags `ref` is one."""
    named = find_tag_name(ref.removeprefix(_TAGS)) if ref.startswith(_TAGS) else None
    return named.model if named else None


def _find_tip_model(ref: str) -> ModelName | None:
    if not ref.startswith(_TIPS) or not ref.endswith("@tip"):
        return None
    return find_model_name(ref.removeprefix(_TIPS).removesuffix("@tip"))
