"""Killed anywhere, on a full disk, or without an answer: a second run finishes, and no lock of ours is left."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cellars import Bench, make_bench
from tests.support.processes import git, run

GITCELLAR = str(Path(sys.executable).parent / "gitcellar")
ACT = ("assign", "vit-l/base@1.0", "staging", "--push")
TAG = "vit-l/base#staging#1"


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar with one version, to be copied."""
    bench = make_bench(tmp_path_factory.mktemp("seed") / "cellar")
    bench.declare("vit-l/base", "base 1")
    bench.git("push", "-q", "origin", "main")
    bench.register("vit-l/base", version="1.0", push=True)
    return bench


@pytest.fixture
def copy(seed: Bench, tmp_path: Path) -> Bench:
    """A cellar of one's own to wreck."""
    shutil.copytree(seed.folder, tmp_path / "cellar", symlinks=True)
    bench = Bench(tmp_path / "cellar")
    bench.git("remote", "set-url", "origin", str(bench.remote))
    return bench


def wrap_git(folder: Path, script: str) -> dict[str, str]:
    """An environment in which `git` is a script around the real one, `$GIT`."""
    real = shutil.which("git")
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\nGIT={real}\n{script}\n")
    (folder / "git").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def locks(bench: Bench) -> list[str]:
    return [str(path) for place in (bench.work / ".git", bench.remote) for path in place.rglob("*.lock")]


def assert_finished(bench: Bench) -> None:
    """The act runs again to its end, and the cellar is as if nothing had happened."""
    again = bench.gitcellar(*ACT)
    assert (again.status, again.out) == (0, f"{TAG}\n"), again.err
    assert git(bench.remote, "tag", "-l", "*#*") == TAG
    assert git(bench.work, "rev-parse", TAG) == git(bench.remote, "rev-parse", TAG)
    assert run(bench.remote, "gitcellar", "verify").err == "Verified: 2 events of 1 models: nothing was rewritten\n"
    assert bench.gitcellar("verify").status == 0
    assert locks(bench) == []


# Every one of them in `make fuzz`, every fourth in `make test`.
STEP = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 4


@pytest.mark.parametrize("number", range(1, 25, STEP))
def test_killed_before_any_of_its_git_processes(copy: Bench, number: int) -> None:
    count = copy.folder / "count"
    # Only what gitcellar starts is counted: the processes that git starts have git as their parent.
    script = f'''
n=$(( $(cat "{count}" 2>/dev/null || echo 0) + 1 ))
echo $n > "{count}"
[ $n -eq {number} ] && kill -9 $PPID
exec $GIT "$@"'''
    env = wrap_git(copy.folder / "bin", script)
    run(copy.work, "gitcellar", *ACT, env=env)
    assert_finished(copy)


def test_the_answer_to_a_push_is_lost(copy: Bench) -> None:
    hook = copy.remote / "hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")
    hook.chmod(0o755)
    done = copy.gitcellar(*ACT)
    assert (done.status, done.out) == (0, f"{TAG}\n"), done.err
    hook.unlink()
    assert_finished(copy)


@pytest.mark.parametrize("size", [0, 100, 300, 1000])
def test_the_disk_is_full(copy: Bench, size: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = subprocess.run([GITCELLAR, *ACT], cwd=copy.work, capture_output=True, preexec_fn=limit, check=False)
    assert done.returncode in (0, 4), done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert_finished(copy)


STRACE = shutil.which("strace")
KILL = (
    "-e trace=rename,renameat,renameat2,link,linkat -e inject=rename,renameat,renameat2,link,linkat:signal=KILL:when="
)


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize("when", [1, 2, 3])
@pytest.mark.parametrize("verb", ["mktag", "update-ref"])
def test_git_is_killed_while_it_writes_here(copy: Bench, verb: str, when: int) -> None:
    script = f'case " $* " in *" {verb} "*) exec {STRACE} -f -o /dev/null {KILL}{when} $GIT "$@";; esac\nexec $GIT "$@"'
    run(copy.work, "gitcellar", *ACT, env=wrap_git(copy.folder / "bin", script))
    assert_finished(copy)


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_the_servers_git_is_killed_between_two_refs_of_an_atomic_push(copy: Bench) -> None:
    script = f'case " $* " in *" push "*) exec {STRACE} -f -o /dev/null {KILL}2 $GIT "$@";; esac\nexec $GIT "$@"'
    assert run(copy.work, "gitcellar", *ACT, env=wrap_git(copy.folder / "bin", script)).status == 4
    # The tip was moved and its tag was not written: git's refs in files are atomic only while nobody is killed.
    assert git(copy.remote, "tag", "-l", "*#*") == ""
    lock = copy.remote / f"refs/tags/{TAG}.lock"
    assert lock.exists()
    assert f"origin has lost {TAG}" in copy.gitcellar("fetch").err
    stuck = copy.gitcellar(*ACT)
    assert (stuck.status, stuck.err.splitlines()) == (
        4,
        [
            f"Error: origin lost {TAG} in a crash, and does not take it back",
            f"Hint: remove refs/tags/{TAG}.lock from the repository there, then try again",
        ],
    )
    lock.unlink()
    assert_finished(copy)
