"""A version that is withdrawn while it is live: deployed nowhere anew, and kept or removed where it runs."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gitcellar.cellar.reading import open_source
from gitcellar.core.deployments import Deployment, Reconciled, Step, Wanted, carry_out, parse_deployment, settle
from gitcellar.core.index import offer_file, parse_offer
from gitcellar.core.names import ModelName
from gitcellar.gitops.agents import Agent, Orders
from gitcellar.gitops.indexing import write_index
from gitcellar.gitops.origins import GitOrigin, IndexOrigin, Origin
from gitcellar.policy.config import parse_policy
from gitcellar.store.signatures import SigningKey, find_signing_key
from tests.support.cellars import ANY_WAY, Bench, make_bench
from tests.support.people import key_of, public_key, write_policy

MODEL = "vit-l/base"
SLOT = "vit-l/base#production"
KEPT = "it was withdrawn and is still live: assign another version"
REFUSED = "1.0 is withdrawn and is not deployed: assign another version"
REMOVING = "stages: {production: {withdrawn: remove}}\n"


def make_live(folder: Path, policy: str = ANY_WAY) -> Bench:
    """A cellar with two versions, the first of them in production."""
    bench = make_bench(folder, policy=policy)
    for version in ("1.0", "1.1"):
        bench.declare(MODEL, f"base {version}")
        bench.git("push", "-q", "origin", "main")
        bench.register(MODEL, version=version, push=True)
    bench.assign("vit-l/base@1.0", "production", push=True)
    return bench


def withdraw(bench: Bench, version: str = "1.0") -> None:
    done = bench.gitcellar("withdraw", f"{MODEL}@{version}", "--push")
    assert done.status == 0, done.err


def key(bench: Bench) -> SigningKey:
    found = find_signing_key({"gpg.format": "ssh", "user.signingkey": str(key_of(bench, "ada"))})
    assert found is not None
    return found


def index(bench: Bench) -> list[Step]:
    return write_index(open_source(bench.url), bench.folder / "index", key(bench), valid=3600)


def agent(bench: Bench, origin: Origin, into: str = "site") -> Agent:
    return Agent(origin, Orders("production", "**", bench.folder / into, "here", report=str(bench.folder / "status")))


def indexed(bench: Bench) -> Origin:
    signers = bench.folder / "signers"
    signers.write_text(f"ada@example.com {public_key(bench, 'ada')}\n")
    return IndexOrigin(str(bench.folder / "index"), signers)


def current(bench: Bench, into: str = "site") -> Path:
    return bench.folder / into / MODEL / "production/current"


@pytest.mark.parametrize("way", ["git", "index"])
def test_a_version_withdrawn_while_live_is_kept_marked_and_not_well(tmp_path: Path, way: str) -> None:
    bench = make_live(tmp_path / "cellar")
    index(bench)
    origin = GitOrigin(open_source(bench.url)) if way == "git" else indexed(bench)
    keeper = agent(bench, origin)
    assert keeper.look().ok
    withdraw(bench)
    if way == "index":
        assert index(bench) == [Step(SLOT, "withdrawn", "1.0", KEPT)]
    found = keeper.look()
    assert found.steps == (Step(SLOT, "withdrawn", "1.0", KEPT),)
    assert not found.ok
    assert (current(bench) / "vit-l-base").read_text() == "base 1.0"
    state = json.loads((bench.folder / "site/.gitcellar/reconciled.json").read_text())
    assert state["deployments"][SLOT]["withdrawn"] is True
    (status,) = (bench.folder / "status").iterdir()
    assert json.loads(status.read_text())["reason"] == KEPT
    bench.assign("vit-l/base@1.1", "production", push=True)
    index(bench)
    assert keeper.look().ok
    assert (current(bench) / "vit-l-base").read_text() == "base 1.1"


@pytest.mark.parametrize("way", ["git", "index"])
def test_a_fresh_agent_does_not_install_a_withdrawn_version(tmp_path: Path, way: str) -> None:
    bench = make_live(tmp_path / "cellar")
    index(bench)
    withdraw(bench)
    index(bench)
    found = agent(bench, GitOrigin(open_source(bench.url)) if way == "git" else indexed(bench)).look()
    assert found.steps == (Step(SLOT, "held", None, REFUSED),)
    assert not current(bench).exists()


@pytest.mark.parametrize("way", ["git", "index"])
def test_where_the_policy_says_so_a_withdrawn_version_is_removed(tmp_path: Path, way: str) -> None:
    bench = make_live(tmp_path / "cellar", REMOVING)
    index(bench)
    keeper = agent(bench, GitOrigin(open_source(bench.url)) if way == "git" else indexed(bench))
    assert keeper.look().ok
    withdraw(bench)
    if way == "index":
        assert index(bench) == [Step(SLOT, "removed", "1.0", "it was withdrawn")]
    (step,) = keeper.look().steps
    assert (step.status, step.version) == ("removed", "1.0")
    assert not current(bench).exists()
    assert list((bench.folder / "site/.gitcellar/weights").iterdir()) == []
    if way == "git":
        assert keeper.look().steps == (Step(SLOT, "held", None, REFUSED),)


def test_a_policy_that_changes_to_remove_removes_what_was_kept(tmp_path: Path) -> None:
    bench = make_live(tmp_path / "cellar")
    keeper = agent(bench, GitOrigin(open_source(bench.url)))
    keeper.look()
    withdraw(bench)
    assert [step.status for step in keeper.look().steps] == ["withdrawn"]
    assert [step.status for step in keeper.look().steps] == ["withdrawn"]
    write_policy(bench, REMOVING)
    assert [step.status for step in keeper.look().steps] == ["removed"]


def test_a_withdrawal_that_does_not_verify_changes_nothing(tmp_path: Path) -> None:
    bench = make_live(tmp_path / "cellar", f"{REMOVING}chained: required\n")
    keeper = agent(bench, GitOrigin(open_source(bench.url)))
    assert keeper.look().ok
    bench.git("tag", "-a", "-m", "by hand", "vit-l/base@1.0!#2", "vit-l/base@1.0^{}")
    bench.git("push", "-q", "origin", "refs/tags/vit-l/base@1.0!#2")
    (step,) = keeper.look().steps
    assert (step.status, step.version) == ("held", "1.0")
    assert current(bench).exists()


def test_the_index_marks_what_was_withdrawn(tmp_path: Path) -> None:
    bench = make_live(tmp_path / "cellar")
    index(bench)
    withdraw(bench)
    index(bench)
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
