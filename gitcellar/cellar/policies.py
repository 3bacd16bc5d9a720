"""Which policy judges? That of the protected branch, never that of the commit under judgement.

May import core, policy and store.
"""

from __future__ import annotations

from gitcellar.core.documents import MAX_BYTES, DocumentError, Fault
from gitcellar.policy.config import FILE, Policy, parse_policy
from gitcellar.policy.people import SIGNERS_FILE
from gitcellar.store.git import GitRepository

_MAIN = ("main", "master")  # where HEAD names no branch that exists


def find_protected(repository: GitRepository, remote: str | None = "origin") -> str | None:
    """The ref of the branch whose policy judges: the remote's default branch, where this clone knows it, or HEAD.

    Without a remote, on the server itself, it is HEAD, or the main branch where HEAD names none that exists.
    """
    # HEAD's branch by its full name: of a HEAD without one, git would take a tag called HEAD.
    heads = [repository.find_branch("HEAD") or "HEAD", *(f"refs/heads/{name}" for name in _MAIN)]
    if remote is not None:
        heads = [f"refs/remotes/{remote}/{name}" for name in ("HEAD", *_MAIN)] + heads
    found = repository.find_refs(heads)
    return next((head for head in heads if head in found), None)


def find_protected_branch(repository: GitRepository, remote: str | None = "origin") -> str | None:
    """The branch on the remote, or without one here, whose policy judges: `refs/heads/main`. None where none exists."""
    protected = find_protected(repository, remote)
    full = repository.find_branch(protected) if protected else repository.find_branch("HEAD")
    return full.replace(f"refs/remotes/{remote}/", "refs/heads/", 1) if full else None


def read_policy(repository: GitRepository, remote: str | None = "origin") -> Policy:
    """The policy that judges; the default one where there is no file. Raise DocumentError for one with faults.

    Never the work tree's, for then whoever breaks a rule could loosen it in the same breath.
    """
    protected = find_protected(repository, remote)
    return Policy() if protected is None else read_policy_at(repository, protected)


def fetch_policy(repository: GitRepository) -> Policy:
    """The policy that judges on the remote of what was cloned; the default one of a cellar without a commit.

    Raise GitError where it cannot be had: a default in its place would let through what it refuses.
    """
    heads = ["HEAD", *(f"refs/heads/{name}" for name in _MAIN)]
    there = repository.list_remote_refs("origin", heads)
    if not there:
        return Policy()
    repository.fetch("origin", [f"{next(iter(there))}:refs/remotes/origin/HEAD"], depth=1, blobs=False)
    return read_policy(repository, "origin")


def find_policy_blob(repository: GitRepository, remote: str | None = "origin") -> str | None:
    """The id of the policy's file as it judges; None where there is none."""
    protected = find_protected(repository, remote)
    return find_policy_blobs(repository, protected)[0] if protected else None


def find_policy_blobs(repository: GitRepository, tree: str) -> tuple[str | None, str | None]:
    """The ids of the policy and of the signers' file in a commit or tree, as far as they are there."""
    names = [f"{tree}:{file}" for file in (FILE, SIGNERS_FILE)]
    found = repository.check_objects(names)
    policy, signers = (found[name].object_id if name in found else None for name in names)
    return policy, signers


def read_policy_at(repository: GitRepository, tree: str) -> Policy:
    """The policy of a commit or tree, with its people. A huge file is not read."""
    names = {file: f"{tree}:{file}" for file in (FILE, SIGNERS_FILE)}
    headers = repository.check_objects(names.values())
    for file, name in names.items():
        if name in headers and headers[name].size > MAX_BYTES:
            size = headers[name].size
            raise DocumentError([Fault(file, 1, (), f"the file has {size} bytes, and {MAX_BYTES} are the most")])
    found = repository.read_blobs(tree, [FILE, SIGNERS_FILE])
    return parse_policy(found.get(FILE, b""), signers=found.get(SIGNERS_FILE, b""))
