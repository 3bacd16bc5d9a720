"""What is so, now? A model's versions and stages, folded from its events; and what in them contradicts.

Ref names and commits are enough: no tag object is opened. May import names, versions and events.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from gitcellar.core.events import (
    BYPASSED,
    RATIFIED,
    Assigned,
    Claimed,
    Deprecated,
    Event,
    Registered,
    Unassigned,
    Withdrawn,
)
from gitcellar.core.names import ModelName
from gitcellar.core.versions import Version, VersionOrder, by_precedence, newest

ARCHIVED = "archived"
_LAST = 10**9  # above every counter


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A registry tag that contradicts another or states what cannot be. `code` is stable, `message` is for people."""

    code: str
    tag: str
    message: str


class VersionState(NamedTuple):
    """A registered version: where it is registered, and the stages that hold it now. A named tuple, as Event is.

    `stage` is the one it was last assigned to, or `archived` once it was archived or displaced from the last stage that
    held it; None before that and once it was taken out of the last one.
    """

    version: Version
    tag: str
    object_id: str
    commit: str
    withdrawn: bool
    stages: tuple[str, ...]
    stage: str | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a stage holds: a version, and the tag that put it there."""

    stage: str
    version: Version
    tag: str
    commit: str


@dataclass(frozen=True, slots=True)
class ModelState:
    """Everything that the refs say of one model. `events` are in the listing's order, `anomalies` as they were met.

    `broken` says of a stage whose glass was broken and not ratified since for which version, and the claim's tag.
    `last_counter` is the highest of any event, `stage_counters` that of each stage; `entered` are the commits that each
    stage ever held, `last_claims` the newest of each name, and `order` the registered versions by precedence.
    `emptied` are the events that took out of stages what they held, by stage.
    """

    name: ModelName
    events: Sequence[Event]
    registrations: Mapping[Version, Event]
    at_commit: Mapping[str, Version]
    withdrawn: Set[Version]
    stages: Mapping[str, Assignment]
    last_stages: Mapping[Version, str]
    deprecated: bool
    anomalies: Sequence[Anomaly]
    broken: Mapping[str, tuple[Version, str]]
    last_counter: int
    stage_counters: Mapping[str, int]
    entered: Set[tuple[str, str]]
    last_claims: Mapping[str, Claimed]
    order: VersionOrder
    emptied: Mapping[str, Event]

    @property
    def versions(self) -> list[VersionState]:
        """Every registered version, the lowest first."""
        held: dict[Version, list[str]] = {}
        for stage in sorted(self.stages):
            held.setdefault(self.stages[stage].version, []).append(stage)
        return [
            VersionState(
                version,
                event.tag,
                event.object_id,
                event.commit or "",
                version in self.withdrawn,
                tuple(held.get(version, ())),
                self.last_stages.get(version),
            )
            for version, event in sorted(self.registrations.items(), key=_by_version)
        ]

    @property
    def latest(self) -> Version | None:
        """The newest version that was not withdrawn: a final one where there is any."""
        if not self.withdrawn:
            return newest(self.registrations)
        return newest([version for version in self.registrations if version not in self.withdrawn])

    @property
    def next_counter(self) -> int:
        """The number of the model's next counted event."""
        return self.last_counter + 1

    @property
    def unratified(self) -> dict[str, str]:
        """The stages that hold what was put there by breaking the glass, with the claim that says so."""
        found = {stage: self.find_unratified(stage) for stage in self.broken}
        return {stage: tag for stage, tag in found.items() if tag is not None}

    @property
    def live_withdrawn(self) -> dict[str, Version]:
        """The stages that hold a version which was withdrawn, with that version."""
        if not self.withdrawn:
            return {}
        return {stage: held.version for stage, held in sorted(self.stages.items()) if held.version in self.withdrawn}

    def find_unratified(self, stage: str) -> str | None:
        """The claim that broke the glass for what a stage holds, and that nobody has ratified."""
        version, tag = self.broken.get(stage, (None, None))
        held = self.stages.get(stage)
        return tag if held is not None and held.version == version else None

    def stage_counter(self, stage: str) -> int:
        """The counter of the last event of a stage, by which one moment of it differs from all others; 0 before any."""
        return self.stage_counters.get(stage, 0)

    def has_held(self, commit: str, stage: str) -> bool:
        """Whether the version at a commit was in a stage, now or before."""
        return (stage, commit) in self.entered

    def predecessor(self, version: Version) -> Version | None:
        """The newest final version before `version` under the same X that was not withdrawn."""
        return self.order.find_predecessor(version, self.withdrawn)

    def newest_of(self, line: tuple[int, ...]) -> Version | None:
        """The newest version, not withdrawn, whose numbers begin with `line`."""
        return self.order.find_newest(line, self.withdrawn)

    def find(self, version: Version) -> VersionState | None:
        """A registered version's state."""
        return next((held for held in self.versions if held.version == version), None)

    def version_of(self, event: Event) -> Version | None:
        """The version that `event` is about: named by its tag, or registered at its commit."""
        if event.version is None and event.stage is not None and event.commit is not None:
            return self.at_commit.get(event.commit)
        return event.version


def fold_events(name: ModelName, events: Iterable[Event]) -> ModelState:
    """The state after all `events` of one model, given in any order. Contradictions become anomalies."""
    events = tuple(events)
    return _fold(events).view(name, events)


def replay_events(
    name: ModelName, before: Iterable[Event], after: Iterable[Event]
) -> Iterator[tuple[Event, ModelState]]:
    """Each of the events `after`, in the order in which they count, with the state that it meets.

    The state is a view that moves on with the next event, so that ten thousand events cost no ten thousand copies of
    it: whoever goes on to the next event has read what was asked of it.
    """
    known = list(before)
    # By name, so that of two which contradict the same one counts whatever order they came in.
    new = sorted(after, key=_by_tag)
    fold = _fold(tuple(known))
    waiting = set(new)
    for event in order_events(fold_events(name, (*known, *new))):
        if event in waiting:
            yield event, fold.view(name, known)
            fold.apply(event)
            known.append(event)


def order_events(state: ModelState) -> list[Event]:
    """Events in the order in which they count, each version's registration before the first event about it."""
    counted = sorted((e for e in state.events if e.fact.counter), key=lambda event: (event.fact.counter, event.tag))
    registered = {e.fact.version: e for e in state.events if isinstance(e.fact, Registered) and not e.fact.counter}
    waiting = sorted(registered, reverse=True)
    first = set(registered.values())
    ordered: list[Event] = [e for e in state.events if not e.fact.counter and e not in first]
    for event in counted:
        version = state.version_of(event)
        while version is not None and waiting and waiting[-1] <= version:
            ordered.append(registered[waiting.pop()])
        ordered.append(event)
    return ordered + [registered[version] for version in reversed(waiting)]


def _fold(events: tuple[Event, ...]) -> "_Fold":
    counted: list[tuple[int, bool, str, Event]] = []
    fold = _Fold()
    register = fold.register
    for event in events:
        fact, _, _, commit = event
        if commit is None:
            fold.count(event)
            fold.report("lightweight", event, "a lightweight tag has no author and no date, and does not count")
        elif type(fact) is Registered and not fact.counter:
            register(event, commit, fact.version)
        else:
            # Of two events with one counter, what empties a stage comes last, and so does what takes back without a
            # counter, as GTO writes it: nothing is live by contradiction.
            takes_back = isinstance(fact, Unassigned | Withdrawn)
            place = fact.counter or (_LAST if takes_back else 0)
            counted.append((place, takes_back or event.stage == ARCHIVED, event.tag, event))
    counted.sort()
    for _, _, _, event in counted:
        fold.take(event, event.fact.counter)
    return fold


def _by_tag(event: Event) -> str:
    return event.tag


def _by_version(item: tuple[Version, Event]) -> Any:
    return by_precedence(item[0])


class _Fold:
    """The fold at work: registrations without a counter first, then what is counted, in order."""

    def __init__(self) -> None:
        self.registrations: dict[Version, Event] = {}
        self.at_commit: dict[str, Version] = {}
        self.withdrawn: set[Version] = set()
        self.stages: dict[str, Assignment] = {}
        self.last_stages: dict[Version, str] = {}
        self.deprecated = False
        self.anomalies: list[Anomaly] = []
        self.broken: dict[str, tuple[Version, str]] = {}
        self.last_counted = (0, "")
        self.last_counter = 0
        self.stage_counters: dict[str, int] = {}
        self.entered: set[tuple[str, str]] = set()
        self.last_claims: dict[str, Claimed] = {}
        self.order = VersionOrder(self.registrations)
        self.emptied: dict[str, Event] = {}

    def view(self, name: ModelName, events: Sequence[Event]) -> ModelState:
        return ModelState(
            name,
            events,
            self.registrations,
            self.at_commit,
            self.withdrawn,
            self.stages,
            self.last_stages,
            self.deprecated,
            self.anomalies,
            self.broken,
            self.last_counter,
            self.stage_counters,
            self.entered,
            self.last_claims,
            self.order,
            self.emptied,
        )

    def apply(self, event: Event) -> None:
        if event.commit is None:
            self.count(event)
        elif isinstance(event.fact, Registered) and not event.fact.counter:
            self.register(event, event.commit, event.fact.version)
        else:
            self.take(event, event.fact.counter)

    def take(self, event: Event, counter: int) -> None:
        fact = event.fact
        if counter and counter == self.last_counted[0]:
            self.report("counter-reused", event, f"{self.last_counted[1]} has the counter {counter} too")
        self.last_counted = counter, event.tag
        self.count(event)
        commit = event.commit or ""
        if isinstance(fact, Assigned):
            self.entered.add((fact.stage, commit))
            if fact.stage == ARCHIVED:
                self.archive(event, commit)
            else:
                self.assign(event, commit, fact.stage)
        elif isinstance(fact, Unassigned):
            self.vacate(event, commit, fact.stage)
        elif isinstance(fact, Registered):
            self.register(event, commit, fact.version)
        elif isinstance(fact, Deprecated):
            self.deprecated = True
        elif fact.version not in self.registrations:
            self.report("unregistered", event, f"{fact.version} is not registered")
        elif isinstance(fact, Withdrawn):
            self.withdrawn.add(fact.version)
        else:
            self.claim(event, fact)

    def count(self, event: Event) -> None:
        counter, stage = event.fact.counter, event.stage
        if counter > self.last_counter:
            self.last_counter = counter
        if stage is not None and counter > self.stage_counters.get(stage, 0):
            self.stage_counters[stage] = counter

    def claim(self, event: Event, fact: Claimed) -> None:
        self.last_claims[fact.claim] = fact
        kind, _, about = fact.claim.partition(".")
        if kind == BYPASSED:
            self.broken[about] = (fact.version, event.tag)
        elif kind == RATIFIED and self.broken.get(about, (None, ""))[0] == fact.version:
            del self.broken[about]

    def register(self, event: Event, commit: str, version: Version) -> None:
        known = self.registrations.setdefault(version, event)
        if known is event:
            self.order.add(version)
        else:
            if version not in self.withdrawn:
                self.report("duplicate-version", event, f"{version} is registered by {known.tag} already")
                return
            self.withdrawn.discard(version)
            self.registrations[version] = event
        other = self.at_commit.setdefault(commit, version)
        if other is version:
            return
        # A release candidate and its final version may share a commit, and the final one counts.
        if (other != version and other.final != version.final) or bool(other.prerelease) == bool(version.prerelease):
            self.report("commit-shared", event, f"{other} is registered at the same commit; the higher one counts")
        self.at_commit[commit] = max(other, version)

    def assign(self, event: Event, commit: str, stage: str) -> None:
        version = self.at_commit.get(commit)
        # Taken out first, so that stages stand in the order in which they were entered.
        displaced = self.stages.pop(stage, None)
        if displaced and displaced.version is not version:
            self.leave(displaced.version, stage, ARCHIVED)
        if version is None:
            # The slot stays empty: falling back on what it held before would be a silent rollback.
            self.report("unregistered", event, f"no version is registered at {commit[:7]}, so {stage} holds nothing")
            return
        self.stages[stage] = Assignment(stage, version, event.tag, commit)
        self.last_stages[version] = stage

    def archive(self, event: Event, commit: str) -> None:
        version = self.at_commit.get(commit)
        if version is None:
            self.report("unregistered", event, f"no version is registered at {commit[:7]}, so none is archived")
            return
        for stage in [stage for stage, held in self.stages.items() if held.version == version]:
            del self.stages[stage]
            self.emptied[stage] = event
            # Approvals are for one moment of a stage, and this is another one.
            self.stage_counters[stage] = max(self.stage_counters.get(stage, 0), event.fact.counter)
        self.last_stages[version] = ARCHIVED

    def vacate(self, event: Event, commit: str, stage: str) -> None:
        version = self.at_commit.get(commit)
        held = self.stages.get(stage)
        # What is taken out is the version at the tagged commit; a stage that holds another one by now keeps it.
        if version is not None and held is not None and held.version == version:
            del self.stages[stage]
            self.emptied[stage] = event
            self.leave(version, stage, None)
        elif stage == ARCHIVED and version is not None and self.last_stages.get(version) == ARCHIVED:
            del self.last_stages[version]

    def leave(self, version: Version, stage: str, state: str | None) -> None:
        """Note that a version left a stage: its state is the one of those that still hold it which it entered last, or
        else the given one.
        """
        if self.last_stages.get(version) != stage:
            return
        still = [name for name, held in self.stages.items() if held.version == version]
        state = still[-1] if still else state
        if state is None:
            del self.last_stages[version]
        else:
            self.last_stages[version] = state

    def report(self, code: str, event: Event, message: str) -> None:
        self.anomalies.append(Anomaly(code, event.tag, message))
