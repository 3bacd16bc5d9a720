"""When are two keys the same key? When they consist of the same numbers, however these are wrapped.

Each function returns what identifies a key, in a form that SSH and OpenPGP share, and raises ValueError for numbers
that have a second spelling or that others can sign for. May import nothing of gitcellar.
"""

from __future__ import annotations

LEAST_BITS = 2048  # NIST SP 800-131A: shorter RSA and DSA keys are disallowed
_PRIME = 2**255 - 19
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME  # of the curve of Ed25519 (RFC 8032, section 5.1)
_COORDINATE_BYTES = {"nistp256": 32, "nistp384": 48, "nistp521": 66}


class WeakKeyError(ValueError):
    """A key that is well formed, and too short."""


def identify_rsa(exponent: int, modulus: int) -> str:
    """An RSA key is its modulus: whoever has the factors can sign under any exponent."""
    require_bits("RSA", modulus)
    if exponent < 3 or not exponent & 1:
        raise ValueError("an RSA exponent is odd and at least 3")
    return f"rsa {modulus:x}"


def identify_ed25519(point: bytes) -> str:
    """An Ed25519 key is the encoding of its point (RFC 8032, section 5.1.2)."""
    if len(point) != 32:
        raise ValueError("an Ed25519 key has 32 bytes")
    y = int.from_bytes(point, "little") & (1 << 255) - 1
    if y >= _PRIME:
        raise ValueError("its point is not written as RFC 8032 writes it")
    # Of order 1, 2, 4 and 8: for such a point anybody can make signatures, and zero has two spellings.
    if y * (y * y - 1) * (_D * y**4 + 2 * y * y - 1) % _PRIME == 0:
        raise ValueError("its point is of low order, so that anybody can sign for it")
    return f"ed25519 {point.hex()}"


def identify_curve_point(curve: str, point: bytes) -> str:
    """A key of an elliptic curve in its uncompressed form (SEC 1, section 2.3.3). Curves beside NIST's are by OID."""
    width = _COORDINATE_BYTES.get(curve, (len(point) - 1) // 2)
    if len(point) != 1 + 2 * width or point[:1] != b"\x04":
        raise ValueError("its point is not written in full, uncompressed")
    return f"{curve} {point.hex()}"


def require_bits(kind: str, modulus: int) -> None:
    """Raise WeakKeyError for an RSA or DSA key that is too short."""
    if modulus.bit_length() < LEAST_BITS:
        raise WeakKeyError(f"it has {modulus.bit_length()} bits, and {LEAST_BITS} is the least for {kind}")
