"""A branch that holds what should run: read without a work tree, and moved by one commit at a time, never by force."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gitcellar.core.errors import NO, CellarError, InvalidError, LostRaceError
from gitcellar.store.git import GitRepository, RefUpdate
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_identity import Account
from gitcellar.store.git_remote import initialized
from gitcellar.store.signatures import SigningKey, sign

_OURS = Account("gitcellar", "gitcellar@localhost")
_PROPOSALS = "gitcellar/"
# The tree of a commit that gitcellar proposed: a commit without it, or of another tree, is somebody else's.
_OWN_TREE = "Proposed-Tree"
_MOMENT = 0.3  # seconds, after which the winner of a race for the ref's lock has moved the ref


class BranchRefusedError(CellarError):
    """The server did not take a commit, although nobody else had committed meanwhile."""

    exit_code = NO


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitOptions:
    """How commits are made: under which name, signed with which key if any, and pushed with which push options."""

    account: Account = _OURS
    key: SigningKey | None = None
    push_options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A branch that proposes a change, or that takes back what it proposed, which is not wanted any more.

    `commit` is what was committed to it, None where it said the same already.
    """

    branch: str
    commit: str | None
    taken_back: bool = False


class Branch:
    """The newest commit of a remote's branch, in a throw-away repository."""

    def __init__(self, repository: GitRepository, name: str, head: str | None, options: CommitOptions) -> None:
        self._repository = repository
        self._name = name
        self._options = options
        self.head = head

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those paths that are files."""
        return self._repository.read_blobs(self.head, list(paths)) if self.head else {}

    def commit(self, files: Mapping[str, bytes], removed: Iterable[str], message: str) -> str:
        """Commit and push changed files. Return the commit.

        Raise LostRaceError where the branch moved meanwhile, BranchRefusedError where the server does not take it.
        """
        commit = self._write_commit(self._write_tree(files, removed), [self.head] if self.head else [], message)
        self._push(self._name, self.head, commit, self._options.push_options)
        return commit

    def propose(self, files: Mapping[str, bytes], removed: Sequence[str], message: str) -> Proposal | None:
        """Commit to a branch `gitcellar/NAME`, for somebody to merge, so that the files are these and no others.

        A newer change follows the older one on that branch, and where the files are so by now an open proposal is
        taken back. None where there is nothing to propose or to take back. Raise what `commit` raises.
        """
        name, proposed = self._find_proposal()
        paths = [*files, *removed]
        there = self.read(paths)
        wanted = there != files
        if proposed is None and not wanted:
            return None
        if proposed is not None and self._repository.read_blobs(proposed, paths) == files:
            return Proposal(name, None) if wanted else None
        changed = {path: content for path, content in files.items() if there.get(path) != content}
        tree = self._write_tree(changed, [path for path in removed if path in there])
        parents = list(dict.fromkeys(commit for commit in (proposed, self.head) if commit))
        commit = self._write_commit(tree, parents, f"{message}\n{_OWN_TREE}: {tree}\n")
        # A host shall open a merge request for a change, and none for taking one back.
        self._push(name, proposed, commit, self._options.push_options if wanted else ())
        return Proposal(name, commit, taken_back=not wanted)

    def _find_proposal(self) -> tuple[str, str | None]:
        """The branch to propose on, and its commit. One that others committed to is theirs: the next one is taken."""
        name, number = f"{_PROPOSALS}{self._name}", 1
        while (head := _fetch_head(self._repository, name)) and not self._is_own(head):
            number += 1
            name = f"{_PROPOSALS}{self._name}-{number}"
        return name, head

    def _is_own(self, commit: str) -> bool:
        form = f"--format=%T%x00%(trailers:key={_OWN_TREE},valueonly,separator=%x2C)"
        tree, _, said = self._repository._text("log", "-1", form, commit, "--").strip().partition("\0")
        return tree == said

    def _write_tree(self, files: Mapping[str, bytes], removed: Iterable[str]) -> str:
        git = self._repository
        with tempfile.TemporaryDirectory(prefix="gitcellar-") as folder:
            env = {"GIT_INDEX_FILE": f"{folder}/index"}
            if self.head:
                git._bytes("read-tree", self.head, env=env)
            lines = [f"0 {'0' * 40}\t{path}\0" for path in removed]
            for path, content in files.items():
                blob = git._bytes("hash-object", "-w", "--stdin", stdin=content).decode().strip()
                lines.append(f"100644 {blob}\t{path}\0")
            git._bytes("update-index", "-z", "--index-info", stdin="".join(lines), env=env)
            return git._bytes("write-tree", env=env).decode().strip()

    def _write_commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        git, account = self._repository, self._options.account
        env = {
            f"GIT_{role}_{field}": value
            for role in ("AUTHOR", "COMMITTER")
            for field, value in (("NAME", account.name), ("EMAIL", account.email))
        }
        follows = [word for parent in parents for word in ("-p", parent)]
        commit = git._bytes("commit-tree", tree, *follows, stdin=message, env=env).decode().strip()
        if self._options.key is None:
            return commit
        content = git._bytes("cat-file", "commit", commit)
        signed = _insert_signature(content, sign(content, self._options.key))
        return git._bytes("hash-object", "-t", "commit", "-w", "--stdin", stdin=signed).decode().strip()

    def _push(self, name: str, before: str | None, commit: str, push_options: Sequence[str]) -> None:
        git, ref = self._repository, f"refs/heads/{name}"
        for option in push_options:
            git._text("config", "--add", "push.pushOption", option)
        # Without force: the remote takes what follows its branch, and nothing else.
        answer = git.push("origin", [RefUpdate(ref, commit)], leases={})
        # Who commits the same in the same second makes the same commit, and it is there already.
        if answer.refs and not answer.refused and answer.refs[0].flag != "=":
            return
        # What a loser is told differs by host and by moment, so it is not read: whether the branch moved is looked up.
        for pause in (0, _MOMENT):
            time.sleep(pause)
            if git.list_remote_refs("origin", [ref]).get(ref) != before:
                raise LostRaceError(f"somebody else committed to {name} first")
        reasons = [*(refused.summary for refused in answer.refused), "; ".join(answer.remote_said)]
        message = f"the server refused a commit to {name}: {': '.join(filter(None, reasons))}"
        raise BranchRefusedError(message, hint="reconcile --propose commits to a branch of its own")


@contextmanager
def opened_branch(url: str, name: str, options: CommitOptions) -> Iterator[Branch]:
    """The branch as it is now; one that does not exist begins with the first commit."""
    with initialized(url) as repository:
        try:
            repository._text("check-ref-format", f"refs/heads/{name}")
        except GitError as error:
            raise InvalidError(f"{name!r} is no branch") from error
        yield Branch(repository, name, _fetch_head(repository, name), options)


def _fetch_head(repository: GitRepository, name: str) -> str | None:
    ref = f"refs/heads/{name}"
    if ref not in repository.list_remote_refs("origin", [ref]):
        return None
    repository.fetch("origin", [f"{ref}:{ref}"], depth=1)
    return repository.find_refs([ref])[ref]


def _insert_signature(commit: bytes, armor: bytes) -> bytes:
    """A commit with its signature, as git keeps it: the last header, whose further lines begin with a space."""
    headers, _, message = commit.partition(b"\n\n")
    return headers + b"\ngpgsig " + armor.rstrip(b"\n").replace(b"\n", b"\n ") + b"\n\n" + message
