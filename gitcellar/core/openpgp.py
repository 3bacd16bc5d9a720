"""Whose is an exported OpenPGP key? Its packets, its fingerprint and the numbers in it, for a list of people.

A fingerprint covers the creation time too, so that one key in two packets has two: people are told apart by numbers.
Nothing is verified here (store.openpgp does). May import core.errors and core.key_material. Source: RFC 4880, sections
3.2, 4.2, 5.5.2, 6.2 and 12.2; RFC 6637, sections 9 and 11 for elliptic curves.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gitcellar.core.errors import InvalidError
from gitcellar.core.key_material import identify_curve_point, identify_ed25519, identify_rsa, require_bits

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
_PUBLIC_SUBKEY = 14
_KINDS = (2, _PUBLIC_KEY, 13, _PUBLIC_SUBKEY, 17)  # and signatures, user names and pictures, as gpg exports them
_VERSION = 4
_RSA, _DSA, _ECDSA, _EDDSA = (1, 2, 3), 17, 19, 22
_ENCRYPTING = (16, 18)  # Elgamal and ECDH, which sign nothing
_ED25519_OID = bytes.fromhex("2b06010401da470f01")
_NIST_OIDS = {
    bytes.fromhex("2a8648ce3d030107"): "nistp256",
    bytes.fromhex("2b81040022"): "nistp384",
    bytes.fromhex("2b81040023"): "nistp521",
}


@dataclass(frozen=True, slots=True)
class OpenPgpKey:
    """An exported key: the fingerprint of the primary one, what identifies it and each subkey, and all packets."""

    fingerprint: str
    material: frozenset[str]
    packets: bytes


def is_armored(text: str) -> bool:
    """Whether a key is written as `gpg --armor --export` prints it."""
    return text.lstrip().startswith(_NAME.format("BEGIN"))


def parse_armored(text: str) -> OpenPgpKey:
    """An exported public key with its subkeys. Raise InvalidError for anything but one key."""
    packets, kinds = _dearmor(text)
    if any(kind not in _KINDS for kind, _ in kinds):
        raise InvalidError("this OpenPGP public key holds something that is no part of one")
    keys = [body for kind, body in kinds if kind == _PUBLIC_KEY]
    if len(keys) != 1:
        raise InvalidError(f"this holds {len(keys)} OpenPGP keys, and one is asked for")
    if kinds[0][0] != _PUBLIC_KEY:
        raise InvalidError("this OpenPGP public key is broken: it does not begin with the key")
    bodies = [body for kind, body in kinds if kind in (_PUBLIC_KEY, _PUBLIC_SUBKEY)]
    if any(body[:1] != bytes([_VERSION]) for body in bodies):
        raise InvalidError(f"only OpenPGP keys of version {_VERSION} can be read")
    try:
        material = frozenset(map(_identify, bodies))
    except ValueError as error:
        raise InvalidError(f"this OpenPGP public key is refused: {error}") from error
    size = len(keys[0]).to_bytes(2, "big")
    fingerprint = hashlib.sha1(b"\x99" + size + keys[0], usedforsecurity=False).hexdigest().upper()
    return OpenPgpKey(fingerprint, material, packets)


def _dearmor(text: str) -> tuple[bytes, list[tuple[int, bytes]]]:
    """The packets of an armored key, and the kind and body of each."""
    match = _ARMOR.fullmatch(text.replace("\r\n", "\n").strip())
    if match is None:
        raise InvalidError("this is no OpenPGP public key", hint="gpg --armor --export KEY prints one")
    try:
        packets = base64.b64decode(match[1].replace("\n", ""), validate=True)
        return packets, list(_split(packets))
    except (binascii.Error, ValueError) as error:
        raise InvalidError("this OpenPGP public key is broken") from error


def _identify(body: bytes) -> str:
    """What identifies the key in the body of a packet. Raise ValueError for one that could be spelled otherwise."""
    algorithm, fields = int.from_bytes(body[5:6], "big"), body[6:]
    if algorithm in _RSA:
        modulus, exponent = _read_numbers(fields, 2)
        return identify_rsa(exponent, modulus)
    if algorithm == _DSA:
        prime, order, generator, public = _read_numbers(fields, 4)
        require_bits("DSA", prime)
        return f"dsa {prime:x} {order:x} {generator:x} {public:x}"
    if algorithm in (_ECDSA, _EDDSA):
        return _identify_curve(fields)
    if algorithm in _ENCRYPTING:
        return f"openpgp-{algorithm} {fields.hex()}"
    raise ValueError(f"{algorithm} is no kind of key that is known here")


def _identify_curve(fields: bytes) -> str:
    size = int.from_bytes(fields[:1], "big")
    oid = fields[1 : 1 + size]
    (number,) = _read_numbers(fields[1 + size :], 1)
    point = number.to_bytes((number.bit_length() + 7) // 8, "big")
    if oid != _ED25519_OID:
        return identify_curve_point(_NIST_OIDS.get(oid, oid.hex()), point)
    if point[:1] != b"\x40":  # the prefix of a point in the curve's own form
        raise ValueError("its point is not written as OpenPGP writes it")
    return identify_ed25519(point[1:])


def _read_numbers(fields: bytes, count: int) -> list[int]:
    """Exactly `count` numbers, each with its size in bits. Raise ValueError for another spelling."""
    numbers: list[int] = []
    for _ in range(count):
        bits = int.from_bytes(fields[:2], "big")
        end = 2 + (bits + 7) // 8
        number = int.from_bytes(fields[2:end], "big")
        if not bits or len(fields) < end or number.bit_length() != bits:
            raise ValueError("a number in it is cut short, or has superfluous zeros")
        numbers.append(number)
        fields = fields[end:]
    if fields:
        raise ValueError("it has bytes behind its end")
    return numbers


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
