"""Numbers from files of strangers."""

from __future__ import annotations

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
        ("m.json", b'{"a": 1' + b"0" * 400 + b"}", {}),
        ("m.json", b"3", {}),
        ("M.JSON", b'{"a": 1}', {"a": 1.0}),
    ],
)
def test_numbers_are_found_by_the_path_of_their_keys(file: str, content: bytes, expected: dict[str, float]) -> None:
    assert parse_metrics(content, file) == expected


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("m.json", b"{"),
        ("m.json", b"[" * 100_000),
        ("m.yaml", b"a: [1"),
        ("m.toml", b"a ="),
        ("m.csv", b"\xff"),
        ("m.pkl", b""),
    ],
)
def test_what_cannot_be_read_is_told(file: str, content: bytes) -> None:
    with pytest.raises(DocumentError, match=f"^{file}:"):
        parse_metrics(content, file)


@given(st.sampled_from(["json", "yaml", "toml", "csv"]), st.binary(max_size=100))
def test_any_bytes_are_numbers_or_refused(suffix: str, content: bytes) -> None:
    try:
        assert all(isinstance(value, float) for value in parse_metrics(content, f"m.{suffix}").values())
    except DocumentError as error:
        assert error.message


def test_a_mapping_without_end_is_cut_off() -> None:
    deep: dict[str, object] = {"a": 1}
    for _ in range(1000):
        deep = {"a": deep}
    assert find_numbers(deep) == {}
