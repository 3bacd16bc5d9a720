"""Rot on a serving machine: measured at the start and on a slower beat, mended from the remote, and told."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitcellar.cellar.reading import open_source
from gitcellar.core.deployments import Step
from gitcellar.core.digests import Digest, digest_folder
from gitcellar.gitops.origins import GitOrigin
from gitcellar.store.checkpoints import silent
from gitcellar.store.delivery import measure
from gitcellar.store.environment import read_now
from gitcellar.store.git_errors import NoAccessError
from tests.support.cellars import Bench
from tests.support.live import MODEL, SLOT, agent, from_index, make_live, served, write_live_index

ROTTEN = "its weights changed on this machine: "


@pytest.fixture
def live(tmp_path: Path) -> Bench:
    """A cellar with 1.0 in production, which an agent serves."""
    bench = make_live(tmp_path / "cellar")
    assert agent(bench).look().ok
    return bench


def weights(bench: Bench) -> Path:
    (digest,) = (bench.folder / "site/.gitcellar/weights").iterdir()
    return digest / "vit-l-base"


def _flip(place: Path) -> None:
    place.chmod(0o644)
    place.write_text("base 0.1")


def _truncate(place: Path) -> None:
    os.truncate(place, 3)


def _empty(place: Path) -> None:
    place.write_bytes(b"")


def _folder(place: Path) -> None:
    place.unlink()
    place.mkdir()
    (place / "x").write_text("x")


ROT: dict[str, Callable[[Path], None]] = {"other bytes": _flip, "cut": _truncate, "empty": _empty, "a folder": _folder}


@pytest.mark.parametrize("rot", ROT.values(), ids=ROT)
def test_what_rotted_is_found_at_the_start_and_mended_from_the_remote(live: Bench, rot: Callable[[Path], None]) -> None:
    rot(weights(live))
    keeper = agent(live)
    found = keeper.look()
    assert found.steps == (Step(SLOT, "mended", "1.0"),)
    assert found.ok
    assert found.measured[SLOT].sha256 != hashlib.sha256(b"base 1.0").hexdigest()
    assert served(live) == "base 1.0"
    assert [path.name for path in weights(live).parent.iterdir()] == ["vit-l-base"]
    again = keeper.look()
    assert (again.steps, again.measured) == ((Step(SLOT, "current", "1.0"),), {})


def test_a_folder_as_deep_as_no_checkpoint_is_mended_too(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    place = weights(live)
    place.unlink()
    place.mkdir()
    monkeypatch.chdir(place)
    for _ in range(1200):
        os.mkdir("d")
        os.chdir("d")
    os.chdir("/")
    assert agent(live).look().steps == (Step(SLOT, "mended", "1.0"),)
    assert served(live) == "base 1.0"
    subprocess.run(["rm", "-rf", str(live.folder / "site")], check=True)  # pytest cannot


def test_what_rots_later_is_found_on_a_slower_beat(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = agent(live, measure_every=3600)
    assert keeper.look().measured[SLOT].sha256 == hashlib.sha256(b"base 1.0").hexdigest()
    _flip(weights(live))
    assert keeper.look().steps == (Step(SLOT, "current", "1.0"),)
    now = read_now() + 3600
    monkeypatch.setattr("gitcellar.gitops.rot.read_now", lambda: now)
    assert keeper.look().steps == (Step(SLOT, "mended", "1.0"),)
    assert served(live) == "base 1.0"


def test_a_clock_that_went_back_measures_rather_than_waits(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    now = read_now() - 10**6
    monkeypatch.setattr("gitcellar.gitops.rot.read_now", lambda: now)
    assert SLOT in agent(live, measure_first=False).look().measured


def test_a_look_that_does_not_go_on_measures_when_it_is_due(live: Bench) -> None:
    assert agent(live, measure_first=False).look().measured == {}
    assert SLOT in agent(live, measure_first=False, measure_every=0.0).look().measured


def test_what_cannot_be_mended_stays_and_is_told_until_it_is(live: Bench) -> None:
    _flip(weights(live))
    stored = live.storage / "files"
    stored.rename(live.folder / "away")
    keeper = agent(live)
    for _ in range(2):
        (step,) = keeper.look().steps
        assert (step.status, step.version) == ("held", "1.0")
        assert str(step.reason).startswith(ROTTEN)
    assert served(live) == "base 0.1"
    (file,) = (live.folder / "status").iterdir()
    status = json.loads(file.read_text())
    assert status["digest"] == hashlib.sha256(b"base 0.1").hexdigest()
    rows = json.loads(live.gitcellar("diff-live", str(live.folder / "status"), "--json").out)["sites"]
    assert [row["finding"] for row in rows] == ["unknown-digest"]
    # Another process knows it too, without measuring again.
    assert not agent(live, measure_first=False).look().ok
    (live.folder / "away").rename(stored)
    assert agent(live).look().steps == (Step(SLOT, "mended", "1.0"),)
    assert json.loads(file.read_text())["digest"] == hashlib.sha256(b"base 1.0").hexdigest()
    assert json.loads(file.read_text())["measured_at"] is not None


def test_what_rots_while_git_is_down_is_measured_all_the_same(live: Bench) -> None:
    _flip(weights(live))
    gone = agent(live, GitOrigin(open_source("file:///nowhere.git")))
    with pytest.raises(NoAccessError):
        gone.look()
    memory = json.loads((live.folder / "site/.gitcellar/agent.json").read_text())
    assert memory["measured"][SLOT]["sha256"] == hashlib.sha256(b"base 0.1").hexdigest()
    assert agent(live, measure_first=False).look().steps == (Step(SLOT, "mended", "1.0"),)


def test_a_server_is_told_to_load_what_was_mended(live: Bench) -> None:
    _flip(weights(live))
    tells = ("sh", "-c", 'cat "$GITCELLAR_FILE" >> loaded')
    assert agent(live, on_change=tells).look().ok
    assert (live.folder / "site/loaded").read_text() == "base 1.0"


def test_where_loading_fails_it_is_tried_again(live: Bench) -> None:
    _flip(weights(live))
    (step,) = agent(live, on_change=("sh", "-c", "test -e well")).look().steps
    assert (step.status, step.reason) == ("held", f"{ROTTEN}failed: sh ended with exit code 1")
    (live.folder / "site/well").touch()
    assert agent(live, on_change=("sh", "-c", "test -e well")).look().steps == (Step(SLOT, "mended", "1.0"),)


def test_rot_is_mended_by_the_index_too(live: Bench) -> None:
    write_live_index(live)
    shutil.rmtree(live.folder / "site")
    assert agent(live, from_index(live)).look().ok
    _flip(weights(live))
    assert agent(live, from_index(live)).look().steps == (Step(SLOT, "mended", "1.0"),)


def test_a_version_that_rotted_while_it_was_kept_is_not_rolled_back_to_as_it_is(live: Bench) -> None:
    live.assign("vit-l/base@1.1", "production", push=True)
    old = weights(live)
    assert agent(live).look().ok
    _flip(old)
    live.assign("vit-l/base@1.0", "production", push=True)
    assert agent(live).look().ok
    assert served(live) == "base 1.0"


@pytest.mark.parametrize("layout", ["plain", "triton"])
def test_a_folder_of_which_a_file_changed_is_mended_whole(live: Bench, layout: str) -> None:
    live.declare("many/base", {"a": "1", "b/c": "2"})
    live.git("push", "-q", "origin", "main")
    live.register("many/base", version="1.0", push=True)
    live.assign("many/base@1.0", "production", push=True)
    where: dict[str, Any] = {"into": live.folder / "other", "layout": layout, "models": "many/base"}
    assert agent(live, **where).look().ok
    (place,) = (live.folder / "other/.gitcellar/weights").glob("*/many-base")
    (place / "b/c").write_text("3")
    (place / "evil").symlink_to("/etc/passwd")
    assert [step.status for step in agent(live, **where).look().steps] == ["mended"]
    assert sorted(path.name for path in place.parent.rglob("*")) == ["a", "b", "c", "many-base"]
    assert (place / "b/c").read_text() == "2"


def test_nothing_is_read_through_a_link_or_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "m").mkdir()
    (tmp_path / "m/link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "m/pipe")
    nothing = Digest(hashlib.sha256().hexdigest(), 0)
    found = measure(tmp_path / "m", size=0, progress=silent)
    assert found == digest_folder({"link": nothing, "pipe": nothing})
    assert measure(tmp_path / "none", size=0, progress=silent) is None


def test_the_command_says_what_it_measured_and_tells_an_event(live: Bench) -> None:
    _flip(weights(live))
    words = ("agent", "--repo", live.url, "--stage", "production", "--into", str(live.folder / "site"), "--once")
    tells = ("--exec", f"sh -c 'cat >> {live.folder}/events'", "--measure-every", "1ms", "--json")
    done = live.gitcellar(*words, *tells)
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert document["stages"] == [{"slot": SLOT, "status": "mended", "version": "1.0", "reason": None}]
    assert [(row["slot"], row["sha256"]) for row in document["measured"]] == [
        (SLOT, hashlib.sha256(b"base 0.1").hexdigest())
    ]
    event = json.loads((live.folder / "events").read_text())
    assert event["type"].endswith("mended")
    assert (event["data"]["model"], event["data"]["version"]) == (MODEL, "1.0")


def test_a_withdrawn_version_that_is_live_is_told_as_an_event_once(live: Bench) -> None:
    assert live.gitcellar("withdraw", "vit-l/base@1.0", "--push").status == 0
    words = ("agent", "--repo", live.url, "--stage", "production", "--into", str(live.folder / "site"), "--once")
    told = [live.gitcellar(*words, "--exec", f"sh -c 'cat >> {live.folder}/events; echo >> {live.folder}/events'")]
    told.append(live.gitcellar(*words, "--exec", f"sh -c 'cat >> {live.folder}/events; echo >> {live.folder}/events'"))
    assert [done.status for done in told] == [1, 1]
    events = [json.loads(line) for line in (live.folder / "events").read_text().splitlines()]
    assert {event["id"] for event in events} == {events[0]["id"]}
    assert events[0]["type"].endswith("withdrawn-live")
