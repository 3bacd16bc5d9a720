"""A version that is withdrawn while it is live, as targets and `diff-live` see it: marked, told, and given to nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitcellar.cellar.reading import open_source
from gitcellar.core.sites import Expected, Finding, Status, compare
from gitcellar.gitops.live import compare_live
from gitcellar.gitops.reconciling import Goal, Outcome, reconcile
from tests.support.cellars import ANY_WAY, Bench, copy_bench, make_bench
from tests.support.processes import git

MODEL, SLUG = "vit-l/base", "vit-l--base--production"
KEPT = "it was withdrawn and is still live: assign another version"
A, B = "a" * 64, "b" * 64


def build(folder: Path, policy: str) -> Bench:
    bench = make_bench(folder, policy=policy)
    for number in (1, 2):
        bench.declare(MODEL, f"base {number}")
        bench.git("push", "-q", "origin", "main")
        bench.register(MODEL, push=True)
    bench.assign("vit-l/base@0.1", "production", push=True)
    git(bench.folder, "init", "-q", "--bare", "-b", "main", "deploy.git")
    return bench


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return build(tmp_path_factory.mktemp("built") / "cellar", ANY_WAY)


@pytest.fixture
def live(built: Bench, tmp_path: Path) -> Bench:
    """A cellar with two versions, the first in production."""
    return copy_bench(built, tmp_path / "cellar")


def into(bench: Bench, target: str = "deploy", **goal: Any) -> Outcome:
    return reconcile(open_source(bench.url), Goal(str(bench.folder / target), **goal))


def withdraw(bench: Bench) -> None:
    done = bench.gitcellar("withdraw", f"{MODEL}@0.1", "--push")
    assert done.status == 0, done.err


def told(outcome: Outcome) -> list[tuple[str, str | None, str | None]]:
    return [(step.status, step.version, step.reason) for step in outcome.steps]


def test_where_a_withdrawn_version_is_live_it_is_kept_marked_and_told(live: Bench) -> None:
    into(live)
    withdraw(live)
    found = into(live)
    assert (found.ok, found.changed, told(found)) == (False, True, [("withdrawn", "0.1", KEPT)])
    (row,) = json.loads((live.folder / "deploy/deployments.json").read_text())["deployments"]
    assert (row["version"], row["withdrawn"]) == ("0.1", True)
    again = into(live)
    assert (again.ok, again.changed) == (False, False)
    live.assign("vit-l/base@0.2", "production", push=True)
    assert into(live).ok
    (row,) = json.loads((live.folder / "deploy/deployments.json").read_text())["deployments"]
    assert (row["version"], row["withdrawn"]) == ("0.2", False)


def test_a_withdrawn_version_enters_no_target_anew(live: Bench) -> None:
    withdraw(live)
    found = into(live)
    assert not found.ok
    assert told(found) == [("held", None, "0.1 is withdrawn and is not deployed: assign another version")]
    assert json.loads((live.folder / "deploy/deployments.json").read_text())["deployments"] == []


def test_a_policy_that_removes_withdrawn_versions_takes_them_out_of_a_target(tmp_path: Path) -> None:
    bench = build(tmp_path / "cellar", "stages: {production: {withdrawn: remove}}\n")
    into(bench, form="kserve")
    withdraw(bench)
    found = into(bench, form="kserve")
    assert (found.ok, told(found)) == (False, [("removed", "0.1", "it was withdrawn")])
    assert not (bench.folder / f"deploy/{SLUG}.yaml").exists()


def test_every_form_marks_a_withdrawn_version_and_no_other(live: Bench) -> None:
    marks = {
        "kserve": (f"{SLUG}.yaml", "gitcellar/withdrawn"),
        "compose": ("compose.yaml", "gitcellar.withdrawn"),
        "kustomize": ("kustomization.yaml", "gitcellar/withdrawn"),
        "triton": (f"{SLUG}/config.pbtxt", "gitcellar_withdrawn"),
    }
    for form in marks:
        into(live, form, form=form)
    before = {form: (live.folder / form / file).read_text() for form, (file, _) in marks.items()}
    withdraw(live)
    for form, (file, mark) in marks.items():
        assert mark not in before[form]
        assert not into(live, form, form=form).ok
        assert mark in (live.folder / form / file).read_text()
        if file.endswith(".yaml"):
            yaml.safe_load((live.folder / form / file).read_text())


def test_the_commit_that_marks_it_says_so_and_an_event_is_told_once(live: Bench) -> None:
    target = f"file://{live.folder}/deploy.git#main"
    command = ("reconcile", "--repo", live.url, "--to", target)
    assert live.gitcellar(*command).status == 0
    withdraw(live)
    done = live.gitcellar(*command, "--exec", "sh -c 'cat >> told; echo >> told'")
    assert done.status == 1
    assert f"Withdrawn: vit-l/base#production at 0.1: {KEPT}\n" in done.err
    subject = git(live.folder / "deploy.git", "log", "-1", "--format=%s", "main")
    assert subject == "vit-l/base#production: 0.1 is withdrawn"
    (event,) = [json.loads(line) for line in (live.work / "told").read_text().splitlines()]
    assert event["data"]["message"] == KEPT
    assert (event["data"]["model"], event["data"]["version"]) == (MODEL, "0.1")


@pytest.mark.parametrize(
    ("digest", "should", "finding"),
    [
        (A, "0.1", "withdrawn"),
        (B, "0.1", "laggard"),
        (None, "0.1", "current"),
        (A, "0.2", "zombie"),
        (B, "0.2", "current"),
        (None, "0.2", "silent"),
        (A, None, "zombie"),
    ],
    ids=[
        "runs what was withdrawn and is assigned still",
        "runs another one",
        "runs nothing, where only a withdrawn one is assigned",
        "runs what was withdrawn, where another one is assigned",
        "runs the other one",
        "runs nothing",
        "runs what was withdrawn, where nothing is assigned",
    ],
)
def test_diff_live_says_where_a_withdrawn_version_is_live(
    digest: str | None, should: str | None, finding: Finding
) -> None:
    known = {"0.1": A, "0.2": B}
    expected = Expected(should, known.get(should or ""), known, frozenset({"0.1"}))
    status = Status("here", MODEL, "production", digest, "2026-11-21T00:00:00Z")
    (found,) = compare([status], {f"{MODEL}#production": expected})
    assert found.finding == finding


def test_diff_live_is_not_content_with_what_was_withdrawn(live: Bench) -> None:
    into(live)
    (row,) = json.loads((live.folder / "deploy/deployments.json").read_text())["deployments"]
    report = {"site": "here", "model": MODEL, "stage": "production", "digest": row["sha256"]}
    (live.folder / "status.json").write_text(json.dumps({**report, "at": "2026-11-21T00:00:00Z"}))
    (live.folder / "status").mkdir()
    (live.folder / "status.json").rename(live.folder / "status/here.json")
    assert compare_live(open_source(live.url), str(live.folder / "status")).ok
    withdraw(live)
    done = live.gitcellar("diff-live", str(live.folder / "status"), "--repo", live.url, "--plain")
    assert (done.status, done.out.split("\t")[3]) == (1, "withdrawn")
