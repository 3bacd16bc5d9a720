"""What a person means by REF."""

from __future__ import annotations

import pytest

from gitcellar.core.errors import CellarError, InvalidError, NotFoundError
from gitcellar.core.names import ModelName
from gitcellar.core.references import find_referenced, parse_reference
from gitcellar.core.state import fold_events
from gitcellar.core.tags import parse_listing

# Each tag with the number of the commit that it stands at.
TAGS = {
    "vit-l/base": [("@1.0", 0), ("@1.1", 1), ("@1.2-rc.1", 2), ("@2.0", 3), ("@2.0!#2", 3), ("#production#1", 0)],
    "vit-l/projectA": [
        ("@1.0.1", 0),
        ("@1.0.2", 1),
        ("@1.1.1", 2),
        ("#production#1", 0),
        ("#staging#2", 1),
        ("#staging!#3", 1),
    ],
}
LISTING = "".join(
    f"{'0' * 40} refs/tags/{name}{tag}\n{commit:040d} refs/tags/{name}{tag}^{{}}\n"
    for name, tags in TAGS.items()
    for tag, commit in tags
)


def find(text: str) -> str:
    reference = parse_reference(text)
    events = parse_listing(LISTING)
    return str(find_referenced(reference, fold_events(reference.model, events.get(reference.model, ()))).version)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("vit-l/base@1.0", "1.0"),
        ("vit-l/base@v1.0.0", "1.0"),
        ("vit-l/base@1", "1.1"),
        ("vit-l/base@latest", "1.1"),
        ("vit-l/base@2.0", "2.0"),
        ("vit-l/base@1.2-rc.1", "1.2-rc.1"),
        ("vit-l/base#production", "1.0"),
        ("vit-l/base#production#1", "1.0"),
        ("vit-l/base@2.0!#2", "2.0"),
        ("refs/tags/vit-l/base@1.1", "1.1"),
        ("vit-l/projectA@1", "1.1.1"),
        ("vit-l/projectA@1.0", "1.0.2"),
        ("vit-l/projectA@v1.0.1", "1.0.1"),
        ("vit-l/projectA#production", "1.0.1"),
    ],
)
def test_a_reference_means_one_version(text: str, version: str) -> None:
    assert find(text) == version


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("vit-l/base@1.3", "vit-l/base 1.3 is not registered", "did you mean 1.1 or 1.0?"),
        ("vit-l/base@2", "vit-l/base has no version 2.* that was not withdrawn", "registered: 1.0, 1.1, 1.2-rc.1, 2.0"),
        ("vit-l/projectA#staging", "no version of vit-l/projectA is in staging", "in use: production (1.0.1)"),
        ("vit-l/projectA#productoin", "no version of vit-l/projectA is in productoin", "did you mean production?"),
        (
            "vit-l/projectA#production#9",
            "there is no tag vit-l/projectA#production#9",
            "did you mean vit-l/projectA#production#1",
        ),
    ],
)
def test_what_is_not_there_is_told_with_what_is(text: str, message: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        find(text)
    assert caught.value.message == message
    assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vit-l/base",
        "vit-l/base@",
        "vit-l/base#",
        "@1.0",
        "#x",
        "vit-l/base@x",
        "vit-l/base@1.2.3.4",
        "a b@1.0",
        "vit-l/base#a/b",
        "vit-l/base@1.0\n",
    ],
)
def test_what_is_no_reference_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse_reference(text)
    assert isinstance(caught.value, CellarError)
    assert caught.value.hint


def test_a_folder_may_be_spelled_either_way() -> None:
    assert parse_reference("models:churn@v1.0.0") == parse_reference("models=churn@v1.0.0")
    assert parse_reference("models:churn@v1.0.0").model == ModelName("models:churn")
