"""Who acts here, by git's settings? A name for tags, and what is said of signing.

May import core and store.git_runner.
"""

from __future__ import annotations

from dataclasses import dataclass

from gitcellar.core.errors import WorldError
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_runner import GitRunner


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts: as git would write a committer. `at` is seconds UTC, `utc_offset` is `+0100`."""

    name: str
    email: str
    at: int
    utc_offset: str


class IdentityReader(GitRunner):
    """What git's settings and variables say of whoever acts."""

    def read_identity(self) -> Identity:
        """Who would commit now, and when, by git's own rules and variables."""
        try:
            ident = self._text("var", "GIT_COMMITTER_IDENT").strip()
        except GitError as error:
            raise WorldError(
                "git does not know who you are",
                hint='git config --global user.name "Your Name" and user.email you@example.com',
            ) from error
        name, _, rest = ident.partition(" <")
        email, _, date = rest.rpartition("> ")
        at, _, offset = date.partition(" ")
        return Identity(name, email, int(at), offset)

    def read_signing_config(self) -> dict[str, str]:
        """What git's settings say of signing, by their names in lower case.

        Programs to run are read from the system's and the user's files alone: a repository's come from strangers.
        """
        wanted = r"^(gpg\.|user\.signingkey$|tag\.gpgsign$)"
        output = self._text("config", "--show-scope", "--null", "--get-regexp", wanted, allow=(0, 1))
        fields = output.split("\0")
        found: dict[str, str] = {}
        for scope, setting in zip(fields[::2], fields[1::2], strict=False):
            key, _, value = setting.partition("\n")
            if not (key.endswith("program") and scope in ("local", "worktree")):
                found[key.lower()] = value
        return found
