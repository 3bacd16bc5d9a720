"""How is git set up here, and which of its hooks are live? What only `doctor` asks.

May import core and store.git_runner.
"""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gitcellar.store.git_errors import GitError
from gitcellar.store.git_runner import RECEIVE_PACK, GitRunner


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether something that was offered was let in, and all that was said about it."""

    accepted: bool
    output: str

    @property
    def reasons(self) -> list[str]:
        """Why each ref of a push was refused, in the order in which they were pushed: git-push(1), --porcelain."""
        lines = [line.split("\t") for line in self.output.splitlines()]
        return [line[2] for line in lines if len(line) == 3 and line[0] == "!"]


class GitHealth(GitRunner):
    """Questions about a repository's set-up."""

    def read_version(self) -> str:
        """Git's own version, such as 2.39.5."""
        return self._text("--version").split()[2]

    def read_config(self, key: str) -> str | None:
        """The value of a key of git-config(1), wherever it is set; None where it is not."""
        return self._text("config", "--get", key, allow=(0, 1)).removesuffix("\n") or None

    def list_locks(self) -> list[str]:
        """Lock files among the refs, that a git which was killed left behind, relative to the repository."""
        common = self.path.absolute() / self._text("rev-parse", "--git-common-dir").removesuffix("\n")
        found = [*common.glob("*.lock"), *(common / "refs").rglob("*.lock")]
        return sorted(path.relative_to(common).as_posix() for path in found)

    def try_push(self, remote: str, refspec: str, *, dry_run: bool) -> Answer:
        """Push one refspec: dry, so that only the hooks here are run, or for real, so that only the server's are."""
        how = "--dry-run" if dry_run else "--no-verify"
        options = (RECEIVE_PACK, "--porcelain", "--no-follow-tags", how)
        return self._try("push", *options, "--end-of-options", remote, refspec)

    def try_push_in_vain(self, remote: str, commit: str, *refspecs: str) -> Answer:
        """Push refspecs so that the server's hooks judge them and none can land.

        They go in one atomic push with two branches of which one would be the other's folder: git runs its hooks, and
        then cannot lock both. Tried with git 2.39.
        """
        branch = f"refs/heads/gitcellar-probe-{secrets.token_hex(4)}"
        specs = [*refspecs, f"{commit}:{branch}", f"{commit}:{branch}/below"]
        how = (RECEIVE_PACK, "--porcelain", "--no-follow-tags", "--no-verify", "--atomic")
        return self._try("push", *how, "--end-of-options", remote, *specs)

    def try_commit(self, path: str, content: bytes) -> Answer:
        """Run the pre-commit hook over an index of its own in which `path` has that content. Nothing is committed."""
        blob = self._bytes("hash-object", "-w", "--stdin", stdin=content).decode().strip()
        with tempfile.TemporaryDirectory(prefix="gitcellar-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._bytes("read-tree", "HEAD", env=index)
            self._bytes("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
            return self._try("hook", "run", "--ignore-missing", "pre-commit", env=index)

    def _try(self, *args: str, env: dict[str, str] | None = None) -> Answer:
        try:
            return Answer(True, self._bytes(*args, env=env).decode("utf-8", "replace"))
        except GitError as error:
            return Answer(False, error.output)
