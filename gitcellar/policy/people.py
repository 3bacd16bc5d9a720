"""Who signs, with which keys, in which roles? Identity is the key alone, never an address in a tag.

May import core.errors, core.openpgp and core.signatures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gitcellar.core.errors import CellarError
from gitcellar.core.openpgp import PREFIX, is_armored, parse_armored
from gitcellar.core.signatures import KEY_TYPES, parse_key

SIGNERS_FILE = ".gitcellar/allowed_signers"
_OPTIONS = re.compile(r'(namespaces="git"|valid-(?:after|before)="?[0-9]{8}Z?"?)(?:,|$)', re.IGNORECASE)
_DATE = re.compile(r'valid-(after|before)="?([0-9]{4})([0-9]{2})([0-9]{2})Z?"?', re.IGNORECASE)
_PRINCIPAL = re.compile(r"[^\s,*?!\"#@]+(@[^\s,*?!\"#@]+)?")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the days in UTC on which its signatures count. A revoked one never does.

    `text` is `type base64` of an SSH key, `openpgp FINGERPRINT` of an OpenPGP one, whose `packets` are the key itself.
    """

    text: str
    since: str | None = None
    until: str | None = None
    revoked: bool = False
    packets: bytes = b""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs."""

    roles: frozenset[str] = frozenset()
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed something. `principal` is None where that is nobody who counts, and `fault` says why: "it …"."""

    principal: str | None
    fault: str | None = None


NOBODY = Signer(None, "is not signed")


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who signs, by principal."""

    persons: Mapping[str, Person] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.persons)

    @property
    def keyring(self) -> bytes:
        """All OpenPGP keys, as GnuPG reads a keyring."""
        return b"".join(key.packets for person in self.persons.values() for key in person.keys)

    def signer_of(self, key: str, day: str) -> Signer:
        """Who holds a key on a day."""
        for principal, person in self.persons.items():
            for known in person.keys:
                if known.text != key:
                    continue
                if known.revoked:
                    return Signer(None, f"is signed with a key of {principal} that was revoked")
                if known.since is not None and day < known.since:
                    return Signer(None, f"is signed with a key of {principal} that counts from {known.since} on")
                if known.until is not None and day > known.until:
                    return Signer(None, f"is signed with a key of {principal} that counted until {known.until}")
                return Signer(principal)
        return Signer(None, "is signed with a key of nobody whom the policy knows")

    def roles_of(self, principal: str | None) -> frozenset[str]:
        """The roles of somebody; none of a stranger."""
        person = self.persons.get(principal) if principal else None
        return person.roles if person else frozenset()

    def fits(self, principal: str | None, wanted: Iterable[str]) -> bool:
        """Whether somebody is one of `wanted`, or has a role among them."""
        return principal is not None and any(each == principal or each in self.roles_of(principal) for each in wanted)


def read_key(text: str, since: str | None = None, until: str | None = None, *, revoked: bool = False) -> Key:
    """A key as the policy writes it: an SSH public key, or an armored OpenPGP one. Raise InvalidError."""
    if not is_armored(text):
        return Key(parse_key(text), since, until, revoked)
    fingerprint, packets = parse_armored(text)
    return Key(f"{PREFIX} {fingerprint}", since, until, revoked, packets)


def merge_people(written: Mapping[str, Person], listed: Mapping[str, Person]) -> People:
    """The people of the policy with the keys of the signers' file."""
    merged = dict(written)
    for principal, person in listed.items():
        known = merged.get(principal, Person())
        merged[principal] = replace(known, keys=(*known.keys, *person.keys))
    return People(merged)


def find_shared_keys(people: People) -> list[tuple[str, str]]:
    """Why the keys of `people` do not identify: each principal that repeats a key, and in which words."""
    owner: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    for principal, person in people.persons.items():
        for key in person.keys:
            first = owner.get(key.text)
            if first == principal:
                found.append((principal, "a key is listed twice"))
            elif first is not None:
                found.append((principal, f"its key is that of {first} too, and one key is one person's"))
            owner.setdefault(key.text, principal)
    return found


def parse_signers(content: bytes) -> tuple[dict[str, Person], list[tuple[int, str]]]:
    """The people of an allowed signers file (ssh-keygen(1), ALLOWED SIGNERS), and its faults with their lines."""
    found: dict[str, Person] = {}
    faults: list[tuple[int, str]] = []
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        return {}, [(1, "the file is not UTF-8")]
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            principal, key = _parse_signer(line)
        except ValueError as error:
            faults.append((number, str(error)))
            continue
        known = found.get(principal, Person())
        found[principal] = replace(known, keys=(*known.keys, key))
    return found, faults


def _parse_signer(line: str) -> tuple[str, Key]:
    principal, _, rest = line.strip().partition(" ")
    if not _PRINCIPAL.fullmatch(principal):
        raise ValueError(f"{principal!r} must be one person: no wildcard and no list, or one key is several people's")
    options = ""
    if not rest.strip().startswith(KEY_TYPES):
        options, _, rest = rest.strip().partition(" ")
        if _OPTIONS.sub("", options):
            raise ValueError(f'{options!r}: only namespaces="git", valid-after and valid-before are read here')
    days = {when.lower(): f"{year}-{month}-{day}" for when, year, month, day in _DATE.findall(options)}
    try:
        return principal, Key(parse_key(rest), days.get("after"), days.get("before"))
    except CellarError as error:
        raise ValueError(error.message) from error
