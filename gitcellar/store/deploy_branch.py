"""A branch that holds what should run: read without a work tree, and moved by one commit at a time, never by force."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

from gitcellar.core.errors import NO, CellarError, InvalidError, LostRaceError
from gitcellar.store.git import GitRepository, RefUpdate
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_identity import Account
from gitcellar.store.git_remote import initialized
from gitcellar.store.signatures import SigningKey, sign

_OURS = Account("gitcellar", "gitcellar@localhost")
_PROPOSALS = "gitcellar/"
_MOST_PROPOSALS = 20
# The tree of a commit that gitcellar proposed. Without it, or with another one, a commit is somebody else's. With it a
# commit is not ours yet, as anybody can write it: its files are compared as well.
_OWN_TREE = "Proposed-Tree"
_WHOLE_HISTORY = 2**31 - 1  # git-fetch-pack(1): this depth is infinite
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


# What an open proposal is: merged into the target already; what would be proposed now; an older proposal of ours, that
# may be followed; or somebody else's.
_Status = Literal["merged", "settled", "own", "theirs"]
ReadFiles = Callable[[Iterable[str]], Mapping[str, bytes]]
# Given how to read the files of a proposal: the paths that a proposal of gitcellar may change.
FindOwnPaths = Callable[[ReadFiles], frozenset[str]]


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

    def propose(
        self, files: Mapping[str, bytes], removed: Iterable[str], message: str, find_own_paths: FindOwnPaths
    ) -> Proposal | None:
        """Commit changed files to a branch `gitcellar/NAME`, for somebody to merge.

        A newer change follows the older one on that branch, and where nothing differs any more an open proposal is
        taken back. None where there is nothing to propose or to take back. Raise what `commit` raises, and InvalidError
        where no name is free.
        """
        tree = self._write_tree(files, removed)
        wanted = tree != self._write_tree({}, ())
        heads = self._fetch_proposals()
        opened = {name: self._judge(commit, tree, find_own_paths) for name, commit in heads.items()}
        settled = _find_first(opened, "settled")
        if wanted and settled is not None:
            return Proposal(settled, None)
        name = _find_first(opened, "own", "merged") if wanted else _find_first(opened, "own")
        if name is None and not wanted:
            return None
        name = name or self._find_free_name(heads)
        proposed = heads.get(name)
        parents = list(dict.fromkeys(commit for commit in (proposed, self.head) if commit))
        commit = self._write_commit(tree, parents, f"{message}\n{_OWN_TREE}: {tree}\n")
        # A host shall open a merge request for a change, and none for taking one back.
        self._push(name, proposed, commit, self._options.push_options if wanted else ())
        return Proposal(name, commit, taken_back=not wanted)

    def _list_names(self) -> list[str]:
        first = f"{_PROPOSALS}{self._name}"
        return [first, *(f"{first}-{number}" for number in range(2, _MOST_PROPOSALS + 1))]

    def _find_free_name(self, heads: Collection[str]) -> str:
        names = self._list_names()
        free = next((name for name in names if name not in heads), None)
        if free is None:
            message = f"all branches from {names[0]} to {names[-1]} hold commits of somebody else"
            raise InvalidError(message, hint=f"delete those that are not needed: git push URL --delete {names[0]}")
        return free

    def _fetch_proposals(self) -> dict[str, str]:
        """The newest commits of the branches to propose on, with the history that `_judge` asks for."""
        refs = {f"refs/heads/{name}": name for name in self._list_names()}
        there = list(self._repository.list_remote_refs("origin", list(refs)))
        if not there:
            return {}
        # With their parents: an honest proposal has the target's commit among them.
        self._repository.fetch("origin", [f"{ref}:{ref}" for ref in there], depth=2)
        found = self._repository.find_refs(there)
        if self.head and any(self._find_merge_bases(commit) != [self.head] for commit in found.values()):
            # The target moved on, or a proposal is another's: which it is can be told by the history only.
            refspecs = [f"refs/heads/{self._name}", *there]
            self._repository.fetch("origin", refspecs, depth=_WHOLE_HISTORY, blobs=False)
        return {refs[ref]: found[ref] for ref in there}

    def _judge(self, commit: str, tree: str, find_own_paths: FindOwnPaths) -> _Status:
        """What an open proposal is, by its files: its message can only make it somebody else's."""
        base = self._find_base(commit)
        if base == commit:
            return "merged" if self._names_its_tree(commit) else "theirs"
        own_paths = find_own_paths(partial(self._repository.read_blobs, commit))
        if not own_paths.issuperset(self._list_differing(base, commit)):
            return "theirs"
        if own_paths.isdisjoint(self._list_differing(commit, tree)):
            return "settled"
        return "own" if self._names_its_tree(commit) else "theirs"

    def _find_base(self, commit: str) -> str:
        """What a merge of the commit into the target begins from; the empty tree where that is not one commit."""
        bases = self._find_merge_bases(commit)
        return bases[0] if len(bases) == 1 else self._repository._bytes("mktree", stdin=b"").decode().strip()

    def _find_merge_bases(self, commit: str) -> list[str]:
        if self.head is None:
            return []
        return self._repository._text("merge-base", "--all", self.head, commit, allow=(0, 1)).split()

    def _list_differing(self, one: str, other: str) -> list[str]:
        return self._repository._text("diff-tree", "-r", "-z", "--name-only", one, other, "--").split("\0")[:-1]

    def _names_its_tree(self, commit: str) -> bool:
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


def _find_first(opened: Mapping[str, _Status], *statuses: _Status) -> str | None:
    return next((name for name, status in opened.items() if status in statuses), None)


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
