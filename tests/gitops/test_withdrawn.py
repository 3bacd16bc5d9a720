"""A version that is withdrawn while it is live: deployed nowhere anew, and kept or removed where it runs."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gitcellar.core.deployments import Deployment, Reconciled, Step, Wanted, carry_out, parse_deployment, settle
from gitcellar.core.index import offer_file, parse_offer
from gitcellar.core.names import ModelName
from gitcellar.policy.config import parse_policy
from tests.support.cellars import Bench
from tests.support.live import MODEL, SLOT, agent, current, from_git, from_index, make_live, served, write_live_index
from tests.support.people import write_policy

KEPT = "it was withdrawn and is still live: assign another version"
REFUSED = "1.0 is withdrawn and is not deployed: assign another version"
REMOVING = "stages: {production: {withdrawn: remove}}\n"


def withdraw(bench: Bench, version: str = "1.0") -> None:
    done = bench.gitcellar("withdraw", f"{MODEL}@{version}", "--push")
    assert done.status == 0, done.err


@pytest.mark.parametrize("way", ["git", "index"])
def test_a_version_withdrawn_while_live_is_kept_marked_and_not_well(tmp_path: Path, way: str) -> None:
    bench = make_live(tmp_path / "cellar")
    write_live_index(bench)
    origin = from_git(bench) if way == "git" else from_index(bench)
    keeper = agent(bench, origin)
    assert keeper.look().ok
    withdraw(bench)
    if way == "index":
        assert write_live_index(bench) == [Step(SLOT, "withdrawn", "1.0", KEPT)]
    found = keeper.look()
    assert found.steps == (Step(SLOT, "withdrawn", "1.0", KEPT),)
    assert not found.ok
    assert served(bench) == "base 1.0"
    state = json.loads((bench.folder / "site/.gitcellar/reconciled.json").read_text())
    assert state["deployments"][SLOT]["withdrawn"] is True
    (status,) = (bench.folder / "status").iterdir()
    assert json.loads(status.read_text())["reason"] == KEPT
    bench.assign("vit-l/base@1.1", "production", push=True)
    write_live_index(bench)
    assert keeper.look().ok
    assert served(bench) == "base 1.1"


@pytest.mark.parametrize("way", ["git", "index"])
def test_a_fresh_agent_does_not_install_a_withdrawn_version(tmp_path: Path, way: str) -> None:
    bench = make_live(tmp_path / "cellar")
    write_live_index(bench)
    withdraw(bench)
    write_live_index(bench)
    found = agent(bench, from_git(bench) if way == "git" else from_index(bench)).look()
    assert found.steps == (Step(SLOT, "held", None, REFUSED),)
    assert not current(bench).exists()


@pytest.mark.parametrize("way", ["git", "index"])
def test_where_the_policy_says_so_a_withdrawn_version_is_removed(tmp_path: Path, way: str) -> None:
    bench = make_live(tmp_path / "cellar", REMOVING)
    write_live_index(bench)
    keeper = agent(bench, from_git(bench) if way == "git" else from_index(bench))
    assert keeper.look().ok
    withdraw(bench)
    if way == "index":
        assert write_live_index(bench) == [Step(SLOT, "removed", "1.0", "it was withdrawn")]
    (step,) = keeper.look().steps
    assert (step.status, step.version) == ("removed", "1.0")
    assert not current(bench).exists()
    assert list((bench.folder / "site/.gitcellar/weights").iterdir()) == []
    if way == "git":
        assert keeper.look().steps == (Step(SLOT, "held", None, REFUSED),)


def test_a_policy_that_changes_to_remove_removes_what_was_kept(tmp_path: Path) -> None:
    bench = make_live(tmp_path / "cellar")
    keeper = agent(bench, from_git(bench))
    keeper.look()
    withdraw(bench)
    assert [step.status for step in keeper.look().steps] == ["withdrawn"]
    assert [step.status for step in keeper.look().steps] == ["withdrawn"]
    write_policy(bench, REMOVING)
    assert [step.status for step in keeper.look().steps] == ["removed"]


def test_a_withdrawal_that_does_not_verify_changes_nothing(tmp_path: Path) -> None:
    bench = make_live(tmp_path / "cellar", f"{REMOVING}chained: required\n")
    keeper = agent(bench, from_git(bench))
    assert keeper.look().ok
    bench.git("tag", "-a", "-m", "by hand", "vit-l/base@1.0!#2", "vit-l/base@1.0^{}")
    bench.git("push", "-q", "origin", "refs/tags/vit-l/base@1.0!#2")
    (step,) = keeper.look().steps
    assert (step.status, step.version) == ("held", "1.0")
    assert current(bench).exists()


def test_the_index_marks_what_was_withdrawn(tmp_path: Path) -> None:
    bench = make_live(tmp_path / "cellar")
    write_live_index(bench)
    withdraw(bench)
    write_live_index(bench)
    offer = parse_offer((bench.folder / "index" / offer_file(SLOT)).read_bytes(), SLOT)
    assert offer.deployment is not None
    assert offer.deployment.withdrawn
    assert offer.wanted.withdrawn


def test_the_command_ends_with_1_where_a_withdrawn_version_is_live(tmp_path: Path) -> None:
    bench = make_live(tmp_path / "cellar")
    words = ("agent", "--repo", bench.url, "--stage", "production", "--into", "kept", "--once")
    assert bench.gitcellar(*words).status == 0
    withdraw(bench)
    done = bench.gitcellar(*words)
    assert (done.status, done.err) == (1, f"Withdrawn: {SLOT} at 1.0: {KEPT}\n")


HELD = Deployment(MODEL, "production", "1.0", 1, f"{SLOT}#1", "a" * 40, "vit-l/base@1.0", "b" * 40, "m/x", "c" * 64, 7)


@pytest.mark.parametrize("said", ["yes", 1, None])
def test_a_mark_that_is_neither_true_nor_false_is_refused(said: object) -> None:
    assert parse_deployment({**asdict(HELD), "withdrawn": True}).withdrawn
    old = asdict(HELD)
    del old["withdrawn"]
    assert not parse_deployment(old).withdrawn
    with pytest.raises(TypeError):
        parse_deployment({**asdict(HELD), "withdrawn": said})


def test_the_policy_keeps_what_runs_unless_a_stage_says_remove() -> None:
    rules = parse_policy(b"stages: {staging: , production: {withdrawn: remove}}").rules_of(ModelName(MODEL))
    assert [rules.removes_withdrawn(stage) for stage in ("staging", "production", "other")] == [False, True, False]


def test_what_was_withdrawn_and_registered_anew_is_deployed_again() -> None:
    """GTO registers a version again, under a counter, once it was taken back."""
    before = Reconciled(deployments={SLOT: replace(HELD, withdrawn=True)}, sequences={SLOT: 1})
    wanted = {SLOT: Wanted(ModelName(MODEL), "production", "1.0", 1, HELD.id)}
    steps = settle(before, wanted, {})
    assert steps == [Step(SLOT, "changed", "1.0")]
    assert carry_out(before, steps, wanted, {SLOT: HELD}).deployments == {SLOT: HELD}


def test_a_newer_assignment_of_a_withdrawn_version_leaves_what_is_live() -> None:
    before = Reconciled(deployments={SLOT: HELD}, sequences={SLOT: 1})
    wanted = {SLOT: Wanted(ModelName(MODEL), "production", "1.1", 2, "d" * 40, withdrawn=True)}
    refused = "1.1 is withdrawn and is not deployed: assign another version"
    assert settle(before, wanted, {}) == [Step(SLOT, "held", "1.0", refused)]
    again = {SLOT: replace(wanted[SLOT], version="1.0")}
    assert settle(before, again, {}) == [Step(SLOT, "withdrawn", "1.0", KEPT)]
