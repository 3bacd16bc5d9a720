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
    assert parse_armored(text)[0] == FINGERPRINT


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
