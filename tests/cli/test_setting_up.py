"""Setting a cellar up and declaring models: what is written, and what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcellar.core.manifest import parse_manifest
from gitcellar.core.names import ModelName
from tests.support.asking import ask
from tests.support.cellars import Bench, tag
from tests.support.processes import git, run


def test_init_sets_up_what_is_missing_and_nothing_twice(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "r")
    root = tmp_path / "r"
    done = run(root, "gitcellar", "init", "--dialect", "gto")
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("Created: gitcellar.yaml, artifacts.yaml, .dvc/\n")
    assert "dialect: gto" in (root / "gitcellar.yaml").read_text()
    (root / "gitcellar.yaml").write_text("dialect: cellar\n")
    again = run(root, "gitcellar", "init")
    assert (again.status, again.err) == (0, "Nothing to do: this is a cellar already\n")
    assert (root / "gitcellar.yaml").read_text() == "dialect: cellar\n"


def test_init_in_a_folder_below_the_root_sets_the_root_up(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "r")
    (tmp_path / "r/below").mkdir()
    assert run(tmp_path / "r/below", "gitcellar", "init").status == 0
    assert (tmp_path / "r/artifacts.yaml").exists()


def test_add_writes_the_entry_and_says_what_to_commit(bench: Bench) -> None:
    tag(bench, "vit-l/base@1.2")
    (bench.work / "m").mkdir()
    (bench.work / "m/w.bin").write_text("w")
    (bench.work / "data/photos").mkdir(parents=True)
    words = [
        "--base",
        "vit-l/base@1.2",
        "--label",
        "a",
        "--label",
        "b",
        "--metric",
        "accuracy=0.91",
        "--param",
        "lr=0.001",
        "--param",
        "name=adam",
        "--data",
        "photos=data/photos",
        "--data",
        "labels=v3",
        "--set",
        "owner=vision",
        "--set",
        "carbon_kg_co2e=1.5",
    ]
    done = bench.gitcellar("add", "vit-l/projectA", "m/w.bin", "--description", "A: first", *words)
    assert (done.status, done.out) == (0, "artifacts.yaml\nm/.gitignore\nm/w.bin.dvc\n")
    assert done.err.splitlines()[-1] == (
        "Next: git add artifacts.yaml m/.gitignore m/w.bin.dvc && git commit, then gitcellar register vit-l/projectA"
    )
    entry = parse_manifest((bench.work / "artifacts.yaml").read_bytes())[ModelName("vit-l/projectA")]
    assert entry.model_dump(exclude_unset=True, exclude_none=True) == {
        "path": "m/w.bin",
        "description": "A: first",
        "base": "vit-l/base@1.2",
        "labels": ["a", "b"],
        "metrics": {"accuracy": 0.91},
        "params": {"lr": 0.001, "name": "adam"},
        "data": [{"name": "photos", "path": "data/photos"}, {"name": "labels", "version": "v3"}],
        "owner": "vision",
        "carbon_kg_co2e": 1.5,
    }


@pytest.mark.parametrize("ref", ["vit-l/base@1.0", "vit-l/base@latest", "vit-l/base@1", "vit-l/base#staging"])
def test_add_takes_any_ref_of_a_base_and_writes_the_version_that_it_means(stocked: Bench, ref: str) -> None:
    stocked.assign("vit-l/base@1.0", "staging")
    (stocked.work / "w.bin").write_text("w")
    assert ask(stocked.work, "add", "vit-l/projectB", "w.bin", "--base", ref).status == 0
    entry = parse_manifest((stocked.work / "artifacts.yaml").read_bytes())[ModelName("vit-l/projectB")]
    assert entry.base == "vit-l/base@1.0"


def test_add_keeps_comments_order_and_what_it_was_not_told(bench: Bench) -> None:
    written = """\
# Our models.
vit-l/projectB:   # the other one
  path: b.bin

vit-l/projectA:
  owner: "vision"  # whom to ask
  path: old.bin
  metrics: {accuracy: 0.5}
"""
    (bench.work / "artifacts.yaml").write_text(written)
    (bench.work / "w.bin").write_text("w")
    assert bench.gitcellar("add", "vit-l/projectA", "w.bin", "--metric", "accuracy=0.9").status == 0
    assert (bench.work / "artifacts.yaml").read_text() == written.replace("old.bin", "w.bin").replace(
        "  metrics: {accuracy: 0.5}\n", "  metrics:\n    accuracy: 0.9\n"
    )


def test_add_writes_nothing_for_a_declaration_that_does_not_fit(bench: Bench) -> None:
    (bench.work / "w.bin").write_text("w")
    done = bench.gitcellar("add", "vit-l/projectA", "w.bin", "--metric", "accuracy=high", "--set", "ownr=me")
    assert done.status == 3
    assert done.err.splitlines() == [
        "Error: vit-l/projectA.metrics.accuracy: input should be a valid number, unable to parse string as a number, not 'high'",
        "Error: vit-l/projectA.ownr: unknown key 'ownr'; did you mean owner?",
        "Hint: gitcellar schema artifacts shows what an entry may hold",
    ]
    assert bench.git("status", "--porcelain") == "?? w.bin"


@pytest.mark.parametrize("path", ["nothing.bin", "../outside.bin", "link.bin", "linked/x.bin"])
def test_add_tracks_only_what_is_there_and_inside(bench: Bench, path: str) -> None:
    (bench.folder / "outside.bin").write_text("x")
    (bench.folder / "outside").mkdir()
    (bench.folder / "outside/x.bin").write_text("x")
    (bench.work / "link.bin").symlink_to(bench.folder / "outside.bin")
    (bench.work / "linked").symlink_to(bench.folder / "outside")
    done = bench.gitcellar("add", "vit-l/projectA", path)
    assert (done.status, done.out) == (3, "")
    assert (bench.work / "artifacts.yaml").read_text() == ""


def test_add_from_below_the_root_takes_paths_from_there(bench: Bench) -> None:
    (bench.work / "m").mkdir()
    (bench.work / "m/w.bin").write_text("w")
    (bench.work / "m/metrics.json").write_text('{"accuracy": 0.9}')
    done = run(bench.work / "m", "gitcellar", "add", "vit-l/base", "w.bin", "--metrics", "metrics.json")
    assert done.status == 0, done.err
    assert (bench.work / "artifacts.yaml").read_text() == "vit-l/base:\n  path: m/w.bin\n  metrics: m/metrics.json\n"
    bench.commit()
    assert run(bench.work / "m", "gitcellar", "register", "vit-l/base").status == 0
    described = run(bench.work, "gitcellar", "describe", "vit-l/base@latest")
    assert "metrics.accuracy  0.9" in described.out


def test_add_tells_of_a_metrics_file_that_is_not_there(bench: Bench) -> None:
    (bench.work / "w.bin").write_text("w")
    done = bench.gitcellar("add", "vit-l/base", "w.bin", "--metrics", "nothing.json")
    assert (done.status, done.err) == (
        3,
        "Error: there is no file or folder 'nothing.json'\nHint: a path is one from the current folder\n",
    )
    assert bench.git("status", "--porcelain") == "?? w.bin"


def test_add_changes_an_entry_where_it_stands(bench: Bench) -> None:
    (bench.work / "vit-l").mkdir()
    (bench.work / "vit-l/artifacts.yaml").write_text("# ours\nbase: {path: old.bin, owner: me}\n")
    (bench.work / "vit-l/w.bin").write_text("w")
    done = bench.gitcellar("add", "vit-l/base", "vit-l/w.bin")
    assert done.status == 0, done.err
    assert done.out.splitlines()[0] == "vit-l/artifacts.yaml"
    assert (bench.work / "vit-l/artifacts.yaml").read_text() == "# ours\nbase: {path: w.bin, owner: me}\n"
    assert (bench.work / "artifacts.yaml").read_text() == ""
    bench.commit()
    assert bench.gitcellar("register", "vit-l/base").out == "vit-l/base@0.1\n"
    (bench.work / "x.bin").write_text("x")
    outside = bench.gitcellar("add", "vit-l/base", "x.bin")
    assert outside.status == 3
    assert outside.err.startswith("Error: x.bin is outside vit-l/, whose artifacts.yaml declares the model\n")


def test_what_a_pipeline_produces_is_registered_from_its_lock(bench: Bench, tmp_path: Path) -> None:
    (bench.work / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: mkdir -p out && echo 1 > out/w.bin\n    outs: [out]\n"
    )
    assert run(bench.work, "dvc", "repro", "-q").status == 0
    done = bench.gitcellar("add", "vit-l/base", "out/w.bin")
    assert done.status == 0, done.err
    assert done.out.splitlines() == ["artifacts.yaml", ".gitignore", "dvc.lock", "dvc.yaml"]
    bench.commit()
    assert bench.gitcellar("register", "vit-l/base", "--push").status == 0
    got = run(tmp_path, "gitcellar", "get", "vit-l/base@latest", "--repo", bench.url)
    assert got.status == 0, got.err
    assert (tmp_path / "w.bin").read_text() == "1\n"


def test_a_yaml_bomb_is_refused_before_anything_is_tracked(bench: Bench) -> None:
    (bench.work / "artifacts.yaml").write_text("a: &a [x]\nb: *a\n")
    (bench.work / "w.bin").write_text("w")
    done = bench.gitcellar("add", "vit-l/base", "w.bin")
    assert (done.status, done.err) == (3, "Error: artifacts.yaml:1: a: anchors (&name) are not allowed here\n")
    assert not (bench.work / "w.bin.dvc").exists()
