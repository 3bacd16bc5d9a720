"""Who stands behind what is proposed? Signatures, the author, and the claims on a version: evidence for the judge.

May import core, policy and store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from gitcellar.core.claims import plan_claim, read_claim
from gitcellar.core.events import Assigned, Claimed, Event
from gitcellar.core.names import ModelName
from gitcellar.core.signatures import BROKEN, UNPROVEN, Signed, find_signed
from gitcellar.core.state import ModelState
from gitcellar.core.tag_objects import TagObject, find_tag_object
from gitcellar.core.versions import Version
from gitcellar.policy.approvals import Attested, Hearing
from gitcellar.policy.change import Act, ProposedTag
from gitcellar.policy.checks.authority import asks_who
from gitcellar.policy.people import NOBODY, People, Signer
from gitcellar.policy.settings import Aged, ModelRules, StageRules
from gitcellar.store.git import GitRepository
from gitcellar.store.openpgp import check_openpgp, find_own_key
from gitcellar.store.signatures import check_signatures, find_signing_key

_MALFORMED = "is no tag object as git writes it"
_Checked = tuple[str | None, str | None]  # the key that made a signature, or why none did


@dataclass(frozen=True, slots=True)
class Proven:
    """A tag object that was read: what it says, and the key that signed it, or why none did."""

    found: TagObject
    key: str | None
    fault: str | None

    @property
    def forged(self) -> bool:
        """Whether there is a signature, and it does not fit what it stands under."""
        return self.key is None and self.fault not in UNPROVEN

    def signer(self, rules: ModelRules, day: str) -> Signer:
        """Who signed it, by the people of the policy on a day."""
        return rules.people.signer_of(self.key, day) if self.key is not None else Signer(None, self.fault)


def prove_objects(contents: Mapping[str, bytes], people: People) -> dict[str, Proven]:
    """The tag objects among `contents`, by id, with their signatures checked, all at once.

    An SSH signature brings its key; those of OpenPGP are looked for among the keys of `people`.
    """
    tags = {object_id: find_tag_object(content) for object_id, content in contents.items()}
    found = {object_id: find_signed(contents[object_id]) for object_id, tag in tags.items() if tag is not None}
    signed = {object_id: each for object_id, each in found.items() if isinstance(each, Signed)}
    keys: dict[str, _Checked] = {object_id: (None, each) for object_id, each in found.items() if isinstance(each, str)}
    keys |= _check_ssh({object_id: each for object_id, each in signed.items() if each.key is not None})
    keys |= _check_openpgp({object_id: each for object_id, each in signed.items() if each.key is None}, people)
    return {object_id: Proven(tag, *keys[object_id]) for object_id, tag in tags.items() if tag}


def find_own_signer(repository: GitRepository, rules: ModelRules, day: str) -> Signer:
    """Who this clone's owner would sign as."""
    key = find_signing_key(repository.read_signing_config())
    if key is None:
        return Signer(None, "would not be signed: git has no signing key here")
    public = find_own_key(key.program, key.file) if key.is_openpgp else key.public
    if public is None:
        return Signer(None, "would not be signed: GnuPG has no secret key here")
    return rules.people.signer_of(public, day)


def hear(repository: GitRepository, state: ModelState, rules: ModelRules, version: Version, day: str) -> Hearing:
    """All that was claimed of a version, and who registered it."""
    registered = state.registrations[version]
    ids = [registered.object_id, *(event.object_id for event in _claims_on(state, version))]
    contents = repository.read_objects({object_id: object_id for object_id in ids}, kind="tag")
    proven = prove_objects(contents, rules.people)
    author = proven.get(registered.object_id)
    return Hearing(
        state,
        rules,
        version,
        day,
        tuple(_find_attested(_claims_on(state, version), proven, rules)),
        author.signer(rules, find_day(author.found.at)) if author else None,
    )


def with_authority(
    repository: GitRepository, acts: Sequence[Act], *, now: int | None, own: Signer | None = None
) -> list[Act]:
    """The acts with who stands behind them, read only where their rules ask.

    `now` is seconds UTC, None for acts of the past: each of them is taken at its own time, which is never before that
    of an earlier one, so that back-dating a tag brings no expired key back. `own` signs what is only planned.
    """
    wanted = [_find_wanted(act) for act in acts]
    ids = dict.fromkeys(object_id for found in wanted for object_id in found)
    if not ids and own is None:
        return list(acts)
    contents = repository.read_objects({object_id: object_id for object_id in ids}, kind="tag")
    # They are the same for every model of a cellar.
    proven = prove_objects(contents, acts[0].rules.people if acts else People())
    dated = {act.model: act for act in acts if any(map(_asks_when, _stages_of(act)))}
    dates = {model: _read_dates(repository, act.state) for model, act in dated.items()}
    latest: dict[ModelName, int] = {}
    completed: list[Act] = []
    for act, found in zip(acts, wanted, strict=True):
        at = now if now is not None else max(latest.get(act.model, 0), _written_at(act, proven))
        latest[act.model] = at
        act = replace(act, day=find_day(at)) if now is None and at else act
        completed.append(_complete(act, proven, dates.get(act.model, {}), at, own) if found or own else act)
    return completed


def find_day(at: int) -> str:
    """The day in UTC of a moment in seconds."""
    latest = 253402300799  # the calendar's edge
    return datetime.fromtimestamp(min(max(at, 0), latest), timezone.utc).date().isoformat()


def _check_ssh(signed: Mapping[str, Signed]) -> dict[str, _Checked]:
    fits = check_signatures(list(signed.values())) if signed else []
    return {
        object_id: (each.key, None) if fit else (None, BROKEN)
        for (object_id, each), fit in zip(signed.items(), fits, strict=True)
    }


def _check_openpgp(signed: Mapping[str, Signed], people: People) -> dict[str, _Checked]:
    return dict(zip(signed, check_openpgp(list(signed.values()), people.keyring), strict=True))


def _find_wanted(act: Act) -> list[str]:
    """The objects that tell who stands behind an act; none for most acts of most cellars."""
    wanted: list[str] = []
    for proposed in act.tags:
        written = proposed.written.object_id if proposed.written else None
        if asks_who(proposed.fact, act.rules) or isinstance(proposed.fact, Claimed):
            wanted += [written] if written else []
        version = _version_of(act.state, proposed.fact, proposed.target)
        stage = _stage_of(act, proposed.fact)
        about = stage is not None and (stage.approvals or stage.gates or stage.comes_back)
        if version is not None and (about or isinstance(proposed.fact, Claimed)):
            registered = act.state.registrations.get(version)
            wanted += [registered.object_id] if registered else []
            wanted += [event.object_id for event in _claims_on(act.state, version)]
    return wanted


def _written_at(act: Act, proven: Mapping[str, Proven]) -> int:
    """When the tags of an act were made, by their tagger's clock; 0 of tags that were not looked at."""
    ids = [proposed.written.object_id for proposed in act.tags if proposed.written and proposed.written.object_id]
    return max((proven[object_id].found.at for object_id in ids if object_id in proven), default=0)


def _stages_of(act: Act) -> list[StageRules]:
    return [stage for proposed in act.tags if (stage := _stage_of(act, proposed.fact)) is not None]


def _asks_when(stage: StageRules) -> bool:
    """Whether it matters when a version entered or left a stage."""
    return stage.comes_back is not None or any(isinstance(gate, Aged) for gate in stage.gates)


def _read_dates(repository: GitRepository, state: ModelState) -> dict[str, int]:
    """When each event of a model was, by its tagger's clock; by object id."""
    ids = {event.object_id: event.object_id for event in state.events}
    read = repository.read_objects(ids, kind="tag")
    return {object_id: tag.at for object_id, content in read.items() if (tag := find_tag_object(content)) is not None}


def _complete(act: Act, proven: Mapping[str, Proven], dates: Mapping[str, int], now: int, own: Signer | None) -> Act:
    for proposed in act.tags:
        written = proposed.written.object_id if proposed.written else None
        mine = proven.get(written) if written else None
        signer = mine.signer(act.rules, act.day) if mine else (Signer(None, _MALFORMED) if written else own)
        version = _version_of(act.state, proposed.fact, proposed.target)
        registered = act.state.registrations.get(version) if version else None
        author = proven.get(registered.object_id) if registered else None
        act = replace(
            act,
            signer=signer or act.signer or NOBODY,
            author=author.signer(act.rules, find_day(author.found.at)) if author else act.author,
            claims=(*act.claims, *_attest(act, version, proposed, proven, signer)) if version else act.claims,
        )
        if isinstance(proposed.fact, Assigned) and version is not None:
            ages, left = _find_ages(act.state, version, proposed.fact.stage, dates, now)
            act = replace(act, ages=act.ages or ages, left=act.left if act.left is not None else left)
    return act


def _attest(
    act: Act, version: Version, proposed: ProposedTag, proven: Mapping[str, Proven], signer: Signer | None
) -> list[Attested]:
    """The claims on a version with their signers, and the one that is proposed itself."""
    events = list(_claims_on(act.state, version))
    written = proposed.written.object_id if proposed.written else None
    found: list[Attested] = []
    if isinstance(proposed.fact, Claimed) and written is not None:
        events.append(Event(proposed.fact, act.tag_of(proposed), written, None))
    elif isinstance(proposed.fact, Claimed) and proposed.statement is not None:
        tag, target = act.tag_of(proposed), proposed.object_id or ""
        found.append(Attested(plan_claim(act.model, proposed.fact, tag, target, proposed.statement), signer or NOBODY))
    known = {attested.claim.tag for attested in act.claims}
    found += _find_attested(events, proven, act.rules, {written or "": act.day})
    return [attested for attested in found if attested.claim.tag not in known]


def _find_attested(
    events: Iterable[Event], proven: Mapping[str, Proven], rules: ModelRules, days: Mapping[str, str] | None = None
) -> list[Attested]:
    """The claims among events with their signers, each at its own time, or on the day that `days` has for its object.

    Back-dating a claim to when a key still counted stops at the claim before it.
    """
    latest = 0
    found: list[Attested] = []
    for event in sorted(events, key=lambda event: event.fact.counter):
        each = proven.get(event.object_id)
        claim = read_claim(event, each.found) if each else None
        if each is not None and claim is not None:
            latest = max(latest, claim.at)
            day = (days or {}).get(event.object_id, find_day(latest))
            found.append(Attested(claim, each.signer(rules, day)))
    return found


def _find_ages(
    state: ModelState, version: Version, stage: str, dates: Mapping[str, int], now: int
) -> tuple[dict[str, int], int | None]:
    """The seconds since the version entered each stage that holds it, and since `stage` held it last."""
    ages: dict[str, int] = {}
    left: int | None = None
    holds = False
    latest = 0
    for event in sorted(state.events, key=lambda event: event.fact.counter):
        # A date before that of an earlier event is no date.
        latest = max(latest, dates.get(event.object_id, 0))
        if event.stage is None or not event.fact.counter:
            continue
        entered = isinstance(event.fact, Assigned) and state.version_of(event) == version
        if entered:
            ages[event.stage] = now - latest
        if event.stage == stage:
            left = now - latest if holds and not entered else left
            holds = entered
    return {name: age for name, age in ages.items() if name in _held_in(state, version)}, 0 if holds else left


def _held_in(state: ModelState, version: Version) -> list[str]:
    return [stage for stage, held in state.stages.items() if held.version == version]


def _claims_on(state: ModelState, version: Version) -> Iterable[Event]:
    return (event for event in state.events if isinstance(event.fact, Claimed) and event.fact.version == version)


def _version_of(state: ModelState, fact: object, commit: str) -> Version | None:
    return fact.version if isinstance(fact, Claimed) else state.at_commit.get(commit)


def _stage_of(act: Act, fact: object) -> StageRules | None:
    return act.rules.stages.get(fact.stage) if isinstance(fact, Assigned) else None
