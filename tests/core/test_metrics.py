"""Numbers from files of strangers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.documents import DocumentError
from gitcellar.core.metrics import find_numbers, parse_metrics


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("m.json", b'{"acc": 0.9, "val": {"loss": 1e-05, "name": "x", "ok": true}}', {"acc": 0.9, "val.loss": 1e-05}),
        ("m.yaml", b"acc: 0.9\nval: {loss: 2}\n", {"acc": 0.9, "val.loss": 2.0}),
        ("m.toml", b"acc = 0.9\n[val]\nloss = 2\n", {"acc": 0.9, "val.loss": 2.0}),
        ("m.csv", b"step,acc,name\n1,0.5,x\n2,0.9,y\n", {"step": 2.0, "acc": 0.9}),
        ("m.csv", b"step,acc\n", {}),
        ("m.csv", b"", {}),
        ("m.json", b'{"a": NaN, "b": Infinity, "c": 1}', {"c": 1.0}),
        ("m.yaml", b"a: .nan\nb: -.inf\nc: 1e-05\nd: yes\ne: 1:30\nf: 2001-01-01", {"c": 1e-05}),
        ("m.toml", b"a = nan\nb = inf\nc = 1\nd = 2001-01-01\ne = 1" + b"0" * 400, {"c": 1.0}),
        ("m.csv", "a,b,c,d,e,f\n1,2,3,4,5,6\n\n1_0, nan,٣,Infinity,-1e-3,0x1\n".encode(), {"e": -0.001}),
        ("m.csv", b"a,b\n1,2\n3\n", {"a": 3.0}),
        ("m.csv", b"\xef\xbb\xbfa,,\r\n1,2,3\r\n", {"a": 1.0}),
        ("m.json", b'{"' + b"a" * 249 + b'": {"b": 1, "c": {"d": 1}}}', {}),
        ("m.json", b"3", {}),
        ("M.JSON", b'{"a": 1}', {"a": 1.0}),
    ],
)
def test_numbers_are_found_by_the_path_of_their_keys(file: str, content: bytes, expected: dict[str, float]) -> None:
    assert parse_metrics(content, file) == expected


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("m.json", b"{", "m.json:1:2: not JSON: expecting property name enclosed in double quotes"),
        ("m.json", b"[" * 100_000, "m.json:1: nested more than 32 deep"),
        ("m.json", b'{"a": 1, "a": 2}', "m.json:1: the key 'a' stands here twice"),
        ("m.json", b'{"a": 1' + b"0" * 6000 + b"}", "m.json:1: a number has at most 100 digits, and this one has 6001; put text in quotes"),
        ("m.json", b'{"a.b": 1, "a": {"b": 2}}', "m.json:1: two numbers have the name 'a.b'"),
        ("m.yaml", b"a: [1", "m.yaml:2:1: not YAML: did not find expected ',' or ']'"),
        ("m.toml", b"a =", "m.toml:1: not TOML: Invalid value (at end of document)"),
        ("m.toml", b"a=" + b"[" * 60_000, "m.toml:1: not TOML: maximum recursion depth exceeded"),
        ("m.toml", b"#" * 65_537, "m.toml:1: the file has 65537 bytes, and 65536 are the most"),
        ("m.toml", b"a = 1\n" + b"a." * 32_000 + b"b = 1", "m.toml:2: more than 100 dots on one line"),
        ("m.csv", b"\xff", "m.csv:1: the file is not UTF-8"),
        ("m.csv", b"a,a\n1,2\n", "m.csv:1: the column 'a' stands here twice"),
        ("m.csv", b"a\n" + b"1" * 101, "m.csv:1: a number has at most 100 digits, and this one has 101; put text in quotes"),
        ("m.csv", b"a\n" + b"x" * 200_000, "m.csv:1: not CSV: field larger than field limit (131072)"),
        ("m.pkl", b"", "m.pkl:1: metrics are read from .json, .yaml, .toml and .csv files"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_cannot_be_read_is_told(file: str, content: bytes, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_metrics(content, file)
    assert caught.value.message.startswith(message)


@given(st.sampled_from(["json", "yaml", "toml", "csv"]), st.binary(max_size=100))
def test_any_bytes_are_finite_numbers_or_refused(suffix: str, content: bytes) -> None:
    try:
        assert all(math.isfinite(value) for value in parse_metrics(content, f"m.{suffix}").values())
    except DocumentError as error:
        assert error.message


def test_a_mapping_without_end_is_cut_off() -> None:
    deep: dict[str, object] = {"a": 1}
    for _ in range(1000):
        deep = {"a": deep}
    assert find_numbers(deep) == {}
