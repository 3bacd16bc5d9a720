"""What does Git say? A repository's refs, objects and remotes, as values. May import core and store.git_runner."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gitcellar.core.errors import NotFoundError, did_you_mean
from gitcellar.store.git_errors import GitError, NotARepositoryError
from gitcellar.store.git_identity import Identity
from gitcellar.store.git_push import PushAnswer, parse_push
from gitcellar.store.git_runner import DURABLE, RECEIVE_PACK, UPLOAD_PACK, split_lines
from gitcellar.store.git_tags import TagReader

# As git-check-ref-format(1) has it: a name from elsewhere becomes part of a refspec.
_BRANCH = re.compile(r"refs/heads/[^\x00-\x20\x7f:*?\[\\^~]+")
# So many names of refs fit on a command line.
_FEW = 100
_NONE: Mapping[str, str] = {}
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """A ref to create or move. `old` is what it must hold now: empty for one that must not exist, None for any."""

    ref: str
    new: str
    old: str | None = ""


@dataclass(frozen=True, slots=True)
class ObjectHeader:
    """What an object is, without its content. `size` is in bytes."""

    object_id: str
    kind: str
    size: int


class GitRepository(TagReader):
    """A repository at a path: a work tree, a folder in one, or a bare repository. Nothing is run until asked."""

    # Reading refs

    def find_refs(self, names: Sequence[str]) -> dict[str, str]:
        """The object ids of those of the named refs or revisions that exist."""
        names = [name for name in names if "\n" not in name]
        if len(names) <= _FEW and all(name.startswith("refs/") for name in names):
            there = self.list_ref_ids(*names) if names else {}
            return {name: there[name] for name in names if name in there}
        lines = self._text("cat-file", "--batch-check=%(objectname)", stdin="".join(f"{name}\n" for name in names))
        found = {name: line for name, line in zip(names, split_lines(lines), strict=True) if " " not in line}
        # For a ref that is not there git takes one of a longer name: refs/tags/refs/heads/main for refs/heads/main.
        full = [name for name in found if name.startswith("refs/")]
        there = self.list_ref_ids(*full) if full else {}
        return {name: object_id for name, object_id in found.items() if name not in full or name in there}

    def find_branch(self, name: str) -> str | None:
        """The full name of the branch that a symbolic ref names, born or not; of any other ref its own."""
        if name.startswith("refs/heads/"):
            return name
        found = self._text("symbolic-ref", "--quiet", "--", name, allow=(0, 1)).removesuffix("\n")
        return found or (name if name.startswith("refs/") else None)

    def find_symbolic_ref(self, name: str) -> tuple[str, str] | None:
        """The ref that a symbolic ref names and the object there; None where it is no symbolic ref, or dangles."""
        lines = self._text("for-each-ref", "--format=%(refname) %(symref) %(objectname)", name).splitlines()
        found = [line.split(" ") for line in lines]
        return next(((target, object_id) for ref, target, object_id in found if ref == name and target), None)

    def list_ref_ids(self, *patterns: str) -> dict[str, str]:
        """The object id of every ref below the folders, or that matches the globs."""
        lines = split_lines(self._text("for-each-ref", "--format=%(objectname) %(refname)", *patterns))
        return {ref: object_id for object_id, ref in (line.split(" ", 1) for line in lines)}

    def is_bare(self) -> bool:
        """Whether this is a repository without a work tree, as servers have it."""
        return self._text("rev-parse", "--is-bare-repository").strip() == "true"

    def is_shallow(self) -> bool:
        """Whether history was cut off when this repository was cloned."""
        return self._text("rev-parse", "--is-shallow-repository").strip() == "true"

    # Reading objects

    def resolve_commit(self, revision: str) -> str:
        """The commit that a revision names. Raise NotFoundError."""
        try:
            return self._text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
        except NotARepositoryError:
            raise
        except GitError as error:
            if revision == "HEAD":
                raise NotFoundError("there is no commit yet", hint="git commit first") from error
            names = [ref.split("/", 2)[2] for ref in self.list_ref_ids("refs/heads/", "refs/tags/", "refs/remotes/")]
            hint = did_you_mean(revision, names) or "git log --oneline lists them"
            raise NotFoundError(f"{revision!r} names no commit here", hint=hint) from error

    def read_blobs(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those of `paths` that are files in `commit`, in one git process."""
        return self.read_objects({path: f"{commit}:{path}" for path in paths}, kind="blob")

    def read_bounded_blobs(self, commit: str, paths: Iterable[str], *, most: int) -> dict[str, bytes]:
        """Like `read_blobs`, but a file of more than `most` bytes is not read: it is one zero more than that.

        So its parser refuses it, and a file that compresses well fills no memory.
        """
        names = {path: f"{commit}:{path}" for path in paths}
        headers = self.check_objects(names.values())
        blobs = {
            path: headers[name] for path, name in names.items() if name in headers and headers[name].kind == "blob"
        }
        read = self.read_blobs(commit, [path for path, header in blobs.items() if header.size <= most])
        return {path: read.get(path, bytes(most + 1)) for path in blobs}

    def check_objects(self, names: Iterable[str]) -> dict[str, ObjectHeader]:
        """The id, type and size of those objects that exist, by name, without reading them."""
        safe = [name for name in dict.fromkeys(names) if "\n" not in name]
        if not safe:
            return {}
        form = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
        lines = split_lines(self._text("cat-file", form, stdin="".join(f"{name}\n" for name in safe)))
        parts = ((name, line.rsplit(" ", 2)) for name, line in zip(safe, lines, strict=True))
        return {name: ObjectHeader(p[0], p[1], int(p[2])) for name, p in parts if len(p) == 3 and p[2].isdigit()}

    def read_objects(self, names: Mapping[Key, str], *, kind: str) -> dict[Key, bytes]:
        """The contents of those objects that exist and are of `kind`, by the keys of `names`."""
        safe = {key: name for key, name in names.items() if "\n" not in name}
        if not safe:
            return {}
        output = self._bytes("cat-file", "--batch", stdin="".join(f"{name}\n" for name in safe.values()))
        found: dict[Key, bytes] = {}
        place = 0
        for key in safe:
            end = output.index(b"\n", place)
            header = output[place:end].rsplit(b" ", 2)
            place = end + 1
            if len(header) == 3 and header[2].isdigit():
                size = int(header[2])
                if header[1] == kind.encode():
                    found[key] = output[place : place + size]
                place += size + 1
        return found

    def list_files(self, commit: str, folder: str) -> list[str]:
        """The paths of all files below `folder` in `commit`, links and submodules left out."""
        output = self._text("ls-tree", "-r", "-z", "--full-tree", commit, "--", f"{folder}/")
        entries = (entry.split("\t", 1) for entry in output.split("\0") if entry)
        return [path for kind, path in entries if kind.startswith("100")]

    def list_commits_outside(self, commits: Iterable[str], branches: Sequence[str]) -> set[str]:
        """Those of `commits` that none of `branches` (ids or refs) contains."""
        wanted = set(commits)
        lines = "".join(f"{line}\n" for line in (*sorted(wanted), *(f"^{branch}" for branch in branches)))
        return wanted & set(self._text("rev-list", "--stdin", stdin=lines).split()) if wanted else set()

    def list_descendants(self, first: str, last: str) -> list[str]:
        """The commits that descend from `first` and that `last` contains, `last` among them; empty without any."""
        return self._text("rev-list", "--ancestry-path", f"{first}..{last}", "--").split()

    def list_changed(self, before: str, after: str) -> list[str]:
        """The paths that differ between two commits."""
        return self._list_paths("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", before, after, "--")

    def list_staged(self) -> list[str]:
        """The paths that differ between HEAD, or nothing before the first commit, and the index."""
        return self._list_paths("diff", "--cached", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--")

    def is_staged(self, path: str) -> bool:
        """Whether the index has a file at `path`, from the repository's root."""
        return bool(self._list_paths("ls-files", "-z", "--cached", "--", f":(top,literal){path}"))

    def list_named(self, names: Sequence[str], *, tree: str | None = None) -> list[str]:
        """The paths of all files called one of `names`, in a tree, or in the index and untracked beside it."""
        if tree is not None:
            paths = self._list_paths("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree)
            return [path for path in paths if path.rpartition("/")[2] in names]
        specs = [f":(top,glob)**/{name}" for name in names]
        options = ("-z", "--cached", "--others", "--exclude-standard", "--full-name", "--deduplicate")
        return self._list_paths("ls-files", *options, "--", *specs)

    def write_index(self) -> str:
        """Store the index as a tree, as a commit would. Return its id."""
        return self._text("write-tree").strip()

    def find_merge_base(self, first: str, second: str) -> str | None:
        """The commit in which two histories part; None where they share none."""
        return self._text("merge-base", first, second, allow=(0, 1)).strip() or None

    def find_changed(self, paths: Sequence[str]) -> list[str]:
        """Those of `paths`, from the repository's root, that differ between HEAD, the index and the work tree."""
        if not paths:
            return []
        specs = [f":(top,literal){path}" for path in paths]
        output = self._text("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", *specs)
        return sorted({entry[3:] for entry in output.split("\0") if entry})

    def _list_paths(self, *args: str) -> list[str]:
        return [path for path in self._text(*args).split("\0") if path]

    def write_setting(self, key: str, value: str | None) -> None:
        """Set a key of the repository's own configuration, or remove it."""
        change = ("--replace-all", key, value) if value is not None else ("--unset-all", key)
        self._text("config", "--local", *change, allow=(0, 5))  # 5: there is nothing to remove

    # Where the repository is

    def find_hooks_folder(self) -> Path:
        """Where git looks for hooks: of all work trees together, or where core.hooksPath says."""
        return self.path.absolute() / self._text("rev-parse", "--git-path", "hooks").rstrip("\n")

    def find_root(self) -> Path | None:
        """The top of the work tree; None in a bare repository."""
        output = self._text("rev-parse", "--is-bare-repository", "--absolute-git-dir")
        if output.startswith("true\n"):
            return None
        try:
            return Path(self._text("rev-parse", "--show-toplevel").removesuffix("\n"))
        except GitError:
            return None

    # Writing

    def write_tag(
        self,
        tag: str,
        target: str,
        *,
        kind: str,
        by: Identity,
        message: str,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> str:
        """Store a tag object, which git checks strictly, without any ref. Return its id.

        `kind` is the target's type: commit, or tag for a claim. What `sign` makes of the object is appended to it.
        """
        header = f"object {target}\ntype {kind}\ntag {tag}\ntagger {by.name} <{by.email}> {by.at} {by.utc_offset}\n"
        content = f"{header}\n{message}".encode("utf-8", "surrogateescape")
        signature = sign(content) if sign else b""
        return self._bytes(*DURABLE, "mktag", stdin=content + signature).decode().strip()

    def write_refs(self, updates: Sequence[RefUpdate], *, removed: Mapping[str, str] = _NONE) -> None:
        """Create, move and remove refs in one transaction: all of them or none, and only from their `old` values.

        `removed` are the refs to remove, each with the object that it must still hold.
        """
        lines = [f"delete {ref} {old}" for ref, old in removed.items()]
        lines += [
            f"update {u.ref} {u.new}" + ("" if u.old is None else f" {u.old or '0' * len(u.new)}") for u in updates
        ]
        began = time.time()
        try:
            self._text(*DURABLE, "update-ref", "--stdin", stdin="\n".join(["start", *lines, "prepare", "commit", ""]))
        except GitError as error:
            if error.status < 0:
                self._release([*removed, *(update.ref for update in updates)], began)
            raise

    def write_symbolic_ref(self, ref: str, target: str) -> None:
        """Let one ref name another, as `git remote set-head` does."""
        self._text("symbolic-ref", "--", ref, target)

    def _release(self, refs: Sequence[str], began: float) -> None:
        """Remove the locks that a git process of ours left on refs when a signal ended it: they block those names."""
        for ref in refs:
            lock = self.path.absolute() / self._text("rev-parse", "--git-path", f"{ref}.lock").rstrip("\n")
            # One that is older is another process's.
            if lock.exists() and lock.stat().st_mtime >= began - 1:
                lock.unlink()

    def add_paths(self, paths: Sequence[str]) -> None:
        """Stage files, as `git add` does."""
        self._text("add", "--", *paths)

    # Remotes

    def find_remote_url(self, remote: str) -> str | None:
        """The URL of a configured remote; None where there is none of that name."""
        output = self._text("config", "--get", f"remote.{remote}.url", allow=(0, 1)).removesuffix("\n")
        return output or None

    def list_remotes(self) -> list[str]:
        """The names of the remotes that have a URL to fetch from or to push to, sorted.

        `git remote` also lists those of which any other setting is known, such as a `remote.origin.prune` of the user.
        """
        pattern = r"^remote\..+\.(url|pushurl)$"
        output = self._text("config", "-z", "--name-only", "--get-regexp", pattern, allow=(0, 1))
        keys = output.removesuffix("\0").split("\0") if output else []
        return sorted({key.removeprefix("remote.").rpartition(".")[0] for key in keys})

    def fetch(self, remote: str, refspecs: Sequence[str], *, depth: int | None = None, blobs: bool = True) -> None:
        """Fetch refs, no tags but those named. Without `blobs` files come when they are read, where the host can."""
        options = ["--no-tags", "--no-write-fetch-head", "--quiet", "--no-auto-maintenance", "--no-recurse-submodules"]
        options += [f"--depth={depth}"] if depth else []
        options += [] if blobs else ["--filter=blob:none"]
        self._remote_text(remote, "fetch", UPLOAD_PACK, *options, "--end-of-options", remote, *refspecs)

    def list_remote_tags(self, remote: str) -> str:
        """Every tag of a configured remote, in the form of `list_tags`."""
        return self._remote_text(remote, "ls-remote", UPLOAD_PACK, "--tags", "--", remote)

    def list_remote_refs(self, remote: str, refs: Sequence[str]) -> dict[str, str]:
        """The object ids of those of `refs` that a configured remote has."""
        lines = split_lines(self._remote_text(remote, "ls-remote", UPLOAD_PACK, "--", remote, *refs))
        found = {ref: object_id for object_id, ref in (line.split("\t", 1) for line in lines)}
        return {ref: found[ref] for ref in refs if ref in found}

    def list_remote_ids(self, remote: str, patterns: Sequence[str]) -> dict[str, str]:
        """The object id of every ref of a configured remote that matches the globs."""
        lines = split_lines(self._remote_text(remote, "ls-remote", UPLOAD_PACK, "--refs", "--", remote, *patterns))
        return {ref: object_id for object_id, ref in (line.split("\t", 1) for line in lines)}

    def read_remote_head(self, remote: str) -> tuple[str | None, list[str]]:
        """The branch that the HEAD of a configured remote names, None without one that exists; and all its branches."""
        output = self._remote_text(remote, "ls-remote", UPLOAD_PACK, "--symref", "--", remote, "HEAD", "refs/heads/*")
        lines = [line.split("\t", 1) for line in output.splitlines()]
        branches = [ref for _, ref in lines if _BRANCH.fullmatch(ref)]
        named = [said.removeprefix("ref: ") for said, ref in lines if ref == "HEAD" and said.startswith("ref: ")]
        return (named[0] if named and named[0] in branches else None), sorted(branches)

    def push(self, remote: str, updates: Sequence[RefUpdate], *, leases: Mapping[str, str]) -> PushAnswer:
        """Push objects to refs, all or none. A ref of `leases` must hold that value on the remote (empty: be new).

        Return what the remote said, also when it refused; raise GitError where it said nothing of any ref.
        """
        options = [f"--force-with-lease={ref}:{old}" for ref, old in leases.items()]
        specs = [f"{update.new}:{update.ref}" for update in updates]
        try:
            output = self._remote_text(
                remote,
                "push",
                RECEIVE_PACK,
                "--atomic",
                "--porcelain",
                "--no-follow-tags",
                *options,
                "--end-of-options",
                remote,
                *specs,
            )
        except GitError as error:
            answer = parse_push(error.output)
            if not answer.refs:
                raise
            return answer
        return parse_push(output)
