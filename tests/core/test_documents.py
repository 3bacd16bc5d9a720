"""YAML from strangers: what is read, what is refused, and where the fault is."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.documents import MAX_BYTES, DocumentError, parse_document

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, width=32), st.text(max_size=20)
)
KEYS = st.text(alphabet=st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=15,
)


@given(VALUES)
def test_what_yaml_writes_is_read_as_yaml_reads_it(value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert parse_document(text.encode("utf-8", "surrogatepass"), "f").value == yaml.safe_load(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        parse_document(content, "f")
    except DocumentError as error:
        assert all(fault.file == "f" and fault.line >= 1 for fault in error.faults)


BOMB = b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (i + 1, i + 1, i, i) for i in range(97, 115))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "f:1: the file is not UTF-8"),
        (b"a: [1\nb: 2", "f:2:2: not YAML: did not find expected ',' or ']'"),
        (b"a: 1\na: 2", "f:2: a: the key 'a' stands here twice"),
        (
            b"a: {b: 1, b: 2}\nc: 1\nc: 1",
            "f:1: a.b: the key 'b' stands here twice\nf:3: c: the key 'c' stands here twice",
        ),
        (BOMB, "f:1: a: anchors (&name) are not allowed here"),
        (b"<<: {a: 1}", "f:1: merge keys (<<) are not allowed here"),
        (b"? [a]\n: 1", "f:1: a key is a word here, not a list or a mapping"),
        (b"a: 1\n---\nb: 2", "f:2: one document a file, and a second one begins here"),
        (b"a: 2001-13-45", "f:1: a: '2001-13-45' is no value"),
        (
            b"a: !!python/name:os.system",
            "f:1:4: not YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:python/name:os.system'",
        ),
        (b"a: !!set {b}", "f:1: a: the tag tag:yaml.org,2002:set is not allowed here"),
        (b"x" * (MAX_BYTES + 1), f"f:1: the file has {MAX_BYTES + 1} bytes, and {MAX_BYTES} are the most"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document(content, "f")
    assert caught.value.message == message


@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- "])
def test_depth_is_limited_before_a_parser_could_overflow(opening: bytes) -> None:
    with pytest.raises(DocumentError, match="nested more than 32 deep"):
        parse_document(opening * 200_000, "f")


def test_the_number_of_values_is_limited() -> None:
    with pytest.raises(DocumentError, match="more than 200000 values"):
        parse_document(b"[" + b"0," * 200_001 + b"]", "f")


def test_every_key_knows_its_line() -> None:
    document = parse_document(b"a:\n  b: 1\n  c:\n    - x\n    - y: 2\n", "f")
    assert document.lines == {
        (): 1,
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("a", "c", 1, "y"): 5,
    }
