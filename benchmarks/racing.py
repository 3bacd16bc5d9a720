"""Twenty clones act on one model at the same moment: does every act land, once, and how long does the last one wait?"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cellars import git

GITCELLAR = str(Path(sys.executable).parent / "gitcellar")
CLONES = 20


@dataclass(frozen=True)
class Race:
    """How it ended: the seconds of the slowest, how many acts landed, and whether the chain is whole."""

    seconds: float
    landed: int
    whole: bool


def bench_races(folder: Path) -> dict[str, Race]:
    """A claim from each clone, through a path and through `git daemon`, without and with our hook on the server."""
    found: dict[str, Race] = {}
    for hooked in (False, True):
        for daemon in (False, True):
            name = f"{'git://' if daemon else 'file://'}{', pre-receive hook' if hooked else ''}"
            place = folder / "race"
            place.mkdir()
            found[name] = _race(place, hooked=hooked, daemon=daemon)
            shutil.rmtree(place)
    return found


def _race(place: Path, *, hooked: bool, daemon: bool) -> Race:
    remote, work = place / "remote.git", place / "work"
    git(place, "init", "-q", "--bare", "-b", "main", str(remote))
    git(place, "init", "-q", "-b", "main", str(work))
    git(work, "remote", "add", "origin", str(remote))
    (work / "gitcellar.yaml").write_text("rules: {M001: off, M004: off}\n")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "a policy")
    git(work, "tag", "-a", "-m", "x", "vit-l/base@0.1")
    git(work, "push", "-q", "origin", "main", "vit-l/base@0.1")
    if hooked:
        subprocess.run([GITCELLAR, "-C", str(remote), "hook", "install", "--server"], check=True, capture_output=True)
    with _served(place) as url:
        clones = [place / f"clone{number}" for number in range(CLONES)]
        for clone in clones:
            git(place, "clone", "-q", f"{url}/remote.git" if daemon else remote.as_uri(), str(clone))
        began = time.perf_counter()
        acts = [_start(clone, number) for number, clone in enumerate(clones)]
        landed = sum(act.wait() == 0 for act in acts)
        seconds = time.perf_counter() - began
    verified = subprocess.run([GITCELLAR, "verify", "--plain"], cwd=remote, capture_output=True, check=False)
    tags = git(remote, "tag", "-l", "*=*").split()
    counters = {tag.rpartition("#")[2] for tag in tags}
    return Race(seconds, landed, verified.returncode == 0 and len(counters) == len(tags) == landed)


def _start(clone: Path, number: int) -> subprocess.Popen[bytes]:
    act = [GITCELLAR, "claim", "vit-l/base@0.1", f"evaluated.run{number}", "--metric", f"a={number}", "--push"]
    environment = {**os.environ, "GIT_ALLOW_PROTOCOL": "file:git"}
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(act, cwd=clone, env=environment, stdout=nowhere, stderr=nowhere)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """`git daemon` on a free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--listen=127.0.0.1", f"--port={port}", "--export-all", "--enable=receive-pack", "--max-connections=0"]
    daemon = subprocess.Popen(
        ["git", "daemon", *options, f"--base-path={folder}", str(folder)], stderr=subprocess.DEVNULL
    )
    try:
        while not _answers(port):
            time.sleep(0.05)
        yield f"git://127.0.0.1:{port}"
    finally:
        daemon.terminate()
        daemon.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
