"""What is live and looked after by nobody? Zombies: served, and forgotten, outlived or never checked again.

May import core, policy, store and its own floor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitcellar.cellar.evidence import Wanted, commit_place, read_declarations
from gitcellar.cellar.reading import read_cellar, read_model, read_state
from gitcellar.core.claims import EVALUATED
from gitcellar.core.events import Claimed, Details
from gitcellar.core.manifest import Entry
from gitcellar.core.names import ModelName
from gitcellar.core.state import Assignment, ModelState
from gitcellar.core.tags import model_patterns
from gitcellar.core.versions import Version
from gitcellar.policy.settings import ModelRules
from gitcellar.store.git import GitRepository

_DAY = 86400


@dataclass(frozen=True, slots=True)
class Stale:
    """Why a version that is live should be looked at. `code` is stable, `message` is for people."""

    model: ModelName
    version: Version
    stage: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How old is too old: base versions with another X since, and days without an evaluation. `now` is seconds UTC."""

    majors: int
    days: int
    now: int


def find_stale(repository: GitRepository, model: ModelName | None, limits: Limits) -> list[Stale]:
    """Everything stale that one model, or all, have in stages."""
    states = {model: read_model(repository, model)} if model else read_cellar(repository)
    live = [(state, held) for state in states.values() for held in state.stages.values()]
    if not live:
        return []
    wanted = {
        (state.name, held.version): Wanted(commit_place(held.commit), state.name, ModelRules()) for state, held in live
    }
    declared = read_declarations(repository, list(wanted.values()))
    details = repository.read_details(model_patterns(model) if model else ("refs/tags/",))
    found: list[Stale] = []
    for state, held in live:
        entry = declared[wanted[state.name, held.version]].entry
        base = _base_of(repository, state.name, states)
        reasons = [*_about_entry(entry), *_about_state(state, held), *_about_base(held.version, base, limits)]
        reasons += _about_evaluation(state, held.version, details, limits)
        found += [Stale(state.name, held.version, held.stage, code, message) for code, message in reasons]
    return found


def _base_of(repository: GitRepository, model: ModelName, states: Mapping[ModelName, ModelState]) -> ModelState | None:
    if model.kind != "project":
        return None
    return states.get(model.base) or read_state(repository, model.base)


def _about_entry(entry: Entry | None) -> Iterator[tuple[str, str]]:
    if entry is None or not entry.owner:
        yield "no-owner", "its manifest entry names no owner"
    if entry is None or not entry.description:
        yield "no-documentation", "its manifest entry has no description"


def _about_state(state: ModelState, held: Assignment) -> Iterator[tuple[str, str]]:
    if held.version in state.withdrawn:
        yield "withdrawn", "it was withdrawn"
    if state.deprecated:
        yield "deprecated", "the model is deprecated"
    if held.stage in state.unratified:
        yield "unratified", f"the glass was broken for it, and nobody has ratified that: {state.unratified[held.stage]}"


def _about_base(version: Version, base: ModelState | None, limits: Limits) -> Iterator[tuple[str, str]]:
    if base is None or not base.registrations:
        return
    own = Version(version.triple[:2])
    if own in base.withdrawn:
        yield "base-withdrawn", f"its base {base.name}@{own} was withdrawn"
    latest = base.latest
    behind = latest.triple[0] - own.triple[0] if latest else 0
    if latest is not None and behind >= limits.majors:
        yield "base-outlived", f"its base {base.name}@{own} is {behind} majors behind {latest}"


def _about_evaluation(
    state: ModelState, version: Version, details: Mapping[str, tuple[str, Details]], limits: Limits
) -> Iterator[tuple[str, str]]:
    """A registration counts as an evaluation: what is new was looked at."""
    tags = [state.registrations[version].tag]
    for event in state.events:
        if isinstance(event.fact, Claimed) and event.fact.version == version:
            tags += [event.tag] if event.fact.claim.startswith(f"{EVALUATED}.") else []
    latest = max((details[tag][1].at for tag in tags if tag in details), default=0)
    days = (limits.now - latest) // _DAY
    if days >= limits.days:
        yield "not-evaluated", f"nobody evaluated it in {days} days"
