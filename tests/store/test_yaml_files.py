"""A user's YAML file is changed in one place, and stays as it was written everywhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitcellar.core.documents import parse_document
from gitcellar.core.errors import InvalidError
from gitcellar.store.yaml_files import merge_entry, replace_items

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


ENTRY = {"match": "b", "stages": ["x", "y"], "reason": "It is: late", "until": "2099-01-01"}
AROUND = {
    "comments after the last key": "# a\nstages:\n  x: {from: [none]}\n\n# after\n# more\n",
    "comments alone": "# ours\n\n# more\n",
    "nothing": "",
    "no line break at the end": "stages: [x]\n# after",
    "another indent, quotes and a long line": f"stages:\n- 'x'   # one\n-   \"y\"\nnote: {'word ' * 60}\n# after\n",
    "Windows line ends": "stages: [x]\r\n# after\r\n",
}


def add(match: str) -> Callable[[list[Any]], list[Any]]:
    return lambda items: [*items, {**ENTRY, "match": match}]


def lift(match: str) -> Callable[[list[Any]], list[Any]]:
    return lambda items: [item for item in items if item["match"] != match]


@pytest.mark.parametrize("text", AROUND.values(), ids=AROUND)
def test_a_list_that_was_added_and_emptied_leaves_the_file_as_it_was(text: str, tmp_path: Path) -> None:
    path = tmp_path / "gitcellar.yaml"
    path.write_bytes(text.encode())
    for match in ("b", "c"):
        replace_items(path, "freezes", add(match), check=bool)
    parsed = parse_document(path.read_bytes(), path.name).value
    assert parsed["freezes"] == [{**ENTRY, "match": match} for match in ("b", "c")]
    for match in ("b", "c"):
        replace_items(path, "freezes", lift(match), check=bool)
    assert path.read_bytes() == text.encode()


LISTED = """\
stages: [x]  # one
freezes:
# about a
- match: a   # the line of a
  reason: >
    long

    text

# about b
-  match: 'b'
   stages: [x, "y"]   # both

# about the rest
models: []
"""


def test_an_item_that_goes_takes_no_comment_of_another_with_it(tmp_path: Path) -> None:
    path = tmp_path / "gitcellar.yaml"
    path.write_text(LISTED)
    replace_items(path, "freezes", lift("a"), check=bool)
    assert path.read_text() == LISTED.replace(LISTED[LISTED.index("- match: a") : LISTED.index("\n# about b")], "")


def test_an_item_that_changes_keeps_its_comments_and_those_around_it(tmp_path: Path) -> None:
    path = tmp_path / "gitcellar.yaml"
    path.write_text(LISTED)

    def shorten(items: list[Any]) -> list[Any]:
        items[1]["stages"] = ["x"]
        return items

    replace_items(path, "freezes", shorten, check=bool)
    start = LISTED.index("-  match: 'b'")
    changed = "- match: 'b'\n  stages: [x]       # both\n"
    assert path.read_text() == LISTED[:start] + changed + LISTED[LISTED.index("\n# about the rest") :]


def test_a_list_in_flow_style_is_changed_as_well(tmp_path: Path) -> None:
    path = tmp_path / "gitcellar.yaml"
    path.write_text("{stages: [x], freezes: [{match: a}, {match: b, until: c}]}\n")
    replace_items(path, "freezes", lift("a"), check=bool)
    assert path.read_text() == "{stages: [x], freezes: [{match: b, until: c}]}\n"
    path.write_text("freezes: [{match: a, until: c}]\nstages: [x]\n")
    replace_items(path, "freezes", lambda items: [*items, {"match": "b"}], check=bool)
    document = parse_document(path.read_bytes(), path.name).value
    assert document == {"freezes": [{"match": "a", "until": "c"}, {"match": "b"}], "stages": ["x"]}
