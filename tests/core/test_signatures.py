"""The signature of a tag object: what counts is read whole, and what ssh-keygen would let pass besides is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.signatures import UNPROVEN, Signed, find_signed, find_ssh_key
from gitcellar.core.ssh_keys import SshKey
from tests.support.sshsig import SOFT_KEYS, armor, mpint, signature_blob, wire

KEY = wire(b"ssh-ed25519", bytes.fromhex("1980d1c58b947615fdd16a358c07a4e00beb94e0e266f7bf04f8f6c5347cf19d"))
RSA = wire(b"ssh-rsa", mpint(65537), mpint(2**2047 + 11))
WEAK_RSA = wire(b"ssh-rsa", mpint(65537), mpint(2**1023 + 11))
P256 = wire(b"ecdsa-sha2-nistp256", b"nistp256", b"\4" + bytes(range(64)))
SK = SOFT_KEYS["sk-ssh-ed25519"].public
MADE = wire(b"ssh-ed25519", b"s" * 64)
BY_RSA = wire(b"rsa-sha2-512", b"s" * 256)
BY_SK = wire(b"sk-ssh-ed25519@openssh.com", b"s" * 64)
COUNTED = b"\0\0\0\7"
GOOD = signature_blob(KEY, MADE)
MALFORMED = "has a signature that is malformed"
BEHIND = "has something after its signature, or one that is malformed"
UNTOUCHED = "is signed with a hardware key that nobody touched"


def lines_of(blob: bytes) -> list[bytes]:
    return armor(blob).split(b"\n")


HOSTILE = {
    "RIPEMD-160": (armor(signature_blob(KEY, MADE, digest=b"ripemd160")), MALFORMED),
    "SHA-1": (armor(signature_blob(KEY, MADE, digest=b"sha1")), MALFORMED),
    "two digests": (armor(signature_blob(KEY, MADE, digest=b"sha256,sha512")), MALFORMED),
    "RSA with SHA-1": (armor(signature_blob(RSA, wire(b"ssh-rsa", b"s" * 256))), MALFORMED),
    "a short RSA key": (armor(signature_blob(WEAK_RSA, BY_RSA)), "is signed with an RSA key of fewer than 2048 bits"),
    "a hardware key that nobody touched": (armor(signature_blob(SK, BY_SK + b"\0" + COUNTED)), UNTOUCHED),
    "verified, and not touched": (armor(signature_blob(SK, BY_SK + b"\4" + COUNTED)), UNTOUCHED),
    "a hardware key without flags": (armor(signature_blob(SK, BY_SK)), MALFORMED),
    "a hardware key without a counter": (armor(signature_blob(SK, BY_SK + b"\1")), MALFORMED),
    "bytes behind the counter": (armor(signature_blob(SK, BY_SK + b"\1" + COUNTED + b"x")), MALFORMED),
    "flags of a key that has none": (armor(signature_blob(KEY, MADE + b"\1" + COUNTED)), MALFORMED),
    "the algorithm of another key": (armor(signature_blob(KEY, BY_RSA)), MALFORMED),
    "webauthn": (armor(signature_blob(SK, wire(b"webauthn-" + SK[4:30], b"") + b"\1" + COUNTED)), MALFORMED),
    "a key with bytes behind it": (armor(signature_blob(KEY + b"x", MADE)), MALFORMED),
    "a number of ECDSA with zeros": (
        armor(signature_blob(P256, wire(b"ecdsa-sha2-nistp256", wire(b"\0\5", mpint(5))))),
        MALFORMED,
    ),
    "three numbers of ECDSA": (
        armor(signature_blob(P256, wire(b"ecdsa-sha2-nistp256", wire(mpint(5), mpint(5), mpint(5))))),
        MALFORMED,
    ),
    "another namespace": (armor(signature_blob(KEY, MADE, namespace=b"file")), MALFORMED),
    "something reserved": (armor(signature_blob(KEY, MADE, reserved=b"x")), MALFORMED),
    "bytes behind the blob": (armor(GOOD + b"x"), MALFORMED),
    "a field behind the blob": (armor(GOOD + wire(b"x")), MALFORMED),
    "half a blob": (armor(GOOD[:-1]), MALFORMED),
    "version 2": (armor(GOOD.replace(b"SSHSIG\0\0\0\1", b"SSHSIG\0\0\0\2")), MALFORMED),
    "version 0": (armor(GOOD.replace(b"SSHSIG\0\0\0\1", b"SSHSIG\0\0\0\0")), MALFORMED),
    "no padding": (armor(GOOD + b"").replace(b"=", b""), MALFORMED),
    "padding in the middle": (b"\n".join([lines_of(GOOD)[0], b"AAAA=", *lines_of(GOOD)[1:]]), MALFORMED),
    "lines of several lengths": (armor(GOOD).replace(b"U1NI", b"U1N\nI", 1), MALFORMED),
    "lines of 77": (armor(GOOD, width=77), BEHIND),
    "an empty line": (armor(GOOD).replace(b"SIGNATURE-----\n", b"SIGNATURE-----\n\n", 1), BEHIND),
    "junk in the base64": (armor(GOOD).replace(b"U1NI", b"U1N!I", 1), BEHIND),
    "CRLF": (armor(GOOD).replace(b"\n", b"\r\n"), BEHIND),
    "something behind it": (armor(GOOD) + b"x\n", BEHIND),
    "two signatures": (armor(GOOD) * 2, BEHIND),
    "no end": (armor(GOOD)[:-10], BEHIND),
}


@pytest.mark.parametrize(("armored", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_signature_that_is_not_wholly_as_it_should_be_counts_for_nothing(armored: bytes, said: str) -> None:
    assert find_ssh_key(armored, "git") == said


ACCEPTED = {
    "ed25519": GOOD,
    "with SHA-256": signature_blob(KEY, MADE, digest=b"sha256"),
    "RSA": signature_blob(RSA, BY_RSA),
    "RSA with SHA-256": signature_blob(RSA, wire(b"rsa-sha2-256", b"s" * 256)),
    "ECDSA": signature_blob(P256, wire(b"ecdsa-sha2-nistp256", wire(mpint(5), mpint(2**255)))),
    "a hardware key that was touched": signature_blob(SK, BY_SK + b"\1" + COUNTED),
    "touched and verified": signature_blob(SK, BY_SK + b"\5" + COUNTED),
}


@pytest.mark.parametrize("width", [64, 70, 76])
@pytest.mark.parametrize("blob", ACCEPTED.values(), ids=ACCEPTED)
def test_a_signature_is_read_with_lines_as_any_tool_breaks_them(blob: bytes, width: int) -> None:
    assert isinstance(find_ssh_key(armor(blob, width=width), "git"), SshKey)


def test_a_signature_covers_what_stands_before_it() -> None:
    found = find_signed(b"tag\n\nmessage\n" + armor(GOOD))
    assert isinstance(found, Signed)
    assert (found.payload, found.armor) == (b"tag\n\nmessage\n", armor(GOOD))


def test_a_key_that_proves_nothing_is_no_forgery() -> None:
    """An honest tool makes such signatures, and a door that asks for none lets them in: `verify` must, too."""
    for name in ("a hardware key that nobody touched", "a short RSA key"):
        assert HOSTILE[name][1] in UNPROVEN


@given(st.sampled_from([*ACCEPTED.values()]), st.data())
def test_any_bytes_are_a_signature_or_are_refused(blob: bytes, drawn: st.DataObject) -> None:
    place = drawn.draw(st.integers(0, len(blob) - 1))
    changed = blob[:place] + drawn.draw(st.binary(max_size=3)) + blob[place + drawn.draw(st.integers(0, 3)) :]
    assert isinstance(find_ssh_key(armor(changed), "git"), str | SshKey)
