"""What does a repository at a URL say? Its refs, without a clone; or a throw-away one with what is asked for.

May import core and store.git.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gitcellar.core.errors import InvalidError
from gitcellar.store.git import GitRepository
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_runner import LISTING_SECONDS


class RemoteRepository:
    """A repository at a URL, of which only refs are read: nothing is cloned, and no listing takes over `seconds`."""

    def __init__(self, url: str, *, seconds: float = LISTING_SECONDS) -> None:
        if url.startswith("-") or not url.isprintable():
            raise InvalidError(f"{url!r} is no repository", hint="give a path or a URL")
        self.url = url
        # ls-remote runs where no repository's config can change what the URL means.
        self._git = GitRepository(tempfile.gettempdir(), seconds=seconds)

    def list_tags(self) -> str:
        """Every tag with its peeled object, in the form of `GitRepository.list_tags`."""
        return self._git._remote_text(self.url, "ls-remote", "--tags", "--", self.url)

    def list_refs(self, patterns: Sequence[str]) -> str:
        """The refs that match the globs, in the form of `list_tags`."""
        return self._git._remote_text(self.url, "ls-remote", "--", self.url, *patterns)

    def is_shallow(self) -> bool:
        """A remote shows all the tags that it has."""
        return False


RefSource = GitRepository | RemoteRepository


@contextmanager
def initialized(url: str) -> Iterator[GitRepository]:
    """A throw-away bare repository with nothing in it, whose remote `origin` is `url`."""
    RemoteRepository(url)
    with tempfile.TemporaryDirectory(prefix="gitcellar-") as folder:
        repository = GitRepository(folder, is_ours=True)
        repository._text("init", "--quiet", "--bare", "--template=")
        repository._text("remote", "add", "--", "origin", url)
        yield repository


@contextmanager
def cloned(url: str, refs: Sequence[str], *, depth: int = 1) -> Iterator[GitRepository]:
    """A throw-away bare repository with `refs` of `url`: no history, and files come only when they are read."""
    with initialized(url) as repository:
        try:
            repository.fetch("origin", [f"{ref}:{ref}" for ref in refs], depth=depth, blobs=False)
        except GitError:
            # Where no ref fits git says nothing and fails. That there is none is an answer, and can be asked for.
            if RemoteRepository(url).list_refs(refs):
                raise
        yield repository
