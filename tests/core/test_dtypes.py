"""Which casts lose nothing: by real values of NumPy, and by arithmetic where NumPy has no such type."""

from __future__ import annotations

import doctest
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gitcellar.core import dtypes
from gitcellar.core.dtypes import is_lossless

WHOLE = ["bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
REAL = [*WHOLE, "float16", "float32", "float64"]
KNOWN = [*REAL, "complex64", "complex128", "int2", "int4", "uint2", "uint4", "bfloat16", "float8_e4m3fn", "float8_e5m2"]

LOSSLESS = [
    ("int8", "float32"), ("int16", "float32"), ("int32", "float64"), ("uint8", "float16"), ("bfloat16", "float32"),
    ("float16", "float32"), ("float32", "float64"), ("int32", "int64"), ("uint8", "int16"), ("uint32", "float64"),
    ("bool", "uint8"), ("bool", "float16"), ("int8", "bfloat16"), ("uint8", "bfloat16"), ("int4", "float8_e4m3fn"),
    ("float8_e5m2", "float16"), ("float8_e4m3fn", "bfloat16"), ("float32", "complex64"), ("complex64", "complex128"),
    ("int16", "complex64"),
]  # fmt: skip
LOSES = [
    ("int64", "float64"), ("uint64", "float64"), ("int32", "float32"), ("uint16", "float16"), ("int16", "float16"),
    ("int16", "bfloat16"), ("float64", "float32"), ("float32", "float16"), ("float32", "bfloat16"),
    ("bfloat16", "float16"), ("float16", "bfloat16"), ("int8", "uint64"), ("uint64", "int64"), ("uint8", "int8"),
    ("float16", "int64"), ("uint8", "bool"), ("int8", "bool"), ("float8_e5m2", "float8_e4m3fn"),
    ("float8_e4m3fn", "float8_e5m2"), ("float64", "complex64"), ("complex64", "float64"), ("int64", "complex128"),
    ("string", "float32"), ("float32", "string"), ("", "float32"), ("Float32", "float32"), ("float32\n", "float64"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), LOSSLESS)
def test_a_cast_that_keeps_every_value_loses_nothing(old: str, new: str) -> None:
    assert is_lossless(old, new) and not is_lossless(new, old)


@pytest.mark.parametrize(("old", "new"), LOSES)
def test_a_cast_that_changes_a_value_loses_something(old: str, new: str) -> None:
    assert not is_lossless(old, new)


def edges(name: str) -> NDArray[np.generic]:
    """The values of a dtype at which a cast fails first: the ends of its range, its finest steps, odd numbers."""
    kind = np.dtype(name)
    if kind.kind == "b":
        return np.array([False, True])
    if kind.kind in "iu":
        lowest, highest = np.iinfo(kind).min, np.iinfo(kind).max
        near = {lowest, lowest + 1, highest - 1, highest, 0, 1, *(2**n + 1 for n in range(highest.bit_length() - 1))}
        return np.array(sorted(near), dtype=kind)
    facts = np.finfo(name)
    values = [facts.max, facts.min, facts.smallest_subnormal, 1 + facts.eps, facts.tiny, 0.0, np.inf]
    return np.array(values, dtype=kind)


@pytest.mark.parametrize("old", REAL)
def test_real_values_come_back_from_exactly_the_lossless_casts(old: str) -> None:
    values = edges(old)
    for new in REAL:
        with np.errstate(all="ignore"):
            cast = values.astype(new, casting="unsafe")
        same = all(_number(a) == _number(b) for a, b in zip(values.tolist(), cast.tolist(), strict=True))
        assert is_lossless(old, new) == same, (old, new)


FLOATS = {
    "float16": st.floats(width=16, allow_nan=False),
    "float32": st.floats(width=32, allow_nan=False),
    "float64": st.floats(width=64, allow_nan=False),
}


@given(st.sampled_from(REAL), st.sampled_from(REAL), st.data())
def test_any_value_survives_a_lossless_cast(old: str, new: str, data: st.DataObject) -> None:
    kind = np.dtype(old)
    if kind.kind == "f":
        value = data.draw(FLOATS[old])
    elif kind.kind == "b":
        value = data.draw(st.booleans())
    else:
        value = data.draw(st.integers(int(np.iinfo(kind).min), int(np.iinfo(kind).max)))
    if is_lossless(old, new):
        (cast,) = np.array([value], dtype=kind).astype(new).tolist()
        assert _number(cast) == _number(value)


@given(st.sampled_from(KNOWN), st.sampled_from(KNOWN), st.sampled_from(KNOWN))
def test_what_loses_nothing_twice_loses_nothing(old: str, middle: str, new: str) -> None:
    assert is_lossless(old, old)
    assert is_lossless(old, new) or not (is_lossless(old, middle) and is_lossless(middle, new))


def test_the_examples_of_the_module_hold() -> None:
    assert doctest.testmod(dtypes).failed == 0


def _number(value: float) -> object:
    """A value to compare exactly, for Python would round a whole number to compare it with a float of NumPy."""
    return Fraction(value) if np.isfinite(float(value)) else value
