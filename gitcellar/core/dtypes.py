"""Does a cast from one dtype to another keep every value? By the bits of each, and not by what a library calls safe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Whole:
    """Whole numbers below 2**bits; where they are signed, down to -(2**bits) as well."""

    bits: int
    signed: bool


@dataclass(frozen=True, slots=True)
class _Floating:
    """Numbers m * 2**e with at most `precision` bits in m, below 2**(highest + 1), and with e at least `lowest`."""

    precision: int
    highest: int
    lowest: int


# A boolean is a whole number of one bit, so no number becomes one. NumPy and ONNX give them these names.
_WHOLE: Mapping[str, _Whole] = {
    "bool": _Whole(1, signed=False),
    **{f"uint{bits}": _Whole(bits, signed=False) for bits in (2, 4, 8, 16, 32, 64)},
    **{f"int{bits}": _Whole(bits - 1, signed=True) for bits in (2, 4, 8, 16, 32, 64)},
}
# IEEE 754-2019, table 3.5; bfloat16 as Intel has it; those of 8 bits as the Open Compute Project has them.
_FLOATING: Mapping[str, _Floating] = {
    "float8_e4m3fn": _Floating(4, 8, -9),
    "float8_e5m2": _Floating(3, 15, -16),
    "float16": _Floating(11, 15, -24),
    "bfloat16": _Floating(8, 127, -133),
    "float32": _Floating(24, 127, -149),
    "float64": _Floating(53, 1023, -1074),
}
_COMPLEX = {"complex64": "float32", "complex128": "float64"}
# Those that have a meaning here; a manifest may name any other.
KNOWN: tuple[str, ...] = (*_WHOLE, *_FLOATING, *_COMPLEX, "string", "bytes", "datetime64")


def is_lossless(old: str, new: str) -> bool:
    """Whether every value of `old` is one of `new`. A name that is not known is that of itself alone.

    >>> is_lossless("int32", "float64"), is_lossless("int64", "float64")
    (True, False)
    """
    if old == new:
        return True
    if new in _COMPLEX:
        return is_lossless(_COMPLEX.get(old, old), _COMPLEX[new])
    return _fits_whole(old, new) or _fits_floating(old, new)


def _fits_whole(old: str, new: str) -> bool:
    before, after = _WHOLE.get(old), _WHOLE.get(new)
    if before is None or after is None or new == "bool":
        return False
    return after.bits >= before.bits and (after.signed or not before.signed)


def _fits_floating(old: str, new: str) -> bool:
    after = _FLOATING.get(new)
    if after is None:
        return False
    whole, before = _WHOLE.get(old), _FLOATING.get(old)
    if whole is not None:
        # -(2**bits) has one bit in m, and needs an exponent of its own.
        return after.precision >= whole.bits and after.highest >= whole.bits - (not whole.signed)
    return before is not None and (
        after.precision >= before.precision and after.highest >= before.highest and after.lowest <= before.lowest
    )
