"""Do enough of the right people stand behind a version? Claims are counted here, by person and never by key.

May import core, and policy's people and settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gitcellar.core.claims import APPROVED, DECISIONS, KINDS, REJECTED, Claim
from gitcellar.core.days import Day
from gitcellar.core.events import BYPASSED
from gitcellar.core.state import ModelState
from gitcellar.core.versions import Version
from gitcellar.policy.people import NOBODY, People, Signer
from gitcellar.policy.settings import AUTHOR, PROMOTER, Approvals, ModelRules


@dataclass(frozen=True, slots=True)
class Attested:
    """A claim, and who signed it."""

    claim: Claim
    signer: Signer


@dataclass(frozen=True, slots=True)
class Hearing:
    """All that bears on whether a version may enter a stage: what was claimed of it, and by whom.

    `author` signed its registration, `promoter` signs the assignment; None where nobody looked. `day` is in UTC.
    """

    state: ModelState
    rules: ModelRules
    version: Version
    day: Day
    claims: Sequence[Attested] = ()
    author: Signer | None = None
    promoter: Signer | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Approvals counted: the decisions that count, those that do not and why, and what is missing, a line each.

    `unknown` says of the author or the promoter, who may not approve, why it is not known who that is: then no
    approval helps.
    """

    counted: tuple[Attested, ...] = ()
    dropped: tuple[tuple[Attested, str], ...] = ()
    missing: tuple[str, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether nothing is missing."""
        return not self.lacking

    @property
    def lacking(self) -> tuple[str, ...]:
        """All that stands in the way, a line each."""
        return (*self.unknown.values(), *self.missing)


def find_claim_fault(attested: Attested, hearing: Hearing) -> str | None:
    """Why a claim counts for nothing, as words that follow "it"; None for one that counts."""
    fault = _find_misplaced(attested.claim, hearing) or _find_without_right(attested, hearing)
    until = attested.claim.statement.until
    return f"counted until {until}" if fault is None and until is not None and hearing.day > until else fault


def _find_misplaced(claim: Claim, hearing: Hearing) -> str | None:
    """Why a claim is not about what its tag says: the registration, the cellar and the stage of this very model."""
    said, state, rules = claim.statement, hearing.state, hearing.rules
    registered = state.registrations.get(claim.version)
    if registered is None or claim.target != registered.object_id:
        return f"is about another registration of {claim.version} than the one that stands"
    if claim.named != (state.name.text, str(claim.version)):
        return f"says {' '.join(part or '?' for part in claim.named)}, and not what its tag says"
    if claim.kind not in KINDS or not claim.about:
        return f"states {claim.kind!r}, and a claim is {', '.join(KINDS)}, a dot, and a stage or a name"
    if said.cellar != rules.cellar:
        return f"was made for the cellar {said.cellar or 'without a name'}, and this one is {rules.cellar or 'without'}"
    if claim.kind in DECISIONS and said.stage != claim.about:
        return f"says Stage: {said.stage or 'nothing'}"
    if claim.kind in DECISIONS and claim.about not in rules.stages:
        return f"is about {claim.about}, which is none of the policy's stages"
    return None


def _find_without_right(attested: Attested, hearing: Hearing) -> str | None:
    """Why whoever signed a claim may not make it."""
    claim, rules = attested.claim, hearing.rules
    role, principal = claim.statement.role, attested.signer.principal
    if attested.signer.fault is not None and (rules.people or claim.kind in DECISIONS):
        return attested.signer.fault
    if role is not None and role not in rules.people.roles_of(principal):
        return f"was given in the role {role}, which {principal} does not have"
    stage = rules.stages.get(claim.about)
    opened = stage.break_glass if stage else None
    if claim.kind == BYPASSED and not (opened and rules.people.fits(principal, opened.by)):
        return f"breaks the glass of {claim.about}, which {principal} may not"
    if is_own_approval(attested, hearing):
        return f"was given by {principal}, who registered the version"
    return None


def is_own_approval(attested: Attested, hearing: Hearing) -> bool:
    """Whether the author approves the version for a stage where the author's approval does not count."""
    stage = hearing.rules.stages.get(attested.claim.about)
    excludes = stage is not None and stage.approvals is not None and AUTHOR in stage.approvals.excluded
    author = hearing.author.principal if hearing.author else None
    return attested.claim.kind == APPROVED and excludes and author is not None and attested.signer.principal == author


def count_approvals(stage: str, wanted: Approvals, hearing: Hearing) -> Tally:
    """Whether the approvals that a stage asks for are there. The last decision of each person counts."""
    decisions: dict[str, Attested] = {}
    dropped: list[tuple[Attested, str]] = []
    for attested in sorted(hearing.claims, key=lambda each: each.claim.counter):
        claim = attested.claim
        if claim.version != hearing.version or claim.about != stage or claim.kind not in (APPROVED, REJECTED):
            continue
        fault = find_claim_fault(attested, hearing) or _find_stale(claim, stage, hearing)
        if fault is None and claim.kind == APPROVED:
            fault = _find_excluded(attested, wanted, hearing)
        if fault is not None:
            dropped.append((attested, fault))
        elif attested.signer.principal is not None:
            decisions[attested.signer.principal] = attested
    missing = [*_find_vetoes(decisions, wanted, hearing.rules.people)]
    approved = [each for each in decisions.values() if each.claim.kind == APPROVED]
    able = {e.signer.principal: _roles_given(e, hearing.rules.people) for e in approved if e.signer.principal}
    missing += find_lacking(able, wanted)
    return Tally(tuple(decisions.values()), tuple(dropped), tuple(missing), _find_unknown(wanted, hearing))


def is_entitled(principal: str, wanted: Approvals, people: People) -> bool:
    """Whether somebody may decide: one of the roles that are asked for, or anybody where none is."""
    return bool(people.roles_of(principal) & wanted.roles.keys()) if wanted.roles else principal in people.persons


def _find_stale(claim: Claim, stage: str, hearing: Hearing) -> str | None:
    """An approval is for one moment: what was live when it was given. Else the one before a rollback would still count.

    A rejection is no less true for what happened since.
    """
    moment = hearing.state.stage_counter(stage)
    if claim.kind == APPROVED and claim.statement.against != moment:
        return f"was given before {stage} changed with #{moment}"
    return None


def _find_excluded(attested: Attested, wanted: Approvals, hearing: Hearing) -> str | None:
    promoter = hearing.promoter.principal if hearing.promoter else None
    if PROMOTER in wanted.excluded and promoter is not None and attested.signer.principal == promoter:
        return f"was given by {promoter}, who promotes it"
    return None


def _find_unknown(wanted: Approvals, hearing: Hearing) -> dict[str, str]:
    """Who may not approve and is not known, and why."""
    found: dict[str, str] = {}
    for who, signer in ((AUTHOR, hearing.author), (PROMOTER, hearing.promoter)):
        if who in wanted.excluded and (signer or NOBODY).principal is None:
            what = f"the registration of {hearing.version}" if who == AUTHOR else "the assignment"
            found[who] = f"{what} {(signer or NOBODY).fault}, and its {who} may not approve"
    return found


def _find_vetoes(decisions: Mapping[str, Attested], wanted: Approvals, people: People) -> Iterable[str]:
    for principal, attested in decisions.items():
        if attested.claim.kind == REJECTED and is_entitled(principal, wanted, people):
            yield f"{principal} rejected it: {attested.claim.tag}"


def find_lacking(able: Mapping[str, frozenset[str]], wanted: Approvals) -> Iterable[str]:
    """Which approvals are missing where these people gave theirs, each in these roles, a line each."""
    seats = [role for role, count in wanted.roles.items() for _ in range(count)]
    empty = _find_empty_seats(seats, able)
    for role in dict.fromkeys(empty):
        yield f"{empty.count(role)} more approval{'s' if empty.count(role) > 1 else ''} in the role {role}"
    lacking = wanted.count - len(able) - len(empty)
    if lacking > 0:
        yield f"{lacking} more approval{'s' if lacking > 1 else ''}"


def _roles_given(attested: Attested, people: People) -> frozenset[str]:
    """The roles in which somebody approved: the one that the claim names, or all that they have."""
    role = attested.claim.statement.role
    return people.roles_of(attested.signer.principal) if role is None else frozenset({role})


def _find_empty_seats(seats: Sequence[str], able: Mapping[str, frozenset[str]]) -> list[str]:
    """The seats that stay empty when as many as possible are taken, one by each person (augmenting paths)."""
    sitting: dict[int, str] = {}

    def seat(person: str, tried: set[int]) -> bool:
        for number, role in enumerate(seats):
            if role in able[person] and number not in tried:
                tried.add(number)
                if number not in sitting or seat(sitting[number], tried):
                    sitting[number] = person
                    return True
        return False

    for person in able:
        seat(person, set())
    return [role for number, role in enumerate(seats) if number not in sitting]
