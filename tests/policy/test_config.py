"""What a policy may say, and for which models it says it."""

from __future__ import annotations

import time

import pytest

from gitcellar.core.documents import DocumentError
from gitcellar.core.names import ModelName
from gitcellar.policy.config import Policy, parse_policy
from gitcellar.policy.settings import DEFAULT_STAGES, FileRules, ModelRules, RuleException, StageRules, matches

BASE = ModelName("vit-l/base")


def test_without_a_file_the_defaults_hold() -> None:
    assert parse_policy(b"").rules_of(BASE) == Policy().rules_of(None) == ModelRules()
    assert ModelRules().stages == DEFAULT_STAGES


def test_a_later_section_refines_an_earlier_one() -> None:
    policy = parse_policy(b"""\
dialect: gto
coordination: off
stages: [dev, live]
rules: {V003: warning, C002: off}
models:
  - {match: "**", scheme: semver}
  - {match: "vit-l/*", scheme: cellar, stages: [live], rules: {V003: error}}
  - {match: "vit-l/base", stages: {live: {from: [none]}, dev: }}
""")
    said = policy.rules_of(BASE)
    assert (said.scheme, said.dialect, said.coordination) == ("cellar", "gto", False)
    assert said.stages == {"live": StageRules(("none",)), "dev": StageRules()}
    assert said.severities == {"V003": "error", "C002": "off"}
    assert policy.rules_of(ModelName("vit-l/a")).stages == {"live": StageRules()}
    other = policy.rules_of(ModelName("a/b/c"))
    assert (other.scheme, list(other.stages), other.severities["V003"]) == ("semver", ["dev", "live"], "warning")


def test_everything_that_a_policy_may_say_reaches_the_rules() -> None:
    policy = parse_policy(b"""\
names: ["vit-*/*"]
protected: [main]
required: [owner, metrics.accuracy]
required_for:
  production: [data]
  staging: [hardware]
contract: required
environment: locked
files: {required: [README.md]}
max_size: 2GB
chained: required
exceptions:
  - {rule: V003, match: "vit-l/*", reason: the import of 2025, until: 2026-12-31}
models:
  - match: vit-l/base
    required_for: {production: []}
    files: {required: [README.md], optional: ["*.py"]}
""")
    said = policy.rules_of(BASE)
    assert said == ModelRules(
        names=("vit-*/*",),
        protected=("main",),
        required=("owner", "metrics.accuracy"),
        required_for={"production": ("data",), "staging": ("hardware",)},
        contract_required=True,
        environment_locked=True,
        files=FileRules(("README.md",), ("*.py",)),
        max_size=2_000_000_000,
        chained=True,
        exceptions=(RuleException("V003", "vit-l/*", "the import of 2025", "2026-12-31", 13),),
    )


def test_every_setting_knows_the_line_that_said_it() -> None:
    policy = parse_policy(b"stages: [dev]\nrules:\n  V003: off\nmodels:\n- match: '*/base'\n  scheme: semver\n")
    said = {key: (setting.value, setting.line, setting.match) for key, (setting,) in policy.settings_of(BASE).items()}
    assert said["stages"] == (["dev"], 1, "**")
    assert said["rules.V003"] == ("off", 3, "**")
    assert said["scheme"] == ("semver", 6, "*/base")
    assert said["dialect"] == ("cellar", None, "**")
    assert policy.settings_of(None)["scheme"][0].line is None


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
    ("glob", "name"),
    [
        ("**a" * 99 + "b", "a" * 500),
        ("*?" * 149 + "x", "a" * 500),
        ("**-*" * 74 + "!", "a-" * 250),
        ("**" * 149 + "x", "a" * 500),
    ],
    ids=["crossing", "staying", "both", "nothing between"],
)
def test_a_glob_of_a_stranger_takes_no_longer_than_another(glob: str, name: str) -> None:
    started = time.process_time()
    assert matches(glob, name) is False
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"dialct: gto", "gitcellar.yaml:1: dialct: unknown key 'dialct'; did you mean dialect?; a team's own keys"),
        (b"dialect: gt", "gitcellar.yaml:1: dialect: input should be 'cellar' or 'gto', not 'gt'"),
        (b"stages: [a/b]", "gitcellar.yaml:1: stages.0: 'a/b' is no stage name"),
        (b"stages: []", "gitcellar.yaml:1: stages: name at least one stage"),
        (
            b"stages:\n  live: {from: [stagin]}\n  staging:",
            "gitcellar.yaml:1: stages: live is entered from stagin, and there is no such stage; did you mean staging?",
        ),
        (b"rules: {V999: off}", "gitcellar.yaml:1: rules.V999: there is no rule V999"),
        (
            b"rules: {V003: loud}",
            "gitcellar.yaml:1: rules.V003: input should be 'error', 'warning' or 'off', not 'loud'",
        ),
        (
            b"required: [ownr]",
            "gitcellar.yaml:1: required.0: a manifest entry has no field 'ownr'; did you mean owner?",
        ),
        (b"max_size: much", "gitcellar.yaml:1: max_size: write a size as 500MB or 20GB, not 'much'"),
        (b"max_size: " + b"9" * 400 + b"GB", "gitcellar.yaml:1: max_size: write a size as 500MB or 20GB, not '999"),
        (b"max_size: -1", "gitcellar.yaml:1: max_size: write a size as 500MB or 20GB, not -1"),
        (
            b"stages: {a: {gates: [{metric: m, at_least: nan}]}}",
            "gitcellar.yaml:1: stages.a.gates.0.at_least: input should be a finite number, not 'nan'",
        ),
        (
            b'stages: {a: {gates: [{command: ["a\\0b"]}]}}',
            "gitcellar.yaml:1: stages.a.gates.0.command.0: string should match pattern",
        ),
        (
            b"freezes: [{match: x, reason: y, until: 20261231}]",
            "gitcellar.yaml:1: freezes.0.until: 20261231 is a number here; put it in quotes",
        ),
        (b"required: [" + b"x, " * 20_000 + b"]", "gitcellar.yaml:1: a policy has at most 20000 values"),
        (
            b"exceptions:\n- {rule: V003, match: x, reason: '', until: soon}",
            "gitcellar.yaml:2: exceptions.0.reason: string should have at least 1 character, not ''\n"
            "gitcellar.yaml:2: exceptions.0.until: string should match pattern",
        ),
        (b"exceptions:\n- {rule: V003, match: x}", "gitcellar.yaml:2: exceptions.0.reason: field required"),
        (
            b"models:\n  - {match: x, scheme: calver}",
            "gitcellar.yaml:2: models.0.scheme: input should be 'cellar' or 'semver'",
        ),
        (
            b"coordination: off\nmodels:\n- {match: a/b, chained: required}",
            "gitcellar.yaml:3: chained: a chain ends at its model's tip, and with 'coordination: off' there are no tips",
        ),
        (b"coordination: maybe", "gitcellar.yaml:1: coordination: input should be"),
        (b"[]", "gitcellar.yaml:1: input should be a valid dictionary"),
    ],
)
def test_what_is_wrong_in_a_policy_is_told_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_policy(content)
    assert caught.value.message.startswith(message.split("; a team")[0])


@pytest.mark.parametrize("word", ["off", "Off", "OFF", "no", "false", "False"])
def test_coordination_is_off_in_every_spelling_that_yaml_1_1_knows(word: str) -> None:
    assert parse_policy(f"coordination: {word}".encode()).content.coordination is False


@pytest.mark.parametrize("word", ["on", "On", "ON", "yes", "true", "True"])
def test_coordination_is_on_in_every_spelling_that_yaml_1_1_knows(word: str) -> None:
    assert parse_policy(f"coordination: {word}".encode()).content.coordination is True


@pytest.mark.parametrize("word", ["off", "false"])
def test_a_rule_is_off_in_either_spelling(word: str) -> None:
    assert parse_policy(f"rules: {{C002: {word}}}".encode()).rules_of(BASE).severities == {"C002": "off"}


def test_a_day_needs_no_quotes() -> None:
    policy = parse_policy(b"exceptions: [{rule: V003, match: x, reason: y, until: 2026-12-31}]")
    assert [exception.until for exception in policy.exceptions] == ["2026-12-31"]


ADDING = b"""\
required: [owner]
required_for: {production: [data]}
files: {required: [README.md], optional: ["*.py"]}
models:
- match: vit-l/*
  required: [license, owner]
  required_for: {production: [hardware], staging: [params]}
  files: {required: [CARD.md]}
- match: vit-l/base
  files: {optional: ["*.txt"]}
"""


def test_what_some_models_are_asked_for_is_added_to_what_all_are() -> None:
    policy = parse_policy(ADDING)
    rules = policy.rules_of(ModelName("vit-l/a"))
    assert rules.required == ("owner", "license")
    assert rules.required_for == {"production": ("data", "hardware"), "staging": ("params",)}
    assert rules.files == FileRules(("README.md", "CARD.md"), ("*.py",))
    assert policy.rules_of(ModelName("vit-l/base")).files == FileRules(("README.md", "CARD.md"), ("*.txt",))
    others = policy.rules_of(ModelName("bert/base"))
    assert (others.required, others.required_for) == (("owner",), {"production": ("data",)})


def test_each_line_that_asks_for_something_is_told() -> None:
    settings = parse_policy(ADDING).settings_of(ModelName("vit-l/a"))
    assert [(each.value, each.line, each.match) for each in settings["required"]] == [
        (["owner"], 1, "**"),
        (["license", "owner"], 6, "vit-l/*"),
    ]
    assert [each.line for each in settings["required_for.production"]] == [2, 7]
    assert len(settings["scheme"]) == 1
