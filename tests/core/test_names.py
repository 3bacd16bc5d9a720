"""What may be called what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.errors import InvalidError
from gitcellar.core.names import MAX_LENGTH, find_model_name, is_stage_name, parse_model_name, parse_stage_name

HOSTILE = {
    "empty": "",
    "newline": "vit-l/base\n",
    "inner newline": "vit-l/\nbase",
    "option": "-x",
    "parent": "../x",
    "double slash": "a//b",
    "trailing slash": "vit-l/",
    "leading slash": "/vit-l",
    "lock": "vit-l/x.lock",
    "lock folder": "x.lock/base",
    "two dots": "a..b/base",
    "trailing dot": "vit-l/base.",
    "arabic digit": "vit-l/base\u0661",
    "fullwidth": "\uff41/b",
    "bidi mark": "vit-l/\u202ebase",
    "space": "vit l/base",
    "shell": "$(id)/base",
    "quote": "a'b/base",
    "at": "vit-l/base@1",
    "hash": "vit-l/base#x",
    "two folders": "a:b:c",
    "nul": "a\0b/base",
    "300 characters": "a" * 300,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_git_or_a_shell_could_misread_is_no_model_name(text: str) -> None:
    assert find_model_name(text) is None
    with pytest.raises(InvalidError):
        parse_model_name(text)


@pytest.mark.parametrize(
    ("text", "rack", "project", "kind"),
    [
        ("vit-l/base", "vit-l", "base", "base"),
        ("vit-l/projectA", "vit-l", "projectA", "project"),
        ("vit/vit-l/base", "vit/vit-l", "base", "base"),
        ("a_b/c.d", "a_b", "c.d", "project"),
        ("churn", None, "churn", "model"),
        ("base", None, "base", "model"),
        ("models:churn", None, "churn", "model"),
        ("a/b:churn", None, "churn", "model"),
    ],
)
def test_a_name_says_rack_project_and_kind(text: str, rack: str | None, project: str, kind: str) -> None:
    name = parse_model_name(text)
    assert (name.rack, name.project, name.kind) == (rack, project, kind)


def test_a_folder_is_spelled_with_an_equals_sign_in_a_tag() -> None:
    name = parse_model_name("models:churn")
    assert name.in_tag == "models=churn"
    assert find_model_name("models=churn") == name


@pytest.mark.parametrize("text", ["", "a/b", "pro duction", "x.lock", "-x", "prod\n", "a:b", "\u0661"])
def test_a_stage_is_one_plain_word(text: str) -> None:
    assert not is_stage_name(text)
    with pytest.raises(InvalidError):
        parse_stage_name(text)


@given(st.text(alphabet="aZ09._-/:", max_size=MAX_LENGTH + 5))
def test_a_name_that_is_accepted_is_its_own_spelling(text: str) -> None:
    name = find_model_name(text.replace(":", "="))
    if name is not None:
        assert name.text == text
        assert parse_model_name(text) == name
        assert find_model_name(name.in_tag) == name
