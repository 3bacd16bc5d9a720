"""GTO reads what gitcellar writes, and gitcellar reads what GTO writes: held against the real one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcellar.cellar.reading import read_cellar
from gitcellar.store.git import GitRepository
from tests.support.cellars import ANY_WAY, Bench, make_bench
from tests.support.processes import Result, git, run


def gto(folder: Path, *args: str) -> Result:
    """Run GTO. It asks libgit2 who commits, which knows no GIT_CONFIG_GLOBAL, and always takes the present second."""
    names = {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com"}
    done = run(folder, "gto", *args, env={**os.environ, **names})
    assert done.status == 0, done.err
    return done


def tag_at(folder: Path, tag: str, target: str, second: int) -> None:
    """Write a tag as GTO does, at a second of our choice: of two in one second GTO itself takes the wrong one."""
    environment = {**os.environ, "GIT_COMMITTER_DATE": f"{4_000_000_000 + second} +0000"}
    git(folder, "tag", "-a", "-m", "x", tag, target, env=environment)


def shown_by_gto(folder: Path) -> dict[str, tuple[str | None, dict[str, str]]]:
    """Each active model's latest version and what its stages hold, as GTO tells it."""
    shown: dict[str, Any] = json.loads(gto(folder, "show", "--json").out)
    return {
        name: (told["version"], {stage: version for stage, version in told["stage"].items() if version})
        for name, told in shown.items()
    }


def shown_by_us(folder: Path) -> dict[str, tuple[str | None, dict[str, str]]]:
    """The same as gitcellar tells it, in GTO's spelling of versions."""

    def spell(version: object) -> str:
        return "v" + ".".join((str(version) + ".0").split(".")[:3])

    document = json.loads(run(folder, "gitcellar", "show", "--json").out)
    return {
        model["name"]: (
            spell(model["latest"]) if model["latest"] else None,
            {stage: spell(held["version"]) for stage, held in model["stages"].items()},
        )
        for model in document["models"]
        if not model["deprecated"]
    }


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A repository that has never heard of gitcellar."""
    git(tmp_path, "init", "-q", "-b", "main", "plain")
    return tmp_path / "plain"


def commit(folder: Path) -> None:
    git(folder, "commit", "-q", "--allow-empty", "-m", "change")


def test_what_gto_writes_is_read_as_it_is(plain: Path) -> None:
    commit(plain)
    gto(plain, "register", "churn", "--version", "v1.0.0")
    gto(plain, "register", "nlp/base", "--version", "v1.2.0")
    gto(plain, "register", "models:seg", "--version", "v2.0.0", "--simple", "false")
    commit(plain)
    gto(plain, "register", "churn")
    gto(plain, "assign", "churn", "--version", "v1.0.0", "--stage", "prod")
    gto(plain, "assign", "churn", "--version", "v1.0.1", "--stage", "dev", "--simple", "true")
    gto(plain, "register", "old", "--version", "v1.0.0")
    tag_at(plain, "churn#prod#2", "churn@v1.0.1^{}", 1)
    tag_at(plain, "old@deprecated", "HEAD", 2)
    assert shown_by_us(plain) == {
        "churn": ("v1.0.1", {"prod": "v1.0.1", "dev": "v1.0.1"}),
        "models:seg": ("v2.0.0", {}),
        "nlp/base": ("v1.2.0", {}),
    }
    assert shown_by_us(plain) == shown_by_gto(plain)
    resolved = json.loads(run(plain, "gitcellar", "resolve", "churn#prod", "--json").out)
    assert (resolved["version"], resolved["tag"]) == ("1.0.1", "churn@v1.0.1")
    assert run(plain, "gitcellar", "resolve", "models:seg@v2.0.0").status == 0
    # What GTO tells of each event, gitcellar tells too.
    theirs = {
        (e["ref"], e["event"], e["commit"])
        for e in json.loads(gto(plain, "history", "--json").out)
        if e["event"] != "commit"
    }
    ours = json.loads(run(plain, "gitcellar", "history", "--json").out)["events"]
    words = {"registered": "registration", "assigned": "assignment", "deprecated": "deprecation"}
    told = {(e["tag"], words[e["event"]], e["commit"]) for e in ours}
    assert {event for event in theirs if event[1] in words.values()} <= told


def test_a_deregistered_version_is_withdrawn(plain: Path) -> None:
    for version in ("v1.0.0", "v1.1.0"):
        commit(plain)
        gto(plain, "register", "churn", "--version", version)
    tag_at(plain, "churn@v1.1.0!#1", "HEAD", 1)
    assert shown_by_us(plain) == shown_by_gto(plain) == {"churn": ("v1.0.0", {})}


def test_taking_a_version_out_of_a_stage_is_where_the_two_differ(plain: Path) -> None:
    for second, version in enumerate(("v1.0.0", "v1.1.0"), 1):
        commit(plain)
        gto(plain, "register", "churn", "--version", version)
        tag_at(plain, f"churn#prod#{second}", "HEAD", second)
    tag_at(plain, "churn#prod!#3", "HEAD", 3)
    assert shown_by_gto(plain) == {"churn": ("v1.1.0", {"prod": "v1.0.0"})}
    assert shown_by_us(plain) == {"churn": ("v1.1.0", {})}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["churn", "nlp/base", "nlp/a", "x:y"]), st.sampled_from(["dev", "prod", None])),
        max_size=14,
    )
)
def test_both_tell_the_same_of_any_history(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, str | None]]
) -> None:
    import gto.api

    folder = tmp_path_factory.mktemp("history")
    git(folder, "init", "-q", "-b", "main")
    counts: dict[str, int] = {}
    counters: dict[str, int] = {}
    for second, (model, stage) in enumerate(acts):
        commit(folder)
        name = model.replace(":", "=")
        tags = []
        if stage is None or model not in counts:
            counts[model] = counts.get(model, 0) + 1
            tags.append((f"{name}@v1.{counts[model]}.0", "HEAD"))
        if stage is not None:
            counters[model] = counters.get(model, 0) + 1
            tags.append(
                (f"{name}#{stage}#{counters[model]}", f"refs/tags/{name}@v1.{1 + second % counts[model]}.0^{{}}")
            )
        for place, (tag, target) in enumerate(tags):
            tag_at(folder, tag, target, 10 * second + place)
    with GitRepositoryFolder(folder):
        theirs = {
            name: (told["version"], {stage: v for stage, v in told["stage"].items() if v})
            for name, told in gto.api.show(str(folder)).items()
        }
    assert shown_by_us(folder) == theirs
    assert all(not state.anomalies for state in read_cellar(GitRepository(folder)).values())


class GitRepositoryFolder:
    """GTO's API looks at the current folder for its configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before = Path.cwd()

    def __enter__(self) -> None:
        os.chdir(self.folder)

    def __exit__(self, *_: object) -> None:
        os.chdir(self.before)


# The dialect gto


@pytest.fixture
def written(tmp_path: Path) -> Bench:
    """A cellar in GTO's dialect: a base, a project model in two versions, one in production."""
    bench = make_bench(tmp_path / "cellar", policy=f"dialect: gto\n{ANY_WAY}")
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", version="1.0")
    for content in ("A 1", "A 2"):
        bench.declare("vit-l/projectA", content, base="vit-l/base@1.0", description="A")
        bench.register("vit-l/projectA")
    bench.assign("vit-l/projectA@1.0.2", "production")
    bench.assign("vit-l/projectA@1.0.1", "production", push=True)
    bench.git("push", "-q", "origin", "main")
    return bench


def test_gto_reads_what_is_written_in_its_dialect(written: Bench) -> None:
    assert written.git("tag").splitlines() == [
        "vit-l/base@v1.0.0",
        "vit-l/projectA#production#1",
        "vit-l/projectA#production#2",
        "vit-l/projectA@v1.0.1",
        "vit-l/projectA@v1.0.2",
    ]
    expected = {"vit-l/base": ("v1.0.0", {}), "vit-l/projectA": ("v1.0.2", {"production": "v1.0.1"})}
    assert shown_by_gto(written.work) == expected
    assert shown_by_us(written.work) == expected
    assert gto(written.work, "show", "vit-l/projectA#production", "--version").out.strip() == "v1.0.1"


def test_gto_goes_on_where_gitcellar_stopped_and_back(written: Bench) -> None:
    written.commit("more")
    gto(written.work, "register", "vit-l/projectA", "--version", "v1.0.3")
    gto(written.work, "assign", "vit-l/projectA", "--version", "v1.0.3", "--stage", "production")
    assert shown_by_us(written.work)["vit-l/projectA"] == ("v1.0.3", {"production": "v1.0.3"})
    outcome = written.assign("vit-l/projectA@1.0.2", "production")
    assert outcome.tags == ("vit-l/projectA#production#4",)
    # Our date comes after GTO's, whatever that was, so GTO sees the same holder.
    assert shown_by_gto(written.work)["vit-l/projectA"] == ("v1.0.3", {"production": "v1.0.2"})


@pytest.mark.parametrize(
    ("words", "content"),
    [
        (["--stage", "production"], "A 1"),
        (["--rev", "v1.0.2"], "A 2"),
        (["--rev", "v1.0.1"], "A 1"),
        ([], "A 2"),
    ],
    ids=["stage", "version", "older version", "latest"],
)
def test_dvc_artifacts_get_delivers_what_is_written_in_gtos_dialect(
    written: Bench, tmp_path: Path, words: list[str], content: str
) -> None:
    done = run(tmp_path, "dvc", "artifacts", "get", written.url, "vit-l/projectA", *words, "-o", "out", "-q")
    assert done.status == 0, done.err
    assert (tmp_path / "out").read_text() == content


def test_dvc_get_delivers_by_tag_in_either_dialect(stocked: Bench, tmp_path: Path) -> None:
    done = run(
        tmp_path, "dvc", "get", stocked.url, "models/vit-l-projectA", "--rev", "vit-l/projectA@1.0.1", "-o", "out", "-q"
    )
    assert done.status == 0, done.err
    assert (tmp_path / "out").read_text() == "A 1"


def test_the_manifest_is_mirrored_into_dvc_yaml_and_kept_there(written: Bench) -> None:
    text = (written.work / "dvc.yaml").read_text()
    assert "vit-l/projectA:\n    path: models/vit-l-projectA\n    type: model\n    desc: A\n" in text


def test_a_name_that_gto_cannot_read_is_refused(written: Bench) -> None:
    (written.work / "w").write_text("w")
    done = written.gitcellar("add", "vit-l/a.b", "w")
    assert (done.status, done.err) == (
        3,
        "Error: vit-l/a.b: GTO reads no model name with a dot\nHint: rename the model, or use the cellar dialect\n",
    )


def test_dvc_yamls_artifacts_serve_as_manifest_in_a_cellar_of_gto(bench: Bench, tmp_path: Path) -> None:
    (bench.work / "artifacts.yaml").unlink()
    (bench.work / "models").mkdir()
    (bench.work / "models/m.bin").write_text("m")
    assert run(bench.work, "dvc", "add", "-q", "models/m.bin").status == 0
    (bench.work / "models/dvc.yaml").write_text("artifacts:\n  seg: {path: m.bin, type: model, desc: Segments}\n")
    (bench.work / "dvc.yaml").write_text("artifacts:\n  churn: {path: models/m.bin}\n")
    bench.commit()
    gto(bench.work, "register", "models:seg", "--version", "v1.0.0")
    gto(bench.work, "register", "churn", "--version", "v1.0.0")
    assert run(bench.work, "dvc", "push", "-q").status == 0
    bench.git("push", "-q", "origin", "main", "--tags")
    for reference in ("models:seg@v1.0.0", "churn@latest"):
        done = run(tmp_path, "gitcellar", "get", reference, "--repo", bench.url, "-o", "out", "-f")
        assert done.status == 0, done.err
        assert "recorded no sha256" in done.err
        assert (tmp_path / "out").read_text() == "m"
    described = run(bench.work, "gitcellar", "describe", "models:seg@1.0.0")
    assert "description  Segments" in described.out


def test_gto_reads_a_cellar_that_was_just_set_up(plain: Path) -> None:
    assert run(plain, "gitcellar", "init", "--dialect", "gto").status == 0
    git(plain, "add", "-A")
    git(plain, "commit", "-q", "-m", "a cellar")
    gto(plain, "register", "churn", "--version", "v1.0.0")
    assert shown_by_gto(plain) == {"churn": ("v1.0.0", {})}
    (plain / "w").write_text("w")
    assert run(plain, "gitcellar", "add", "vit-l/base", "w").status == 0
    assert (plain / "artifacts.yaml").read_text().splitlines()[-2:] == ["vit-l/base:", "  path: w"]
