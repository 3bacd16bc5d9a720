"""What git says to its hooks, and tag objects: read strictly, and never with a crash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.errors import InvalidError
from gitcellar.core.pushes import PushedRef, parse_pre_push, parse_pre_receive, parse_update
from gitcellar.core.tag_objects import MAX_BYTES, find_tag_object

IDS = st.one_of(
    st.text("0123456789abcdef", min_size=40, max_size=40), st.text("0123456789abcdef", min_size=64, max_size=64)
)
REFS = st.text(
    st.characters(blacklist_characters="\x7f", blacklist_categories=["Cs"], min_codepoint=33), min_size=1, max_size=40
).map("refs/".__add__)
LOCALS = st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"]), min_size=1, max_size=20)


def known(object_id: str) -> str | None:
    return object_id if object_id.strip("0") else None


@given(st.lists(st.tuples(LOCALS, IDS, REFS, IDS), unique_by=lambda line: line[2]))
def test_what_git_writes_is_read(lines: list[tuple[str, str, str, str]]) -> None:
    expected = [PushedRef(ref, known(old), known(new)) for _, new, ref, old in lines]
    pushed = "".join(f"{local} {new} {ref} {old}\n" for local, new, ref, old in lines)
    received = "".join(f"{old} {new} {ref}\n" for _, new, ref, old in lines)
    assert parse_pre_push(pushed.encode("utf-8", "surrogateescape")) == expected
    assert parse_pre_receive(received.encode("utf-8", "surrogateescape")) == expected
    for _, new, ref, old in lines:
        assert parse_update(ref, old, new) == PushedRef(ref, known(old), known(new))


@pytest.mark.parametrize("parse", [parse_pre_push, parse_pre_receive])
@given(st.binary(max_size=300))
def test_any_other_input_is_refused_and_nothing_else(parse: Any, stdin: bytes) -> None:
    try:
        assert all(ref.ref.startswith("refs/") for ref in parse(stdin))
    except InvalidError as error:
        assert error.message


@given(st.data())
def test_a_line_that_is_cut_off_is_refused(data: st.DataObject) -> None:
    whole = f"{'a' * 40} {'b' * 40} refs/tags/x\n".encode()
    with pytest.raises(InvalidError):
        parse_pre_receive(whole[: data.draw(st.integers(1, len(whole) - 1))])


HEADER = f"object {'a' * 40}\ntype commit\ntag vit-l/base@1.0\ntagger Ann <a@x> 1 +0000\n"


def test_a_tag_object_is_taken_apart() -> None:
    found = find_tag_object(f"{HEADER}\nRegister\n\nVersion: 1.0\n".encode())
    assert found is not None
    assert (found.target, found.target_kind, found.field) == ("a" * 40, "commit", "vit-l/base@1.0")
    assert found.message == "Register\n\nVersion: 1.0\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        HEADER.encode(),
        HEADER.replace("tagger", "author").encode() + b"\nx",
        HEADER.replace("tagger Ann <a@x> 1 +0000\n", "").encode() + b"\nx",
        HEADER.encode() + b"extra x\n\nx",
        HEADER.replace("commit", "comit").encode() + b"\nx",
        b" " + HEADER.encode() + b"\nx",
        HEADER.encode() + b"\n" + b"x" * MAX_BYTES,
    ],
    ids=["empty", "no message", "no tagger", "without", "extra", "type", "space", "huge"],
)
def test_what_git_tag_would_not_write_is_no_tag_object(content: bytes) -> None:
    assert find_tag_object(content) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_a_tag_object_or_none(content: bytes) -> None:
    find_tag_object(content)
    found = find_tag_object(HEADER.encode() + b"\n" + content)
    assert found is not None
    assert found.field == "vit-l/base@1.0"
