"""What happened to a model before an act? The claims on its versions and its times in stages, grown act by act.

Ten thousand acts of one push are judged one after the other: what each of them needs is kept here and added to, for
reading the whole past again for each of them would cost the square of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from gitcellar.core.claims import read_claim
from gitcellar.core.days import Day
from gitcellar.core.events import Assigned, Claimed, Event
from gitcellar.core.state import ARCHIVED, ModelState
from gitcellar.core.tag_objects import TagObject
from gitcellar.core.versions import Version
from gitcellar.policy.approvals import Attested
from gitcellar.policy.people import Signer
from gitcellar.policy.settings import ModelRules


class SignedObject(Protocol):
    """A tag object that was read, and who signed it."""

    @property
    def found(self) -> TagObject:
        """What it says."""

    def signer(self, rules: ModelRules, day: Day) -> Signer:
        """Who signed it, by the people of the policy on a day."""


Objects = Mapping[str, SignedObject]


def find_day(at: int) -> Day:
    """The day in UTC of a moment in seconds."""
    latest = 253402300799  # the calendar's edge
    return Day(datetime.fromtimestamp(min(max(at, 0), latest), timezone.utc).date().isoformat())


def attest_claims(events: Iterable[Event], objects: Objects, rules: ModelRules) -> list[Attested]:
    """The claims among events with their signers, each at its own time, the oldest first.

    Back-dating a claim to when a key still counted stops at the claim before it.
    """
    latest = 0
    found: list[Attested] = []
    for event in sorted(events, key=_by_counter):
        each = objects.get(event.object_id)
        claim = read_claim(event, each.found) if each else None
        if each is not None and claim is not None:
            latest = max(latest, claim.at)
            found.append(Attested(claim, each.signer(rules, find_day(latest))))
    return found


class ModelPast:
    """A model's claims and times as they are when an act is judged. `known` is the state before the first act."""

    def __init__(self, known: ModelState, *, reads_dates: bool) -> None:
        self.reads_dates = reads_dates
        self._before = [event for event in known.events if event.commit is not None] if reads_dates else []
        self._claims: dict[Version, list[Event]] = {}
        for event in known.events:
            if isinstance(event.fact, Claimed):
                self._claims.setdefault(event.fact.version, []).append(event)
        self._attested: dict[Version, list[Attested]] = {}
        self._times: StageTimes | None = None
        self._latest = 0

    @property
    def dated(self) -> list[str]:
        """The objects whose dates count: of all events before the first act, where the rules ask when."""
        return [event.object_id for event in self._before]

    def claims_on(self, version: Version) -> list[Event]:
        """What was claimed of a version before the first act."""
        return self._claims.get(version, [])

    def attest(self, version: Version, objects: Objects, rules: ModelRules) -> list[Attested]:
        """The claims on a version so far, with their signers. Who makes the next one adds it to this list."""
        if version not in self._attested:
            self._attested[version] = attest_claims(self.claims_on(version), objects, rules)
        return self._attested[version]

    def date(self, at: int) -> int:
        """When an act of the past was: never before the one before it, whatever its tagger's clock said."""
        self._latest = max(self._latest, at)
        return self._latest

    def find_times(self, state: ModelState, objects: Objects) -> StageTimes:
        """Since when the model's versions are in its stages; `state` is the one that the first act meets."""
        if self._times is None:
            self._times = StageTimes()
            for event in sorted(self._before, key=_by_counter):
                self._times.note(event, state.version_of(event), _date_of(event, objects))
        return self._times

    def note(self, state: ModelState, event: Event, objects: Objects) -> None:
        """Take in an act that was judged."""
        if self.reads_dates:
            self.find_times(state, objects).note(event, state.version_of(event), _date_of(event, objects))


@dataclass(slots=True)
class StageTimes:
    """When versions entered and left stages, in seconds UTC. A date before that of an earlier event is no date."""

    latest: int
    holders: dict[str, Version | None]
    entered: dict[tuple[Version, str], int]
    gone: dict[tuple[Version, str], int]

    def __init__(self) -> None:
        self.latest, self.holders, self.entered, self.gone = 0, {}, {}, {}

    def note(self, event: Event, version: Version | None, at: int) -> None:
        """Take in the next event, and the version that it is about."""
        self.latest = max(self.latest, at)
        stage = event.stage
        if stage is None or not event.fact.counter:
            return
        if stage == ARCHIVED:
            if version is not None and isinstance(event.fact, Assigned):
                self._archive(version)
            return
        enters = version if isinstance(event.fact, Assigned) else None
        before = self.holders.get(stage)
        if before is not None and before != enters:
            self.gone[before, stage] = self.latest
        if enters is not None:
            self.entered[enters, stage] = self.latest
        self.holders[stage] = enters

    def _archive(self, version: Version) -> None:
        for stage in [stage for stage, holder in self.holders.items() if holder == version]:
            self.gone[version, stage] = self.latest
            self.holders[stage] = None

    def find_ages(self, version: Version, state: ModelState, now: int) -> dict[str, int]:
        """The seconds since the version entered each stage that holds it."""
        held = [stage for stage, holds in state.stages.items() if holds.version == version]
        return {stage: now - self.entered[version, stage] for stage in held if (version, stage) in self.entered}

    def find_left(self, version: Version, stage: str, now: int) -> int | None:
        """The seconds since the stage held the version last: 0 while it does, None where it never did."""
        if self.holders.get(stage) == version:
            return 0
        left = self.gone.get((version, stage))
        return None if left is None else now - left


def _date_of(event: Event, objects: Objects) -> int:
    found = objects.get(event.object_id)
    return found.found.at if found is not None else 0


def _by_counter(event: Event) -> int:
    return event.fact.counter
