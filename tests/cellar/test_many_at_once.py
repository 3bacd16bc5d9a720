"""Many clones act on one model at once: every act lands once or is told who won, and the chain is whole."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitcellar.cellar.hooks import install_hooks
from gitcellar.store.git import GitRepository
from tests.support.cellars import Bench
from tests.support.processes import git, run

GITCELLAR = str(Path(sys.executable).parent / "gitcellar")
WRITERS = 5


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """`git daemon` on loopback, on a port that was free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--listen=127.0.0.1", f"--port={port}", "--reuseaddr", "--export-all", "--enable=receive-pack"]
    daemon = subprocess.Popen(
        ["git", "daemon", *options, f"--base-path={folder}", str(folder)], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield f"git://127.0.0.1:{port}"
    finally:
        daemon.terminate()
        daemon.wait()


def race(clones: list[Path], acts: list[list[str]], env: dict[str, str]) -> list[tuple[int, str, str]]:
    """Run one act in each clone, all at once."""
    running = [
        subprocess.Popen(
            [GITCELLAR, *act], cwd=clone, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for clone, act in zip(clones, acts, strict=True)
    ]
    found = []
    for process in running:
        out, err = process.communicate()
        found.append((process.returncode, out, err))
    return found


@pytest.mark.parametrize(("hooked", "daemon"), [(False, False), (True, True)], ids=["file", "daemon and hook"])
def test_every_act_lands_once(stocked: Bench, hooked: bool, daemon: bool) -> None:
    if hooked:
        install_hooks(GitRepository(stocked.remote), ["pre-receive"])
    acts = [["claim", "vit-l/base@1.0", f"evaluated.run{n}", "--metric", f"a={n}", "--push"] for n in range(WRITERS)]
    with served(stocked.folder) as url:
        env = {**os.environ, "GIT_ALLOW_PROTOCOL": "file:git"}
        clones = [stocked.folder / f"clone{n}" for n in range(WRITERS)]
        for clone in clones:
            git(stocked.folder, "clone", "-q", f"{url}/remote.git" if daemon else stocked.url, str(clone))
        done = race(clones, acts, env)
    assert [status for status, _, _ in done] == [0] * WRITERS, done
    tags = [out.strip() for _, out, _ in done]
    assert sorted(tag.rpartition("#")[2] for tag in tags) == [str(n) for n in range(1, WRITERS + 1)]
    assert set(git(stocked.remote, "tag", "-l", "*=*").splitlines()) == set(tags)
    assert run(stocked.remote, "gitcellar", "verify").err.endswith("nothing was rewritten\n")


def test_who_comes_second_to_the_same_version_is_told_who_won(stocked: Bench) -> None:
    clones = [stocked.clone(f"clone{n}").work for n in range(3)]
    for n, clone in enumerate(clones):
        git(clone, "commit", "-q", "--allow-empty", "-m", f"by {n}")
    acts = [["register", "vit-l/projectA", "--version", "1.0.2", "--push"]] * 3
    storage = {**os.environ}
    done = race(clones, acts, storage)
    assert sorted(status for status, _, _ in done)[1:] == [1, 1] or all(status == 1 for status, _, _ in done)
    told = [err for status, _, err in done if status]
    assert all("is already registered" in err or "L003" in err for err in told), told


def test_everybody_goes_on_after_a_rollback(stocked: Bench) -> None:
    """The tip goes from an event at a newer commit to one at an older commit, which git calls no fast-forward."""
    other = stocked.clone("other")
    assert other.gitcellar("fetch").status == 0
    stocked.assign("vit-l/base@1.0", "production", push=True)
    stocked.declare("vit-l/base", "base 2")
    stocked.git("push", "-q", "origin", "main")
    stocked.register("vit-l/base", push=True)
    assert other.gitcellar("fetch").status == 0
    stocked.assign("vit-l/base@1.1", "production", push=True)
    stocked.assign("vit-l/base@1.0", "production", push=True)
    done = other.gitcellar("assign", "vit-l/base@1.1", "staging", "--push")
    assert (done.status, done.out) == (0, "vit-l/base#staging#4\n"), done.err


def test_a_fetch_keeps_the_memory_of_a_tip_that_was_rewound(stocked: Bench) -> None:
    stocked.assign("vit-l/base@1.0", "production", push=True)
    other = stocked.clone("other")
    assert other.gitcellar("fetch").status == 0
    tip = git(stocked.remote, "rev-parse", "vit-l/base@1.0")
    git(stocked.remote, "update-ref", "-d", "refs/tags/vit-l/base#production#1")
    git(stocked.remote, "update-ref", "refs/gitcellar/vit-l/base@tip", tip)
    refused = other.gitcellar("fetch")
    assert refused.status == 1
    assert "does not lead back to the one that was there before" in refused.err
    assert "rewound" in other.gitcellar("verify", "--repo", str(stocked.remote)).err
    assert other.gitcellar("fetch").status == 1
