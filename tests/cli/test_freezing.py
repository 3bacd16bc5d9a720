"""A freeze is an entry in the policy, and holds at every door once that is on the protected branch."""

from __future__ import annotations

from tests.support.asking import ask
from tests.support.cellars import Bench

WHY = ("--why", "The end of the year.", "--until", "2099-01-06")


def publish(bench: Bench) -> None:
    bench.commit("policy")
    bench.git("push", "-q", "origin", "main")


def test_a_freeze_keeps_new_versions_out_and_lets_old_ones_back(stocked: Bench) -> None:
    stocked.assign("vit-l/base@1.0", "production", push=True)
    stocked.git("commit", "-q", "--allow-empty", "-m", "more")
    stocked.declare("vit-l/base", "base 2")
    stocked.register("vit-l/base")
    stocked.assign("vit-l/base@1.1", "production")
    before = (stocked.work / "gitcellar.yaml").read_text()
    assert stocked.gitcellar("freeze", "vit-l/*", "production", *WHY).status == 0
    assert (
        stocked.gitcellar("assign", "vit-l/projectA", "production", "--dry-run").status == 0
    )  # nobody has read it yet
    publish(stocked)
    refused = stocked.gitcellar("assign", "vit-l/projectA", "production")
    said = "production is frozen until 2099-01-06: The end of the year."
    assert refused.err.splitlines()[0] == f"Refused: S008 vit-l/projectA#production#1: {said}"
    assert "unfreeze 'vit-l/*' production" in refused.err
    assert stocked.gitcellar("assign", "vit-l/projectA", "staging").status == 0
    assert stocked.gitcellar("rollback", "vit-l/base", "production").status == 0
    assert stocked.gitcellar("check", "--all").status == 0
    assert stocked.gitcellar("unfreeze", "vit-l/*", "production").status == 0
    assert (stocked.work / "gitcellar.yaml").read_text() == before
    publish(stocked)
    assert stocked.gitcellar("assign", "vit-l/projectA", "production").status == 0


def test_comments_stay_and_stages_are_lifted_one_by_one(bench: Bench) -> None:
    policy = bench.work / "gitcellar.yaml"
    policy.write_text("# ours\nstages: [staging, production] # two\n")
    assert bench.gitcellar("freeze", "**", "staging", "production", *WHY).status == 0
    assert bench.gitcellar("unfreeze", "**", "staging").status == 0
    text = policy.read_text()
    assert "# ours" in text and "# two" in text
    assert "- production" in text and "- staging" not in text
    missing = bench.gitcellar("unfreeze", "vit-l/*")
    assert (missing.status, missing.err.splitlines()[1]) == (3, "Hint: there are: **")


def test_a_freeze_that_cannot_be_read_is_not_written(bench: Bench) -> None:
    before = (bench.work / "gitcellar.yaml").read_text()
    assert bench.gitcellar("freeze", "**", "a/b", *WHY).status == 3
    assert (bench.work / "gitcellar.yaml").read_text() == before


def test_a_freeze_until_a_day_that_is_over_is_refused(bench: Bench) -> None:
    before = (bench.work / "gitcellar.yaml").read_text()
    past = ask(bench.work, "freeze", "**", "--why", "It is late.", "--until", "2020-01-01")
    assert (past.status, past.error) == (3, "2020-01-01 is over, so nothing would be frozen")
    assert past.hint is not None and past.hint.startswith("--until 20")
    assert (bench.work / "gitcellar.yaml").read_text() == before


def test_a_freeze_of_every_stage_is_not_lifted_by_the_name_of_one(bench: Bench) -> None:
    assert ask(bench.work, "freeze", "**", *WHY).status == 0
    frozen = (bench.work / "gitcellar.yaml").read_text()
    one = ask(bench.work, "unfreeze", "**", "production")
    assert (one.status, one.error) == (3, "no freeze of '**' names the stage 'production'")
    assert one.hint == "the freeze is of every stage: gitcellar unfreeze '**'"
    assert (bench.work / "gitcellar.yaml").read_text() == frozen


def test_a_stage_that_no_freeze_names_is_not_lifted(bench: Bench) -> None:
    assert ask(bench.work, "freeze", "**", "staging", *WHY).status == 0
    missed = ask(bench.work, "unfreeze", "**", "stagin")
    assert (missed.status, missed.hint) == (3, "did you mean staging?")
    assert ask(bench.work, "unfreeze", "**", "staging").status == 0


def test_freeze_and_unfreeze_leave_the_file_that_init_writes_as_it_was(bench: Bench) -> None:
    policy = bench.work / "gitcellar.yaml"
    policy.unlink()
    assert ask(bench.work, "init").status == 0
    written = policy.read_bytes()
    assert ask(bench.work, "freeze", "**", "production", *WHY).status == 0
    assert policy.read_bytes() != written
    assert ask(bench.work, "unfreeze", "**").status == 0
    assert policy.read_bytes() == written
