"""Which cellar is this, however it is reached? Its own id, which events, indexes and targets name.

May import core, policy, store and cellar.
"""

from __future__ import annotations

from dataclasses import dataclass

from gitcellar.cellar.policies import fetch_policy, read_policy
from gitcellar.core.errors import InvalidError
from gitcellar.core.index import parse_cellar_name
from gitcellar.core.urls import strip_credentials
from gitcellar.policy.config import Policy
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RefSource, initialized


@dataclass(frozen=True, slots=True)
class CellarIdentity:
    """A cellar's own id, None where its policy has none, and the URL by which it is reached, without credentials."""

    own: str | None
    url: str

    @property
    def name(self) -> str:
        """What the cellar is called: by its id, or else by its URL."""
        return self.own or self.url

    def require_kept(self, kept_for: str | None, what: str) -> None:
        """Raise InvalidError where something is kept for another cellar; None is kept for none yet.

        What was kept for the URL before the cellar had an id is still this cellar's.
        """
        if kept_for not in (None, self.own, self.url):
            message = f"{what} is kept for the cellar {kept_for!r}, and this is {self.name!r}"
            raise InvalidError(message, hint="give each cellar a folder of its own")


def identify(source: RefSource) -> CellarIdentity:
    """Who a cellar is by the policy of its protected branch."""
    if isinstance(source, GitRepository):
        return identify_by(read_policy(source), source)
    with initialized(source.url) as repository:
        return identify_by(fetch_policy(repository), source)


def identify_by(policy: Policy, source: RefSource) -> CellarIdentity:
    """The same, where the policy was read already."""
    return CellarIdentity(policy.content.cellar, parse_cellar_name(find_url(source)))


def find_url(source: RefSource) -> str:
    """The URL by which a cellar is reached, without what logs in to it."""
    if isinstance(source, GitRepository):
        return strip_credentials(source.find_remote_url("origin") or source.path.resolve().as_uri())
    return strip_credentials(source.url)
