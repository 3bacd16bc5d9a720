"""Text that makes a parser slow, huge or surprised: each is a value or a refusal, in time that its size explains."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from gitcellar.core.documents import parse_document
from gitcellar.core.errors import CellarError
from gitcellar.core.manifest import find_entry, parse_dvc_artifacts, read_manifest
from gitcellar.core.metrics import parse_metrics
from gitcellar.core.names import ModelName
from gitcellar.policy.config import parse_policy

SECONDS = 2  # a bound on how time grows, and no measurement: most take a tenth of a second
FILE = "artifacts.yaml"  # one name for all, so that a document is parsed once
PARSERS: tuple[Callable[[bytes], object], ...] = (
    lambda content: parse_document(content, FILE),
    lambda content: read_manifest(content, FILE),
    lambda content: find_entry(ModelName("a/b"), {FILE: content}),
    lambda content: parse_dvc_artifacts(content, FILE),
    lambda content: parse_policy(content, FILE),
    lambda content: parse_metrics(content, FILE),
    *(lambda content, kind=kind: parse_metrics(content, f"m.{kind}") for kind in ("json", "toml", "csv")),
)


def many(form: str, count: int, *, before: str = "", after: str = "") -> bytes:
    """`form` for every number up to `count`."""
    return (before + "".join(form % number for number in range(count)) + after).encode()


def dotted(count: int, end: str) -> str:
    return "a." * count + end


HOSTILE = {
    # Words
    "a number in base 60": b"a/b: {path: x, params: {a: " + b":".join([b"1"] * 250_000) + b"}}",
    "a number of 6,000 digits": b"a/b: " + b"1" * 6_000,
    "a number of 6,000 digits with underscores": b"a/b: {path: 1" + b"_0" * 6_000 + b"}",
    "a float of 100,000 digits": b"a: 0." + b"1" * 100_000,
    "a number beyond all": b"a: 1e999999999",
    "a hexadecimal number of 200,000 digits": b"a: 0x" + b"f" * 200_000,
    "an empty int": b'a: !!int ""',
    "a timestamp that is none": b"a: !!timestamp abc",
    "a day that is none": b"a: 2001-13-45\nb: 2001-01-01 99:99:99",
    "bytes": b"a: !!binary aGVsbG8=",
    "an object": b'a: !!python/object/apply:os.system ["true"]',
    "no numbers": b"a: [.nan, .inf, -.inf, NaN, Infinity]",
    "a size of 400 digits": b"max_size: '" + b"9" * 400 + b"GB'",
    # Keys
    "a key of 200,000 characters": b"? " + b"k" * 200_000 + b"\n: 1",
    "keys that are no text": b"1: a\n2.5: b\ntrue: c\nnull: d\n2001-01-01: e\n~: f\n",
    "a key that is a mapping": b"{a: 1}: 2",
    "characters that a terminal obeys": b'"a\\u001b[2J\\u202e\\u0000/b": {path: "\\e\\0\\a"}\n',
    "half of a character": b'{"a": "\\ud800", "\\udfff": 1}',
    "a line of an editor that is two": "a: 1 # x\u2028b: 2\n".encode(),
    "one key 20,000 times": b"a: 1\n" * 20_000,
    # Shape
    "lists in lists": b"[" * 200_000,
    "mappings in mappings": b"{a: " * 200_000,
    "sequences in sequences": b"- " * 200_000,
    "mappings of JSON": b'{"a":' * 200_000,
    "1,000,000 items": b"[" + b"0," * 1_000_000 + b"0]",
    "1,000,000 documents": b"---\n" * 1_000_000,
    "aliases of aliases": b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
    "100,000 names of tags": many("%%TAG !a%d! x\n", 100_000, after="--- a\n"),
    "long paths of 20,000 keys": b"".join(b" " * depth + b"a" * 1000 + b":\n" for depth in range(25))
    + many(" " * 26 + "k%d: 1\n", 20_000),
    # Faults, each of which is explained
    "15,000 metrics that are none": many("m%d: x,", 15_000, before="a/b: {path: x, metrics: {", after="}}"),
    "15,000 unknown keys": many("m%d: x,", 15_000, before="a/b: {path: x, ", after="}"),
    "15,000 entries of nothing": many("a%d: {x: 1}\n", 15_000),
    "15,000 names that are none": many("a b%d: 1\n", 15_000),
    "7,000 values that fit no branch": many("m%d: [],", 7_000, before="a/b: {path: x, hardware: {", after="}}"),
    "40,000 rules that are none": many("m%d: off,", 40_000, before="rules: {", after="}"),
    "90,000 fields that are none": many("metric%d,", 90_000, before="required: [", after="]"),
    "4,000 people without a key": many("m%d@x: {keys: [abc]},", 4_000, before="people: {", after="}"),
    # TOML and CSV
    "a key of 200,000 dots": dotted(200_000, "a = 1").encode(),
    "a key of 32,000 dots": dotted(32_000, "a = 1").encode(),
    "tables below tables": "\n".join(f"[{dotted(99, f'b{n}')}]\n{dotted(99, 'c')} = 1" for n in range(150)).encode(),
    "one table and many keys": f"[{dotted(99, 'b')}]\n".encode() + many("c.b%d = 1\n", 6_000),
    "a table of tables": b"a = " + b"{b = " * 12_000,
    "columns times rows": many("a%d,", 300_000) + b"\n" + b"1\n" * 500_000,
    "one field of 4 MB": b"a\n" + b"1" * 4_000_000,
    "one line of quotes": b'"' * 4_000_000,
    "zeros": b"\0" * 4_000_000,
    "beyond all limits": b"#" * (4 * 1024 * 1024 + 1),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_read_or_refused_in_time(content: bytes) -> None:
    for number, parse in enumerate(PARSERS):
        begun = time.process_time()
        try:
            parse(content)
        except CellarError as error:
            assert len(error.message) < 100_000, number
        assert time.process_time() - begun < SECONDS, number
