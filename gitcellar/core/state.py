"""What is so, now? A model's versions and stages, folded from its events; and what in them contradicts.

Ref names and commits are enough: no tag object is opened. May import names, versions and events.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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
from gitcellar.core.versions import Version, by_precedence, newest

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

    `stage` is the one it was last assigned to: None before that and once it was taken out, `archived` once displaced.
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

    `unratified` are the stages that hold what somebody put there by breaking the glass, with the claim that says so.
    """

    name: ModelName
    events: tuple[Event, ...]
    registrations: Mapping[Version, Event]
    at_commit: Mapping[str, Version]
    withdrawn: frozenset[Version]
    stages: Mapping[str, Assignment]
    last_stages: Mapping[Version, str]
    deprecated: bool
    anomalies: tuple[Anomaly, ...]
    unratified: Mapping[str, str] = field(default_factory=dict)

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
        return max((event.fact.counter for event in self.events), default=0) + 1

    def stage_counter(self, stage: str) -> int:
        """The counter of the last event of a stage, by which one moment of it differs from all others; 0 before any."""
        return max((event.fact.counter for event in self.events if event.stage == stage), default=0)

    def predecessor(self, version: Version) -> Version | None:
        """The newest final version before `version` under the same X that was not withdrawn."""
        before = [
            known
            for known in self.registrations
            if known < version and known.triple[0] == version.triple[0] and not known.prerelease
        ]
        return max((known for known in before if known not in self.withdrawn), default=None)

    def newest_of(self, line: tuple[int, ...]) -> Version | None:
        """The newest version, not withdrawn, whose numbers begin with `line`."""
        width = len(line)
        return newest(
            [v for v in self.registrations if v.triple[:width] == line and v not in self.withdrawn],
        )

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
    return _fold(events).snapshot(name, events)


def replay_events(
    name: ModelName, before: Iterable[Event], after: Iterable[Event]
) -> Iterator[tuple[Event, ModelState]]:
    """Each of the events `after`, in the order in which they count, with the state that it meets."""
    known, new = tuple(before), frozenset(after)
    fold = _fold(known)
    for event in order_events(fold_events(name, (*known, *new))):
        if event in new:
            yield event, fold.snapshot(name, known)
            fold.apply(event)
            known = (*known, event)


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
            fold.report("lightweight", event, "a lightweight tag has no author and no date, and does not count")
        elif type(fact) is Registered and not fact.counter:
            register(event, commit, fact.version)
        else:
            # Of two events with one counter, what empties a stage comes last, and so does what takes back without a
            # counter, as GTO writes it: nothing is live by contradiction.
            takes_back = isinstance(fact, Unassigned | Withdrawn)
            place = fact.counter or (_LAST if takes_back else 0)
            counted.append((place, takes_back, event.tag, event))
    counted.sort()
    for _, _, _, event in counted:
        fold.take(event, event.fact.counter)
    return fold


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

    def snapshot(self, name: ModelName, events: tuple[Event, ...]) -> ModelState:
        return ModelState(
            name,
            events,
            dict(self.registrations),
            dict(self.at_commit),
            frozenset(self.withdrawn),
            dict(self.stages),
            dict(self.last_stages),
            self.deprecated,
            tuple(self.anomalies),
            {
                stage: tag
                for stage, (version, tag) in self.broken.items()
                if stage in self.stages and self.stages[stage].version == version
            },
        )

    def apply(self, event: Event) -> None:
        if event.commit is None:
            return
        if isinstance(event.fact, Registered) and not event.fact.counter:
            self.register(event, event.commit, event.fact.version)
        else:
            self.take(event, event.fact.counter)

    def take(self, event: Event, counter: int) -> None:
        fact = event.fact
        if counter and counter == self.last_counted[0]:
            self.report("counter-reused", event, f"{self.last_counted[1]} has the counter {counter} too")
        self.last_counted = counter, event.tag
        commit = event.commit or ""
        if isinstance(fact, Assigned):
            self.assign(event, commit, fact.stage)
        elif isinstance(fact, Unassigned):
            self.vacate(commit, fact.stage)
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

    def claim(self, event: Event, fact: Claimed) -> None:
        kind, _, about = fact.claim.partition(".")
        if kind == BYPASSED:
            self.broken[about] = (fact.version, event.tag)
        elif kind == RATIFIED and self.broken.get(about, (None, ""))[0] == fact.version:
            del self.broken[about]

    def register(self, event: Event, commit: str, version: Version) -> None:
        known = self.registrations.setdefault(version, event)
        if known is not event:
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
        displaced = self.stages.pop(stage, None)
        if displaced and displaced.version is not version and self.last_stages.get(displaced.version) == stage:
            self.last_stages[displaced.version] = ARCHIVED
        if version is None:
            # The slot stays empty: falling back on what it held before would be a silent rollback.
            self.report("unregistered", event, f"no version is registered at {commit[:7]}, so {stage} holds nothing")
            return
        self.stages[stage] = Assignment(stage, version, event.tag, commit)
        self.last_stages[version] = stage

    def vacate(self, commit: str, stage: str) -> None:
        held = self.stages.get(stage)
        # What is taken out is the version at the tagged commit; a stage that holds another one by now keeps it.
        if held is None or self.at_commit.get(commit) != held.version:
            return
        del self.stages[stage]
        if self.last_stages.get(held.version) == stage:
            del self.last_stages[held.version]

    def report(self, code: str, event: Event, message: str) -> None:
        self.anomalies.append(Anomaly(code, event.tag, message))
