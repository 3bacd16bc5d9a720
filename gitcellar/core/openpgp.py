"""Whose is an exported OpenPGP key? Its packets and its fingerprint, as far as a list of people needs them.

Nothing is verified here (store.openpgp does). May import core.errors alone. Source: RFC 4880, sections 4.2, 6.2 and
12.2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from gitcellar.core.errors import InvalidError

PREFIX = "openpgp"
# Words that follow "it": why a signature proves nothing, though nobody tampered with anything.
UNKNOWN = "is signed with an OpenPGP key of nobody whom the policy knows"
EXPIRED = "is signed with an OpenPGP key that has expired or was revoked"
_NAME = "-----{} PGP PUBLIC KEY BLOCK-----"
_ARMOR = re.compile(
    rf"{_NAME.format('BEGIN')}\n(?:[A-Za-z]+: .{{0,200}}\n)*\n"
    rf"((?:[A-Za-z0-9+/=]{{1,76}}\n)+?)(?:=[A-Za-z0-9+/]{{4}}\n)?{_NAME.format('END')}"
)
_PUBLIC_KEY = 6
_VERSION = 4


def is_armored(text: str) -> bool:
    """Whether a key is written as `gpg --armor --export` prints it."""
    return text.lstrip().startswith(_NAME.format("BEGIN"))


def parse_armored(text: str) -> tuple[str, bytes]:
    """The fingerprint of an exported public key, and its packets. Raise InvalidError for anything but one key."""
    match = _ARMOR.fullmatch(text.replace("\r\n", "\n").strip())
    if match is None:
        raise InvalidError("this is no OpenPGP public key", hint="gpg --armor --export KEY prints one")
    try:
        packets = base64.b64decode(match[1].replace("\n", ""), validate=True)
        kinds = list(_split(packets))
    except (binascii.Error, ValueError) as error:
        raise InvalidError("this OpenPGP public key is broken") from error
    keys = [body for kind, body in kinds if kind == _PUBLIC_KEY]
    if len(keys) != 1:
        raise InvalidError(f"this holds {len(keys)} OpenPGP keys, and one is asked for")
    if kinds[0][0] != _PUBLIC_KEY:
        raise InvalidError("this OpenPGP public key is broken: it does not begin with the key")
    if keys[0][:1] != bytes([_VERSION]):
        raise InvalidError(f"only OpenPGP keys of version {_VERSION} can be read")
    size = len(keys[0]).to_bytes(2, "big")
    return hashlib.sha1(b"\x99" + size + keys[0], usedforsecurity=False).hexdigest().upper(), packets


def _split(packets: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and bodies of packets. Raise ValueError for what is cut short, or has no length."""
    at = 0
    while at < len(packets):
        head = packets[at]
        if head & 0x40:
            kind, first = head & 0x3F, packets[at + 1 : at + 2]
            width = 1 if first < b"\xc0" else 2 if first < b"\xe0" else 5
            size = _read_new_size(packets[at + 1 : at + 1 + width], width)
        else:
            kind, width = head >> 2 & 0x0F, (1, 2, 4, 0)[head & 3]
            size = int.from_bytes(packets[at + 1 : at + 1 + width], "big")
        start = at + 1 + width
        if not head & 0x80 or not width or start + size > len(packets):
            raise ValueError("no packet, or half of one")
        yield kind, packets[start : start + size]
        at = start + size


def _read_new_size(octets: bytes, width: int) -> int:
    if len(octets) < width or (width == 5 and octets[0] != 0xFF):
        raise ValueError("half a length, or that of a part")
    if width == 2:
        return (octets[0] - 0xC0 << 8) + octets[1] + 0xC0
    return int.from_bytes(octets[-4:] if width == 5 else octets, "big")
