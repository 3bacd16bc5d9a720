"""Who signs, with which keys, in which roles? Identity is the key alone, never an address in a tag.

May import core.days, core.errors, core.openpgp and core.ssh_keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gitcellar.core.days import Day, require_order
from gitcellar.core.errors import CellarError, InvalidError
from gitcellar.core.openpgp import PREFIX, is_armored, parse_armored
from gitcellar.core.ssh_keys import KEY_TYPES, parse_key

SIGNERS_FILE = ".gitcellar/allowed_signers"
_OPTION = re.compile(r'(namespaces|valid-after|valid-before)="([^"]*)"', re.IGNORECASE)
_MIDNIGHT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})Z")
_READ_OPTIONS = 'namespaces="git", valid-after="20261231Z" and valid-before="20261231Z"'
_PRINCIPAL = re.compile(r"[^\s,*?!\"#@]+(@[^\s,*?!\"#@]+)?")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the days in UTC on which its signatures count. A revoked one never does.

    `text` is `type base64` of an SSH key, `openpgp FINGERPRINT` of an OpenPGP one, whose `packets` are the key itself.
    `material` identifies the key and its subkeys however they are wrapped: see core.key_material.
    """

    text: str
    since: str | None = None
    until: str | None = None
    revoked: bool = False
    packets: bytes = b""
    material: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs."""

    roles: frozenset[str] = frozenset()
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed something. `principal` is None where that is nobody who counts, and `fault` says why: "it …".

    `hint` says what to do about the fault, where that is not the usual.
    """

    principal: str | None
    fault: str | None = None
    hint: str | None = None


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


def is_principal(text: str) -> bool:
    """Whether a name is that of one person: no wildcard, no list, and nothing in it that cannot be seen."""
    return _PRINCIPAL.fullmatch(text) is not None and text.isprintable()


def read_key(text: str, since: str | None = None, until: str | None = None, *, revoked: bool = False) -> Key:
    """A key as the policy writes it: an SSH public key, or an armored OpenPGP one. Raise InvalidError."""
    require_order(since, until)
    if is_armored(text):
        own = parse_armored(text)
        return Key(f"{PREFIX} {own.fingerprint}", since, until, revoked, own.packets, own.material)
    key = parse_key(text)
    return Key(key.text, since, until, revoked, material=frozenset([key.material]))


def merge_people(written: Mapping[str, Person], listed: Mapping[str, Person]) -> People:
    """The people of the policy with the keys of the signers' file."""
    merged = dict(written)
    for principal, person in listed.items():
        known = merged.get(principal, Person())
        merged[principal] = replace(known, keys=(*known.keys, *person.keys))
    return People(merged)


def find_shared_keys(people: People) -> list[tuple[str, str]]:
    """Why the keys of `people` do not identify: each principal that repeats a key, and in which words.

    One person may have one key in several wrappings, such as an SSH key that is a subkey of their OpenPGP key too.
    """
    owners: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    for principal, person in people.persons.items():
        listed: set[str] = set()
        for key in person.keys:
            first = next(
                (owners[each] for each in sorted(key.material) if owners.get(each, principal) != principal), None
            )
            if key.text in listed:
                found.append((principal, "a key is listed twice"))
            elif first is not None:
                found.append((principal, f"its key is that of {first} too, and one key is one person's"))
            listed.add(key.text)
            for each in key.material:
                owners.setdefault(each, principal)
    return found


def parse_signers(content: bytes) -> tuple[dict[str, Person], list[tuple[int, str]]]:
    """The people of an allowed signers file (ssh-keygen(1), ALLOWED SIGNERS), and its faults with their lines."""
    found: dict[str, Person] = {}
    faults: list[tuple[int, str]] = []
    try:
        # At LF alone, as ssh-keygen does: str.splitlines would find an entry in the comment before it.
        lines = content.decode().split("\n")
    except UnicodeDecodeError:
        return {}, [(1, "the file is not UTF-8")]
    for number, line in enumerate(lines, 1):
        text = line.strip(" \t")
        if "\r" in text or "\0" in text:
            faults.append((number, "a line ends at LF alone, and holds neither CR nor NUL"))
        elif text and not text.startswith("#"):
            try:
                principal, key = _parse_signer(text)
            except CellarError as error:
                faults.append((number, error.message))
            else:
                known = found.get(principal, Person())
                found[principal] = replace(known, keys=(*known.keys, key))
    return found, faults


def _parse_signer(line: str) -> tuple[str, Key]:
    """One entry: what is read is what ssh-keygen reads, and the rest is refused. Raise InvalidError."""
    principal, *words = re.split(r"[ \t]+", line, maxsplit=2)
    if not is_principal(principal):
        message = f"{principal!r} must be one person: no wildcard and no list, or one key is several people's"
        raise InvalidError(message)
    options = words.pop(0) if words and words[0] not in KEY_TYPES else None
    return principal, read_key(" ".join(words), *_parse_options(options))


def _parse_options(text: str | None) -> tuple[str | None, str | None]:
    """The first and the last day on which a key counts. Raise InvalidError."""
    found: dict[str, str] = {}
    for option in text.split(",") if text is not None else ():
        match = _OPTION.fullmatch(option)
        name = match[1].lower() if match else ""
        if match is None or name in found or (name == "namespaces" and match[2] != "git"):
            raise InvalidError(f"{option!r}: only {_READ_OPTIONS} are read here, each once")
        found[name] = match[2]
    days = {name: _parse_midnight(value) for name, value in found.items() if name != "namespaces"}
    before = days.get("valid-before")
    # ssh-keygen(1): until that moment, which is the first of its day.
    return days.get("valid-after"), None if before is None else before.before


def _parse_midnight(text: str) -> Day:
    """The day that begins at a moment as ssh-keygen writes it. Raise InvalidError for any but a midnight in UTC."""
    match = _MIDNIGHT.fullmatch(text)
    if match is None:
        raise InvalidError(f"{text!r} is no day in UTC, which is written as 20261231Z")
    return Day("-".join(match.groups()))
