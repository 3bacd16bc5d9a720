"""A user's YAML file is changed in one place, and stays as it was written everywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcellar.core.errors import InvalidError
from gitcellar.store.yaml_files import merge_entry

# Words that ruamel.yaml fails on, or would write back in another way.
WORDS = [
    "2001-13-45", "2001-01-01 99:99:99", "2001-01-01t10:00:00z", "1_0e999", "1" + "_0" * 2_500, "0x1F", "010", "1:30",
    "1.10", "+.5", "1E5", "True", "yes", "off", ".nan", "-.INF", "0o17", "=",
]  # fmt: skip


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word[:20])
def test_a_word_stays_as_it_is_written(word: str, tmp_path: Path) -> None:
    path = tmp_path / "artifacts.yaml"
    path.write_text(f"# ours\na/b:\n  path: x # here\n  custom:\n    word: {word}\n    words:\n      - {word}\n")
    before = path.read_text()
    merge_entry(path, ("a/c",), {"path": "y"})
    # ruamel.yaml breaks a long line between words, which changes none of them.
    assert path.read_text().split() == f"{before}a/c:\n  path: y\n".split()


def test_a_key_that_is_no_text_elsewhere_stays_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "artifacts.yaml"
    path.write_text("a/b:\n  params: {1.10: x, 010: x, on: x, 2001-13-45: x}\n")
    before = path.read_text()
    merge_entry(path, ("a/c",), {"path": "y", "version": "1.10", "on": "2001-01-01"})
    assert path.read_text() == before + "a/c:\n  path: y\n  version: '1.10'\n  on: '2001-01-01'\n"


def test_what_yaml_1_2_does_not_allow_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "artifacts.yaml"
    path.write_text("a/b:\n  path:\tx\n")
    with pytest.raises(InvalidError, match=r"^artifacts.yaml:2: not YAML 1.2: found character '\\t' that cannot start"):
        merge_entry(path, ("a/c",), {"path": "y"})
    assert path.read_text() == "a/b:\n  path:\tx\n"
