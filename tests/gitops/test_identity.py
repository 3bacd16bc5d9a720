"""A cellar has an id of its own: events, targets, indexes and agents' folders go by it, however it is reached."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from gitcellar.cellar.reading import open_source
from gitcellar.cellar.tracking import init_cellar
from gitcellar.core.deployments import STATE_FILE, parse_reconciled
from gitcellar.core.errors import InvalidError
from gitcellar.gitops.identity import identify
from gitcellar.gitops.indexing import write_index
from gitcellar.gitops.origins import GitOrigin
from gitcellar.gitops.reconciling import Goal, reconcile
from gitcellar.policy.config import parse_policy
from gitcellar.store.git import GitRepository
from tests.support.cellars import ANY_WAY, Bench
from tests.support.live import agent, make_live, signing_key
from tests.support.people import write_policy
from tests.support.processes import git

ID = "6f0c2b1e-6a53-4b40-9d35-1c3f5a1f9e77"


@pytest.fixture
def named(tmp_path: Path) -> Bench:
    """A cellar with an id, and a link by which it is reached under another URL."""
    bench = make_live(tmp_path / "cellar", f"cellar: {ID}\n{ANY_WAY}")
    (bench.folder / "mirror.git").symlink_to(bench.remote)
    return bench


def mirror(bench: Bench) -> str:
    return f"file://{bench.folder}/mirror.git"


def test_init_gives_each_cellar_an_id_of_its_own(tmp_path: Path) -> None:
    found = set()
    for name in ("a", "b"):
        git(tmp_path, "init", "-q", name)
        init_cellar(GitRepository(tmp_path / name))
        cellar = parse_policy((tmp_path / name / "gitcellar.yaml").read_bytes()).content.cellar
        found.add(str(UUID(cellar)))
        assert init_cellar(GitRepository(tmp_path / name)) == []
        assert parse_policy((tmp_path / name / "gitcellar.yaml").read_bytes()).content.cellar == cellar
    assert len(found) == 2


def test_the_source_of_an_event_does_not_depend_on_how_the_cellar_is_reached(named: Bench) -> None:
    ways = ((), ("--repo", named.url), ("--repo", mirror(named)), ("--repo", str(named.remote)))
    done = [named.gitcellar("event", "vit-l/base@1.0", "--json", *way) for way in ways]
    assert [each.status for each in done] == [0] * len(ways)
    events = [json.loads(each.out) for each in done]
    assert {(event["source"], event["type"]) for event in events} == {(ID, "alt.gitcellar.registered")}
    assert len({event["id"] for event in events}) == 1


def test_a_cellar_without_an_id_is_called_by_its_url(tmp_path: Path) -> None:
    bench = make_live(tmp_path / "cellar")
    found = identify(open_source(bench.url))
    assert (found.own, found.name) == (None, bench.url)


def _to_folder(bench: Bench, url: str) -> Path:
    reconcile(open_source(url), Goal(str(bench.folder / "deploy")))
    return bench.folder / "deploy"


def _to_index(bench: Bench, url: str) -> Path:
    write_index(open_source(url), bench.folder / "index", signing_key(bench), valid=60)
    return bench.folder / "index"


def _to_agent(bench: Bench, url: str) -> Path:
    agent(bench, GitOrigin(open_source(url))).look()
    return bench.folder / "site"


WAYS: dict[str, Callable[[Bench, str], Path]] = {"target": _to_folder, "index": _to_index, "agent": _to_agent}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_folder_is_kept_for_the_cellar_and_not_for_its_url(named: Bench, way: Callable[[Bench, str], Path]) -> None:
    folder = way(named, named.url)
    assert parse_reconciled((folder / STATE_FILE).read_bytes()).source == ID
    named.assign("vit-l/base@1.1", "production", push=True)
    way(named, mirror(named))
    state = parse_reconciled((folder / STATE_FILE).read_bytes())
    assert (state.source, state.deployments["vit-l/base#production"].version) == (ID, "1.1")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_folder_of_another_cellar_is_refused(tmp_path: Path, named: Bench, way: Callable[[Bench, str], Path]) -> None:
    other = make_live(tmp_path / "other", f"cellar: other\n{ANY_WAY}")
    other.assign("vit-l/base@1.1", "production", push=True)
    way(named, named.url)
    with pytest.raises(InvalidError, match=f"is kept for the cellar '{ID}', and this is 'other'"):
        way(named, other.url)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_was_kept_for_the_url_is_read_on_once_the_cellar_has_an_id(
    tmp_path: Path, way: Callable[[Bench, str], Path]
) -> None:
    bench = make_live(tmp_path / "cellar")
    folder = way(bench, bench.url)
    state = folder / STATE_FILE
    document = {**json.loads(state.read_text()), "source": bench.url}
    state.write_text(json.dumps(document))
    write_policy(bench, f"cellar: {ID}\n{ANY_WAY}")
    bench.assign("vit-l/base@1.1", "production", push=True)
    way(bench, bench.url)
    assert parse_reconciled(state.read_bytes()).source == ID
