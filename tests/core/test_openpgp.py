"""An exported OpenPGP key: one is read, and anything else is refused by name."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.errors import InvalidError
from gitcellar.core.openpgp import is_armored, parse_armored

# Made by GnuPG 2.2, and the fingerprint that it prints.
KEY = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawGCExYJKwYBBAHaRw8BAQdA4QLw+AK7Qf+N3Hzud5lC8UoY7kbd1Ht6g1Zx
2C1kOzG0FWFkYSA8YWRhQGV4YW1wbGUuY29tPoiQBBMWCAA4FiEEtCu3bAGwDwjQ
d9eEI1AtybeyoeAFAmsBghMCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQ
I1AtybeyoeCbiQEAsBZc5aqZoC0ytl9xdrmRfHyOaPWSzzwQX/K4lU9dL/MA/3V9
a3hzjs41GgjtRCHwtOD/PfFnBSNjqagNxQuQC5wC
=HLti
-----END PGP PUBLIC KEY BLOCK-----
"""
FINGERPRINT = "B42BB76C01B00F08D077D78423502DC9B7B2A1E0"
PACKETS = base64.b64decode("".join(KEY.splitlines()[2:-2]))
BODY = PACKETS[2 : 2 + PACKETS[1]]  # of the key itself


def armor(packets: bytes) -> str:
    text = base64.encodebytes(packets).decode()
    return f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{text}-----END PGP PUBLIC KEY BLOCK-----"


def packet(kind: int, body: bytes) -> bytes:
    return bytes([0xC0 | kind, 0xFF]) + len(body).to_bytes(4, "big") + body


def number(value: int, *, bits: int | None = None) -> bytes:
    size = value.bit_length() if bits is None else bits
    return size.to_bytes(2, "big") + value.to_bytes((size + 7) // 8, "big")


def key(algorithm: int, *fields: bytes) -> bytes:
    """The body of a key's packet of version 4."""
    return b"\4" + bytes(4) + bytes([algorithm]) + b"".join(fields)


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.replace("\n", "\r\n"),
        KEY.replace("-----\n\n", "-----\nVersion: GnuPG v2\nComment: a b\n\n", 1),
        armor(PACKETS),
        armor(bytes([0x80 | 6 << 2 | 1]) + len(BODY).to_bytes(2, "big") + BODY),
        armor(bytes([0x80 | 6 << 2 | 2]) + len(BODY).to_bytes(4, "big") + BODY),
        armor(bytes([0xC0 | 6, len(BODY)]) + BODY),
        armor(bytes([0xC0 | 6, 0xFF]) + len(BODY).to_bytes(4, "big") + BODY),
        armor(bytes([0xC0 | 6, len(BODY)]) + BODY + bytes([0xC0 | 13, 0xC0, 0x08]) + b"x" * 200),
    ],
)
def test_a_key_is_known_by_its_fingerprint_however_it_is_written(text: str) -> None:
    assert is_armored(text)
    assert parse_armored(text).fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no OpenPGP public key"),
        (KEY.replace("PUBLIC", "PRIVATE"), "no OpenPGP public key"),
        (KEY + KEY, "no OpenPGP public key"),
        (armor(PACKETS[:-1]), "broken"),
        (armor(PACKETS[:1]), "broken"),
        (armor(bytes([0xC0 | 6, 0xE1]) + BODY), "broken"),
        (armor(b"\x06" + PACKETS[1:]), "broken"),
        (armor(PACKETS + PACKETS), "holds 2 OpenPGP keys"),
        (armor(PACKETS[2 + len(BODY) :]), "holds 0 OpenPGP keys"),
        (armor(PACKETS[2 + len(BODY) :] + PACKETS[: 2 + len(BODY)]), "does not begin with the key"),
        (armor(bytes([0xC0 | 6, len(BODY)]) + b"\x06" + BODY[1:]), "version 4"),
    ],
)
def test_what_is_not_one_key_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        parse_armored(text)


@given(st.binary(max_size=300))
def test_any_packets_are_a_key_or_refused(packets: bytes) -> None:
    with contextlib.suppress(InvalidError):
        parse_armored(armor(packets))


POINT = BODY[-32:]
ED25519 = bytes.fromhex("092b06010401da470f01")
P256 = bytes.fromhex("082a8648ce3d030107")
BRAINPOOL = bytes.fromhex("092b2403030208010107")
N = 2**2047 + 11


def test_a_key_and_its_subkeys_are_known_by_their_numbers() -> None:
    parsed = parse_armored(armor(packet(6, BODY) + packet(14, key(1, number(N), number(3)))))
    assert parsed.material == {f"ed25519 {POINT.hex()}", f"rsa {N:x}"}
    same = parse_armored(armor(packet(6, BODY[:1] + b"time" + BODY[5:])))
    assert same.fingerprint != FINGERPRINT
    assert same.material == parse_armored(KEY).material


ACCEPTED = {
    "RSA": key(1, number(N), number(65537)),
    "DSA": key(17, number(N), number(2**255 + 1), number(5), number(7)),
    "P-256": key(19, P256, number(4 << 512 | 7)),
    "brainpool": key(19, BRAINPOOL, number(4 << 512 | 7)),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_every_kind_of_key_that_signs_is_read(body: bytes) -> None:
    assert len(parse_armored(armor(packet(6, body) + packet(14, key(18, ED25519, b"x")))).material) == 2


REFUSED = {
    "zeros before a modulus": (key(1, number(N, bits=2056), number(3)), "superfluous zeros"),
    "more bits than there are": (key(1, number(N, bits=2049), number(3)), "superfluous zeros"),
    "bytes behind the numbers": (key(1, number(N), number(3)) + b"x", "bytes behind its end"),
    "half a number": (key(1, number(N)[:-1]), "cut short"),
    "a short RSA key": (key(1, number(2**1023 + 1), number(3)), "it has 1024 bits, and 2048 is the least for RSA"),
    "a short DSA key": (
        key(17, number(2**1023 + 1), *[number(5)] * 3),
        "it has 1024 bits, and 2048 is the least for DSA",
    ),
    "a compressed point": (key(19, P256, number(2 << 256 | 7)), "not written in full"),
    "a point without its prefix": (
        key(22, ED25519, number(int.from_bytes(b"\x41" + POINT, "big"))),
        "as OpenPGP writes it",
    ),
    "a point at or above p": (key(22, ED25519, number(0x40 << 256 | (1 << 256) - 1)), "as RFC 8032 writes it"),
    "a point of low order": (key(22, ED25519, number(0x40 << 256 | 1 << 248)), "low order"),
    "an unknown kind": (key(99), "99 is no kind of key"),
}


@pytest.mark.parametrize("kind", [1, 4, 5, 7, 8, 9, 10, 11, 12, 18, 60])
def test_a_packet_that_is_no_part_of_a_public_key_is_refused(kind: int) -> None:
    """In a compressed one, number 8, a key could hide that is not compared with those of others."""
    with pytest.raises(InvalidError, match="holds something that is no part of one"):
        parse_armored(armor(packet(6, BODY) + packet(kind, packet(14, key(1, number(N), number(3))))))


@pytest.mark.parametrize("kind", [6, 14], ids=["key", "subkey"])
@pytest.mark.parametrize(("body", "said"), REFUSED.values(), ids=REFUSED)
def test_a_key_with_a_second_spelling_or_too_short_is_refused(body: bytes, said: str, kind: int) -> None:
    with pytest.raises(InvalidError, match=said):
        parse_armored(armor((packet(6, BODY) if kind == 14 else b"") + packet(kind, body)))
