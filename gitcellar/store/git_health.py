"""How is git set up here, and which of its hooks are live? What only `doctor` asks.

May import core and store.git_runner.
"""

from __future__ import annotations

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
