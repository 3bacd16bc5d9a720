"""What is signed in a tag object, and by which key? The bytes before a signature, and of an SSH one the key inside it.

Nothing is verified here (store.signatures and store.openpgp do); this says what there is to verify. May import
core.errors and core.openpgp. Source: OpenSSH's PROTOCOL.sshsig; git appends the armored signature to the object.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from gitcellar.core.errors import InvalidError
from gitcellar.core.openpgp import EXPIRED, UNKNOWN

NAMESPACE = "git"
KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"-----END SSH SIGNATURE-----\n"
_ARMOR = re.compile(_BEGIN + rb"((?:[A-Za-z0-9+/=]{1,100}\n){1,200})" + _END)
# Why nobody is known to have signed, as opposed to signed wrongly: words that follow "it".
UNSIGNED = "is not signed"
UNPROVEN = (UNSIGNED, UNKNOWN, EXPIRED)
BROKEN = "has a signature that does not fit"
_OPENPGP = re.compile(rb"^-----BEGIN PGP (?:SIGNATURE|MESSAGE)-----$", re.MULTILINE)
_OPENPGP_ARMOR = re.compile(
    rb"-----BEGIN PGP SIGNATURE-----\n(?:[A-Za-z]+: [^\n]{0,200}\n)*\n(?:[A-Za-z0-9+/=]{1,76}\n){1,200}"
    rb"-----END PGP SIGNATURE-----\n"
)
_MALFORMED = "has something after its signature, or one that is malformed"
_MAGIC = b"SSHSIG"


@dataclass(frozen=True, slots=True)
class Signed:
    """A tag object's signature: what it covers, the armored signature, and the public key that it says made it.

    `key` is None of an OpenPGP signature, which does not bring its key.
    """

    payload: bytes
    armor: bytes
    key: str | None


def parse_key(text: str) -> str:
    """A public key as `type base64`, without its comment. Raise InvalidError for anything else.

    >>> parse_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmA0cWLlHYV/dFqNYwHpOAL65Tg4mb3vwT49sU0fPGd ada@example.com")
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmA0cWLlHYV/dFqNYwHpOAL65Tg4mb3vwT49sU0fPGd'
    """
    words = text.split()
    if len(words) < 2 or words[0] not in KEY_TYPES:
        raise InvalidError(f"{text!r:.60} is no SSH public key", hint="it is the line of a file such as id_ed25519.pub")
    try:
        blob = base64.b64decode(words[1], validate=True)
        inside, _ = _take(blob)
    except (binascii.Error, ValueError) as error:
        raise InvalidError(f"{text!r:.60} is no SSH public key: its base64 is broken") from error
    if inside.decode("ascii", "replace") != words[0] or base64.b64encode(blob).decode() != words[1]:
        raise InvalidError(f"{text!r:.60} is no SSH public key: it is not of the type that it says")
    return f"{words[0]} {words[1]}"


def find_signed(content: bytes) -> Signed | str:
    """The signature of a tag object; or, where none can be read, why not, as words that follow "it"."""
    start = content.find(b"\n" + _BEGIN) + 1
    if not start:
        return _find_openpgp(content)
    match = _ARMOR.fullmatch(content, start)
    if match is None:
        # `git verify-tag` says Good where bytes are appended after the signature.
        return _MALFORMED
    try:
        key = _read_key(base64.b64decode(match[1], validate=False))
    except (binascii.Error, ValueError, InvalidError):
        return "has a signature that is malformed"
    return Signed(content[:start], content[start:], key)


def _find_openpgp(content: bytes) -> Signed | str:
    found = _OPENPGP.search(content)
    if found is None:
        return UNSIGNED
    if _OPENPGP_ARMOR.fullmatch(content, found.start()) is None:
        return _MALFORMED
    return Signed(content[: found.start()], content[found.start() :], None)


def _read_key(blob: bytes) -> str:
    if not blob.startswith(_MAGIC) or blob[len(_MAGIC) : len(_MAGIC) + 4] != b"\0\0\0\1":
        raise ValueError("no SSH signature of version 1")
    public, rest = _take(blob[len(_MAGIC) + 4 :])
    namespace, _ = _take(rest)
    if namespace != NAMESPACE.encode():
        raise ValueError("signed for another purpose")
    kind, _ = _take(public)
    return parse_key(f"{kind.decode('ascii')} {base64.b64encode(public).decode()}")


def _take(blob: bytes) -> tuple[bytes, bytes]:
    """One length-prefixed string (RFC 4251, section 5), and what follows it."""
    size = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 + size:
        raise ValueError("truncated")
    return blob[4 : 4 + size], blob[4 + size :]
