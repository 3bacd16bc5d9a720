"""Which SSH public key is this? Its type and fields, read from the only bytes that may spell it.

A key that could be written in two ways could be listed as two people. So the fields are decoded by type, and whatever
would not be the same when written again is refused. Sources: RFC 4253, section 6.6; RFC 5656, section 3.1; RFC 8709,
section 4; OpenSSH's PROTOCOL.u2f. May import core.errors and core.key_material.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gitcellar.core.errors import InvalidError
from gitcellar.core.key_material import identify_curve_point, identify_ed25519, identify_rsa

# The number of fields that follow the type in a key's blob.
_FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
KEY_TYPES = tuple(_FIELDS)
_LINE = re.compile(r"([^ \t]+)[ \t]+([A-Za-z0-9+/=]+)(?:[ \t].*)?")


@dataclass(frozen=True, slots=True)
class SshKey:
    """A public key. `material` identifies it however it is wrapped: see core.key_material."""

    kind: str
    blob: bytes
    material: str

    @property
    def text(self) -> str:
        """The key as `type base64`."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def is_hardware(self) -> bool:
        """Whether a FIDO authenticator holds the private key."""
        return self.kind.startswith("sk-")


def parse_key(text: str) -> SshKey:
    """A public key as a line of `type base64`, with or without a comment. Raise InvalidError for anything else.

    >>> parse_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmA0cWLlHYV/dFqNYwHpOAL65Tg4mb3vwT49sU0fPGd ada").text
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmA0cWLlHYV/dFqNYwHpOAL65Tg4mb3vwT49sU0fPGd'
    """
    match = _LINE.fullmatch(text.strip(" \t\r\n"))
    if match is None or match[1] not in KEY_TYPES:
        raise InvalidError(f"{text!r:.60} is no SSH public key", hint="it is the line of a file such as id_ed25519.pub")
    try:
        key = decode_key(decode_base64(match[2]))
    except ValueError as error:
        raise InvalidError(f"the SSH public key {text!r:.60} is refused: {error}") from error
    if key.kind != match[1]:
        raise InvalidError(f"the SSH public key {text!r:.60} is refused: inside it is of the type {key.kind}")
    return key


def decode_key(blob: bytes) -> SshKey:
    """A public key from its bytes. Raise ValueError, with the reason, for any but the only spelling of a key."""
    kind, *fields = split_fields(blob)
    name = kind.decode("ascii", "replace")
    if len(fields) != _FIELDS.get(name):
        raise ValueError("its fields are not those of a key of a known type")
    return SshKey(name, blob, _identify(name, fields))


def decode_base64(text: str) -> bytes:
    """What base64 stands for. Raise ValueError for another spelling than the standard one."""
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("its base64 is broken") from error
    if base64.b64encode(content).decode() != text:
        raise ValueError("its base64 is not the only spelling of what it stands for")
    return content


def split_fields(blob: bytes) -> list[bytes]:
    """The length-prefixed strings (RFC 4251, section 5) that fill `blob`. Raise ValueError where something is left."""
    fields: list[bytes] = []
    while blob or not fields:
        field, blob = take_field(blob)
        fields.append(field)
    return fields


def take_field(blob: bytes) -> tuple[bytes, bytes]:
    """One length-prefixed string, and what follows it. Raise ValueError where there is none."""
    size = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 + size or len(blob) < 4:
        raise ValueError("it is cut short, or has bytes behind its end")
    return blob[4 : 4 + size], blob[4 + size :]


def read_number(field: bytes) -> int:
    """A positive number in the shortest form (RFC 4251, section 5, mpint). Raise ValueError for another form."""
    number = int.from_bytes(field, "big")
    if not number or number.to_bytes(number.bit_length() // 8 + 1, "big") != field:
        raise ValueError("a number in it is not positive, or has superfluous zeros")
    return number


def _identify(kind: str, fields: Sequence[bytes]) -> str:
    if kind == "ssh-rsa":
        exponent, modulus = map(read_number, fields)
        return identify_rsa(exponent, modulus)
    if "ed25519" in kind:
        return identify_ed25519(fields[0])
    curve = kind.partition("@")[0].rpartition("-")[2]
    if fields[0] != curve.encode():
        raise ValueError(f"inside it is of the curve {fields[0].decode('ascii', 'replace')!r:.20}")
    return identify_curve_point(curve, fields[1])
