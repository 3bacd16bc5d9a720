"""SSH keys and signatures byte by byte: what ssh-keygen would not write, and hardware keys without hardware."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TOUCHED, UNTOUCHED = 0x01, 0x00
APPLICATION = b"ssh:"


def wire(*fields: bytes) -> bytes:
    """Length-prefixed strings (RFC 4251, section 5)."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def mpint(number: int) -> bytes:
    """A positive number as RFC 4251 writes it."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def key_line(blob: bytes) -> str:
    """A public key as `type base64`, of the type that the blob says."""
    kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode()
    return f"{kind} {base64.b64encode(blob).decode()}"


def armor(blob: bytes, *, width: int = 70) -> bytes:
    """An armored signature, as ssh-keygen breaks its lines."""
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + width] for start in range(0, len(text), width)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]).encode()


def covered(content: bytes, *, namespace: bytes = b"git", digest: str = "sha512") -> bytes:
    """What a signature of `content` covers (PROTOCOL.sshsig, section 4)."""
    return b"SSHSIG" + wire(namespace, b"", digest.encode(), hashlib.new(digest, content).digest())


def signature_blob(
    public: bytes, signature: bytes, *, namespace: bytes = b"git", reserved: bytes = b"", digest: bytes = b"sha512"
) -> bytes:
    """The blob of a signature (PROTOCOL.sshsig, section 3)."""
    return b"SSHSIG\0\0\0\1" + wire(public, namespace, reserved, digest, signature)


@dataclass(frozen=True)
class SoftKey:
    """A key that signs as a FIDO authenticator does (PROTOCOL.u2f), touched or not."""

    key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey

    @property
    def public(self) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            point = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return wire(b"sk-ssh-ed25519@openssh.com", point, APPLICATION)
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return wire(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", point, APPLICATION)

    def sign(self, content: bytes, flags: int) -> bytes:
        """The armored signature of `content`."""
        tail = bytes([flags]) + (7).to_bytes(4, "big")
        asked = hashlib.sha256(APPLICATION).digest() + tail + hashlib.sha256(covered(content)).digest()
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            kind, made = b"sk-ssh-ed25519@openssh.com", self.key.sign(asked)
        else:
            r, s = utils.decode_dss_signature(self.key.sign(asked, ec.ECDSA(hashes.SHA256())))
            kind, made = b"sk-ecdsa-sha2-nistp256@openssh.com", wire(mpint(r), mpint(s))
        return armor(signature_blob(self.public, wire(kind, made) + tail))


SOFT_KEYS = {
    "sk-ssh-ed25519": SoftKey(ed25519.Ed25519PrivateKey.from_private_bytes(b"a" * 32)),
    "sk-ecdsa": SoftKey(ec.derive_private_key(12345, ec.SECP256R1())),
}
