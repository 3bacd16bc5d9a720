"""What is signed in a tag object, and by which key? The bytes before a signature, and of an SSH one the key inside it.

Nothing is verified here (store.signatures and store.openpgp do); this says what there is to verify, and refuses what
ssh-keygen would let pass. May import core.errors, core.key_material, core.openpgp and core.ssh_keys. Source: OpenSSH's
PROTOCOL.sshsig and PROTOCOL.u2f; git appends the armored signature to the object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gitcellar.core.key_material import LEAST_BITS, WeakKeyError
from gitcellar.core.openpgp import EXPIRED, UNKNOWN
from gitcellar.core.ssh_keys import SshKey, decode_base64, decode_key, read_number, split_fields, take_field

NAMESPACE = "git"
_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"-----END SSH SIGNATURE-----\n"
_ARMOR = re.compile(_BEGIN + rb"((?:[A-Za-z0-9+/=]{1,76}\n){1,200})" + _END)
# Why nobody is known to have signed, as opposed to signed wrongly: words that follow "it".
UNSIGNED = "is not signed"
UNTOUCHED = "is signed with a hardware key that nobody touched"
WEAK = f"is signed with an RSA key of fewer than {LEAST_BITS} bits"
UNPROVEN = (UNSIGNED, UNTOUCHED, WEAK, UNKNOWN, EXPIRED)
BROKEN = "has a signature that does not fit"
_OPENPGP = re.compile(rb"^-----BEGIN PGP (?:SIGNATURE|MESSAGE)-----$", re.MULTILINE)
_OPENPGP_ARMOR = re.compile(
    rb"-----BEGIN PGP SIGNATURE-----\n(?:[A-Za-z]+: [^\n]{0,200}\n)*\n(?:[A-Za-z0-9+/=]{1,76}\n){1,200}"
    rb"-----END PGP SIGNATURE-----\n"
)
_MALFORMED = "has something after its signature, or one that is malformed"
_BROKEN_BLOB = "has a signature that is malformed"
_PREAMBLE = b"SSHSIG\0\0\0\1"  # the magic, and version 1
_DIGESTS = (b"sha256", b"sha512")
_RSA_ALGORITHMS = (b"rsa-sha2-256", b"rsa-sha2-512")  # never ssh-rsa, which is SHA-1
_TOUCHED = 0x01  # the flag of user presence


class _UntouchedError(ValueError):
    """A hardware key signed, and nobody touched it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A tag object's signature: what it covers, the armored signature, and the public key that it says made it.

    `key` is None of an OpenPGP signature, which does not bring its key.
    """

    payload: bytes
    armor: bytes
    key: str | None


def find_signed(content: bytes) -> Signed | str:
    """The signature of a tag object; or, where none can be read, why not, as words that follow "it"."""
    start = content.find(b"\n" + _BEGIN) + 1
    if not start:
        return _find_openpgp(content)
    found = find_ssh_key(content[start:], NAMESPACE)
    return found if isinstance(found, str) else Signed(content[:start], content[start:], found.text)


def find_ssh_key(armor: bytes, namespace: str) -> SshKey | str:
    """The key that an armored SSH signature says made it; or why it counts for nothing, as words that follow "it"."""
    match = _ARMOR.fullmatch(armor)
    if match is None:
        # `git verify-tag` says Good where bytes are appended after the signature.
        return _MALFORMED
    try:
        return _read_blob(_dearmor(match[1].decode()), namespace)
    except WeakKeyError:
        return WEAK
    except _UntouchedError:
        return UNTOUCHED
    except ValueError:
        return _BROKEN_BLOB


def _find_openpgp(content: bytes) -> Signed | str:
    found = _OPENPGP.search(content)
    if found is None:
        return UNSIGNED
    if _OPENPGP_ARMOR.fullmatch(content, found.start()) is None:
        return _MALFORMED
    return Signed(content[: found.start()], content[found.start() :], None)


def _dearmor(body: str) -> bytes:
    """What lines of base64 stand for: all as long as the first, and the last one no longer."""
    *lines, last = body.removesuffix("\n").split("\n")
    width = len(lines[0]) if lines else len(last)
    if len(last) > width or any(len(line) != width for line in lines):
        raise ValueError("its lines are not of one length")
    return decode_base64("".join((*lines, last)))


def _read_blob(blob: bytes, namespace: str) -> SshKey:
    if not blob.startswith(_PREAMBLE):
        raise ValueError("no SSH signature of version 1")
    public, purpose, reserved, digest, signature = _exactly(5, split_fields(blob.removeprefix(_PREAMBLE)))
    if purpose != namespace.encode() or reserved or digest not in _DIGESTS:
        raise ValueError("signed for another purpose, or in a way that is not known")
    key = decode_key(public)
    _check_signature(key, signature)
    return key


def _check_signature(key: SshKey, signature: bytes) -> None:
    """Raise where a signature is not of the form that its key makes, or was made without touching the key."""
    algorithm, rest = take_field(signature)
    if algorithm not in (_RSA_ALGORITHMS if key.kind == "ssh-rsa" else (key.kind.encode(),)):
        raise ValueError("not an algorithm of its key")
    made, rest = take_field(rest)
    if len(rest) != (5 if key.is_hardware else 0):
        raise ValueError("something is missing, or left")
    if "ecdsa" in key.kind:
        for number in _exactly(2, split_fields(made)):
            read_number(number)
    # ssh-keygen -Y verify does not look at the flags; sshd asks for the touch, as we do. A counter of 4 bytes follows.
    if key.is_hardware and not rest[0] & _TOUCHED:
        raise _UntouchedError


def _exactly(count: int, fields: list[bytes]) -> list[bytes]:
    if len(fields) != count:
        raise ValueError("too many fields, or too few")
    return fields
