"""A name that means nothing is an error, and says which name is near: of every argument and option that takes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcellar.core.errors import WRONG_REQUEST
from tests.support.asking import ask
from tests.support.cellars import Bench, make_bench
from tests.support.people import write_policy
from tests.support.processes import git

NEAR = "did you mean {}?"
BASE, PROJECT = NEAR.format("vit-l/base"), "did you mean vit-l/projectA"
STAGING, PRODUCTION = NEAR.format("staging"), NEAR.format("production")
ORIGIN = NEAR.format("origin")
VERSION = NEAR.format("1.0")
REF = "vit-l/base@1.0"
WHY = ("--why", "The end of the year.", "--until", "2099-01-06")
AGENT = ("agent", "--repo", ".", "--into", "{new}", "--once")
RECONCILE = ("reconcile", "--to", "{new}")
INDEX = ("index", "--out", "{new}")

# The command, and the near name that its hint must hold.
WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "show MODEL": (("show", "vit-l/bsae"), BASE),
    "show --at MODEL": (("show", "vit-l/bsae", "--at", "2026-01-01"), BASE),
    "show --repo": (("show", "--repo", "no-folder"), "give a path"),
    "history MODEL": (("history", "vit-l/bsae"), BASE),
    "history --plain MODEL": (("history", "vit-l/bsae", "--plain"), BASE),
    "describe MODEL": (("describe", "vit-l/bsae@1.0"), BASE),
    "describe VERSION": (("describe", "vit-l/base@1.1"), VERSION),
    "resolve MODEL": (("resolve", "vit-l/bsae@latest"), BASE),
    "resolve STAGE": (("resolve", "vit-l/base#stagin"), STAGING),
    "resolve TAG": (("resolve", "vit-l/base#staging#2"), NEAR.format("vit-l/base#staging#1")),
    "get MODEL": (("get", "vit-l/bsae@1.0"), BASE),
    "get VERSION": (("get", "vit-l/base@1.1"), VERSION),
    "get STAGE": (("get", "vit-l/base#stagin"), STAGING),
    "event TAG": (("event", "vit-l/base#staging#2"), NEAR.format("vit-l/base#staging#1")),
    "event --model": (("event", "--follow", "--once", "--model", "vit-l/bsae", "--place", "{new}"), BASE),
    "register MODEL": (("register", "vit-l/bsae"), BASE),
    "register REVISION": (("register", "vit-l/base", "mian"), NEAR.format("main")),
    "register --remote": (("register", "vit-l/base", "--remote", "orign"), ORIGIN),
    "assign MODEL": (("assign", "vit-l/bsae", "staging"), BASE),
    "assign VERSION": (("assign", "vit-l/base@1.1", "staging"), VERSION),
    "assign --remote": (("assign", REF, "production", "--remote", "orign"), ORIGIN),
    "unassign MODEL": (("unassign", "vit-l/bsae", "staging"), BASE),
    "unassign STAGE": (("unassign", "vit-l/base", "stagin"), STAGING),
    "unassign another STAGE": (("unassign", "vit-l/base", "zz"), "there are: staging, production, archived"),
    "rollback MODEL": (("rollback", "vit-l/bsae", "staging"), BASE),
    "rollback STAGE": (("rollback", "vit-l/base", "stagin"), STAGING),
    "rollback --to": (("rollback", "vit-l/base", "staging", "--to", "1.1"), VERSION),
    "withdraw MODEL": (("withdraw", "vit-l/projctA@1.0.1"), PROJECT),
    "withdraw VERSION": (("withdraw", "vit-l/base@1.1"), VERSION),
    "recall VERSION": (("recall", "vit-l/base@1.1", "--why", "Poisoned."), VERSION),
    "deprecate MODEL": (("deprecate", "vit-l/bsae"), BASE),
    "add --base MODEL": (("add", "vit-l/projectA", "models/vit-l-projectA", "--base", "vit-l/bsae@1.0"), BASE),
    "add --base VERSION": (("add", "vit-l/projectA", "models/vit-l-projectA", "--base", "vit-l/base@1.1"), VERSION),
    "add PATH": (("add", "vit-l/projectA", "models/vit-l-projctA"), "did you mean models/vit-l-projectA or"),
    "approve MODEL": (("approve", "vit-l/bsae@1.0", "--for", "staging", "--yes"), BASE),
    "approve --for": (("approve", REF, "--for", "stagin", "--yes"), STAGING),
    "approve --for --json": (("approve", REF, "--for", "stagin", "--yes", "--json"), STAGING),
    "approve --policy": (("approve", "mian", "--policy"), NEAR.format("main")),
    "reject --for": (("reject", REF, "--for", "stagin", "--why", "It fails."), STAGING),
    "ratify --for": (("ratify", REF, "--for", "stagin"), STAGING),
    "evaluate STAGE": (("evaluate", REF, "stagin"), STAGING),
    "claim VERSION": (("claim", "vit-l/base@1.1", "evaluated.fairness"), VERSION),
    "claim NAME": (("claim", REF, "evalated.fairness"), NEAR.format("evaluated.fairness")),
    "claim --report": (("claim", REF, "evaluated.fairness", "--report", "report.md"), "give the path of a file"),
    "claims VERSION": (("claims", "vit-l/base@1.1"), VERSION),
    "claims --for": (("claims", REF, "--for", "stagin"), STAGING),
    "claims --remote": (("claims", REF, "--remote", "orign"), ORIGIN),
    "gate STAGE": (("gate", REF, "stagin"), STAGING),
    "gate --remote": (("gate", REF, "staging", "--remote", "orign"), ORIGIN),
    "contract diff MODEL": (("contract", "diff", "vit-l/bsae@1.0", REF), BASE),
    "contract diff VERSION": (("contract", "diff", REF, "vit-l/base@1.1"), VERSION),
    "policy MODEL": (("policy", "vit-l/bsae"), BASE),
    "policy --remote": (("policy", "--remote", "orign"), ORIGIN),
    "push MODEL": (("push", "vit-l/bsae"), BASE),
    "push one MODEL of two": (("push", "vit-l/base", "zz"), "gitcellar show"),
    "push --dry-run MODEL": (("push", "vit-l/bsae", "--dry-run"), BASE),
    "push --remote": (("push", "--remote", "orign"), ORIGIN),
    "fetch MODEL": (("fetch", "vit-l/bsae"), BASE),
    "fetch --remote": (("fetch", "--remote", "orign"), ORIGIN),
    "check PATH": (("check", "artifact.yaml"), NEAR.format("artifacts.yaml")),
    "check a PATH of no folder": (("check", "nowhere/at.all"), "MODEL@"),
    "check MODEL": (("check", "vit-l/bsae@1.0"), BASE),
    "check --range": (("check", "--range", "mian..HEAD"), NEAR.format("main")),
    "ci summary": (("ci", "summary", "mian..HEAD"), NEAR.format("main")),
    "ci guard": (("ci", "guard", "vit-l/base#staging#2"), NEAR.format("vit-l/base#staging#1")),
    "doctor --remote": (("doctor", "--remote", "orign"), ORIGIN),
    "audit MODEL": (("audit", "vit-l/bsae"), BASE),
    "verify MODEL": (("verify", "vit-l/bsae"), BASE),
    "verify --remote": (("verify", "--remote", "orign"), ORIGIN),
    "stale MODEL": (("stale", "vit-l/bsae"), BASE),
    "freeze MODELS": (("freeze", "vit-l/bsae", *WHY), BASE),
    "freeze a glob of no MODEL": (("freeze", "vit-s/*", *WHY), "gitcellar show"),
    "freeze STAGE": (("freeze", "**", "stagin", *WHY), STAGING),
    "unfreeze MODELS": (("unfreeze", "vit-l/bsae"), "gitcellar policy"),
    "agent --repo": (("agent", "--repo", "no-folder", "--stage", "staging", "--into", "{new}"), "give a path"),
    "agent --stage": ((*AGENT, "--stage", "prodution"), PRODUCTION),
    "agent --model": ((*AGENT, "--stage", "staging", "--model", "vit-l/bsae"), BASE),
    "reconcile --stage": ((*RECONCILE, "--stage", "prodution"), PRODUCTION),
    "reconcile one --stage of two": ((*RECONCILE, "--stage", "staging", "--stage", "prodution"), PRODUCTION),
    "reconcile --model": ((*RECONCILE, "--model", "vit-l/bsae"), BASE),
    "reconcile --model GLOB": ((*RECONCILE, "--model", "vit-s/*"), "gitcellar show"),
    "reconcile --render": ((*RECONCILE, "--render", "kustomise"), NEAR.format("kustomize")),
    "index --stage": ((*INDEX, "--stage", "prodution"), PRODUCTION),
    "index --model": ((*INDEX, "--model", "vit-l/bsae"), BASE),
    "diff-live DIR": (("diff-live", "no-folder"), "give a folder"),
    "rule ID": (("rule", "V0033"), "did you mean V003 or"),
    "schema NAME": (("schema", "shwo"), NEAR.format("show")),
}  # fmt: skip


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar with a base model in staging, a project model, and somebody who can sign: only asked, never changed."""
    bench = make_bench(tmp_path_factory.mktemp("asked") / "cellar")
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", version="1.0")
    bench.assign(REF, "staging", push=True)
    bench.declare("vit-l/projectA", "A 1", base=REF)
    bench.register("vit-l/projectA", push=True)
    bench.git("push", "-q", "origin", "main")
    return bench


@pytest.mark.parametrize(("command", "near"), WRONG.values(), ids=WRONG)
def test_a_name_that_means_nothing_is_an_error_with_the_nearest_one(
    asked: Bench, tmp_path: Path, command: tuple[str, ...], near: str
) -> None:
    before = asked.git("for-each-ref"), asked.git("status", "--porcelain")
    answer = ask(asked.work, *(word.format(new=tmp_path / "new") for word in command))
    assert answer.status == WRONG_REQUEST, answer
    assert near in (answer.hint or ""), answer
    assert (asked.git("for-each-ref"), asked.git("status", "--porcelain")) == before
    assert not (tmp_path / "new").exists()


RENAMED = "staging of vit-l/base holds 1.0, and the policy names no such stage"


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar whose policy has another name for the stage that a version is in."""
    bench = make_bench(tmp_path_factory.mktemp("renamed") / "cellar")
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", version="1.0")
    bench.assign(REF, "staging", push=True)
    write_policy(bench, "stages: [qa, production, archived]\n")
    return bench


@pytest.mark.parametrize(
    "command",
    [
        ("show", "vit-l/base"),
        ("doctor",),
        ("reconcile", "--to", "{new}"),
        ("agent", "--stage", "staging", "--into", "{new}", "--once"),
    ],
    ids=" ".join,
)
def test_a_stage_that_was_renamed_while_something_is_live_in_it_is_told(
    renamed: Bench, tmp_path: Path, command: tuple[str, ...]
) -> None:
    answer = ask(renamed.work, *(word.format(new=tmp_path / "new") for word in command))
    assert RENAMED in " ".join((answer.out + answer.err).split()), answer


def test_a_listing_waits_for_no_policy(renamed: Bench) -> None:
    for words in (["show", "--plain"], ["show", "--json"], ["show", "vit-l/base", "--plain"], ["show"]):
        assert ask(renamed.work, *words).err == ""


def test_a_stage_that_was_renamed_is_emptied_by_its_old_name(renamed: Bench) -> None:
    assert ask(renamed.work, "unassign", "vit-l/base", "staging", "--dry-run").status == 0


UNBORN = {
    "no commit": ("", "there is no gitcellar.yaml on main, which has no commit yet"),
    "no file": ("other.txt", "there is no gitcellar.yaml on main at "),
    "an empty file": ("gitcellar.yaml", "gitcellar.yaml of main at "),
}


@pytest.mark.parametrize(("file", "said"), UNBORN.values(), ids=UNBORN)
def test_policy_names_a_file_only_where_the_branch_has_it(tmp_path: Path, file: str, said: str) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    if file:
        (tmp_path / file).write_text("")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "-m", "first")
    # What is not committed does not count, and is told apart.
    (tmp_path / "gitcellar.yaml").write_text("stages: [live]\n")
    assert ask(tmp_path, "policy").err.startswith(f"Policy: the defaults, for {said}")


def test_before_the_first_event_there_is_a_registry_and_no_event(asked: Bench) -> None:
    past = ask(asked.work, "show", "--at", "2001-01-01")
    assert (past.status, past.err.splitlines()) == (
        0,
        [
            "Nothing: this registry had no event by 2001-01-01T23:59:59Z",
            "Hint: gitcellar history",
        ],
    )
    model = ask(asked.work, "show", "vit-l/base", "--at", "2001-01-01T12:00:00Z")
    assert model.err.splitlines() == [
        "Nothing: vit-l/base had no event by 2001-01-01T12:00:00Z",
        "Hint: gitcellar history vit-l/base",
    ]


def test_a_repository_without_registry_tags_says_so_at_any_time(bench: Bench) -> None:
    for words in (["show"], ["show", "--at", "2001-01-01"]):
        assert ask(bench.work, *words).err.startswith("Nothing: this repository has no registry tag yet\n")


@pytest.mark.parametrize("policy", ["custom: {team: vision}", "models: [{match: '**', custom: 1}]", "teams_own: 1"])
def test_a_policy_has_no_place_for_a_teams_own_keys(bench: Bench, policy: str) -> None:
    (bench.work / "gitcellar.yaml").write_text(f"{policy}\n")
    refused = ask(bench.work, "check")
    assert refused.status == 1
    assert "; a team's own keys have no place here" in refused.err
    assert "go under" not in refused.err


def test_a_base_that_is_recalled_is_live_in_no_archive(stocked: Bench) -> None:
    stocked.assign("vit-l/projectA@1.0.1", "archived")
    done = ask(stocked.work, "recall", "vit-l/base@1.0", "--why", "Poisoned.")
    assert "Affected: vit-l/projectA@1.0.1, in no stage\n" in done.err
