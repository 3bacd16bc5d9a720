"""Every rule has rows that pass and rows that are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.digests import Digest
from gitcellar.core.events import Assigned, Registered
from gitcellar.core.manifest import Entry
from gitcellar.core.names import ModelName
from gitcellar.core.state import ModelState, fold_events
from gitcellar.core.tags import parse_listing
from gitcellar.core.versions import Version, parse_version
from gitcellar.policy.change import Change, ProposedTag
from gitcellar.policy.config import ModelRules
from gitcellar.policy.judge import RULES, judge
from gitcellar.policy.schemes import CellarScheme, SemVerScheme

SEMVER = ModelRules(scheme="semver")
DEFAULT = ModelRules()
HERE = "f" * 40


def state_of(model: str, *tags: str) -> ModelState:
    """A state in which each tag stands at a commit of its own; `tag@N` puts it at the commit of number N."""
    listing = "".join(
        f"{'0' * 40} refs/tags/{model}{tag}\n{number:040d} refs/tags/{model}{tag}^{{}}\n"
        for number, tag in enumerate(tags)
    )
    name = ModelName(model)
    return fold_events(name, parse_listing(listing).get(name, ()))


def registration(model: str, version: str, *registered: str, rules: ModelRules = DEFAULT, at: str = HERE) -> Change:
    state = state_of(model, *(f"@{tag}" for tag in registered))
    return Change(ModelName(model), (ProposedTag(state.name, Registered(parse_version(version)), at),), state, rules)


def project(
    version: str, *registered: str, base: str | None = "vit-l/base@1.2", bases: tuple[str, ...] = ("@1.2",)
) -> Change:
    """The registration of a project model whose rack has `bases`, and whose manifest names `base`."""
    change = registration("vit-l/projectA", version, *registered)
    return replace(change, base=state_of("vit-l/base", *bases), entry=Entry(path="m", base=base))


def assignment(stage: str, *tags: str, at: int = 0, rules: ModelRules = DEFAULT) -> Change:
    state = state_of("vit-l/base", *tags)
    fact = Assigned(stage, state.next_counter)
    return Change(state.name, (ProposedTag(state.name, fact, f"{at:040d}"),), state, rules)


def trained_from(source: str | None) -> Change:
    return replace(project("1.2.1"), entry=Entry(path="m", base="vit-l/base@1.2", trained_from=source))


def with_checkpoints(version: str, new: str, **earlier: str) -> Change:
    change = project(version, *(v.replace("_", ".").replace("rc", "-rc") for v in earlier))
    known = {parse_version(v.replace("_", ".").replace("rc", "-rc")): Digest(sha * 64, 1) for v, sha in earlier.items()}
    return replace(change, checkpoint=Digest(new * 64, 1), checkpoints=known)


ALLOWED = {
    "other weights": with_checkpoints("1.2.2", "b", **{"1_2_1": "a"}),
    "first base": registration("vit-l/base", "0.1"),
    "first base 0.0": registration("vit-l/base", "0.0"),
    "first base 1.0": registration("vit-l/base", "1.0"),
    "next Y": registration("vit-l/base", "1.3", "1.0", "1.1", "1.2"),
    "next X": registration("vit-l/base", "2.0", "1.0"),
    "an older line goes on": registration("vit-l/base", "1.1", "1.0", "2.0"),
    "a prerelease comes first": registration("vit-l/base", "1.1-rc.1", "1.0"),
    "prereleases rise": registration("vit-l/base", "1.1-rc.2", "1.0", "1.1-rc.1"),
    "the final version at its candidate's commit": registration("vit-l/base", "1.0", "1.0-rc.1", at=f"{0:040d}"),
    "first project": project("1.2.1"),
    "next project": project("1.2.3", "1.2.1", "1.2.2"),
    "another base": project("1.2.1", "1.1.1", "1.1.2"),
    "a base withdrawn beside it": project("1.2.1", bases=("@1.2", "@1.1", "@1.1!#1")),
    "trained from the base": trained_from("vit-l/base@1.2"),
    "trained from words": trained_from("ImageNet-21k weights"),
    "a candidate becomes final with its weights": with_checkpoints("1.2.1", "a", **{"1_2_1rc.1": "a"}),
    "semver with gaps": registration("churn", "3.0.0", "1.0.0", rules=SEMVER),
    "a known stage": assignment("staging", "@1.0"),
    "a team's own stage": assignment("canary", "@1.0", rules=ModelRules(stages=("canary",))),
    "a second case-unlike rack": replace(
        registration("vit-l/base", "1.0"), neighbours=("Vit-B/base", "vit-l/projectA")
    ),
    "a reserved word within a part": registration("vit-l/console", "1.0.0", rules=SEMVER),
}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED)
def test_what_the_rules_allow_is_allowed(change: Change) -> None:
    assert judge(change).violations == ()


REFUSED = {
    "three numbers for a base": (registration("vit-l/base", "1.0.1"), ["V001 vit-l/base@1.0.1: a base model's version is X.Y"]),
    "two for a project": (
        replace(project("1.2.1"), tags=registration("vit-l/projectA", "1.2").tags),
        ["V001 vit-l/projectA@1.2: a project model's version is X.Y.Z, where Z counts from 1"],
    ),
    "Z is zero": (
        project("1.2.0"), ["V001 vit-l/projectA@1.2.0: a project model's version is X.Y.Z, where Z counts from 1"],
    ),
    "build": (
        registration("vit-l/base", "1.0+x"), ["V001 vit-l/base@1.0+x: build metadata (+…) would make two names of one version"],
    ),
    "outside a rack": (
        registration("churn", "1.0.0"), ["V001 churn@1.0.0: a model outside a rack is neither a base nor a project model"],
    ),
    "two numbers for semver": (registration("churn", "1.0", rules=SEMVER), ["V001 churn@1.0: a SemVer version is X.Y.Z"]),
    "registered already": (
        registration("vit-l/base", "1.0", "1.0"), ["V002 vit-l/base@1.0: 1.0 is already registered at 0000000"],
    ),
    "registered and withdrawn": (
        registration("vit-l/base", "1.0", "1.0", "1.0!#1"),
        ["V002 vit-l/base@1.0: 1.0 is already registered at 0000000 and was withdrawn since"],
    ),
    "a strange first": (registration("vit-l/base", "0.2"), ["V003 vit-l/base@0.2: the first version is 0.1, 0.0 or 1.0"]),
    "a gap": (registration("vit-l/base", "1.4", "1.0", "1.1", "1.2"), ["V003 vit-l/base@1.4: 1.3 comes first"]),
    "a gap in X": (registration("vit-l/base", "3.0", "1.0"), ["V003 vit-l/base@3.0: 2.0 comes first"]),
    "a step back": (registration("vit-l/base", "0.1", "1.0"), ["V003 vit-l/base@0.1: 1.0 was the first version"]),
    "a candidate after a gap": (registration("vit-l/base", "1.2-rc.1", "1.0"), ["V003 vit-l/base@1.2-rc.1: 1.1 comes first"]),
    "a candidate after its final": (
        registration("vit-l/base", "1.0-rc.1", "1.0"),
        ["V003 vit-l/base@1.0-rc.1: 1.0 is registered already, and 1.0-rc.1 is before it"],
    ),
    "a candidate before a later one": (
        registration("vit-l/base", "1.0-rc.1", "1.0-rc.2"),
        ["V003 vit-l/base@1.0-rc.1: 1.0-rc.2 is registered already, and 1.0-rc.1 is before it"],
    ),
    "Z begins late": (project("1.2.2"), ["V003 vit-l/projectA@1.2.2: 1.2.1 comes first"]),
    "no such base": (
        project("1.3.1", base="vit-l/base@1.3"), ["V004 vit-l/projectA@1.3.1: its base vit-l/base@1.3 is not registered"],
    ),
    "a withdrawn base": (
        project("1.2.1", bases=("@1.2", "@1.2!#1")), ["V004 vit-l/projectA@1.2.1: its base vit-l/base@1.2 was withdrawn"],
    ),
    "two at a commit": (
        registration("vit-l/base", "1.1", "1.0", at=f"{0:040d}"), ["V005 vit-l/base@1.1: 1.0 is registered at 0000000 already"],
    ),
    "a candidate after the final, at its commit": (
        registration("vit-l/base", "1.1-rc.1", "1.0", at=f"{0:040d}"),
        ["V005 vit-l/base@1.1-rc.1: 1.0 is registered at 0000000 already"],
    ),
    "no base in the manifest": (project("1.2.1", base=None), ["L001 vit-l/projectA@1.2.1: its manifest entry names no base"]),
    "another base in the manifest": (
        project("1.2.1", base="vit-l/base@1.1"),
        ["L001 vit-l/projectA@1.2.1: its manifest entry names the base vit-l/base@1.1, and the version vit-l/base@1.2"],
    ),
    "another rack's base": (
        project("1.2.1", base="vit-b/base@1.2"),
        ["L001 vit-l/projectA@1.2.1: its manifest entry names the base vit-b/base@1.2, and the version vit-l/base@1.2"],
    ),
    "a base that is no reference": (
        project("1.2.1", base="the good one"),
        ["L001 vit-l/projectA@1.2.1: its manifest entry names the base the good one, and the version vit-l/base@1.2"],
    ),
    "topped up from itself": (
        trained_from("vit-l/projectA@1.2.1"),
        ["L002 vit-l/projectA@1.2.1: trained_from names the project model vit-l/projectA"],
    ),
    "topped up from another": (
        trained_from("vit-l/projectB"), ["L002 vit-l/projectA@1.2.1: trained_from names the project model vit-l/projectB"],
    ),
    "the same weights": (
        with_checkpoints("1.2.2", "a", **{"1_2_1": "a"}),
        [f"L003 vit-l/projectA@1.2.2: 1.2.1 has the very same checkpoint, sha256:{'a' * 12}…"],
    ),
    "an unknown stage": (
        assignment("prod", "@1.0"),
        ["S001 vit-l/base#prod#1: 'prod' is none of the policy's stages: staging, production, archived"],
    ),
    "nothing registered there": (
        assignment("staging", "@1.0", at=7), ["S002 vit-l/base#staging#1: no version is registered at 0000000"],
    ),
    "a withdrawn version": (
        assignment("staging", "@1.0", "@1.0!#1"), ["S002 vit-l/base#staging#2: 1.0 was withdrawn"],
    ),
    "case alone differs": (
        replace(registration("Vit-L/base", "1.0"), neighbours=("vit-l/projectA",)),
        ["N001 Vit-L/base: 'Vit-L' differs only in case from 'vit-l' of vit-l/projectA"],
    ),
    "a tag in the way": (
        replace(registration("vit-l/base", "1.0"), blocking=("vit-l",)),
        ["N002 vit-l/base: the tag 'vit-l' stands where the folder of the model's tags must"],
    ),
    "a word of Windows": (
        registration("vit-l/nul.old", "1.0.0", rules=SEMVER), ["N003 vit-l/nul.old: Windows allows no file named 'nul.old'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "reasons"), REFUSED.values(), ids=REFUSED)
def test_what_the_rules_forbid_is_refused_with_its_reason(change: Change, reasons: list[str]) -> None:
    verdict = judge(change)
    assert [str(violation) for violation in verdict.violations] == reasons
    assert not verdict.ok


def test_every_rule_has_a_row_that_is_refused_and_a_page() -> None:
    refused = {reason.split()[0] for _, reasons in REFUSED.values() for reason in reasons}
    assert refused == {rule.id for rule in RULES}
    assert all(rule.page and "\n" not in rule.reason and "What to do:" in rule.page for rule in RULES)


BUMPS = st.sampled_from([None, "minor", "major"])


@given(st.lists(BUMPS, max_size=8))
def test_the_next_version_of_a_base_is_always_one_that_the_rules_allow(bumps: list[str | None]) -> None:
    registered: list[Version] = []
    for bump in bumps:
        version = CellarScheme().next_version(ModelName("vit-l/base"), registered, None, bump)  # type: ignore[arg-type]
        assert version is not None
        change = registration("vit-l/base", str(version), *map(str, registered))
        assert judge(change).ok
        registered.append(version)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=8))
def test_the_next_version_of_a_project_is_always_one_that_the_rules_allow(bases: list[tuple[int, int]]) -> None:
    registered: list[Version] = []
    for base in bases:
        version = CellarScheme().next_version(ModelName("vit-l/projectA"), registered, Version(base), None)
        assert version is not None
        name = f"{base[0]}.{base[1]}"
        assert judge(project(str(version), *map(str, registered), base=f"vit-l/base@{name}", bases=(f"@{name}",))).ok
        registered.append(version)


@pytest.mark.parametrize(
    ("bump", "version"), [(None, "1.3.0"), ("minor", "1.3.0"), ("major", "2.0.0"), ("patch", "1.2.4")]
)  # fmt: skip
def test_semver_counts_as_semver_says(bump: str | None, version: str) -> None:
    registered = [parse_version(text) for text in ("1.0.0", "1.2.3", "1.3.0-rc.1")]
    assert SemVerScheme().next_version(ModelName("churn"), registered, None, bump) == parse_version(version)  # type: ignore[arg-type]


@pytest.mark.parametrize(("bump", "version"), [(None, "0.1.0"), ("major", "1.0.0"), ("patch", "0.1.0")])
def test_semver_begins_with_a_round_number(bump: str | None, version: str) -> None:
    assert SemVerScheme().next_version(ModelName("churn"), [], None, bump) == parse_version(version)  # type: ignore[arg-type]
