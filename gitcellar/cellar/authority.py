"""Who stands behind what is proposed? Signatures, the author, and the claims on a version: evidence for the judge.

May import core, policy and store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gitcellar.cellar.model_past import ModelPast, attest_claims, find_day
from gitcellar.core.claims import plan_claim, read_claim
from gitcellar.core.days import Day
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
from gitcellar.store.openpgp import check_openpgp
from gitcellar.store.signatures import check_signatures

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

    def signer(self, rules: ModelRules, day: Day) -> Signer:
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


def hear(repository: GitRepository, state: ModelState, rules: ModelRules, version: Version, day: Day) -> Hearing:
    """All that was claimed of a version, and who registered it."""
    registered = state.registrations[version]
    claims = [e for e in state.events if isinstance(e.fact, Claimed) and e.fact.version == version]
    ids = [registered.object_id, *(event.object_id for event in claims)]
    contents = repository.read_objects({object_id: object_id for object_id in ids}, kind="tag")
    proven = prove_objects(contents, rules.people)
    author = proven.get(registered.object_id)
    return Hearing(
        state,
        rules,
        version,
        day,
        attest_claims(claims, proven, rules),
        author.signer(rules, find_day(author.found.at)) if author else None,
    )


def with_authority(repository: GitRepository, act: Act, *, now: int, own: Signer | None = None) -> Act:
    """One planned act with who stands behind it. `now` is seconds UTC, and `own` signs what is only planned."""
    authority = Authority(repository, now=now, own=own)
    authority.collect(act)
    return authority.complete(act)


class Authority:
    """Who stands behind acts, read only where their rules ask: each act is collected first, then completed, in order.

    `now` is seconds UTC, None for acts of the past: each of them is taken at its own time, which is never before that
    of an earlier one, so that back-dating a tag brings no expired key back. `own` signs what is only planned, and
    `proven` are tag objects that were read already.
    """

    def __init__(
        self,
        repository: GitRepository,
        *,
        now: int | None,
        own: Signer | None = None,
        proven: Mapping[str, Proven] | None = None,
    ) -> None:
        self._repository = repository
        self._now = now
        self._own = own
        self._given = proven or {}
        self._wanted: dict[str, None] = {}
        self._people = People()
        self._pasts: dict[ModelName, ModelPast] = {}

    def collect(self, act: Act) -> None:
        """Note what must be read to complete an act, in the order in which acts count."""
        self._people = act.rules.people  # the same for every model of a cellar
        if act.model not in self._pasts:
            asks_when = any(map(_asks_when, act.rules.stages.values()))
            self._pasts[act.model] = ModelPast(act.state, reads_dates=asks_when)
            self._want(self._pasts[act.model].dated)
        for proposed in act.tags:
            if asks_who(proposed.fact, act.rules) or isinstance(proposed.fact, Claimed):
                self._want([_id_of(proposed)])
            version = _version_of(act.state, proposed.fact, proposed.target)
            if version is not None and _bears_on(act, proposed):
                registered = act.state.registrations.get(version)
                self._want([registered.object_id if registered else None])
                self._want(event.object_id for event in self._pasts[act.model].claims_on(version))

    def complete(self, act: Act) -> Act:
        """The act with its signer, the author of its version, and the claims and ages that bear on it."""
        past = self._pasts[act.model]
        at = self._now if self._now is not None else past.date(self._written_at(act))
        if self._now is None and at:
            act = replace(act, day=find_day(at))
        for proposed in act.tags:
            act = self._complete(act, proposed, past, at)
        return act

    def _want(self, ids: Iterable[str | None]) -> None:
        self._wanted.update((object_id, None) for object_id in ids if object_id is not None)

    @cached_property
    def _proven(self) -> dict[str, Proven]:
        missing = {each: each for each in self._wanted if each not in self._given}
        read = self._repository.read_objects(missing, kind="tag") if missing else {}
        return {**self._given, **prove_objects(read, self._people)}

    def _written_at(self, act: Act) -> int:
        """When the tags of an act were made, by their tagger's clock; 0 of tags that were not looked at."""
        found = [self._proven.get(_id_of(proposed) or "") for proposed in act.tags]
        return max((each.found.at for each in found if each), default=0)

    def _complete(self, act: Act, proposed: ProposedTag, past: ModelPast, now: int) -> Act:
        written = _id_of(proposed)
        mine = self._proven.get(written) if written else None
        signer = mine.signer(act.rules, act.day) if mine else (Signer(None, _MALFORMED) if written else self._own)
        version = _version_of(act.state, proposed.fact, proposed.target)
        registered = act.state.registrations.get(version) if version else None
        author = self._proven.get(registered.object_id) if registered else None
        act = replace(
            act,
            signer=signer or act.signer or NOBODY,
            author=author.signer(act.rules, find_day(author.found.at)) if author else act.author,
        )
        if version is not None and _bears_on(act, proposed):
            act = replace(act, claims=self._attest(act, version, proposed, past, signer))
        if isinstance(proposed.fact, Assigned) and version is not None and past.reads_dates:
            times = past.find_times(act.state, self._proven)
            ages, left = (
                times.find_ages(version, act.state, now),
                times.find_left(version, proposed.fact.stage, now),
            )
            act = replace(act, ages=act.ages or ages, left=act.left if act.left is not None else left)
        if written is not None:
            past.note(act.state, Event(proposed.fact, act.tag_of(proposed), written, proposed.target), self._proven)
        return act

    def _attest(
        self, act: Act, version: Version, proposed: ProposedTag, past: ModelPast, signer: Signer | None
    ) -> Sequence[Attested]:
        """The claims on a version with their signers, and the one that is proposed itself."""
        known = past.attest(version, self._proven, act.rules)
        planned = [each for each in act.claims if not each.claim.object_id]
        if not isinstance(proposed.fact, Claimed):
            return [*known, *planned] if planned else known
        tag, target = act.tag_of(proposed), proposed.object_id or ""
        if proposed.statement is not None:
            claim = plan_claim(act.model, proposed.fact, tag, target, proposed.statement)
            return [*known, *planned, Attested(claim, signer or NOBODY)]
        written = self._proven.get(_id_of(proposed) or "")
        event = Event(proposed.fact, tag, _id_of(proposed) or "", None)
        found = read_claim(event, written.found) if written else None
        if found is not None and written is not None:
            # It joins the others for good: a copy of the list at each of ten thousand claims costs more than all else.
            known.append(Attested(found, written.signer(act.rules, act.day)))
        return known


def _check_ssh(signed: Mapping[str, Signed]) -> dict[str, _Checked]:
    fits = check_signatures(list(signed.values())) if signed else []
    return {
        object_id: (each.key, None) if fit else (None, BROKEN)
        for (object_id, each), fit in zip(signed.items(), fits, strict=True)
    }


def _check_openpgp(signed: Mapping[str, Signed], people: People) -> dict[str, _Checked]:
    return dict(zip(signed, check_openpgp(list(signed.values()), people.keyring), strict=True))


def _asks_when(stage: StageRules) -> bool:
    """Whether it matters when a version entered or left a stage."""
    return stage.comes_back is not None or any(isinstance(gate, Aged) for gate in stage.gates)


def _bears_on(act: Act, proposed: ProposedTag) -> bool:
    """Whether claims bear on a tag: on a claim itself, and on an entry into a stage that asks for any."""
    if isinstance(proposed.fact, Claimed):
        return True
    stage = act.rules.stages.get(proposed.fact.stage) if isinstance(proposed.fact, Assigned) else None
    return stage is not None and bool(stage.approvals or stage.gates or stage.comes_back)


def _id_of(proposed: ProposedTag) -> str | None:
    return proposed.written.object_id if proposed.written else None


def _version_of(state: ModelState, fact: object, commit: str) -> Version | None:
    return fact.version if isinstance(fact, Claimed) else state.at_commit.get(commit)
