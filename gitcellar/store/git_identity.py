"""Who acts here, by git's settings? A name for tags, and what is said of signing.

May import core and store.git_runner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gitcellar.core.errors import InvalidError, WorldError
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_runner import GitRunner


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts: as git would write a committer. `at` is seconds UTC, `utc_offset` is `+0100`."""

    name: str
    email: str
    at: int
    utc_offset: str


@dataclass(frozen=True, slots=True)
class Account:
    """A name and an address to act under, in place of those that git's settings say."""

    name: str
    email: str


def parse_account(text: str) -> Account:
    """Read `NAME <EMAIL>`. Raise InvalidError for anything else.

    >>> parse_account("gitcellar guard <guard@example.com>")
    Account(name='gitcellar guard', email='guard@example.com')
    """
    match = re.fullmatch(r"([^<>\x00-\x1f]*[^<>\x00-\x20]) <([^<>\s]+)>", text)
    if match is None:
        raise InvalidError(f"{text!r} is no identity", hint="write it as 'Model guard <guard@example.com>'")
    return Account(match[1], match[2])


class IdentityReader(GitRunner):
    """What git's settings and variables say of whoever acts."""

    def read_identity(self, account: Account | None = None) -> Identity:
        """Who would commit now, and when, by git's own rules and variables; under `account` where there is one."""
        env = {"GIT_COMMITTER_NAME": account.name, "GIT_COMMITTER_EMAIL": account.email} if account else None
        try:
            ident = self._bytes("var", "GIT_COMMITTER_IDENT", env=env).decode("utf-8", "surrogateescape").strip()
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
        wanted = r"^(gpg\.|user\.signingkey$|(tag|commit)\.gpgsign$)"
        output = self._text("config", "--show-scope", "--null", "--get-regexp", wanted, allow=(0, 1))
        fields = output.split("\0")
        found: dict[str, str] = {}
        for scope, setting in zip(fields[::2], fields[1::2], strict=False):
            key, _, value = setting.partition("\n")
            if not (key.endswith("program") and scope in ("local", "worktree")):
                found[key.lower()] = value
        return found
