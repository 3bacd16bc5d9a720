"""What every test stands on: a machine without habits, and cellars to work on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from gitcellar.cellar.hooks import install_hooks
from gitcellar.store.git import GitRepository
from tests.support.cellars import Bench, Desk, make_bench

settings.register_profile("default", deadline=None, max_examples=60, database=None)
settings.register_profile("fuzz", deadline=None, max_examples=5000, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True, scope="session")
def neutral_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No habit of whoever runs the tests reaches git, DVC or the terminal."""
    home = tmp_path_factory.mktemp("home")
    (home / "gitconfig").write_text("[user]\nname = Ann\nemail = ann@example.com\n[init]\ndefaultBranch = main\n")
    with pytest.MonkeyPatch.context() as patch:
        for variable in [name for name in os.environ if name.startswith(("GIT_", "DVC_", "AWS_", "XDG_"))]:
            patch.delenv(variable)
        for variable, value in {
            "HOME": str(home),
            # Where git finds the gitcellar that its hooks call.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(home / "dvc"),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "TZ": "UTC",
        }.items():
            patch.setenv(variable, value)
        yield


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty cellar."""
    return make_bench(tmp_path / "cellar")


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def guarded(desk: Desk) -> Iterator[Bench]:
    """A cellar with a base model, and our hooks on both sides."""
    yield desk.lay("guarded", fill_guarded)
    desk.clear()


@pytest.fixture
def stocked(desk: Desk) -> Iterator[Bench]:
    """A cellar with a base model and a project model tuned from it, pushed."""
    yield desk.lay("stocked", fill_stocked)
    desk.clear()


def fill_guarded(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1")
    bench.git("push", "-q", "origin", "main")
    bench.register("vit-l/base", version="1.0", push=True)
    for folder, *names in ((bench.work, "pre-commit", "pre-push"), (bench.remote, "pre-receive")):
        install_hooks(GitRepository(folder), names)


def fill_stocked(bench: Bench) -> None:
    bench.declare("vit-l/base", "base 1", metrics={"accuracy": 0.9})
    bench.register("vit-l/base", version="1.0")
    bench.declare("vit-l/projectA", "A 1", base="vit-l/base@1.0")
    bench.register("vit-l/projectA", push=True)
    bench.git("push", "-q", "origin", "main")
