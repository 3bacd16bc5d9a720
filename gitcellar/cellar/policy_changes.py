"""Who approved another policy? Signed tags that name the new files and the commit that they were to replace.

An approval is for one change, once. It names the commit of the protected branch on which it was given, and counts while
every commit from there to the branch's tip has the same policy. A branch that goes forward only (rule A008) cannot
leave a commit behind: whatever it held since descends from the one commit and is contained in the other. So an approval
that was used, or that another change overtook, never counts again, whichever merges and reverts came after it. Commits
that do not descend from the one it names say nothing: merges bring the old policies of branches that stood aside.

May import core, policy, store, and the modules of its own floor that read policies and signatures.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence, Set
from functools import partial

from gitcellar.cellar.authority import Proven, prove_objects
from gitcellar.cellar.moving import require_taken
from gitcellar.cellar.own_signature import plan_signature
from gitcellar.cellar.policies import find_policy_blobs, find_protected, read_policy_of
from gitcellar.cellar.writing import DEFAULT, Options
from gitcellar.core.days import Day
from gitcellar.core.errors import InvalidError, NotFoundError
from gitcellar.core.pushes import PushedRef
from gitcellar.core.tags import APPROVALS
from gitcellar.core.trailers import FORMAT, FORMAT_KEY, format_message, parse_message
from gitcellar.policy.config import FILE
from gitcellar.policy.people import SIGNERS_FILE
from gitcellar.policy.settings import ModelRules
from gitcellar.store.environment import read_today
from gitcellar.store.git import GitRepository, RefUpdate
from gitcellar.store.signatures import sign

_NONE = "none"
_INSTEAD_OF = "Instead-Of"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def approve_policy(repository: GitRepository, revision: str, *, options: Options = DEFAULT) -> str:
    """Approve the policy of a commit, as whoever signs here. Return the tag; what was approved already stays so.

    Raise InvalidError for somebody whom the policy that stands does not know, and where nothing would change.
    """
    commit = repository.resolve_commit(revision)
    standing = find_protected(repository, options.remote)
    if standing.commit is None:
        raise NotFoundError(f"{standing.short} does not exist yet, so no policy stands", hint=f"push {standing.short}")
    if find_policy_blobs(repository, standing.commit) == find_policy_blobs(repository, commit):
        raise InvalidError(f"the policy of {revision} is the one that stands", hint="commit what shall change first")
    rules = read_policy_of(repository, standing).rules_of(None)
    change = _describe_change(repository, rules, commit)
    said = [*change, (_INSTEAD_OF, standing.commit)]
    own = plan_signature(repository, rules, read_today(), sign=options.sign, asked=True)
    key, signer = own.key, own.signer
    if key is None or signer.principal is None:
        raise InvalidError(f"an approval here {signer.fault}", hint=signer.hint or "gitcellar rule A001")
    tag = f"{_folder(change)}{_hash(f'{signer.principal} {standing.commit}', 12)}"
    update = RefUpdate(f"refs/tags/{tag}", repository.find_refs([f"refs/tags/{tag}"]).get(f"refs/tags/{tag}", ""))
    if update.new and (signer.principal, standing.commit) not in _approvals_in(repository, {update.new}, change, rules):
        hint = f"git tag -d {tag} && git push {options.remote} :refs/tags/{tag}"
        raise InvalidError(f"the tag {tag} is in the way: it is no approval by {signer.principal}", hint=hint)
    if not options.dry_run and not update.new:
        subject = f"Approve the policy of {commit[:12]}"
        message = format_message(subject, options.message, said)
        by = repository.read_identity()
        made = repository.write_tag(tag, commit, kind="commit", by=by, message=message, sign=partial(sign, key=key))
        update = RefUpdate(update.ref, made)
        repository.write_refs([update])
    if options.push and not options.dry_run:
        require_taken(repository.push(options.remote, [update], leases={}), options.remote)
    return tag


def find_policy_approvals(
    repository: GitRepository, pushed: PushedRef, rules: ModelRules, day: Day, new_tags: Sequence[str]
) -> tuple[str, ...] | None:
    """Who approved the policy that a push brings to its branch, with tags here or beside it; None where it stays."""
    if pushed.old is None or pushed.new is None:
        return None
    if find_policy_blobs(repository, pushed.old) == find_policy_blobs(repository, pushed.new):
        return None
    change = _describe_change(repository, rules, pushed.new)
    ids = {*new_tags, *repository.list_ref_ids(f"refs/tags/{_folder(change)}").values()}
    proven = prove_objects(repository.read_objects({each: each for each in ids}, kind="tag"), rules.people)
    approved: dict[str, set[str]] = {}
    for principal, given_on in _read_approvals(proven, change, rules, day):
        approved.setdefault(given_on, set()).add(principal)
    standing = [people for given_on, people in approved.items() if _still_stands(repository, given_on, pushed.old)]
    return tuple(sorted({principal for people in standing for principal in people}))


def goes_forward(repository: GitRepository, pushed: PushedRef) -> bool:
    """Whether a ref would contain what it contains now."""
    if pushed.old is None or pushed.new is None:
        return False
    # A clone that has never seen what is there cannot build on it.
    known = pushed.old in repository.check_objects([pushed.old])
    return known and repository.find_merge_base(pushed.old, pushed.new) == pushed.old


def _approvals_in(
    repository: GitRepository, ids: Set[str], change: Sequence[tuple[str, str]], rules: ModelRules
) -> list[tuple[str, str]]:
    """Who signed an approval of this change among some objects, as of today, and on which commit."""
    proven = prove_objects(repository.read_objects({each: each for each in ids}, kind="tag"), rules.people)
    return _read_approvals(proven, change, rules, read_today())


def _read_approvals(
    proven: Mapping[str, Proven], change: Sequence[tuple[str, str]], rules: ModelRules, day: Day
) -> list[tuple[str, str]]:
    """Who signed an approval of this change, and on which commit of the protected branch."""
    found: list[tuple[str, str]] = []
    for each in proven.values():
        *said, last = parse_message(each.found.message).trailers or [("", "")]
        principal = each.signer(rules, day).principal
        if principal is not None and said == list(change) and last[0] == _INSTEAD_OF and _COMMIT.fullmatch(last[1]):
            found.append((principal, last[1]))
    return found


def _still_stands(repository: GitRepository, given_on: str, tip: str) -> bool:
    """Whether the protected branch never had another policy between the commit of an approval and its tip now."""
    headers = repository.check_objects([given_on])
    if given_on not in headers or headers[given_on].kind != "commit":
        return False
    since = [given_on, *repository.list_descendants(given_on, tip)]
    if tip not in since:
        return False
    names = [f"{commit}:{file}" for commit in since for file in (FILE, SIGNERS_FILE)]
    found = repository.check_objects(names)
    ids = [found[name].object_id if name in found else None for name in names]
    return len({(policy, signers) for policy, signers in zip(ids[::2], ids[1::2], strict=True)}) == 1


def _describe_change(repository: GitRepository, rules: ModelRules, new: str) -> list[tuple[str, str]]:
    """What an approval says of the change itself: in which cellar, and both files as they come."""
    policy, signers = find_policy_blobs(repository, new)
    if policy is None and signers is None:
        raise NotFoundError("that commit has no policy", hint="approve a commit with a gitcellar.yaml")
    return [
        (FORMAT_KEY, FORMAT),
        ("Cellar", rules.cellar or _NONE),
        ("Policy", policy or _NONE),
        ("Signers", signers or _NONE),
    ]


def _folder(change: Sequence[tuple[str, str]]) -> str:
    """Where the approvals of one change stand, so that a push reads those alone."""
    return f"{APPROVALS}{_hash(repr(list(change)), 16)}/"


def _hash(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
