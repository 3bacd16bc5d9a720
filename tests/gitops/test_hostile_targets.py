"""A target is a stranger's folder or branch: no link that stands there is followed, and its state file is only text."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitcellar.cellar.reading import open_source
from gitcellar.core.deployments import STATE_FILE, Deployment
from gitcellar.core.errors import CellarError, InvalidError
from gitcellar.gitops.agents import Agent, Orders
from gitcellar.gitops.live import compare_live
from gitcellar.gitops.origins import GitOrigin
from gitcellar.gitops.reconciling import Goal, Outcome, reconcile
from gitcellar.store.deploy_folder import Folder
from gitcellar.store.inside import find_inside
from gitcellar.store.serving import Layout, Shelf
from tests.support.cellars import Bench

MODEL = "vit-l/base"
SLUG = "vit-l--base--production"


@pytest.fixture
def live(bench: Bench) -> Bench:
    """A cellar with one version, in production."""
    bench.declare(MODEL, "base 1")
    bench.git("push", "-q", "origin", "main")
    bench.register(MODEL, version="1.0", push=True)
    bench.assign("vit-l/base@1.0", "production", push=True)
    return bench


@pytest.fixture
def outside(live: Bench) -> Path:
    """A folder that is nobody's business, with a file of every name that gitcellar writes."""
    folder = live.folder / "outside"
    for name in ("config.pbtxt", "lock", "reconciled.json", "agent.json", "current", "victim"):
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        place.write_text("mine")
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Every file with its text, and every link with where it leads."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def into(bench: Bench, target: Path, **goal: Any) -> Outcome:
    return reconcile(open_source(bench.url), Goal(str(target), **goal))


def agent(bench: Bench, target: Path, layout: Layout = "plain") -> Agent:
    orders = Orders("production", "**", target, "here", layout)
    return Agent(GitOrigin(open_source(bench.url)), orders)


def link(place: Path, to: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(to)


@pytest.mark.parametrize(
    "path", ["", "/", "/etc", "..", "../x", "a/../b", "a//b", "./a", "a/.", "a/", "link", "link/x"]
)
def test_a_path_that_leads_elsewhere_has_no_place_inside(tmp_path: Path, path: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path.parent)
    with pytest.raises(InvalidError):
        find_inside(tmp_path, path)


def test_a_folder_that_is_named_by_a_link_is_that_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "named").symlink_to("real")
    Folder(tmp_path / "named").write({"a/b": b"x"})
    assert find_inside(tmp_path / "named", "a/b").read_bytes() == b"x"


@pytest.mark.parametrize("at", [".gitcellar", ".gitcellar/lock", STATE_FILE, SLUG, f"{SLUG}/config.pbtxt"])
def test_reconcile_reaches_nothing_through_a_link(live: Bench, outside: Path, at: str) -> None:
    target, before = live.folder / "deploy", contents(outside)
    link(target / at, outside / Path(at).name if Path(at).suffix or Path(at).name == "lock" else outside)
    with pytest.raises(InvalidError, match="is a symbolic link"):
        into(live, target, form="triton")
    assert contents(outside) == before


@pytest.mark.parametrize("edited", ["keep", "overwrite"])
def test_what_was_written_is_neither_saved_nor_removed_through_a_link(live: Bench, outside: Path, edited: str) -> None:
    target = live.folder / "deploy"
    into(live, target, form="triton")
    (target / SLUG).rename(live.folder / "moved")
    link(target / SLUG, live.folder / "moved")
    before = contents(live.folder / "moved")
    assert live.gitcellar("unassign", MODEL, "production", "--push").status == 0
    with pytest.raises(InvalidError, match="is a symbolic link"):
        into(live, target, form="triton", edited=edited)
    assert contents(live.folder / "moved") == before


@pytest.mark.parametrize(
    ("layout", "at"),
    [
        ("plain", ".gitcellar"),
        ("plain", ".gitcellar/agent.json"),
        ("plain", ".gitcellar/weights"),
        ("plain", ".gitcellar/weights/DIGEST"),
        ("plain", ".gitcellar/weights/DIGEST/vit-l-base"),
        ("plain", ".gitcellar/weights/DIGEST/.vit-l-base.part"),
        ("plain", ".gitcellar/weights/DIGEST/.vit-l-base.part/whole"),
        ("plain", "vit-l"),
        ("plain", "vit-l/base/production"),
        ("triton", "repository"),
        ("triton", f"repository/{SLUG}"),
        ("triton", f"repository/{SLUG}/1"),
    ],
)
def test_an_agent_reaches_nothing_through_a_link(live: Bench, outside: Path, layout: Layout, at: str) -> None:
    first = agent(live, live.folder / "first")
    assert first.look().ok
    (digest,) = (path.name for path in (live.folder / "first/.gitcellar/weights").iterdir())
    target, before = live.folder / "site", contents(outside)
    place = target / at.replace("DIGEST", digest)
    link(place, outside / "victim" if place.name in ("agent.json", "whole") else outside)
    try:
        look = agent(live, target, layout).look()
    except CellarError as error:
        told = [str(error)]
    else:
        told = [step.reason or "" for step in look.steps]
    assert all("is a symbolic link" in each for each in told)
    assert contents(outside) == before


@pytest.mark.parametrize("layout", ["plain", "triton"])
def test_an_agent_lets_go_of_nothing_through_a_link(live: Bench, outside: Path, layout: Layout) -> None:
    target = live.folder / "site"
    assert agent(live, target, layout).look().ok
    inner = target / ("vit-l" if layout == "plain" else "repository")
    inner.rename(live.folder / "moved")
    link(inner, live.folder / "moved")
    before = contents(live.folder / "moved")
    assert live.gitcellar("unassign", MODEL, "production", "--push").status == 0
    with pytest.raises(InvalidError, match="is a symbolic link"):
        agent(live, target, layout).look()
    assert contents(live.folder / "moved") == before != {}


@pytest.mark.parametrize("victim", ["../victim.txt", ".git/config", "a/../../victim.txt"])
def test_a_state_file_cannot_name_a_file_of_others(live: Bench, victim: str) -> None:
    target, content = live.folder / "deploy", b"mine"
    into(live, target)
    Folder(target).write({".git/config": content})
    (live.folder / "victim.txt").write_bytes(content)
    state = target / STATE_FILE
    document = json.loads(state.read_text())
    document["files"][victim] = hashlib.sha256(content).hexdigest()
    state.write_text(json.dumps(document))
    with pytest.raises(InvalidError, match="is no path of a target"):
        into(live, target)
    assert (live.folder / "victim.txt").read_bytes() == (target / ".git/config").read_bytes() == content


@pytest.mark.parametrize("name", [".git/config", ".gitcellar/x", "a\tb", "a\\b"])
def test_a_template_makes_no_file_that_is_not_its_own(live: Bench, name: str) -> None:
    Folder(live.folder / "templates").write({name: b"x"})
    with pytest.raises(InvalidError, match="is no path of a target"):
        into(live, live.folder / "deploy", form=str(live.folder / "templates"))


def test_two_templates_of_one_file_are_refused(live: Bench) -> None:
    Folder(live.folder / "templates").write({"x": b"x", "x.j2": b"y"})
    with pytest.raises(InvalidError, match="two templates"):
        into(live, live.folder / "deploy", form=str(live.folder / "templates"))


@pytest.mark.parametrize(
    "memory",
    [
        {"failed": {}, "kept": {"../x#production": []}},
        {"failed": {}, "kept": {"vit-l/base#production": []}},
        {"failed": {"vit-l/base#production": {"id": "x", "version": "1.0", "reason": ""}}, "kept": {}},
        {"failed": {"vit-l/base#production": {"id": "a" * 40, "version": "../x", "reason": ""}}, "kept": {}},
        {"failed": {"vit-l/base#production": {"id": "a" * 40, "version": "1.0", "reason": 1}}, "kept": {}},
        {"failed": [], "kept": {}},
    ],
)
def test_an_agents_memory_is_parsed(live: Bench, memory: object) -> None:
    Folder(live.folder / "site").write({".gitcellar/agent.json": json.dumps(memory).encode()})
    with pytest.raises(InvalidError, match=r"agent\.json cannot be read"):
        agent(live, live.folder / "site").look()


def test_two_slots_that_look_alike_have_a_report_each(live: Bench) -> None:
    folder = live.folder / "status"
    keeper = agent(live, live.folder / "site")
    keeper.orders = replace(keeper.orders, report=str(folder), site="a/../b@c")
    assert keeper.look().ok
    assert [path.name for path in folder.iterdir()] == ["a%2F..%2Fb%40c@vit-l%2Fbase@production.json"]


def test_reports_are_read_from_files_alone_and_ask_for_no_model_that_is_made_up(live: Bench) -> None:
    folder = live.folder / "status"
    keeper = agent(live, live.folder / "site")
    keeper.orders = replace(keeper.orders, report=str(folder))
    keeper.look()
    (folder / "link.json").symlink_to(live.folder / "site/.gitcellar/agent.json")
    os.mkfifo(folder / "pipe.json")
    made_up = {"site": "x", "stage": "production", "digest": None, "at": "2026-11-21T00:00:00Z"}
    (folder / "many.json").write_text(json.dumps([{**made_up, "model": f"m{n}"} for n in range(1000)]))
    found = compare_live(open_source(live.url), str(folder))
    assert found.faults == (
        "link.json is no file of at most 16777216 bytes",
        "pipe.json is no file of at most 16777216 bytes",
    )
    assert {each.status.model for each in found.differences if each.should} == {MODEL}


@pytest.mark.parametrize(
    ("model", "stage", "apart"),
    [
        ("a/production/1.0", "production", False),
        ("a/production/current", "production", False),
        ("a/production/1.0/b", "production", False),
        ("a/1.0", "1.0", False),
        ("a/current", "current", False),
        ("a/production", "production", True),
        ("production/1.0", "production", True),
        ("a/staging/1.0", "production", True),
        ("a/production/b", "production", True),
    ],
)
def test_a_model_is_not_served_inside_what_another_one_serves(
    tmp_path: Path, model: str, stage: str, apart: bool
) -> None:
    wanted = Deployment(model, stage, "1.0", 1, "x", "a" * 40, "y", "b" * 40, "m/x", "c" * 64, 1)
    Shelf(tmp_path, "triton").require_place(wanted)
    with nullcontext() if apart else pytest.raises(InvalidError, match="cannot be served beside"):
        Shelf(tmp_path, "plain").require_place(wanted)
