"""What a policy may say, and for which models it says it."""

from __future__ import annotations

import pytest

from gitcellar.core.documents import DocumentError
from gitcellar.core.names import ModelName
from gitcellar.policy.config import ModelRules, matches, parse_policy


def test_without_a_file_the_defaults_hold() -> None:
    assert parse_policy(b"").rules_of(ModelName("vit-l/base")) == ModelRules()


def test_a_later_section_refines_an_earlier_one() -> None:
    policy = parse_policy(b"""\
dialect: gto
coordination: off
stages: [dev, live]
models:
  - {match: "**", scheme: semver}
  - {match: "vit-l/*", scheme: cellar, stages: [live]}
  - {match: "vit-l/base", stages: [dev]}
""")
    assert policy.rules_of(ModelName("vit-l/base")) == ModelRules("cellar", ("dev",), "gto", False)
    assert policy.rules_of(ModelName("vit-l/a")) == ModelRules("cellar", ("live",), "gto", False)
    assert policy.rules_of(ModelName("a/b/c")) == ModelRules("semver", ("dev", "live"), "gto", False)


@pytest.mark.parametrize(
    ("glob", "name", "expected"),
    [
        ("vit-l/*", "vit-l/base", True),
        ("vit-l/*", "vit/vit-l/base", False),
        ("*", "churn", True),
        ("*", "vit-l/base", False),
        ("**", "vit/vit-l/base", True),
        ("**/base", "vit/vit-l/base", True),
        ("vit-?/base", "vit-l/base", True),
        ("vit-?/base", "vit-/base", False),
        ("vit.l/base", "vit-l/base", False),
        ("[a-z]*/base", "vit-l/base", False),
    ],
)
def test_a_star_stays_within_a_part(glob: str, name: str, expected: bool) -> None:
    assert matches(glob, name) is expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"dialct: gto", "gitcellar.yaml:1: dialct: unknown key 'dialct'; did you mean dialect?; a team's own keys"),
        (b"dialect: gt", "gitcellar.yaml:1: dialect: input should be 'cellar' or 'gto', not 'gt'"),
        (b"stages: [a/b]", "gitcellar.yaml:1: stages.0: 'a/b' is no stage name"),
        (b"stages: []", "gitcellar.yaml:1: stages: list should have at least 1 item"),
        (
            b"models:\n  - {match: x, scheme: calver}",
            "gitcellar.yaml:2: models.0.scheme: input should be 'cellar' or 'semver'",
        ),
        (b"coordination: maybe", "gitcellar.yaml:1: coordination: input should be"),
        (b"[]", "gitcellar.yaml:1: input should be a valid dictionary"),
    ],
)
def test_what_is_wrong_in_a_policy_is_told_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_policy(content)
    assert caught.value.message.startswith(message.split("; a team")[0])
