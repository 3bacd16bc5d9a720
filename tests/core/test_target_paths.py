"""A path of a target stays in it, whoever wrote it."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.errors import InvalidError
from gitcellar.core.target_paths import parse_target_path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../victim.txt",
        "a/../../victim.txt",
        "a/..",
        ".",
        "./a",
        "a//b",
        "a/",
        "a\\..\\b",
        "a\nb",
        "a\tb",
        "a\0b",
        "a\x7fb",
        "a\u2028b",
        "a\u202eb",
        "a\ud800b",
        ".git/hooks/post-checkout",
        "a/.GIT/config",
        ".gitcellar/reconciled.json",
        ".gitcellar/weights/x",
        ".GitCellar/x",
        "a/" * 500 + "a",
        "a" * 201,
        "ä" * 101,
    ],
)
def test_a_path_that_could_be_another_file_is_refused(path: str) -> None:
    with pytest.raises(InvalidError, match="is no path of a target"):
        parse_target_path(path)


@pytest.mark.parametrize(
    "path", ["a", "a/b.yaml", "..a", "-x", "a b", "ä/ß", ".gitignore", ".github/x", "a/.gitcellar"]
)
def test_a_path_within_is_taken(path: str) -> None:
    assert parse_target_path(path) == path


@given(st.text(st.sampled_from("./\\a\n"), max_size=12))
def test_what_is_taken_is_spelled_in_one_way(path: str) -> None:
    try:
        taken = parse_target_path(path)
    except InvalidError:
        return
    assert taken == path == posixpath.normpath(path)
    assert not path.startswith(("/", "../"))
