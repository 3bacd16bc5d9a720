"""An SSH public key has one spelling, and any other is refused: in two spellings one key would be two people."""

from __future__ import annotations

import base64
import contextlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.errors import InvalidError
from gitcellar.core.key_material import _D, _PRIME
from gitcellar.core.ssh_keys import KEY_TYPES, decode_key, parse_key
from tests.support.sshsig import SOFT_KEYS, key_line, mpint, wire

POINT = bytes.fromhex("1980d1c58b947615fdd16a358c07a4e00beb94e0e266f7bf04f8f6c5347cf19d")
ED25519 = wire(b"ssh-ed25519", POINT)
N, E = 2**2047 + 11, 65537
RSA = wire(b"ssh-rsa", mpint(E), mpint(N))
PADDED = key_line(SOFT_KEYS["sk-ecdsa"].public)  # ends with ==
P256 = b"\4" + bytes(range(64))


def ec_blob(curve: str, point: bytes, *, inside: str = "") -> bytes:
    return wire(f"ecdsa-sha2-{curve}".encode(), (inside or curve).encode(), point)


def low_order() -> list[int]:
    """The y of all points of order 1, 2, 4 and 8: of the last, the roots of d*y**4 + 2*y**2 - 1."""
    root = pow(1 + _D, (_PRIME + 3) // 8, _PRIME)
    if root * root % _PRIME != (1 + _D) % _PRIME:
        root = root * pow(2, (_PRIME - 1) // 4, _PRIME) % _PRIME
    squares = [(sign * root - 1) * pow(_D, -1, _PRIME) % _PRIME for sign in (1, -1)]
    found = [0, 1, _PRIME - 1]
    for square in squares:
        y = pow(square, (_PRIME + 3) // 8, _PRIME)
        for candidate in (y, y * pow(2, (_PRIME - 1) // 4, _PRIME) % _PRIME):
            if candidate * candidate % _PRIME == square:
                found += [candidate, _PRIME - candidate]
    return found


HOSTILE = {
    "bytes after an ed25519 key": ED25519 + b"x",
    "a field after an ed25519 key": ED25519 + wire(b""),
    "half a field": ED25519[:-1],
    "a short point": wire(b"ssh-ed25519", POINT[:-1]),
    "a long point": wire(b"ssh-ed25519", POINT + b"\0"),
    "a point at or above p": wire(b"ssh-ed25519", (_PRIME + 3).to_bytes(32, "little")),
    "a point at or above p, with its sign": wire(b"ssh-ed25519", (_PRIME + 3 | 1 << 255).to_bytes(32, "little")),
    "zero in an RSA exponent": wire(b"ssh-rsa", b"\0" + mpint(E), mpint(N)),
    "zero in an RSA modulus": wire(b"ssh-rsa", mpint(E), b"\0" + mpint(N)),
    "a negative RSA modulus": wire(b"ssh-rsa", mpint(E), mpint(N)[1:]),
    "an empty RSA exponent": wire(b"ssh-rsa", b"", mpint(N)),
    "an RSA exponent of 1": wire(b"ssh-rsa", mpint(1), mpint(N)),
    "an even RSA exponent": wire(b"ssh-rsa", mpint(65536), mpint(N)),
    "bytes after an RSA key": RSA + b"\0",
    "a short RSA key": wire(b"ssh-rsa", mpint(E), mpint(2**2047 - 1)),
    "a compressed point": ec_blob("nistp256", b"\2" + bytes(32)),
    "a hybrid point": ec_blob("nistp256", b"\6" + P256[1:]),
    "a point that is too long": ec_blob("nistp256", P256 + b"\0"),
    "a point at infinity": ec_blob("nistp256", b"\0"),
    "another curve inside": ec_blob("nistp256", P256, inside="nistp384"),
    "a point of another curve": ec_blob("nistp521", P256),
    "a hardware key without an application": wire(b"sk-ssh-ed25519@openssh.com", POINT),
    "a hardware key with two": wire(b"sk-ssh-ed25519@openssh.com", POINT, b"ssh:", b"ssh:"),
    "DSA": wire(b"ssh-dss", mpint(5), mpint(5), mpint(5), mpint(5)),
    "a certificate": wire(b"ssh-ed25519-cert-v01@openssh.com", b"nonce", POINT),
    "nothing": wire(b""),
}
HOSTILE |= {
    f"low order {number}": wire(b"ssh-ed25519", y.to_bytes(32, "little")) for number, y in enumerate(low_order())
}


@pytest.mark.parametrize("blob", HOSTILE.values(), ids=HOSTILE)
def test_a_key_that_is_not_in_its_one_spelling_is_refused(blob: bytes) -> None:
    with pytest.raises(InvalidError):
        parse_key(key_line(blob))
    with pytest.raises(ValueError):
        decode_key(blob)


def test_the_points_of_low_order_have_five_different_y() -> None:
    assert len(set(low_order())) == 5


LINES = {
    "as it is": (f"{key_line(ED25519)}", True),
    "with a comment": (f"{key_line(ED25519)} ada's \u2028 key\n", True),
    "with a tab": (key_line(ED25519).replace(" ", "\t"), True),
    "two lines": (f"{key_line(ED25519)}\nssh-rsa AAAA", False),
    "a space of Unicode": (key_line(ED25519).replace(" ", "\u00a0"), False),
    "another type": (key_line(ED25519).replace("ssh-ed25519", "ssh-rsa", 1), False),
    "the type in capitals": (key_line(ED25519).replace("ssh-ed25519", "SSH-ED25519", 1), False),
    "no padding": (PADDED.rstrip("="), False),
    "more padding": (f"{key_line(ED25519)}=", False),
    "other last bits": (f"{PADDED[:-3]}{chr(ord(PADDED[-3]) + 1)}==", False),
    "a break in the base64": (key_line(ED25519).replace("AAAAC3", "AAAA\vC3"), False),
    "options": (f'namespaces="git" {key_line(ED25519)}', False),
    "nothing": ("", False),
}


@pytest.mark.parametrize(("line", "good"), LINES.values(), ids=LINES)
def test_a_line_holds_one_key(line: str, good: bool) -> None:
    if good:
        assert parse_key(line).text == key_line(ED25519)
    else:
        with pytest.raises(InvalidError):
            parse_key(line)


def test_a_short_rsa_key_is_refused_with_its_size() -> None:
    with pytest.raises(InvalidError, match="it has 1024 bits, and 2048 is the least for RSA"):
        parse_key(key_line(wire(b"ssh-rsa", mpint(E), mpint(2**1023 + 1))))


@pytest.mark.parametrize(
    ("kind", "bits"), [("ed25519", "256"), ("rsa", "2048"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")]
)
def test_what_ssh_keygen_makes_is_read(tmp_path: Path, kind: str, bits: str) -> None:
    command = ["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-C", "a b", "-f", str(tmp_path / "key")]
    subprocess.run(command, check=True)
    line = (tmp_path / "key.pub").read_text()
    key = parse_key(line)
    assert key.text == line.removesuffix(" a b\n")
    assert decode_key(key.blob) == key
    assert not key.is_hardware


@pytest.mark.parametrize("name", SOFT_KEYS)
def test_a_hardware_key_is_read_and_known_as_one(name: str) -> None:
    key = parse_key(key_line(SOFT_KEYS[name].public))
    assert key.kind in KEY_TYPES
    assert key.is_hardware


def test_an_rsa_key_is_its_modulus_under_any_exponent() -> None:
    other = parse_key(key_line(wire(b"ssh-rsa", mpint(3), mpint(N))))
    assert other.material == parse_key(key_line(RSA)).material


@given(st.sampled_from([ED25519, RSA, ec_blob("nistp256", P256), SOFT_KEYS["sk-ecdsa"].public]), st.data())
def test_whatever_is_read_is_written_again_as_it_was(blob: bytes, drawn: st.DataObject) -> None:
    place = drawn.draw(st.integers(0, len(blob) - 1))
    changed = blob[:place] + drawn.draw(st.binary(max_size=2)) + blob[place + drawn.draw(st.integers(0, 2)) :]
    with contextlib.suppress(ValueError):
        key = decode_key(changed)
        assert base64.b64decode(key.text.split(" ")[1]) == changed
        assert parse_key(key.text) == key
