"""How is an event written? Plan, judge, write, push: one way for every request, and every door comes through it.

May import core, policy, store and the rest of its own floor.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from gitcellar.cellar.authority import find_own_signer, with_authority
from gitcellar.cellar.describing import read_entry, require_entry
from gitcellar.cellar.getting import read_tracking
from gitcellar.cellar.judging import Candidate, find_change_base, gather_act
from gitcellar.cellar.moving import fetch_models, find_unpushed, push_parcel, read_tips, return_lost
from gitcellar.cellar.policies import find_policy_blob, read_policy
from gitcellar.cellar.reading import detail_events, read_state, unknown_model
from gitcellar.core.chain import PREVIOUS
from gitcellar.core.claims import format_statement
from gitcellar.core.declared import manifest_files
from gitcellar.core.digests import Digest
from gitcellar.core.errors import LostRaceError, NotFoundError
from gitcellar.core.events import Registered
from gitcellar.core.manifest import Entry
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference, find_referenced
from gitcellar.core.state import ModelState
from gitcellar.core.tags import model_patterns, tip_ref
from gitcellar.core.trailers import FORMAT, format_message
from gitcellar.core.versions import Version
from gitcellar.policy.change import Act, Change, ProposedTag
from gitcellar.policy.checks.authority import asks_who
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
from gitcellar.store.signatures import SigningKey, find_signing_key, sign
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

    def plan(state: ModelState, rules: ModelRules) -> Plan:
        return plan_assign(state, rules, find_referenced(reference, state), stage)

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
        related = [self.model.base, self.model] if self.model.kind == "project" else [self.model]
        if pushing:
            return_lost(
                self.repository, self.options.remote, fetch_models(self.repository, self.options.remote, related)
            )
        rules = read_policy(self.repository, self.options.remote).rules_of(self.model)
        # Before the state: whoever writes between the two, here or there, moves a tip away from what is read here,
        # and the act is planned anew.
        tips = {name: read_tips(self.repository, self.options.remote, name) for name in related}
        state = read_state(self.repository, self.model)
        plan = self.plan(state, rules)
        if plan.tags and self.weigh and self.candidate is None:
            self.candidate = self.weigh()
        act = gather_act(self.repository, plan, state, rules, self.candidate, remote=self.options.remote)
        asked = any(asks_who(proposed.fact, rules) for proposed in plan.tags)
        own = find_own_signer(self.repository, rules, act.day) if asked else None
        act = with_authority(self.repository, act, now=read_now(), own=own)
        verdict = judge(Change(read_today(), (act,)))
        if not verdict.ok:
            raise RefusedError(verdict)
        created = bool(plan.tags) and not self.options.dry_run
        tip = tips[self.model].ours
        written = self.make_tags(act, plan, tip) if created else ()
        for name in related if pushing else ():
            parcel = find_unpushed(self.repository, name, tips[name])
            if name == self.model:
                chained = parcel.chained | {update.new for update in written}
                parcel = replace(parcel, tags=(*parcel.tags, *written), chained=chained)
            push_parcel(self.repository, self.options.remote, parcel, coordinated=rules.coordination)
        if created:
            self.write_refs(written, act, tip, pushed=pushing)
        return replace(self.report(plan, act, created, pushing), warnings=verdict.warnings, reasons=plan.reasons)

    def make_tags(self, act: Act, plan: Plan, tip: str | None) -> tuple[RefUpdate, ...]:
        """Store the tag objects, each naming the one before, and no ref yet: so far nothing has happened."""
        by = self.repository.read_identity(self.options.account)
        asked = any(asks_who(proposed.fact, act.rules) for proposed in plan.tags)
        policy = find_policy_blob(self.repository, self.options.remote) if asked else None
        key = self.find_key(act)
        details = self.repository.read_details(model_patterns(self.model))
        # Readers that go by time, GTO above all, must find the order that the counters say.
        at = max((found.at for _, found in details.values()), default=0)
        previous = tip
        if previous is None and act.state.events:
            ordered = detail_events(act.state, details)
            previous = ordered[-1].event.object_id if ordered else None
        updates: list[RefUpdate] = []
        for proposed in plan.tags:
            tag = act.tag_of(proposed)
            at = max(by.at, at + 1)
            previous = self.repository.write_tag(
                tag,
                proposed.object_id or proposed.target,
                kind="tag" if proposed.object_id else "commit",
                by=Identity(by.name, by.email, at, by.utc_offset),
                message=format_message(plan.subject, self.options.message, _trailers(proposed, act, policy, previous)),
                sign=partial(sign, key=key) if key else None,
            )
            updates.append(RefUpdate(f"refs/tags/{tag}", previous))
        return tuple(updates)

    def find_key(self, act: Act) -> SigningKey | None:
        """The key to sign with; None where neither the caller nor git nor the policy asks for a signature."""
        if self.options.sign is False:
            return None
        config = self.repository.read_signing_config()
        wants = config.get("tag.gpgsign") in ("true", "yes", "on", "1") or self.options.sign
        key = find_signing_key(config)
        if key is None and wants:
            hint = "git config gpg.format ssh && git config user.signingKey ~/.ssh/id_ed25519.pub"
            raise NotFoundError("git has no key to sign with here", hint=hint)
        asked = any(asks_who(proposed.fact, act.rules) for proposed in act.tags)
        return key if wants or (asked and key is not None and key.public is not None) else None

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


def _trailers(proposed: ProposedTag, act: Act, policy: str | None, previous: str | None) -> list[tuple[str, str]]:
    """What a tag says to machines. Nothing in it depends on what a person typed as the message."""
    version = getattr(proposed.fact, "version", None) or act.state.at_commit.get(proposed.target)
    stage = getattr(proposed.fact, "stage", None)
    trailers = [("Cellar-Format", FORMAT), ("Model", act.model.text)]
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
    elif policy is not None:
        trailers.append(("Policy", policy))
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
