"""What can be asked, of a clone, a bare repository and a URL, and that odd tags stop nobody."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitcellar.cellar.describing import read_description
from gitcellar.cellar.reading import open_source, read_cellar, read_events, read_history, read_model
from gitcellar.core.errors import NotFoundError
from gitcellar.core.names import ModelName
from gitcellar.core.references import parse_reference
from gitcellar.store.git import GitRepository
from gitcellar.store.git_remote import RemoteRepository
from tests.support.cellars import Bench, tag
from tests.support.processes import git

A = ModelName("vit-l/projectA")
BASE = ModelName("vit-l/base")


@pytest.fixture
def live(stocked: Bench) -> Bench:
    stocked.assign("vit-l/projectA@1.0.1", "production", push=True)
    return stocked


def test_a_clone_a_bare_repository_and_a_url_answer_alike(live: Bench) -> None:
    states = [
        {name: (state.versions, dict(state.stages)) for name, state in read_cellar(source).items()}
        for source in (live.repository, GitRepository(live.remote), RemoteRepository(live.url))
    ]
    assert states[0] == states[1] == states[2]
    for source in (live.repository, RemoteRepository(live.url)):
        model = read_model(source, A)
        assert (model.versions, dict(model.stages)) == states[0][A]


def test_history_is_newest_first_and_the_same_from_refs_alone(live: Bench) -> None:
    expected = ["vit-l/projectA#production#1", "vit-l/projectA@1.0.1"]
    assert [event.event.tag for _, event in read_history(live.repository, A)] == expected
    assert [event.tag for _, event in read_events(RemoteRepository(live.url), A)] == expected
    assert [event.event.tag for _, event in read_history(RemoteRepository(live.url), A)] == expected
    assert [event.event.tag for _, event in read_history(live.repository, None)][-1] == "vit-l/base@1.0"


def test_a_description_tells_everything_from_a_url_too(live: Bench) -> None:
    for source in (live.repository, RemoteRepository(live.url)):
        description = read_description(source, parse_reference("vit-l/projectA#production"))
        assert description.details is not None
        assert description.entry is not None
        assert description.base is not None
        assert description.checkpoint is not None
        assert (description.details.author, description.entry.base) == ("Ann", "vit-l/base@1.0")
        assert description.base.object_id == live.git("rev-parse", "refs/tags/vit-l/base@1.0")
        assert [event.event.kind for event in description.history] == ["registered", "assigned"]


def test_a_tag_whose_object_is_missing_stops_nobody_else(live: Bench) -> None:
    (live.work / ".git/refs/tags/vit-l/projectA@1.0.2").write_text("1" * 40 + "\n")
    states = read_cellar(live.repository)
    assert [str(v.version) for v in states[BASE].versions] == ["1.0"]
    assert [str(v.version) for v in states[A].versions] == ["1.0.1"]
    assert [(a.code, a.tag) for a in states[A].anomalies] == [("lightweight", "vit-l/projectA@1.0.2")]
    assert [str(v.version) for v in read_model(live.repository, A).versions] == ["1.0.1"]


def test_a_tag_of_a_tag_is_peeled_alike_by_every_reader(live: Bench) -> None:
    live.git("tag", "-a", "-m", "nested", "vit-l/base@1.1", "refs/tags/vit-l/base@1.0")
    all_of_them = read_cellar(live.repository)[BASE]
    alone = read_model(live.repository, BASE)
    assert [v.commit for v in all_of_them.versions] == [v.commit for v in alone.versions]
    assert all_of_them.anomalies == alone.anomalies


def test_a_tag_of_a_tree_and_hostile_names_stop_nobody(live: Bench) -> None:
    tag(live, "vit-l/base@1.1", "HEAD^{tree}")
    for name in ("$(id)@v1.0.0", "x;y#prod#1", "a'b@v1.0.0", "vit-l/base@1.0;rm", "\u202eevil/base@1.0"):
        tag(live, name)
    assert [str(v.version) for v in read_cellar(live.repository)[A].versions] == ["1.0.1"]
    assert list(read_cellar(live.repository)) == [BASE, A]


def test_one_git_process_answers_about_one_model(live: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE", str(trace))
    read_model(live.repository, A)
    assert trace.read_text().count("trace: built-in") == 1
    trace.unlink()
    read_cellar(live.repository)
    assert trace.read_text().count("trace: built-in") == 1


def test_a_shallow_clone_says_how_to_get_its_tags(live: Bench, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", "--no-tags", live.url, str(tmp_path / "shallow"))
    with pytest.raises(NotFoundError) as caught:
        read_model(GitRepository(tmp_path / "shallow"), A)
    assert caught.value.hint == "this clone is shallow and has no tags; bring them with: git fetch --tags"


@pytest.mark.parametrize("url", ["ext::sh -c 'touch pwned'", "git://127.0.0.1:1/x"])
def test_other_ways_of_reaching_a_repository_are_not_allowed(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="not allowed"):
        read_cellar(RemoteRepository(url))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["--upload-pack=touch pwned", "/nowhere", "", "-"])
def test_what_is_no_repository_is_told(where: str) -> None:
    with pytest.raises(NotFoundError):
        open_source(where)


def test_a_hostile_config_of_a_repository_starts_nothing(live: Bench, tmp_path: Path) -> None:
    for key in ("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "alias.show-ref"):
        live.git("config", key, f"touch {tmp_path / 'pwned'}")
    (live.work / "x").write_text("x")
    read_cellar(live.repository)
    live.repository.find_changed(["x"])
    live.assign("vit-l/projectA@1.0.1", "staging")
    assert not (tmp_path / "pwned").exists()


def test_sha256_repositories_are_read_and_written(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "-b", "main", str(tmp_path / "r"))
    git(tmp_path / "r", "commit", "-q", "--allow-empty", "-m", "x")
    git(tmp_path / "r", "tag", "-a", "-m", "x", "vit-l/base@1.0")
    (held,) = read_model(GitRepository(tmp_path / "r"), BASE).versions
    assert len(held.commit) == 64
    assert [v.commit for v in read_cellar(GitRepository(tmp_path / "r"))[BASE].versions] == [held.commit]


def test_a_missing_git_is_told(tmp_path: Path) -> None:
    import sys

    program = str(Path(sys.executable).with_name("gitcellar"))
    done = subprocess.run(
        [program, "show"],
        cwd=tmp_path,
        env={"PATH": "/nowhere", "GIT_PYTHON_REFRESH": "quiet"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (
        4,
        "Error: git is not installed, or not on PATH\nHint: https://git-scm.com/downloads\n",
    )
