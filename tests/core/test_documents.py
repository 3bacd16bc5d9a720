"""YAML from strangers: what is read, what is refused, and where the fault is."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.documents import (
    MAX_BYTES,
    MAX_FAULTS,
    MAX_KEY,
    MAX_NODES,
    MAX_TEXT,
    DocumentError,
    parse_document,
)
from gitcellar.core.scalars import is_disputed

# What JSON knows, and so a manifest.
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**99) + 1, 10**99 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    # A surrogate is no character, and the control characters of YAML are tried below.
    st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=20),
)
KEYS = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=15,
)


@given(VALUES)
def test_json_is_read_as_it_is_meant(value: object) -> None:
    escaped = json.dumps(value, ensure_ascii=False).translate(
        {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
    )
    assert parse_document(escaped.replace("\x7f", "\\x7f").encode(), "f").value == value


@given(VALUES.filter(lambda value: not isinstance(value, str) or is_disputed(value) is False))
def test_what_other_tools_write_is_read_as_they_mean_it(value: object) -> None:
    # PyYAML follows YAML 1.1, and quotes what is text there; ruamel.yaml, and so DVC, follows YAML 1.2.
    quoted = yaml.safe_dump(value, allow_unicode=True, default_style='"' if isinstance(value, str) else None)
    assert parse_document(quoted.encode(), "f").value == value


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        # Text, whatever it is elsewhere.
        ("2001-01-01", "2001-01-01"),
        ("2001-13-45", "2001-13-45"),
        ("2001-01-01 10:00:00 +2", "2001-01-01 10:00:00 +2"),
        ("1:30", "1:30"),
        ("190:20:30.15", "190:20:30.15"),
        ("010", "010"),
        ("00", "00"),
        ("0o17", "0o17"),
        ("0x1f", "0x1f"),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("1.2.3", "1.2.3"),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("y", "y"),
        (".nan", ".nan"),
        ("-.inf", "-.inf"),
        ("nan", "nan"),
        ("٣", "٣"),
        ("tRUE", "tRUE"),
        ("=", "="),
        ("<<", "<<"),
        ("'1.10'", "1.10"),
        ('"true"', "true"),
        ("|\n  1", "1\n"),
        # Numbers, booleans and null.
        ("1.10", 1.1),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e5", 1e5),
        ("1e-05", 1e-5),
        ("-1.5E+3", -1500.0),
        ("9" * 100, int("9" * 100)),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
    ],
)
def test_a_word_is_a_value_of_json_or_text_as_it_is_written(written: str, expected: object) -> None:
    value = parse_document(f"a: {written}\n".encode(), "f").value["a"]
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize("key", ["1", "1.10", "true", "on", "~", "2001-01-01", "0x1f", '"1"', ".nan", "=", ""])
def test_a_key_is_text_as_it_is_written(key: str) -> None:
    document = parse_document(f"? {key}\n: x\n".encode(), "f")
    assert document.value == {key.strip('"'): "x"}
    assert document.lines[(key.strip('"'),)] == 1
    assert document.disputed == (frozenset() if key in ('"1"', "=") else {(key,)})


@given(st.binary(max_size=200))
def test_any_bytes_are_plain_values_or_refused(content: bytes) -> None:
    try:
        json.dumps(parse_document(content, "f").value, allow_nan=False).encode("ascii")
    except DocumentError as error:
        assert all(fault.file == "f" and fault.line >= 1 for fault in error.faults)
        assert len(error.message.splitlines()) == len(error.faults)


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
        (b"a: 1\nb: *x", "f:2: b: aliases (*name) are not allowed here"),
        (b"<<: {a: 1}", "f:1: merge keys (<<) are not allowed here"),
        (b"? [a]\n: 1", "f:1: a key is a word here, not a list or a mapping"),
        (b"a: 1\n---\nb: 2", "f:2: one document a file, and a second one begins here"),
        (b"a: 1\n'a': 2", "f:2: a: the key 'a' stands here twice"),
        (b"1: x\n'1': y", "f:2: 1: the key '1' stands here twice"),
        (
            b"a:\n  b: !!python/name:os.system",
            "f:2: a.b: the tag tag:yaml.org,2002:python/name:os.system is not allowed here",
        ),
        (b"a: !!binary aGk=", "f:1: a: the tag tag:yaml.org,2002:binary is not allowed here"),
        (b"a: !!timestamp abc", "f:1: a: the tag tag:yaml.org,2002:timestamp is not allowed here"),
        (b'a: !!int ""', "f:1: a: the tag tag:yaml.org,2002:int is not allowed here"),
        (b"a: !!str 1", "f:1: a: the tag tag:yaml.org,2002:str is not allowed here"),
        (b"a: ! 1", "f:1: a: the tag ! is not allowed here"),
        (b"a: !x 1", "f:1: a: the tag !x is not allowed here"),
        (b"!x a: 1", "f:1: the tag !x is not allowed here"),
        (b"a: !!set {b}", "f:1: a: the tag tag:yaml.org,2002:set is not allowed here"),
        (b"%YAML 1.1\n---\na: yes", "f:1: directives (%YAML, %TAG) are not allowed here"),
        (
            b"a: [" + b"1" * 101 + b"]",
            "f:1: a: a number has at most 100 digits, and this one has 101; put text in quotes",
        ),
        (b"a: 1\nb: 1e999", "f:2: b: 1e999 is too large for a number; put text in quotes"),
        (
            b'a: "' + b"x" * (MAX_TEXT + 1) + b'"',
            f"f:1: a: a text of {MAX_TEXT + 1} characters, and {MAX_TEXT} are the most",
        ),
        (
            b"? " + b"x" * (MAX_KEY + 1) + b"\n: 1",
            f"f:1: a key of {MAX_KEY + 1} characters, and {MAX_KEY} are the most",
        ),
        (b'"a\\n::error::\\e\\u202e": !x 1', "f:1: a\\n::error::\\x1b\\u202e: the tag !x is not allowed here"),
        (b"a:\n- \x07", "f:2: not YAML: control characters are not allowed"),
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
    with pytest.raises(DocumentError, match=f"more than {MAX_NODES} values"):
        parse_document(b"[" + b"0," * (MAX_NODES + 1) + b"]", "f")


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\r"])
def test_a_line_that_ends_for_one_reader_alone_is_refused(end: str) -> None:
    # For libyaml an entry begins behind the comment; an editor and a review show a comment alone.
    with pytest.raises(DocumentError, match="f:2: a line ends here for some readers of YAML and not for others"):
        parse_document(f"a: 1\n# as before{end}b: 2\n".encode(), "f")


def test_a_byte_order_mark_and_lines_of_windows_are_read() -> None:
    assert parse_document(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f").value == {"a": 1, "b": 2}


def test_of_many_faults_the_first_hundred_are_told() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document(b"a: 1\n" * 1000, "f")
    assert len(caught.value.faults) == MAX_FAULTS + 1
    assert str(caught.value.faults[-1]) == "f:1000: 899 more faults follow"


def test_the_faults_of_a_file_are_remembered_too() -> None:
    content = b"".join(b"k%d: 1\n" % number for number in range(40_000)) + b"k0: 1\n"
    with pytest.raises(DocumentError):
        parse_document(content, "f")
    begun = time.process_time()
    for _ in range(100):
        with pytest.raises(DocumentError, match="the key 'k0' stands here twice"):
            parse_document(content, "f")
    assert time.process_time() - begun < 1


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
