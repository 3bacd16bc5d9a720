"""Family A: is it signed, by somebody who may, and do enough of the right people stand behind it?

May import core and the rest of policy but judge and config.
"""

from collections.abc import Iterable
from dataclasses import replace

from gitcellar.core.events import BYPASSED, RATIFIED, Assigned, Claimed, Fact, Registered
from gitcellar.core.versions import Version
from gitcellar.policy.approvals import Tally, count_approvals, find_claim_fault, find_lacking, is_own_approval
from gitcellar.policy.change import Act, ProposedRef, ProposedTag
from gitcellar.policy.people import NOBODY
from gitcellar.policy.rules import Check, Rule, Violation
from gitcellar.policy.settings import AUTHOR, PROMOTER, ModelRules, StageRules

A001 = Rule(
    "A001",
    "an event is signed by somebody whom the policy knows",
    """Where gitcellar.yaml says `signed: required`, every tag carries the signature of one of its `people:`. Who
somebody is says the key alone: a tagger's name and address can be typed by anybody.

What to do: `git config gpg.format ssh`, `git config user.signingKey ~/.ssh/id_ed25519.pub`, and have the key listed in
gitcellar.yaml. gitcellar signs where the policy asks for it.""",
)
A002 = Rule(
    "A002",
    "a stage is assigned by whom the policy allows",
    """`by:` of a stage names the roles and people who may put a version into it. Their signature says that they did.

What to do: ask one of them to assign it.""",
)
A003 = Rule(
    "A003",
    "a version has the approvals that a stage asks for",
    """`approvals:` of a stage say how many people must approve a version before it enters, how many in each role, and
whose approval does not count. The last decision of each person counts; an approval is for the moment in which it was
given, so that none outlives a rollback; and a rejection by somebody who may approve stops it.

What to do: `gitcellar claims REF --for STAGE` shows what counts and what is missing; `gitcellar approve REF --for
STAGE` approves.""",
    waits=True,
)
A004 = Rule(
    "A004",
    "a claim is made by somebody who may, about the version that it names",
    """A claim points at the tag object of the version, and its message repeats the cellar, the model, the version and
the stage, so that it cannot be replayed about another one. It is signed by one of the policy's people, in a role that
they have; nobody approves what they registered themselves, and only who may break the glass does.

What to do: `gitcellar approve`, `reject` and `claim` write what is asked for.""",
)
A005 = Rule(
    "A005",
    "broken glass is mended before it is broken again",
    """In an emergency somebody of `break_glass:` may promote without approvals. Every listing says so until enough
people have approved it afterwards, and until then nobody does it again for the same stage.

What to do: have it approved, then `gitcellar ratify REF --for STAGE`.""",
)
A006 = Rule(
    "A006",
    "a change of the policy is approved by whom the old policy names",
    """`policy_changes:` say how many people must approve before another gitcellar.yaml, or another
.gitcellar/allowed_signers, enters the protected branch: those of the policy that stands, not of the one that comes.

What to do: each of them runs `gitcellar approve --policy COMMIT --push`; then push the commit.""",
)
A007 = Rule(
    "A007",
    "an event stands in the chain of its model",
    """Where gitcellar.yaml says `chained: required`, every event names the one before it, and the model's tip leads
back to all of them. An event that stands outside, as plain git and GTO write them, could be deleted later and nobody
would notice.

What to do: let gitcellar write the tag and push it (gitcellar register, gitcellar assign, gitcellar push MODEL).""",
)
A008 = Rule(
    "A008",
    "the branch with the policy comes first, is never deleted, and goes forward only",
    """The policy that judges is the one on the branch that the server's HEAD names. Where that branch does not exist,
the push that creates it writes the policy: so it is the first branch of a repository, and no push creates it beside
others. No push deletes it. Where gitcellar.yaml has `policy_changes:`, it goes forward only: a branch that goes back
would bring back a policy that nobody approved anew.

What to do: push that branch first; undo a change of it with `git revert`. Where HEAD names the wrong branch, type on
the server: `git symbolic-ref HEAD refs/heads/BRANCH`.""",
)
A009 = Rule(
    "A009",
    "a signature fits the tag that it stands under",
    """A block that looks like a signature and proves nothing is worse than none: people see that a tag is signed, and
`gitcellar verify` reports it as forged for as long as the tag stands, which is for ever.

What to do: delete the tag here (git tag -d NAME), and let gitcellar write and sign it.""",
)
A010 = Rule(
    "A010",
    "a version's author is known where a stage asks for it",
    """Where the approvals of a stage say `not: [author]`, the author's own approval does not count. Without a signature
of one of the policy's `people:` it is not known who the author is, so the version could never enter that stage. An
unsigned registration is therefore refused at once.

What to do: sign the registration, as `gitcellar rule A001` says. A version that is registered already without a
signature is withdrawn, and the same checkpoint is registered again, at a new commit and by somebody who signs:
`gitcellar withdraw REF`, `git commit --allow-empty`, `gitcellar register MODEL --sign`. Where the work tree has the
checkpoint of a newer version by now, commit the one of that version again first, or assign the newer version.""",
)
_KEY_HINT = "git config gpg.format ssh && git config user.signingKey ~/.ssh/id_ed25519.pub; have it listed in people:"


def asks_who(fact: Fact, rules: ModelRules) -> bool:
    """Whether it matters who writes an event."""
    if isinstance(fact, Registered):
        return rules.signed or rules.author_stage is not None
    stage = rules.stages.get(fact.stage) if isinstance(fact, Assigned) else None
    return rules.signed or bool(stage and stage.asks_who) or (isinstance(fact, Claimed) and bool(rules.people))


def check_signed(act: Act) -> Iterable[Violation]:
    signer = act.signer or NOBODY
    for proposed in act.tags if act.rules.signed and signer.fault is not None else ():
        yield A001.violation(act.tag_of(proposed), f"it {signer.fault}", hint=signer.hint or _KEY_HINT)


def check_assigner(act: Act) -> Iterable[Violation]:
    signer = act.signer or NOBODY
    for proposed, _, rules in _entries(act):
        wanted = rules.by
        if find_bypass(act, proposed) and rules.break_glass:
            wanted = rules.break_glass.by
        elif _comes_back(act, proposed, rules):
            continue
        if wanted and not act.rules.people.fits(signer.principal, wanted):
            said = f"{signer.principal} assigns it" if signer.principal else f"it {signer.fault}"
            message = f"{said}, and only {' or '.join(wanted)} may"
            hint = None if signer.principal else signer.hint or _KEY_HINT
            yield A002.violation(act.tag_of(proposed), message, hint=hint)


def check_approvals(act: Act) -> Iterable[Violation]:
    for proposed, stage, tally in _tallies(act):
        hint = f"gitcellar claims {act.model}@{act.state.at_commit.get(proposed.target)} --for {stage}"
        for missing in tally.missing:
            yield A003.violation(act.tag_of(proposed), missing, hint=hint)
        if PROMOTER in tally.unknown:
            hint = (act.signer or NOBODY).hint or _KEY_HINT
            yield replace(A003.violation(act.tag_of(proposed), tally.unknown[PROMOTER], hint=hint), waits=False)


def check_author(act: Act) -> Iterable[Violation]:
    signer, stage = act.signer or NOBODY, act.rules.author_stage
    # Where everything is signed A001 says it.
    if stage is not None and signer.principal is None and not act.rules.signed:
        for proposed, _ in act.registrations:
            message = f"it {signer.fault}, and its author may not approve it for {stage}"
            yield A010.violation(act.tag_of(proposed), message, hint=signer.hint or _KEY_HINT)
    for proposed, stage, tally in _tallies(act):
        if AUTHOR in tally.unknown:
            hint = _find_way_in(act, act.state.at_commit[proposed.target], stage)
            yield A010.violation(act.tag_of(proposed), tally.unknown[AUTHOR], hint=hint)


def _find_way_in(act: Act, version: Version, stage: str) -> str:
    """What to do instead of assigning a version whose author is not known."""
    model, latest = act.model, act.state.latest
    again = f"gitcellar register {model} --sign"
    steps = [] if version in act.state.withdrawn else [f"gitcellar withdraw {model}@{version}"]
    if version == max(act.state.registrations):
        return " && ".join([*steps, f"git commit --allow-empty -m 'Register {model} again'", again])
    # The work tree has the checkpoint of a newer version, and L003 refuses to register that once more.
    instead = f"gitcellar assign {model}@{latest} {stage}; or " if latest not in (None, version) else ""
    return f"{instead}commit the checkpoint of {version} again, then: {' && '.join([*steps, again])}"


def check_claims(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        if not isinstance(proposed.fact, Claimed) or proposed.fact.version not in act.state.registrations:
            continue
        tag = act.tag_of(proposed)
        # It came last, so it is found at once however many there are.
        own = next((attested for attested in reversed(act.claims) if attested.claim.tag == tag), None)
        hearing = act.hearing(proposed.fact.version)
        fault = find_claim_fault(own, hearing) if own is not None else "cannot be read"
        if fault is not None:
            hint = "gitcellar approve, reject and claim write what is asked for"
            if own is not None and is_own_approval(own, hearing):
                approve = f"gitcellar approve {act.model}@{own.claim.version} --for {own.claim.about}"
                hint = f"another person approves it: {approve}"
            yield A004.violation(tag, f"it {fault}", hint=hint)
            continue
        kind, _, stage = proposed.fact.claim.partition(".")
        wanted = act.rules.stages[stage].approvals if kind == RATIFIED else None
        if wanted is not None:
            for missing in count_approvals(stage, wanted, hearing).lacking:
                yield A003.violation(tag, missing, hint=f"gitcellar approve {act.model}@VERSION --for {stage}")


def check_mended(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        kind, _, stage = proposed.fact.claim.partition(".") if isinstance(proposed.fact, Claimed) else ("", "", "")
        broken = act.state.find_unratified(stage)
        if kind == BYPASSED and broken is not None:
            message = f"{stage} was entered by {broken}, which nobody has ratified"
            yield A005.violation(act.tag_of(proposed), message, hint=f"gitcellar ratify '{act.model}#{stage}'")


def check_chained(act: Act) -> Iterable[Violation]:
    for proposed in act.tags if act.rules.chained else ():
        if proposed.written is not None and proposed.written.chained is False:
            message = f"the tip of {act.model} does not lead back to it, so it could go unnoticed"
            hint = f"let gitcellar write it, and push it with its tip: gitcellar push {act.model}"
            yield A007.violation(act.tag_of(proposed), message, hint=hint)


def check_forged(act: Act) -> Iterable[Violation]:
    for proposed in act.tags:
        if proposed.written is not None and proposed.written.forgery is not None:
            hint = f"git tag -d '{proposed.written.name}', and let gitcellar write it"
            yield A009.violation(proposed.written.name, f"it {proposed.written.forgery}", hint=hint)


def find_bypass(act: Act, proposed: ProposedTag) -> bool:
    """Whether the event just before an assignment broke the glass for it."""
    if not isinstance(proposed.fact, Assigned):
        return False
    version = act.state.at_commit.get(proposed.target)
    claim, counter = f"{BYPASSED}.{proposed.fact.stage}", proposed.fact.counter - 1
    if version is None:
        return False
    wanted = Claimed(version, claim, counter)
    return any(other.fact == wanted for other in act.tags) or act.state.last_claims.get(claim) == wanted


def tally_of(act: Act, proposed: ProposedTag, stage: str, rules: StageRules) -> Tally | None:
    """The approvals of the version that would enter a stage; None where the stage asks for none."""
    version = act.state.at_commit.get(proposed.target)
    if rules.approvals is None or version is None:
        return None
    return count_approvals(stage, rules.approvals, act.hearing(version))


def _tallies(act: Act) -> Iterable[tuple[ProposedTag, str, Tally]]:
    """The approvals of each version that would enter a stage which asks for them."""
    for proposed, stage, rules in _entries(act):
        if not find_bypass(act, proposed) and not _comes_back(act, proposed, rules):
            tally = tally_of(act, proposed, stage, rules)
            if tally is not None:
                yield proposed, stage, tally


def _entries(act: Act) -> Iterable[tuple[ProposedTag, str, StageRules]]:
    for proposed in act.tags:
        stage = proposed.fact.stage if isinstance(proposed.fact, Assigned) else None
        rules = act.rules.stages.get(stage) if stage else None
        if stage is not None and rules is not None:
            yield proposed, stage, rules


def _comes_back(act: Act, proposed: ProposedTag, rules: StageRules) -> bool:
    """Whether a version returns to a stage that held it not long ago, by the hand of somebody who may do that."""
    back = rules.comes_back
    if back is None or act.left is None or act.left > back.seconds or not isinstance(proposed.fact, Assigned):
        return False
    held = act.state.has_held(proposed.target, proposed.fact.stage)
    return held and act.rules.people.fits((act.signer or NOBODY).principal, back.by)


def check_policy(ref: ProposedRef) -> Iterable[Violation]:
    wanted = ref.rules.policy_changes
    if ref.policy_approved is None or wanted is None:
        return
    able = {principal: ref.rules.people.roles_of(principal) for principal in ref.policy_approved}
    for missing in find_lacking(able, wanted):
        message = f"the policy that it brings needs {missing}"
        yield A006.violation(ref.ref, message, hint=f"gitcellar approve --policy {(ref.new or '')[:12]} --push")


def check_branch(ref: ProposedRef) -> Iterable[Violation]:
    step = ref.branch
    if step is None or ref.old == ref.new:
        return
    name, protected = (each.removeprefix("refs/heads/") for each in (ref.ref, step.protected))
    if name != protected:
        message = f"HEAD names {protected}, which does not exist yet and comes first"
        hint = f"push it as {protected}: git push REMOTE {name}:{protected}"
        yield A008.violation(ref.ref, message, hint=f"{hint}; or on the server: git symbolic-ref HEAD {ref.ref}")
    elif ref.new is None:
        yield A008.violation(
            ref.ref, "the branch with the policy is never deleted", hint="undo commits with git revert"
        )
    elif step.beside:
        message = f"its policy would judge from now on, and {step.beside[0].removeprefix('refs/heads/')} exists already"
        yield A008.violation(ref.ref, message, hint=f"on the server: git symbolic-ref HEAD {step.beside[0]}")
    elif ref.old is not None and not step.forward and ref.rules.policy_changes:
        message = f"it would go back: {ref.new[:7]} does not contain {ref.old[:7]}"
        yield A008.violation(ref.ref, message, hint="undo commits with git revert, or merge what is there first")


ACT_CHECKS: tuple[Check[Act], ...] = (
    Check(A001, check_signed),
    Check(A002, check_assigner),
    Check(A003, check_approvals),
    Check(A004, check_claims),
    Check(A005, check_mended),
    Check(A007, check_chained),
    Check(A009, check_forged),
    Check(A010, check_author),
)
REF_CHECKS: tuple[Check[ProposedRef], ...] = (Check(A006, check_policy), Check(A008, check_branch))
