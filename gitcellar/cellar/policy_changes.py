"""Who approved another policy? Signed tags that name the new files and the old ones, so that none can be replayed.

May import core, policy, store, and the modules of its own floor that read policies and signatures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

from gitcellar.cellar.authority import find_own_signer, prove_objects
from gitcellar.cellar.policies import find_policy_blobs, find_protected, read_policy
from gitcellar.cellar.writing import DEFAULT, Options
from gitcellar.core.days import Day
from gitcellar.core.errors import InvalidError, NotFoundError
from gitcellar.core.pushes import PushedRef
from gitcellar.core.trailers import FORMAT, format_message, parse_message
from gitcellar.policy.config import FILE
from gitcellar.policy.people import SIGNERS_FILE
from gitcellar.policy.settings import ModelRules
from gitcellar.store.environment import read_today
from gitcellar.store.git import GitRepository, RefUpdate
from gitcellar.store.git_errors import GitError
from gitcellar.store.signatures import find_signing_key, sign

APPROVALS = "gitcellar/policy/"
_NONE = "none"


def approve_policy(repository: GitRepository, revision: str, *, options: Options = DEFAULT) -> str:
    """Approve the policy of a commit, as whoever signs here. Return the tag; what was approved already stays so.

    Raise InvalidError for somebody whom the policy that stands does not know, and where nothing would change.
    """
    commit = repository.resolve_commit(revision)
    rules = read_policy(repository, options.remote).rules_of(None)
    standing = find_protected(repository, options.remote)
    said = _bind(repository, rules, standing, commit)
    if standing is not None and find_policy_blobs(repository, standing) == find_policy_blobs(repository, commit):
        raise InvalidError(f"the policy of {revision} is the one that stands", hint="commit what shall change first")
    key = find_signing_key(repository.read_signing_config())
    signer = find_own_signer(repository, rules, read_today())
    if key is None or signer.principal is None:
        raise InvalidError(f"an approval here {signer.fault}", hint="gitcellar rule A001")
    tag = f"{_folder(said)}{hashlib.sha256(signer.principal.encode()).hexdigest()[:12]}"
    update = RefUpdate(f"refs/tags/{tag}", repository.find_refs([f"refs/tags/{tag}"]).get(f"refs/tags/{tag}", ""))
    if not options.dry_run and not update.new:
        subject = f"Approve the policy of {commit[:12]}"
        message = format_message(subject, options.message, said)
        by = repository.read_identity()
        made = repository.write_tag(tag, commit, kind="commit", by=by, message=message, sign=partial(sign, key=key))
        update = RefUpdate(update.ref, made)
        repository.write_refs([update])
    if options.push and not options.dry_run:
        refused = [p for p in repository.push(options.remote, [update], leases={}) if not p.accepted]
        if refused:
            raise GitError(f"{options.remote} refused {tag}: {refused[0].summary}", status=1, output="")
    return tag


def find_policy_approvals(
    repository: GitRepository, pushed: PushedRef, rules: ModelRules, day: Day, new_tags: Sequence[str]
) -> tuple[str, ...] | None:
    """Who approved the policy that a push brings to its branch, with tags here or beside it; None where it stays."""
    if pushed.old is None:
        return None
    if pushed.new is None:
        return ()
    if find_policy_blobs(repository, pushed.old) == find_policy_blobs(repository, pushed.new):
        return None
    said = _bind(repository, rules, pushed.old, pushed.new)
    ids = {*new_tags, *repository.list_ref_ids(f"refs/tags/{_folder(said)}").values()}
    contents = repository.read_objects({object_id: object_id for object_id in ids}, kind="tag")
    proven = prove_objects(contents, rules.people)
    approved: set[str] = set()
    for each in proven.values():
        signer = each.signer(rules, day)
        if signer.principal is not None and list(parse_message(each.found.message).trailers) == said:
            approved.add(signer.principal)
    return tuple(sorted(approved))


def _bind(repository: GitRepository, rules: ModelRules, old: str | None, new: str) -> list[tuple[str, str]]:
    """What an approval says: both files as they come, and the commit that brought them as they stand.

    The commit rather than its files, or whoever went back to an older policy could return without asking again.
    """
    policy, signers = find_policy_blobs(repository, new)
    if policy is None and signers is None:
        raise NotFoundError("that commit has no policy", hint="approve a commit with a gitcellar.yaml")
    before = repository.find_last_change(old, (FILE, SIGNERS_FILE)) if old else None
    return [
        ("Cellar-Format", FORMAT),
        ("Cellar", rules.cellar or _NONE),
        ("Policy", policy or _NONE),
        ("Signers", signers or _NONE),
        ("Instead-Of", before or _NONE),
    ]


def _folder(said: Sequence[tuple[str, str]]) -> str:
    """Where the approvals of one change stand, so that a push reads those alone."""
    return f"{APPROVALS}{hashlib.sha256(repr(list(said)).encode()).hexdigest()[:16]}/"
