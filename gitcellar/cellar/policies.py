"""Which policy judges? That of the protected branch, never that of the commit under judgement.

May import core, policy and store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gitcellar.core.documents import MAX_BYTES, DocumentError, Fault
from gitcellar.core.errors import NotFoundError, WorldError
from gitcellar.policy.config import FILE, Policy, parse_policy
from gitcellar.policy.people import SIGNERS_FILE
from gitcellar.store.git import GitRepository
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_remote import RefSource, initialized
from gitcellar.store.work_files import read_work_files

BRANCHES = "refs/heads/"


class UnknownBranchError(NotFoundError):
    """It is not known for certain which branch has the policy, so nothing can be judged."""


@dataclass(frozen=True, slots=True)
class ProtectedBranch:
    """The branch whose policy judges.

    `name` is its full name in the repository that is pushed to. `ref` is where it is read here, and `commit` what that
    ref holds; None where the branch does not exist yet.
    """

    name: str
    ref: str
    commit: str | None

    @property
    def short(self) -> str:
        """The branch as people type it: `main`."""
        return self.name.removeprefix(BRANCHES)

    def __str__(self) -> str:
        """Where a policy was read from: `origin/main at 7eb1220`."""
        where = self.ref.removeprefix(BRANCHES).removeprefix("refs/remotes/")
        return f"{where} at {self.commit[:7]}" if self.commit else f"{where}, which has no commit yet"


def find_protected(repository: GitRepository, remote: str | None = "origin") -> ProtectedBranch:
    """The branch whose policy judges: of a clone, the remote's default branch; of a bare repository, its HEAD.

    A clone that does not know the default branch asks the remote and remembers the answer in `refs/remotes/`, as `git
    clone` does. Before anything was fetched it is the branch that is checked out. Raise UnknownBranchError where it is
    not known for certain, and WorldError where the remote cannot be asked.
    """
    # Anybody may push refs/remotes/ to a bare repository, so they say nothing there.
    if remote is None or repository.is_bare():
        return _require_born(repository, find_head(repository))
    return _find_remembered(repository, remote) or _find_checked_out(repository, remote) or _ask(repository, remote)


def ask_protected(repository: GitRepository, remote: str) -> ProtectedBranch:
    """As `find_protected`, but never the branch that is checked out: in CI that may be the commit under judgement."""
    if repository.is_bare():
        return find_protected(repository, remote)
    remembered = _find_remembered(repository, remote)
    if remembered is None and repository.find_remote_url(remote) is None:
        return find_protected(repository, remote)
    return remembered or _ask(repository, remote)


def find_head(repository: GitRepository) -> ProtectedBranch:
    """The branch that HEAD names, whether it exists or not. Raise UnknownBranchError where HEAD names no branch."""
    branch = _find_branch_of_head(repository)
    if branch is None:
        message = "HEAD is on no branch, so it is not known which policy judges"
        raise UnknownBranchError(message, hint=f"git symbolic-ref HEAD {BRANCHES}BRANCH, with the protected branch")
    return ProtectedBranch(branch, branch, repository.list_ref_ids(branch).get(branch))


def explain_unborn(head: ProtectedBranch, branches: Sequence[str]) -> UnknownBranchError:
    """Why nothing can be judged by a HEAD whose branch does not exist, beside `branches` that do, and what to do."""
    if not branches:
        message = f"HEAD names {head.short}, which does not exist yet: its first push writes the policy"
        return UnknownBranchError(message, hint=f"push {head.short} first, without tags")
    message = f"HEAD names {head.short}, which does not exist, so it is not known which policy judges"
    meant = branches[0] if len(branches) == 1 else f"{BRANCHES}BRANCH"
    return UnknownBranchError(message, hint=f"on the server: git symbolic-ref HEAD {meant}")


def read_policy(repository: GitRepository, remote: str | None = "origin") -> Policy:
    """The policy that judges; the default one where there is no file. Raise DocumentError for one with faults.

    Never the work tree's, for then whoever breaks a rule could loosen it in the same breath.
    """
    return read_policy_of(repository, find_protected(repository, remote))


def read_policy_of(repository: GitRepository, protected: ProtectedBranch) -> Policy:
    """The policy of a branch; the default one where the branch does not exist yet or has no file."""
    return Policy() if protected.commit is None else read_policy_at(repository, protected.commit)


def find_known_policy(repository: GitRepository) -> Policy | None:
    """The policy that judges, as this clone knows it without asking its remote; None where it does not, or has faults.

    For what is told beside an answer that needs no policy.
    """
    try:
        known = None if repository.is_bare() else _find_remembered(repository, "origin")
        known = known or _find_checked_out(repository, "origin")
        return None if known is None else read_policy_of(repository, known)
    except (NotFoundError, DocumentError):
        return None


def read_policy_from(source: RefSource) -> Policy:
    """The policy that judges a repository or a URL, of which its one file is fetched."""
    if isinstance(source, GitRepository):
        return read_policy(source)
    with initialized(source.url) as repository:
        return fetch_policy(repository)


def fetch_policy(repository: GitRepository) -> Policy:
    """The policy that judges on the remote of what was cloned; the default one of a repository without any ref.

    Raise GitError where it cannot be had: a default in its place would let through what it refuses.
    """
    head, branches = repository.read_remote_head("origin")
    if head is None and not branches and not repository.list_ref_ids("refs/"):
        return Policy()
    if head is None:
        raise _unnamed("the repository", branches)
    repository.fetch("origin", [f"{head}:{head}"], depth=1, blobs=False)
    return read_policy_at(repository, head)


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
    ids = {file: headers[name].object_id for file, name in names.items() if name in headers}
    found = repository.read_objects(ids, kind="blob")
    policy = parse_policy(found.get(FILE, b""), signers=found.get(SIGNERS_FILE, b""))
    return replace(policy, blob=ids[FILE]) if FILE in found else policy


def find_other_policies(repository: GitRepository, protected: ProtectedBranch) -> list[str]:
    """Where here another policy stands than on the protected branch: `the work tree`, `the local branch main`."""
    judging = _read_files(repository, protected.commit)
    found: list[str] = []
    root = repository.find_root()
    here = read_work_files(root, (FILE, SIGNERS_FILE), most=MAX_BYTES) if root is not None else None
    if here is not None and _unify(here) != judging:
        found.append("the work tree")
    local = repository.list_ref_ids(protected.name).get(protected.name)
    if local is not None and local != protected.commit and _read_files(repository, local) != judging:
        found.append(f"the local branch {protected.short}")
    return found


def _read_files(repository: GitRepository, commit: str | None) -> dict[str, bytes]:
    return _unify(repository.read_blobs(commit, (FILE, SIGNERS_FILE)) if commit else {})


def _unify(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files as they compare: git may write a work tree with other line ends than the commit has (gitattributes(5))."""
    return {file: content.replace(b"\r\n", b"\n") for file, content in files.items()}


def _require_born(repository: GitRepository, head: ProtectedBranch) -> ProtectedBranch:
    """HEAD's branch. Raise UnknownBranchError in a bare repository where it does not exist."""
    if head.commit is None and repository.is_bare():
        raise explain_unborn(head, sorted(repository.list_ref_ids(BRANCHES)))
    return head


def _find_branch_of_head(repository: GitRepository) -> str | None:
    branch = repository.find_branch("HEAD")
    return branch if branch is not None and branch.startswith(BRANCHES) else None


def _find_remembered(repository: GitRepository, remote: str) -> ProtectedBranch | None:
    """The remote's default branch as this clone knows it; None where it does not."""
    folder = f"refs/remotes/{remote}/"
    # A plain ref of that name is a branch called HEAD, which anybody may push and every fetch brings.
    found = repository.find_symbolic_ref(f"{folder}HEAD")
    if found is None or not found[0].startswith(folder):
        return None
    return ProtectedBranch(f"{BRANCHES}{found[0].removeprefix(folder)}", *found)


def _find_checked_out(repository: GitRepository, remote: str) -> ProtectedBranch | None:
    """The branch that is checked out, where there is no such remote or nothing was fetched from it; else None."""
    if repository.find_remote_url(remote) is None:
        return find_head(repository)
    known = repository.list_ref_ids(f"refs/remotes/{remote}/") or _find_branch_of_head(repository) is None
    return None if known else find_head(repository)


def _ask(repository: GitRepository, remote: str) -> ProtectedBranch:
    """The remote's answer, which is remembered. Where it is empty, the branch that is checked out."""
    try:
        head, branches = repository.read_remote_head(remote)
    except GitError as error:
        message = f"it is not known which branch of {remote} has the policy: {error.message}"
        raise WorldError(message, hint=f"git remote set-head {remote} --auto, once {remote} answers") from error
    if head is None and not branches:
        return find_head(repository)
    if head is None:
        raise _unnamed(remote, branches)
    tracked = f"refs/remotes/{remote}/{head.removeprefix(BRANCHES)}"
    if tracked not in repository.list_ref_ids(tracked):
        # In a full clone a depth would cut off history that is here.
        repository.fetch(remote, [f"{head}:{tracked}"], depth=1 if repository.is_shallow() else None)
    repository.write_symbolic_ref(f"refs/remotes/{remote}/HEAD", tracked)
    return ProtectedBranch(head, tracked, repository.list_ref_ids(tracked)[tracked])


def _unnamed(where: str, branches: Sequence[str]) -> UnknownBranchError:
    meant = branches[0] if len(branches) == 1 else f"{BRANCHES}BRANCH"
    message = f"HEAD of {where} names no branch that exists, so it is not known which policy judges"
    return UnknownBranchError(message, hint=f"on the server: git symbolic-ref HEAD {meant}")
