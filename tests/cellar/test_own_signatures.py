"""A tag is judged as it will be written: with the signature that it will have, or without one."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from gitcellar.cellar import writing
from gitcellar.cellar.claiming import break_glass, decide
from gitcellar.cellar.policy_changes import approve_policy
from gitcellar.cellar.writing import Options
from gitcellar.core.claims import APPROVED
from gitcellar.core.errors import InvalidError
from gitcellar.core.names import ModelName
from gitcellar.core.references import Reference, parse_reference
from gitcellar.policy.judge import RefusedError
from gitcellar.store.git import GitRepository
from gitcellar.store.git_identity import Account, Identity
from tests.support.cellars import Bench, make_bench
from tests.support.people import people, sign_as, write_policy
from tests.support.processes import run

BASE = ModelName("vit-l/base")
FIRST, SECOND = parse_reference("vit-l/base@1.0"), parse_reference("vit-l/base@1.1")
WITHOUT = Options(sign=False)
SIGNED = "signed: required\n"
ONE_STAGE = """\
stages:
  production:
    by: [release]
    approvals: {count: 1, not: []}
    break_glass: {by: [oncall], for: 24h}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar with two versions; its policy comes with each test."""
    bench = make_bench(tmp_path_factory.mktemp("signing") / "cellar")
    for version in ("1.0", "1.1"):
        bench.declare("vit-l/base", f"base {version}")
        bench.register("vit-l/base", version=version)
    bench.assign("vit-l/base@1.0", "production")
    bench.assign("vit-l/base@1.1", "production")
    bench.declare("vit-l/base", "base 1.2")
    return bench


def rule_by(bench: Bench, policy: str, *, key: str = "cy") -> GitRepository:
    """Let a policy with people judge, and let `key` sign where a signature is asked for."""
    write_policy(bench, policy + people(bench))
    sign_as(bench, key)
    return bench.repository


ACTS: dict[str, Callable[[GitRepository], object]] = {
    "register": lambda r: writing.register(r, BASE, options=WITHOUT),
    "assign": lambda r: writing.assign(r, FIRST, "production", options=WITHOUT),
    "rollback": lambda r: writing.rollback(r, BASE, "production", options=WITHOUT),
    "unassign": lambda r: writing.unassign(r, BASE, "production", options=WITHOUT),
    "withdraw": lambda r: writing.withdraw(r, FIRST, options=WITHOUT),
    "deprecate": lambda r: writing.deprecate(r, BASE, options=WITHOUT),
    "approve": lambda r: decide(r, FIRST, APPROVED, "production", options=WITHOUT),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_no_sign_is_refused_where_everything_is_signed(made: Bench, act: Callable[[GitRepository], object]) -> None:
    repository = rule_by(made, f"{SIGNED}stages: [production]\n")
    before = made.git("for-each-ref")
    with pytest.raises(RefusedError) as caught:
        act(repository)
    first = caught.value.verdict.violations[0]
    assert (first.rule, first.message) == ("A001", "it would not be signed: --no-sign was given")
    assert first.hint == "leave out --no-sign"
    assert made.git("for-each-ref") == before


STAGED: dict[str, tuple[Callable[[GitRepository], object], str]] = {
    "by": (lambda r: writing.assign(r, FIRST, "production", options=WITHOUT), "A002"),
    "rollback": (lambda r: writing.rollback(r, BASE, "production", options=WITHOUT), "A002"),
    "break glass": (lambda r: break_glass(r, FIRST, "production", options=WITHOUT), "A002"),
    "approve": (lambda r: decide(r, FIRST, APPROVED, "production", options=WITHOUT), "A004"),
}


@pytest.mark.parametrize(("act", "rule"), STAGED.values(), ids=STAGED.keys())
def test_no_sign_is_refused_where_a_stage_asks_who(
    made: Bench, act: Callable[[GitRepository], object], rule: str
) -> None:
    repository = rule_by(made, ONE_STAGE)
    with pytest.raises(RefusedError) as caught:
        act(repository)
    found = {(each.rule, each.message.partition(",")[0]) for each in caught.value.verdict.violations}
    assert (rule, "it would not be signed: --no-sign was given") in found


def test_no_sign_holds_where_nothing_asks_who(made: Bench) -> None:
    repository = rule_by(made, "stages: [production]\n")
    outcome = writing.assign(repository, FIRST, "production", options=WITHOUT)
    assert outcome.created
    assert "SIGNATURE" not in made.git("cat-file", "tag", outcome.tags[0])


def test_what_is_signed_for_the_policy_is_judged_by_the_key_that_signs_it(made: Bench) -> None:
    repository = rule_by(made, SIGNED + "stages: [production]\n")
    made.git("config", "tag.gpgSign", "false")
    outcome = writing.assign(repository, SECOND, "production")
    assert outcome.created or outcome.tags
    deprecated = writing.deprecate(repository, BASE)
    assert "SSH SIGNATURE" in made.git("cat-file", "tag", deprecated.tags[0])


def test_an_unsigned_approval_of_a_policy_is_none(made: Bench) -> None:
    repository = rule_by(made, SIGNED + "stages: [production]\n")
    (made.work / "gitcellar.yaml").write_text("stages: [production, canary]\n" + people(made))
    made.commit("another policy")
    with pytest.raises(InvalidError, match="an approval here would not be signed: --no-sign was given"):
        approve_policy(repository, "HEAD", options=WITHOUT)
    made.git("reset", "-q", "--hard", "HEAD~1")


def test_an_assignment_names_the_policy_that_judged_it(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = rule_by(made, SIGNED + "stages: [production, other]\n")
    judged = made.git("rev-parse", "origin/main:gitcellar.yaml")
    read_identity = GitRepository.read_identity

    def interrupted(self: GitRepository, account: Account | None = None) -> Identity:
        monkeypatch.setattr(GitRepository, "read_identity", read_identity)
        write_policy(made, SIGNED + "stages: [production, other, canary]\n" + people(made))
        return read_identity(self, account)

    monkeypatch.setattr(GitRepository, "read_identity", interrupted)
    (tag,) = writing.assign(repository, SECOND, "other").tags
    assert f"\nPolicy: {judged}\n" in made.git("cat-file", "tag", tag)


WITHOUT_AUTHOR = """\
stages:
  production:
    approvals: {count: 1, not: [author]}
"""


def test_an_unsigned_registration_has_a_way_into_a_stage_that_asks_for_its_author(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar")
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", version="1.0")
    repository = rule_by(bench, WITHOUT_AUTHOR, key="dee")
    sign_as(bench, "ada")
    decide(repository, FIRST, APPROVED, "production")
    with pytest.raises(RefusedError) as caught:
        writing.assign(repository, FIRST, "production")
    (violation,) = caught.value.verdict.violations
    assert (violation.rule, violation.waits) == ("A010", False)
    assert violation.hint is not None
    for command in violation.hint.split(" && "):
        done = run(bench.work, *shlex.split(command))
        assert done.status == 0, (command, done.err)
    with pytest.raises(RefusedError, match="it was given by ada@example.com, who registered the version") as own:
        decide(repository, SECOND, APPROVED, "production")
    hint = "another person approves it: gitcellar approve vit-l/base@1.1 --for production"
    assert [each.hint for each in own.value.verdict.violations] == [hint]
    sign_as(bench, "ben")
    decide(repository, SECOND, APPROVED, "production")
    assert writing.assign(repository, SECOND, "production").created


def test_an_unsigned_version_that_is_not_the_newest_has_a_way_into_a_stage_as_well(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar")
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", version="1.0")
    repository = rule_by(bench, WITHOUT_AUTHOR, key="dee")
    sign_as(bench, "ada")
    bench.declare("vit-l/base", "base 2")
    writing.register(repository, BASE)
    hint = find_hint(repository, FIRST)
    again = "gitcellar withdraw vit-l/base@1.0 && gitcellar register vit-l/base --sign"
    instead = "gitcellar assign vit-l/base@1.1 production"
    assert hint == f"{instead}; or commit the checkpoint of 1.0 again, then: {again}"
    sign_as(bench, "ben")
    decide(repository, SECOND, APPROVED, "production")
    assert run(bench.work, *shlex.split(instead)).status == 0
    sign_as(bench, "ada")
    bench.declare("vit-l/base", "base 1")
    for command in again.split(" && "):
        done = run(bench.work, *shlex.split(command))
        assert done.status == 0, (command, done.err)
    assert "vit-l/base@1.2" in bench.git("tag", "--list")
    assert "withdraw" not in find_hint(repository, FIRST)


def find_hint(repository: GitRepository, reference: Reference) -> str:
    """The hint of A010 where a version is assigned to production."""
    with pytest.raises(RefusedError) as caught:
        writing.assign(repository, reference, "production")
    (hint,) = [each.hint for each in caught.value.verdict.violations if each.rule == "A010"]
    assert hint is not None
    return hint


def test_an_unsigned_registration_is_refused_where_a_stage_asks_for_the_author(made: Bench) -> None:
    repository = rule_by(made, WITHOUT_AUTHOR)
    with pytest.raises(RefusedError) as caught:
        writing.register(repository, BASE, options=WITHOUT)
    found = [(each.rule, each.hint) for each in caught.value.verdict.violations]
    assert found == [("A010", "leave out --no-sign")]
