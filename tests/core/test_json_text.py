"""JSON from strangers: what is read, and what is refused before it takes time, memory or the stack."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.deployments import parse_reconciled
from gitcellar.core.errors import InvalidError
from gitcellar.core.index import parse_list, parse_offer
from gitcellar.core.json_text import MAX_JSON_BYTES, MAX_JSON_VALUES, JsonError, parse_json
from gitcellar.core.sites import parse_statuses

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**99) + 1, 10**99 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet="abé\n", max_size=6), inner, max_size=4)
    ),
    max_leaves=15,
)

HOSTILE = {
    "nothing": (b"", "f:1:1: not JSON: expecting value"),
    "another encoding": ('{"a": 1}'.encode("utf-16"), "f:1: the file is not UTF-8"),
    "two documents": (b"{}\n{}", "f:2:1: not JSON: extra data"),
    "half of a string": (b'"' + b'\\"' * 500_000, "f:1:1: not JSON: unterminated string starting at"),
    "a control character": (b'["\n"]', "f:1:3: not JSON: invalid control character at"),
    "lists in lists": (b"[" * 1_000_000, "f:1: nested more than 32 deep"),
    "mappings in mappings": (b'{"a":\n' * 1_000_000, "f:33: nested more than 32 deep"),
    "closing without opening": (b"]" * 1_000_001, f"f:1: more than {MAX_JSON_VALUES} values"),
    "many values": (b"[" + b"0," * MAX_JSON_VALUES + b"0]", f"f:1: more than {MAX_JSON_VALUES} values"),
    "many strings": (b'""' * (MAX_JSON_VALUES + 1), f"f:1: more than {MAX_JSON_VALUES} values"),
    "many bytes": (
        b" " * (MAX_JSON_BYTES + 1), f"f:1: the file has {MAX_JSON_BYTES + 1} bytes, and {MAX_JSON_BYTES} are the most",
    ),
    "a long number": (
        b"[" + b"1" * 6000 + b"]", "f:1: a number has at most 100 digits, and this one has 6000; put text in quotes",
    ),
    "a large number": (b"[1e999]", "f:1: 1e999 is too large for a number; put text in quotes"),
    "a key twice": (b'[{"a": 1, "b": 2, "a": 3}]', "f:1: the key 'a' stands here twice"),
    "a long key": (b'{"' + b"a" * 1025 + b'": 1}', "f:1: a key has more than 1024 characters"),
    "half of a character": (b'["\\ud83d"]', "f:1: half of a surrogate pair, which is no character"),
    "half of a character in a key": (b'{"\\uDC00": 1}', "f:1: half of a surrogate pair, which is no character"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_json_is_refused_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(JsonError) as caught:
        parse_json(content, "f")
    assert caught.value.message == message


@given(VALUES)
def test_what_json_can_say_is_read(value: object) -> None:
    assert parse_json(json.dumps(value).encode(), "f") == value


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\0e-.u d8\n', max_size=60).map(str.encode))
def test_any_bytes_are_values_of_json_or_refused(content: bytes) -> None:
    try:
        json.dumps(parse_json(content, "f"), allow_nan=False, ensure_ascii=False).encode()
    except JsonError as error:
        assert error.faults


def test_what_only_python_writes_is_text() -> None:
    assert parse_json(b"[NaN, Infinity, -Infinity]", "f") == ["NaN", "Infinity", "-Infinity"]


def test_whole_characters_and_a_byte_order_mark_are_read() -> None:
    assert parse_json(b'\xef\xbb\xbf["\\ud83d\\ude00 \\\\ud800"]', "f") == ["😀 \\ud800"]


@pytest.mark.parametrize("content", [content for content, _ in HOSTILE.values()], ids=HOSTILE)
def test_every_state_and_answer_that_others_write_is_read_with_these_limits(content: bytes) -> None:
    for parse in (
        parse_reconciled,
        parse_list,
        lambda content: parse_offer(content, "vit-l/base#production"),
        lambda content: parse_statuses(content, "site.json"),
    ):
        with pytest.raises(InvalidError):
            parse(content)
