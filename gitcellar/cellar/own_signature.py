"""With which key does whoever acts here sign, and who is that to the policy? Decided before anything is judged."""

from __future__ import annotations

from dataclasses import dataclass

from gitcellar.core.days import Day
from gitcellar.core.errors import NotFoundError
from gitcellar.policy.people import NOBODY, Signer
from gitcellar.policy.settings import ModelRules
from gitcellar.store.git import GitRepository
from gitcellar.store.openpgp import find_own_key
from gitcellar.store.signatures import SigningKey, find_signing_key

_SETUP = "git config gpg.format ssh && git config user.signingKey ~/.ssh/id_ed25519.pub"
_ON = ("true", "yes", "on", "1")


@dataclass(frozen=True, slots=True)
class OwnSignature:
    """The key that a tag will be signed with, None for a tag without a signature; and who its signer will be."""

    key: SigningKey | None
    signer: Signer


def plan_signature(
    repository: GitRepository, rules: ModelRules, day: Day, *, sign: bool | None, asked: bool
) -> OwnSignature:
    """What a tag that is written now will be signed with.

    `sign` is what the caller wants, None where git's settings and the policy decide; `asked` says whether the policy
    asks who writes the tag. Raise NotFoundError where the caller or git's settings want a signature and git has no key.
    """
    if sign is False:
        return OwnSignature(None, Signer(None, "would not be signed: --no-sign was given", hint="leave out --no-sign"))
    config = repository.read_signing_config()
    wanted = bool(sign) or config.get("tag.gpgsign") in _ON
    key = find_signing_key(config)
    if key is None and wanted:
        raise NotFoundError("git has no key to sign with here", hint=_SETUP)
    if not asked:
        return OwnSignature(key if wanted else None, NOBODY)
    public = _find_public(key)
    return OwnSignature(key if wanted or public is not None else None, _identify(key, public, rules, day))


def find_own_signer(repository: GitRepository, rules: ModelRules, day: Day) -> Signer:
    """Who signs here where the policy asks for a signature."""
    key = find_signing_key(repository.read_signing_config())
    return _identify(key, _find_public(key), rules, day)


def _find_public(key: SigningKey | None) -> str | None:
    """The key as the policy lists it; None where there is none, or GnuPG has no secret key."""
    if key is None or not key.is_openpgp:
        return key.public if key is not None else None
    return find_own_key(key.program, key.file)


def _identify(key: SigningKey | None, public: str | None, rules: ModelRules, day: Day) -> Signer:
    if public is not None:
        return rules.people.signer_of(public, day)
    lacking = "GnuPG has no secret key here" if key is not None else "git has no signing key here"
    return Signer(None, f"would not be signed: {lacking}")
