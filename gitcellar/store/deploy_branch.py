"""A branch that holds what should run: read without a work tree, and moved by one commit at a time, never by force.

May import core and store.git.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from gitcellar.core.errors import InvalidError, LostRaceError
from gitcellar.store.git import GitRepository, RefUpdate
from gitcellar.store.git_remote import RemoteRepository


class Branch:
    """The newest commit of a remote's branch, in a throw-away repository."""

    def __init__(self, repository: GitRepository, branch: str, head: str | None) -> None:
        self._repository = repository
        self._ref = f"refs/heads/{branch}"
        self.head = head

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those paths that are files."""
        return self._repository.read_blobs(self.head, list(paths)) if self.head else {}

    def commit(self, files: Mapping[str, bytes], removed: Iterable[str], message: str) -> str:
        """Commit and push changed files. Return the commit. Raise LostRaceError where the branch moved meanwhile."""
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
            tree = git._bytes("write-tree", env=env).decode().strip()
        parents = ["-p", self.head] if self.head else []
        commit = git._text("commit-tree", tree, *parents, stdin=message).strip()
        # Without force: the remote takes what follows its branch, and nothing else.
        answer = git.push("origin", [RefUpdate(self._ref, commit)], leases={})
        # Who commits the same in the same second makes the same commit, and it is there already.
        if not answer.refs or answer.refused or answer.refs[0].flag == "=":
            raise LostRaceError("somebody else committed to the branch first")
        return commit


@contextmanager
def opened_branch(url: str, branch: str, identity: tuple[str, str]) -> Iterator[Branch]:
    """The branch as it is now; one that does not exist begins with the first commit."""
    RemoteRepository(url)
    with tempfile.TemporaryDirectory(prefix="gitcellar-") as folder:
        repository = GitRepository(folder)
        repository._text("init", "--quiet", "--bare", "--template=")
        repository._text("check-ref-format", "--branch", branch) if not branch.startswith("-") else _refuse(branch)
        repository._text("remote", "add", "--", "origin", url)
        for key, value in zip(("user.name", "user.email"), identity, strict=True):
            repository._text("config", key, value)
        ref = f"refs/heads/{branch}"
        head = repository.list_remote_refs("origin", [ref]).get(ref)
        if head:
            repository.fetch("origin", [f"{ref}:{ref}"], depth=1)
            head = repository.find_refs([ref])[ref]
        yield Branch(repository, branch, head)


def _refuse(branch: str) -> None:
    raise InvalidError(f"{branch!r} is no branch")
