"""How is an event written? Plan, judge, write, push: one way for every request, and every door comes through it.

May import core, policy, store and the rest of its own floor.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from gitcellar.cellar.authority import with_authority
from gitcellar.cellar.chains import Tips, find_unpushed, read_tips, require_whole
from gitcellar.cellar.describing import read_entry, require_entry
from gitcellar.cellar.fetching import fetch_models
from gitcellar.cellar.getting import read_tracking
from gitcellar.cellar.judging import Candidate, find_change_base, gather_act
from gitcellar.cellar.moving import push_parcel, return_lost
from gitcellar.cellar.own_signature import plan_signature
from gitcellar.cellar.policies import ask_protected, read_policy, read_policy_of
from gitcellar.cellar.reading import detail_events, unknown_model
from gitcellar.cellar.snapshots import Snapshot, read_snapshot
from gitcellar.core.chain import PREVIOUS, read_links
from gitcellar.core.claims import format_statement
from gitcellar.core.declared import manifest_files
from gitcellar.core.digests import Digest
from gitcellar.core.errors import LostRaceError, NotFoundError
from gitcellar.core.events import Registered
from gitcellar.core.manifest import Entry
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference, find_referenced
from gitcellar.core.state import ModelState
from gitcellar.core.tags import tip_ref
from gitcellar.core.trailers import FORMAT, FORMAT_KEY, format_message
from gitcellar.core.versions import Version
from gitcellar.policy.change import Act, Change, ProposedTag
from gitcellar.policy.checks.authority import asks_who
from gitcellar.policy.config import Policy
from gitcellar.policy.judge import RefusedError, judge
from gitcellar.policy.plan import (
    Plan,
    find_promising,
    plan_assign,
    plan_deprecate,
    plan_register,
    plan_rollback,
    plan_unassign,
    plan_withdraw,
)
from gitcellar.policy.rules import Violation
from gitcellar.policy.schemes import Bump
from gitcellar.policy.settings import ModelRules
from gitcellar.store.checkpoints import Progress, is_changed, opened, silent
from gitcellar.store.delivery import read_digest
from gitcellar.store.environment import read_now, read_today
from gitcellar.store.git import GitRepository, RefUpdate
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_identity import Account, Identity
from gitcellar.store.signatures import SigningKey, sign
from gitcellar.store.tracking import tracking_files

_ATTEMPTS = 60
_LONGEST_PAUSE = 2.0  # seconds
_PATIENT = 6  # attempts, after which pauses become shorter again
_JITTER = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Options:
    """How an act is carried out: whether only planned and judged, whether pushed and where, and what it says.

    Tags are signed or not as `sign` says; where it is None, where git's settings or the policy ask for it. They are
    written under `account`, or under the identity that git's settings say.
    """

    dry_run: bool = False
    push: bool = False
    remote: str = "origin"
    message: str = ""
    progress: Progress = silent
    sign: bool | None = None
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an act did. `tags` are those that state it; `created` is False where it was so already or only tried."""

    model: ModelName
    subject: str
    version: Version | None
    stage: str | None
    tags: tuple[str, ...]
    commit: str | None
    checkpoint: Digest | None
    created: bool
    pushed: bool
    warnings: tuple[Violation, ...] = ()
    reasons: tuple[str, ...] = ()


DEFAULT = Options()
Planning = Callable[[ModelState, ModelRules], Plan]


def register(
    repository: GitRepository,
    model: ModelName,
    *,
    revision: str | None = None,
    version: Version | None = None,
    bump: Bump | None = None,
    options: Options = DEFAULT,
) -> Outcome:
    """Register a version of `model` at a commit: HEAD, whose files must then be committed, unless one is named."""
    commit = repository.resolve_commit(revision or "HEAD")
    entry = require_entry(repository, commit, model)
    if revision is None:
        _require_committed(repository, model, entry)

    def plan(state: ModelState, rules: ModelRules) -> Plan:
        before = find_promising(state, rules, entry) if version is None and bump is None else None
        earlier = read_entry(repository, state.registrations[before].commit or "", model) if before else None
        promised = earlier.contract if earlier else None
        return plan_register(state, rules, commit=commit, entry=entry, version=version, bump=bump, promised=promised)

    def weigh() -> Candidate:
        with opened(read_tracking(repository, commit, entry)) as checkpoint:
            return Candidate(commit, entry, read_digest(checkpoint, progress=options.progress))

    return _Act(repository, model, plan, weigh, options).carry_out()


def assign(repository: GitRepository, reference: Reference, stage: str, *, options: Options = DEFAULT) -> Outcome:
    """Put the version that a reference means into a stage."""

    def plan(state: ModelState, _: ModelRules) -> Plan:
        return plan_assign(state, find_referenced(reference, state), stage)

    return act_on(repository, reference.model, plan, options)


def unassign(repository: GitRepository, model: ModelName, stage: str, *, options: Options = DEFAULT) -> Outcome:
    """Empty a stage."""
    return act_on(repository, model, lambda state, rules: plan_unassign(state, rules, stage), options)


def rollback(
    repository: GitRepository,
    model: ModelName,
    stage: str,
    *,
    to: Version | None = None,
    options: Options = DEFAULT,
) -> Outcome:
    """Put back what held a stage before, or the version `to` that held it once, as a new event."""
    return act_on(repository, model, lambda state, rules: plan_rollback(state, rules, stage, to), options)


def withdraw(repository: GitRepository, reference: Reference, *, options: Options = DEFAULT) -> Outcome:
    """Recall a version."""
    return act_on(
        repository, reference.model, lambda state, _: plan_withdraw(state, find_referenced(reference, state)), options
    )


def deprecate(repository: GitRepository, model: ModelName, *, options: Options = DEFAULT) -> Outcome:
    """Deprecate a whole model."""
    return act_on(repository, model, lambda state, _: plan_deprecate(state), options)


def act_on(repository: GitRepository, model: ModelName, plan: Planning, options: Options) -> Outcome:
    """Carry out what `plan` makes of a model's state and rules, anew where somebody else was first.

    Raise NotFoundError for a model without tags, and RefusedError where the policy does not allow it.
    """

    def plan_known(state: ModelState, rules: ModelRules) -> Plan:
        if not state.events:
            raise unknown_model(repository, model)
        return plan(state, rules)

    return _Act(repository, model, plan_known, None, options).carry_out()


@dataclass(slots=True)
class _Act:
    """One request on its way: planned and judged anew, as often as somebody else is first."""

    repository: GitRepository
    model: ModelName
    plan: Planning
    weigh: Callable[[], Candidate] | None
    options: Options
    candidate: Candidate | None = None

    def carry_out(self) -> Outcome:
        racing: LostRaceError | None = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                # Without jitter one of four writers starved: all who lost come back together. Who has lost often
                # comes back sooner than who has not, or with a hook on the server one of twenty starved.
                longest = min(_LONGEST_PAUSE, 0.05 * 2**attempt, _LONGEST_PAUSE * _PATIENT / attempt)
                time.sleep(_JITTER.uniform(0, longest))
            try:
                return self.attempt()
            except LostRaceError as error:
                racing = error
        message = f"others kept writing to {self.model} while this was tried {_ATTEMPTS} times"
        raise LostRaceError(message, hint="try again") from racing

    def attempt(self) -> Outcome:
        pushing = self.options.push and not self.options.dry_run
        # Tips before the state: whoever writes between the two, here or there, moves a tip away from what is read
        # here, and the act is planned anew.
        tips, policy = self.fetch() if pushing else self.read()
        rules = policy.rules_of(self.model)
        snapshot = read_snapshot(self.repository, self.model)
        plan = self.plan(snapshot.state, rules)
        if plan.tags and self.weigh and self.candidate is None:
            self.candidate = self.weigh()
        act = gather_act(self.repository, plan, snapshot, rules, self.candidate, remote=self.options.remote)
        asked = any(asks_who(proposed.fact, rules) for proposed in plan.tags)
        # Before it is judged: the judge sees the tag as it will be written.
        sign = self.options.sign if plan.tags else False
        own = plan_signature(self.repository, rules, act.day, sign=sign, asked=asked)
        act = with_authority(self.repository, act, now=read_now(), own=own.signer)
        verdict = judge(Change(read_today(), (act,)))
        if not verdict.ok:
            raise RefusedError(verdict)
        created = bool(plan.tags) and not self.options.dry_run
        tip = tips[self.model].ours
        previous = tip if tip is not None and rules.coordination else _find_last(snapshot)
        if plan.tags:
            require_whole(self.repository, self.model, previous, tips[self.model].theirs, snapshot.details)
        written = self.make_tags(act, plan, previous, snapshot, own.key) if created else ()
        if pushing:
            self.push(tips, written, coordinated=rules.coordination)
        if created:
            self.write_refs(written, act, tip, pushed=pushing)
        return replace(self.report(plan, act, created, pushing), warnings=verdict.warnings, reasons=plan.reasons)

    def read(self) -> tuple[Mapping[ModelName, Tips], Policy]:
        """The model's tips, and the policy that judges, as this clone knows them."""
        policy = read_policy(self.repository, self.options.remote)
        return {self.model: read_tips(self.repository, self.options.remote, self.model)}, policy

    def fetch(self) -> tuple[Mapping[ModelName, Tips], Policy]:
        """The tips of the model and its base, and the policy that judges, as the remote has them now."""
        remote = self.options.remote
        related = [self.model.base, self.model] if self.model.kind == "project" else [self.model]
        fetched = fetch_models(self.repository, remote, related, protected=ask_protected(self.repository, remote))
        return_lost(self.repository, remote, fetched.lost)
        tips = {name: read_tips(self.repository, remote, name) for name in fetched.lost}
        policy = read_policy_of(self.repository, fetched.protected) if fetched.protected else Policy()
        return {**fetched.tips, **tips}, policy

    def push(self, tips: Mapping[ModelName, Tips], written: tuple[RefUpdate, ...], *, coordinated: bool) -> None:
        """Push what the model and its base have that the remote has not, and at last what was written now."""
        for name, found in tips.items():
            parcel = find_unpushed(self.repository, name, found)
            if name == self.model:
                chained = parcel.chained | {update.new for update in written}
                parcel = replace(parcel, tags=(*parcel.tags, *written), chained=chained)
            push_parcel(self.repository, self.options.remote, parcel, coordinated=coordinated)

    def make_tags(
        self, act: Act, plan: Plan, previous: str | None, snapshot: Snapshot, key: SigningKey | None
    ) -> tuple[RefUpdate, ...]:
        """Store the tag objects, each naming the one before, and no ref yet: so far nothing has happened."""
        by = self.repository.read_identity(self.options.account)
        # Readers that go by time, GTO above all, must find the order that the counters say.
        at = max((found.at for _, found in snapshot.details.values()), default=0)
        updates: list[RefUpdate] = []
        for proposed in plan.tags:
            tag = act.tag_of(proposed)
            at = max(by.at, at + 1)
            previous = self.repository.write_tag(
                tag,
                proposed.object_id or proposed.target,
                kind="tag" if proposed.object_id else "commit",
                by=Identity(by.name, by.email, at, by.utc_offset),
                message=format_message(plan.subject, self.options.message, _trailers(proposed, act, previous)),
                sign=partial(sign, key=key) if key else None,
            )
            updates.append(RefUpdate(f"refs/tags/{tag}", previous))
        return tuple(updates)

    def write_refs(self, updates: tuple[RefUpdate, ...], act: Act, tip: str | None, *, pushed: bool) -> None:
        """Create the tags and move the tip from `tip`, together. Raise LostRaceError where somebody else was first."""
        moves = list(updates)
        if act.rules.coordination:
            moves.append(RefUpdate(tip_ref(self.model), updates[-1].new, tip or ""))
        try:
            self.repository.write_refs(moves)
        except GitError as error:
            now = self.repository.find_refs([move.ref for move in moves])
            if all(now.get(move.ref) == move.new for move in moves):
                return  # a fetch that ran beside this brought them back from the remote
            if pushed:
                fetch_models(self.repository, self.options.remote, [self.model])
            elif any(update.ref in now for update in updates) or now.get(tip_ref(self.model), tip) != tip:
                raise LostRaceError(f"another process wrote to {self.model} first") from error
            else:
                raise

    def report(self, plan: Plan, act: Act, created: bool, pushed: bool) -> Outcome:
        state = act.state
        tags = tuple(act.tag_of(proposed) for proposed in plan.tags)
        commit = plan.tags[0].target if plan.tags else None
        if not plan.tags and plan.version is not None:
            held = state.stages.get(plan.stage) if plan.stage else state.find(plan.version)
            tags, commit = ((held.tag,), held.commit) if held else ((), None)
        checkpoint = self.candidate.checkpoint if self.candidate else None
        return Outcome(self.model, plan.subject, plan.version, plan.stage, tags, commit, checkpoint, created, pushed)


def _find_last(snapshot: Snapshot) -> str | None:
    """The event that the next one follows where no tip says it: the last one that no other follows already."""
    if not snapshot.state.events:
        return None
    links = read_links({object_id: found.message for object_id, found in snapshot.details.values()})
    followed = set(links.values())
    ordered = [detailed.event.object_id for detailed in detail_events(snapshot.state, snapshot.details)]
    return next((object_id for object_id in reversed(ordered) if object_id not in followed), None)


def _trailers(proposed: ProposedTag, act: Act, previous: str | None) -> list[tuple[str, str]]:
    """What a tag says to machines. Nothing in it depends on what a person typed as the message."""
    version = getattr(proposed.fact, "version", None) or act.state.at_commit.get(proposed.target)
    stage = getattr(proposed.fact, "stage", None)
    trailers = [(FORMAT_KEY, FORMAT), ("Model", act.model.text)]
    if version is not None:
        trailers.append(("Version", str(version)))
    if stage is not None:
        trailers.append(("Stage", stage))
    if isinstance(proposed.fact, Registered):
        base = find_change_base(act)
        trailers += [("Base", str(base))] if base else []
        trailers += [("Checkpoint", str(act.checkpoint))] if act.checkpoint else []
    if proposed.statement is not None:
        trailers += format_statement(proposed.statement)
    elif act.rules.policy is not None and asks_who(proposed.fact, act.rules):
        trailers.append(("Policy", act.rules.policy))
    return trailers + ([(PREVIOUS, previous)] if previous else [])


def _require_committed(repository: GitRepository, model: ModelName, entry: Entry) -> None:
    """Raise NotFoundError where HEAD does not have what the work tree has of the model's files and its data."""
    paths = [*manifest_files(model), *tracking_files(entry.path)]
    paths += [path for path in (entry.params, entry.metrics, entry.environment) if isinstance(path, str)]
    root = repository.find_root()
    if root is None:
        return
    changed = repository.find_changed(paths)
    if changed:
        raise NotFoundError(
            f"{', '.join(changed)} differs from what is committed",
            hint=f"git add and git commit it, or name the commit to register: gitcellar register {model} HEAD",
        )
    if is_changed(root, entry.path):
        raise NotFoundError(
            f"{entry.path} is not what {model}'s manifest entry at HEAD tracks",
            hint=f"gitcellar add {model} {entry.path}, commit, and register; or name the commit: register {model} HEAD",
        )
