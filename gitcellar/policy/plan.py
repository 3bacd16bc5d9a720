"""What would a request write? A request and the state become a plan: tags, in order, or none where it is so already.

Planning asks only what is meant; whether it is allowed is the judge's question. May import core and policy.
"""

from dataclasses import dataclass, replace

from gitcellar.core.claims import Statement
from gitcellar.core.contract import compare_contracts
from gitcellar.core.errors import InvalidError, NotFoundError
from gitcellar.core.events import (
    BYPASSED,
    Assigned,
    Claimed,
    Deprecated,
    Event,
    Fact,
    Registered,
    Unassigned,
    Withdrawn,
)
from gitcellar.core.manifest import Contract, Entry
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference, find_referenced, parse_reference
from gitcellar.core.state import ARCHIVED, ModelState, VersionState
from gitcellar.core.versions import Version
from gitcellar.policy.change import ProposedTag
from gitcellar.policy.schemes import Bump, scheme_of
from gitcellar.policy.settings import ModelRules
from gitcellar.policy.stage_names import require_stage


@dataclass(frozen=True, slots=True)
class Plan:
    """What an act would write, and the version that it is about. `tags` is empty where nothing needs doing.

    `reasons` say why a registration has its number, one a line.
    """

    model: ModelName
    subject: str
    version: Version | None
    stage: str | None = None
    tags: tuple[ProposedTag, ...] = ()
    reasons: tuple[str, ...] = ()


def plan_register(
    state: ModelState,
    rules: ModelRules,
    *,
    commit: str,
    entry: Entry,
    version: Version | None = None,
    bump: Bump | None = None,
    promised: Contract | None = None,
) -> Plan:
    """Register `version` at `commit`, or the next one. Raise InvalidError where the scheme has no such step.

    `promised` is the contract of the version that `find_promising` names: where the new one breaks it, X rises.
    """
    here = state.at_commit.get(commit)
    if here is not None and here not in state.withdrawn and (version == here or (version is None and bump is None)):
        return Plan(state.name, f"{state.name} {here} is registered already", here)
    reasons: tuple[str, ...] = ("it was asked for",)
    if version is None:
        bump, reasons = _choose_bump(state, rules, entry, bump, promised)
        version = _count(state, rules, entry, bump)
    plan = _plan(state, f"Register {state.name} {version}", Registered(version), commit, version)
    return replace(plan, reasons=reasons)


def find_promising(state: ModelState, rules: ModelRules, entry: Entry) -> Version | None:
    """The version whose contract the next one would have to keep; None where nothing was promised yet."""
    following = scheme_of(rules.scheme).next_version(state.name, state.order, _read_base(entry), None)
    return state.predecessor(following) if following is not None else None


def plan_assign(state: ModelState, held: VersionState, stage: str) -> Plan:
    """Put a version into a stage, or archive it: then nothing holds it any more."""
    if stage == ARCHIVED:
        return plan_archive(state, held)
    # A withdrawn version enters no stage anew, so the judge is asked although it is there already.
    if stage in held.stages and not held.withdrawn:
        return Plan(state.name, f"{state.name} {held.version} is in {stage} already", held.version, stage)
    return _plan_entry(state, f"Assign {state.name} {held.version} to {stage}", held, stage)


def plan_archive(state: ModelState, held: VersionState) -> Plan:
    """Retire a version: take it out of every stage that holds it."""
    if held.stage == ARCHIVED and not held.stages:
        return Plan(state.name, f"{state.name} {held.version} is archived already", held.version, ARCHIVED)
    return _plan_entry(state, f"Archive {state.name} {held.version}", held, ARCHIVED)


def plan_claim(state: ModelState, held: VersionState, claim: str, subject: str, statement: Statement) -> Plan:
    """State something about a version, such as `approved.production`."""
    stage = claim.partition(".")[2] if statement.stage else None
    proposed = _claim(state, held, claim, statement, state.next_counter)
    return Plan(state.name, subject, held.version, stage, (proposed,))


def plan_break_glass(state: ModelState, held: VersionState, stage: str, statement: Statement) -> Plan:
    """Put a version into a stage without the approvals that it asks for, and say so in the same act."""
    claim = _claim(state, held, f"{BYPASSED}.{stage}", statement, state.next_counter)
    subject = f"Break the glass: assign {state.name} {held.version} to {stage}"
    return _plan_entry(state, subject, held, stage, before=claim)


def plan_unassign(state: ModelState, rules: ModelRules, stage: str) -> Plan:
    """Empty a stage. Raise NotFoundError for one that the model does not know, InvalidError for `archived`."""
    _require_slot(state, stage)
    require_stage(state, rules, stage)
    held = state.stages.get(stage)
    if held is None:
        return Plan(state.name, f"{stage} of {state.name} is empty already", None, stage)
    fact = Unassigned(stage, state.next_counter)
    return _plan(state, f"Take {state.name} {held.version} out of {stage}", fact, held.commit, held.version, stage)


def plan_withdraw(state: ModelState, held: VersionState) -> Plan:
    """Recall a version."""
    if held.withdrawn:
        return Plan(state.name, f"{state.name} {held.version} is withdrawn already", held.version)
    fact = Withdrawn(held.version, state.next_counter)
    return _plan(state, f"Withdraw {state.name} {held.version}", fact, held.commit, held.version)


def plan_deprecate(state: ModelState) -> Plan:
    """Deprecate a model. The tag stands at its newest version's commit. Raise NotFoundError for one without any."""
    latest = max(state.registrations, default=None)
    if latest is None:
        raise NotFoundError(f"{state.name} has no version", hint="gitcellar show lists what there is")
    if state.deprecated:
        return Plan(state.name, f"{state.name} is deprecated already", None)
    commit = state.registrations[latest].commit or ""
    return _plan(state, f"Deprecate {state.name}", Deprecated(state.next_counter), commit, None)


def plan_rollback(state: ModelState, rules: ModelRules, stage: str, to: Version | None = None) -> Plan:
    """Put back what held the stage before the version in it, or `to`, which held it at any time.

    Raise NotFoundError where nothing did, or `to` did not, or was withdrawn, and for a stage or version that is not
    known; InvalidError for `archived`.
    """
    _require_slot(state, stage)
    require_stage(state, rules, stage)
    if to is not None:
        find_referenced(Reference(state.name, version=to), state)
    held = state.stages.get(stage)
    now = held.version if held else None
    # A rollback is itself an assignment, so going back twice must not return to what was rolled back from.
    seen: list[Version] = []
    for event in _assignments(state, stage):
        version = state.version_of(event)
        if version in seen:
            del seen[seen.index(version) + 1 :]
        elif version is not None:
            seen.append(version)
    candidates = [version for version in seen if version != now and version not in state.withdrawn]
    if to is not None:
        held_once = {state.version_of(event) for event in _assignments(state, stage)}
        candidates = [to] if to in held_once and to not in state.withdrawn else []
        if to == now and candidates:
            return Plan(state.name, f"{state.name} {to} is in {stage} already", to, stage)
    found = state.find(candidates[-1]) if candidates else None
    if found is None and to is not None:
        raise NotFoundError(
            f"{state.name} {to} never held {stage}, or was withdrawn", hint=f"gitcellar history {state.name}"
        )
    if found is None:
        raise NotFoundError(
            f"nothing that still stands held {stage} of {state.name} before {now or 'this'}",
            hint=f"gitcellar history {state.name}",
        )
    return _plan_entry(state, f"Roll back {stage} of {state.name} to {found.version}", found, stage)


def _assignments(state: ModelState, stage: str) -> list[Event]:
    """The assignments to a stage, the oldest first."""
    found = [event for event in state.events if isinstance(event.fact, Assigned) and event.fact.stage == stage]
    return sorted(found, key=lambda event: event.fact.counter)


def _claim(state: ModelState, held: VersionState, claim: str, statement: Statement, counter: int) -> ProposedTag:
    """A claim, which points at the version's own tag, so that it is about that registration and no other."""
    fact = Claimed(held.version, claim, counter)
    return ProposedTag(state.name, fact, held.commit, statement=statement, object_id=held.object_id)


def _plan_entry(
    state: ModelState, subject: str, held: VersionState, stage: str, *, before: ProposedTag | None = None
) -> Plan:
    """A version's entry into a stage. What the stage held is archived by that alone, and needs no tag."""
    counter = state.next_counter + (1 if before else 0)
    tags = [*([before] if before else []), ProposedTag(state.name, Assigned(stage, counter), held.commit)]
    return Plan(state.name, subject, held.version, stage, tuple(tags))


def _require_slot(state: ModelState, stage: str) -> None:
    if stage == ARCHIVED:
        archived = [str(held.version) for held in state.versions if held.stage == ARCHIVED]
        message = f"archived is a state and no stage: {', '.join(archived) or 'no version'} of {state.name} is archived"
        raise InvalidError(message, hint=f"put one into a stage: gitcellar assign {state.name}@VERSION STAGE")


def _plan(
    state: ModelState, subject: str, fact: Fact, target: str, version: Version | None, stage: str | None = None
) -> Plan:
    return Plan(state.name, subject, version, stage, (ProposedTag(state.name, fact, target),))


def _read_base(entry: Entry) -> Version | None:
    """The version that the manifest names as the base."""
    if entry.base is None:
        return None
    version = parse_reference(entry.base).version
    if version is None:
        raise InvalidError(f"base: {entry.base!r} names no one version", hint="write it as vit-l/base@1.2")
    return version


def _count(state: ModelState, rules: ModelRules, entry: Entry, bump: Bump | None) -> Version:
    base = _read_base(entry)
    version = scheme_of(rules.scheme).next_version(state.name, state.order, base, bump)
    if version is None:
        raise _no_next(state.name, base, bump)
    return version


def _choose_bump(
    state: ModelState, rules: ModelRules, entry: Entry, bump: Bump | None, promised: Contract | None
) -> tuple[Bump | None, tuple[str, ...]]:
    """Which number rises, and why."""
    if bump is not None:
        return bump, (f"--bump {bump} was asked for",)
    if rules.scheme == "cellar" and state.name.kind == "project":
        return None, (f"Z counts within {entry.base}, which the manifest entry names as its base",)
    before = find_promising(state, rules, entry)
    if before is None:
        return None, ("no version before it promises anything",)
    if before.triple[0] == 0:
        return None, ("X = 0 is early development, where anything may break",)
    differences = compare_contracts(promised, entry.contract, casting=rules.casting)
    broken = [f"breaks {before}: {difference}" for difference in differences if difference.breaks]
    if broken:
        return "major", (f"X rises, for an application of {before} must change", *broken)
    kept = [f"differs from {before}: {difference}" for difference in differences]
    return None, (f"X stays, for an application of {before} goes on working", *kept)


def _no_next(model: ModelName, base: Version | None, bump: Bump | None) -> InvalidError:
    if model.kind == "model":
        return InvalidError(
            f"{model} stands in no rack, and the scheme 'cellar' counts only RACK/base and RACK/PROJECT",
            hint=f"name it RACK/PROJECT, or in gitcellar.yaml: models: [{{match: {model}, scheme: semver}}]",
        )
    if model.kind == "base":
        return InvalidError(f"{model} has versions X.Y, without a patch number", hint="use --bump minor or major")
    if base is None:
        return InvalidError(
            f"the manifest entry of {model} names no base, so its version cannot be counted",
            hint=f"gitcellar add {model} PATH --base {model.base}@X.Y, commit, and register again",
        )
    return InvalidError(
        f"--bump {bump} is the base's to take: {model} counts within its base's {base}",
        hint=f"leave --bump out, or register a new {model.base} and tune the model from it",
    )
