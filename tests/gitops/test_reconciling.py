"""What a target says is what Git says: once, whoever asks and however often, and never something older."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitcellar.cellar.reading import open_source
from gitcellar.core.errors import InvalidError, WorldError
from gitcellar.gitops.reconciling import Goal, Outcome, reconcile
from gitcellar.gitops.rendering import FORMS
from gitcellar.store.deploy_folder import Folder
from tests.support.cellars import Bench
from tests.support.people import public_key
from tests.support.processes import git, run


@pytest.fixture
def live(stocked: Bench) -> Bench:
    """A cellar with two base versions, the first in production."""
    stocked.declare("vit-l/base", "base 2")
    stocked.git("push", "-q", "origin", "main")
    stocked.register("vit-l/base", push=True)
    stocked.assign("vit-l/base@1.0", "production", push=True)
    return stocked


def into(bench: Bench, target: Path | str, **goal: Any) -> Outcome:
    return reconcile(open_source(bench.url), Goal(str(target), **goal))


def versions(folder: Path) -> list[str]:
    rows = json.loads((folder / "deployments.json").read_text())["deployments"]
    return [f"{row['model']}#{row['stage']} {row['version']}" for row in rows]


def held(outcome: Outcome) -> list[str | None]:
    return [step.reason for step in outcome.steps if step.status == "held"]


def make_branch(bench: Bench) -> str:
    git(bench.folder, "init", "-q", "--bare", "-b", "main", "deploy.git")
    return f"file://{bench.folder}/deploy.git#main"


def count_commits(bench: Bench) -> int:
    return int(git(bench.folder / "deploy.git", "rev-list", "--count", "main"))


def test_twice_gives_nothing_new_and_a_rollback_goes_the_same_way(live: Bench) -> None:
    target = live.folder / "deploy"
    assert into(live, target).changed
    assert not into(live, target).changed
    live.assign("vit-l/base@1.1", "production", push=True)
    assert into(live, target).changed
    assert versions(target) == ["vit-l/base#production 1.1"]
    live.assign("vit-l/base@1.0", "production", push=True)
    assert into(live, target).changed
    assert versions(target) == ["vit-l/base#production 1.0"]
    assert live.gitcellar("unassign", "vit-l/base", "production", "--push").status == 0
    assert into(live, target).changed
    assert versions(target) == []


def test_four_at_once_give_one_commit(live: Bench) -> None:
    target = make_branch(live)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: into(live, target), range(4)))
    assert sum(outcome.changed for outcome in outcomes) == 1
    assert count_commits(live) == 1
    assert all(outcome.ok for outcome in outcomes)


@pytest.mark.parametrize("at", range(4))
def test_who_is_killed_is_healed_by_the_next_run(live: Bench, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the write number `at`, between an older state and two newer ones."""
    target = live.folder / "deploy"
    into(live, target, form="kustomize")
    live.assign("vit-l/base@1.1", "production", push=True)
    live.assign("vit-l/projectA@1.0.1", "production", push=True)
    written, write = [0], Folder.write

    def dies(folder: Folder, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            if written[0] == at:
                raise KeyboardInterrupt
            written[0] += 1
            write(folder, {path: content})

    monkeypatch.setattr(Folder, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        into(live, target, form="kustomize")
    monkeypatch.undo()
    live.assign("vit-l/base@1.0", "production", push=True)
    assert into(live, target, form="kustomize").ok
    fresh = live.folder / "fresh"
    into(live, fresh, form="kustomize")
    names = [path.relative_to(fresh) for end in ("yaml", "env") for path in fresh.rglob(f"*.{end}")]
    there = [path.relative_to(target) for end in ("yaml", "env") for path in target.rglob(f"*.{end}")]
    assert sorted(names) == sorted(there)
    assert all((target / name).read_text() == (fresh / name).read_text() for name in names)


def test_a_stage_never_goes_back_to_what_was_before(live: Bench) -> None:
    target = live.folder / "deploy"
    live.assign("vit-l/base@1.1", "production", push=True)
    into(live, target)
    git(live.remote, "update-ref", "-d", "refs/tags/vit-l/base#production#2")
    back = into(live, target)
    assert held(back) == ["the registry says #1, and #2 was here already"]
    assert versions(target) == ["vit-l/base#production 1.1"]
    for tag in ("vit-l/base#production#1", "vit-l/base@1.0", "vit-l/base@1.1"):
        git(live.remote, "update-ref", "-d", f"refs/tags/{tag}")
    assert held(into(live, target)) == ["it is gone from the registry, or no longer asked for"]
    assert versions(target) == ["vit-l/base#production 1.1"]


def test_what_cannot_be_verified_stays_as_it_was(live: Bench) -> None:
    target = live.folder / "deploy"
    into(live, target)
    live.assign("vit-l/base@1.1", "production", push=True)
    # Somebody with the server's disk moves the registration.
    other = git(live.remote, "cat-file", "tag", "vit-l/base@1.1").replace("Register", "register")
    made = run(live.remote, "git", "mktag", stdin=f"{other}\n").out.strip()
    git(live.remote, "update-ref", "refs/tags/vit-l/base@1.1", made)
    outcome = into(live, target)
    assert not outcome.ok
    assert not outcome.changed
    assert "moved" in str(held(outcome))
    assert versions(target) == ["vit-l/base#production 1.0"]


def test_nothing_is_taken_away_by_a_tag_that_is_lost_or_makes_no_sense(live: Bench) -> None:
    target = live.folder / "deploy"
    into(live, target)
    root = live.git("rev-list", "--max-parents=0", "HEAD")
    live.git("tag", "-a", "-m", "x", "vit-l/base#production#2", root)
    live.git("push", "-q", "origin", "vit-l/base#production#2")
    assert "no version is registered at" in str(held(into(live, target)))
    git(live.remote, "update-ref", "-d", "refs/tags/vit-l/base#production#2")
    # Somebody with the server's disk hides that the version was ever registered, and empties the stage.
    live.git("tag", "-d", "vit-l/base#production#2")
    assert live.gitcellar("unassign", "vit-l/base", "production", "--push").status == 0
    git(live.remote, "update-ref", "-d", "refs/tags/vit-l/base@1.1")
    assert "deleted: vit-l/base@1.1" in str(held(into(live, target)))
    assert versions(target) == ["vit-l/base#production 1.0"]


def test_two_who_know_different_policies_do_not_undo_each_other(live: Bench) -> None:
    target = make_branch(live)
    into(live, target)
    live.assign("vit-l/base@1.1", "production", push=True)
    lenient = live.clone("lenient")
    lenient.git("remote", "set-url", "origin", live.url)
    assert lenient.gitcellar("fetch").status == 0
    policy = f"signed: required\npeople: {{ada@example.com: {{keys: [{public_key(live, 'ada')}]}}}}\n"
    (live.work / "gitcellar.yaml").write_text(policy)
    live.commit()
    live.git("push", "-q", "origin", "main")
    assert "is not signed" in str(held(into(live, target)))
    assert count_commits(live) == 1
    assert reconcile(lenient.repository, Goal(target)).ok
    # What was rolled out stays: the stricter one commits nothing older over it.
    assert not into(live, target).changed
    assert not reconcile(lenient.repository, Goal(target)).changed
    assert count_commits(live) == 2


def test_a_checkpoint_that_is_not_on_its_remote_is_not_rolled_out(live: Bench) -> None:
    target = live.folder / "deploy"
    into(live, target)
    live.assign("vit-l/base@1.1", "production", push=True)
    shutil.rmtree(live.storage)
    live.storage.mkdir()
    outcome = into(live, target)
    assert "the DVC remote has not" in str(held(outcome))
    assert versions(target) == ["vit-l/base#production 1.0"]


def test_a_file_that_somebody_edited_is_never_lost(live: Bench) -> None:
    target = live.folder / "deploy"
    into(live, target)
    edited = target / "deployments.json"
    edited.write_text("mine\n")
    found = into(live, target)
    assert (found.ok, found.changed, found.edited) == (False, False, ("deployments.json",))
    assert edited.read_text() == "mine\n"
    live.assign("vit-l/base@1.1", "production", push=True)
    assert into(live, target, edited="keep").edited == ("deployments.json",)
    assert edited.read_text() == "mine\n"
    (saved,) = into(live, target, edited="overwrite").saved
    assert (target / saved).read_text() == "mine\n"
    assert versions(target) == ["vit-l/base#production 1.1"]


def test_a_branch_that_somebody_edited_is_held_kept_or_overwritten_as_told(live: Bench) -> None:
    target = make_branch(live)
    into(live, target)
    clone = live.folder / "clone"
    git(live.folder, "clone", "-q", "deploy.git", str(clone))
    (clone / "deployments.json").write_text("mine\n")
    git(clone, "-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "-qam", "mine")
    git(clone, "push", "-q", "origin", "main")
    found = into(live, target)
    assert (found.ok, found.changed) == (False, False)
    assert not into(live, target, edited="keep").changed
    assert into(live, target, edited="overwrite").changed
    # Nothing was forced: what somebody wrote is in the branch's history.
    assert git(live.folder / "deploy.git", "show", "main~1:deployments.json") == "mine"


def test_a_target_belongs_to_one_form_and_one_choice(live: Bench) -> None:
    target = live.folder / "deploy"
    into(live, target)
    for goal in ({"form": "compose"}, {"stages": ("staging",)}, {"models": "vit-l/*"}):
        with pytest.raises(InvalidError, match="is kept for the"):
            into(live, target, **goal)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_each_time_and_can_be_read(live: Bench, form: str) -> None:
    live.assign("vit-l/projectA@1.0.1", "production", push=True)
    made = []
    for name in ("one", "two"):
        into(live, live.folder / name, form=form)
        found = [path for path in (live.folder / name).rglob("*") if path.is_file() and ".gitcellar" not in str(path)]
        made.append({path.relative_to(live.folder / name): path.read_bytes() for path in found})
    assert made[0] == made[1] != {}
    for path, content in made[0].items():
        if path.suffix in (".yaml", ".json"):
            assert yaml.safe_load(content)


def test_what_strangers_wrote_is_nothing_but_text_in_a_template(live: Bench) -> None:
    live.declare("vit-l/base", "base 3", owner='"}\n{{ 7 * 7 }}: *x')
    live.git("push", "-q", "origin", "main")
    live.register("vit-l/base", push=True)
    live.assign("vit-l/base@1.2", "production", push=True)
    into(live, live.folder / "d", form="kserve")
    found = yaml.safe_load((live.folder / "d/vit-l--base--production.yaml").read_text())
    assert found["metadata"]["annotations"]["gitcellar/version"] == "1.2"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ nobody }}", "'nobody' is undefined"),
        ("a\n{% for x in %}", "line 2"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for a in range(999999999) %}{% endfor %}", "Range too big"),
    ],
)
def test_a_template_that_raises_changes_nothing_and_says_where(live: Bench, template: str, said: str) -> None:
    templates, target = live.folder / "templates", live.folder / "deploy"
    templates.mkdir()
    (templates / "__slug__.txt.j2").write_text("{{ model }} {{ version }}\n")
    into(live, target, form=str(templates))
    assert (target / "vit-l--base--production.txt").read_text() == "vit-l/base 1.0\n"
    (templates / "__slug__.txt.j2").write_text(template)
    with pytest.raises(InvalidError) as raised:
        into(live, target, form=str(templates))
    assert said in str(raised.value)
    assert "__slug__.txt.j2" in str(raised.value)
    assert (target / "vit-l--base--production.txt").read_text() == "vit-l/base 1.0\n"


def test_a_state_that_cannot_be_read_is_refused(live: Bench) -> None:
    target = live.folder / "deploy"
    into(live, target)
    (target / ".gitcellar/reconciled.json").write_text("{")
    with pytest.raises(InvalidError, match="cannot be read"):
        into(live, target)


def test_a_folder_that_cannot_be_written_says_so(live: Bench) -> None:
    (live.folder / "file").write_text("")
    with pytest.raises(WorldError, match="cannot write"):
        into(live, live.folder / "file/deploy")


def test_the_command_says_what_it_did(live: Bench) -> None:
    done = live.gitcellar("reconcile", "--repo", live.url, "--to", "deploy", "--json")
    assert done.status == 0
    document = json.loads(done.out)
    assert document["stages"] == [
        {"slot": "vit-l/base#production", "status": "changed", "version": "1.0", "reason": None}
    ]
    again = live.gitcellar("reconcile", "--repo", live.url, "--to", "deploy")
    assert again.err == "Nothing to do: deploy says already what should run\n"
    assert live.gitcellar("reconcile", "--to", "file:///nowhere.git#main").status == 4


def test_what_is_held_is_an_event_told_until_it_is_taken_and_then_no_more(live: Bench) -> None:
    command = ("reconcile", "--repo", live.url, "--to", "deploy", "--exec")
    assert live.gitcellar(*command, "false").status == 0
    live.assign("vit-l/base@1.1", "production", push=True)
    git(live.remote, "update-ref", "refs/tags/vit-l/base@1.1", git(live.remote, "rev-parse", "vit-l/base@1.0"))
    refused = live.gitcellar(*command, "false")
    assert refused.status == 3
    assert "false ended with exit code 1 for held" in refused.err
    takes = ("sh -c 'cat >> told; echo >> told'", "--watch", "--every", "100ms")
    program = Path(sys.executable).with_name("gitcellar")
    watching = subprocess.Popen([program, *command, *takes], cwd=live.work, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (live.work / "told").exists() and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(1)  # several looks
    watching.kill()
    assert watching.communicate()[1].count("Held:") == 1
    (told,) = (live.work / "told").read_text().splitlines()
    event = json.loads(told)
    assert (event["type"], event["data"]["model"], event["data"]["version"]) == (
        "alt.gitcellar.held",
        "vit-l/base",
        "1.0",
    )
    assert event["data"]["message"].startswith("vit-l/base#production#2: no version is registered at ")
    assert versions(live.work / "deploy") == ["vit-l/base#production 1.0"]


@pytest.mark.parametrize("at", [946684800, 4070908800], ids=["long ago", "long from now"])
def test_no_clock_says_what_should_run(live: Bench, at: int) -> None:
    target = live.folder / "deploy"
    into(live, target)
    date = {**os.environ, "GIT_COMMITTER_DATE": f"{at} +0000"}
    for version in ("1.1", "1.0", "1.1"):
        done = live.gitcellar("assign", f"vit-l/base@{version}", "production", "--push", env=date)
        assert done.status == 0, done.err
        assert into(live, target).ok
        assert versions(target) == [f"vit-l/base#production {version}"]
