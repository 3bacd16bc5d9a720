"""Real cellars to try things on: a clone, its bare remote and its DVC storage, side by side in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcellar.cellar import writing
from gitcellar.cellar.tracking import Declaration, add_model
from gitcellar.cellar.writing import Options, Outcome
from gitcellar.core.names import ModelName
from gitcellar.core.references import parse_reference
from gitcellar.core.versions import parse_version
from gitcellar.store.git import GitRepository
from tests.support.processes import Result, git, run_inside


@dataclass(frozen=True)
class Bench:
    """A cellar to work on: `work` is a clone, `remote` is bare, `storage` is where DVC keeps checkpoints."""

    folder: Path

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def url(self) -> str:
        return f"file://{self.remote}"

    @property
    def repository(self) -> GitRepository:
        return GitRepository(self.work)

    def gitcellar(self, *args: str, env: dict[str, str] | None = None) -> Result:
        """Run the command in the clone, in this process."""
        return run_inside(self.work, *args, env=env)

    def git(self, *args: str) -> str:
        return git(self.work, *args)

    def commit(self, message: str = "change") -> str:
        """Commit everything in the work tree; return the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def commit_anyhow(self, message: str) -> None:
        """Commit everything without being judged."""
        self.git("add", "-A")
        self.git("commit", "-q", "--no-verify", "-m", message)

    def declare(self, model: str, content: str | Mapping[str, str], **fields: Any) -> str:
        """Train a model, so to speak: write its checkpoint, track, declare and commit it."""
        path = self.work / "models" / model.replace("/", "-")
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, str):
            path.write_text(content)
        else:
            for name, text in content.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_text(text)
        add_model(self.repository, ModelName(model), str(path.relative_to(self.work)), Declaration(fields))
        return self.commit(f"train {model}")

    def register(self, model: str, *, version: str | None = None, **options: Any) -> Outcome:
        return writing.register(
            self.repository,
            ModelName(model),
            version=parse_version(version) if version else None,
            options=Options(**options),
        )

    def assign(self, reference: str, stage: str, **options: Any) -> Outcome:
        return writing.assign(self.repository, parse_reference(reference), stage, options=Options(**options))

    def clone(self, name: str) -> Bench:
        """Somebody else's clone of the same remote, in a folder of its own beside this one."""
        other = Bench(self.folder / name)
        other.folder.mkdir()
        git(self.folder, "clone", "-q", str(self.remote), str(other.work))
        git(other.work, "remote", "set-url", "origin", str(self.remote))
        return other


ANY_WAY = "stages: [staging, production, archived]\n"


def make_bench(folder: Path, *, policy: str = ANY_WAY) -> Bench:
    """A cellar with an empty manifest and a policy, both committed and pushed. By default stages are entered any way."""
    bench = Bench(folder)
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "--bare", "-b", "main", str(bench.remote))
    git(folder, "init", "-q", "-b", "main", str(bench.work))
    bench.git("remote", "add", "origin", str(bench.remote))
    (bench.work / ".dvc").mkdir()
    (bench.work / ".dvc/config").write_text(f"[core]\n    remote = s\n['remote \"s\"']\n    url = {bench.storage}\n")
    (bench.work / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (bench.work / "artifacts.yaml").write_text("")
    if policy:
        (bench.work / "gitcellar.yaml").write_text(policy)
    bench.commit("a cellar")
    bench.git("push", "-q", "origin", "main")
    bench.git("remote", "set-head", "origin", "main")
    return bench


class Desk:
    """Where cellars are laid out that many tests begin with: each is made once, and copied for every test.

    A cellar names its storage by an absolute path, in a commit: so all copies stand, one after another, in one place.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._place = folder / "cellar"

    def lay(self, name: str, fill: Callable[[Bench], None]) -> Bench:
        """A fresh copy of the cellar of that name, which `fill` makes the first time."""
        template = self._folder / name
        if not template.exists():
            fill(make_bench(self._place))
            self._place.rename(template)
        shutil.copytree(template, self._place, symlinks=True)
        return Bench(self._place)

    def clear(self) -> None:
        """Take away what lies there."""
        shutil.rmtree(self._place)


def copy_bench(bench: Bench, folder: Path) -> Bench:
    """A cellar like another one, for a test to change; checkpoints of before stay in the other one's storage."""
    shutil.copytree(bench.folder, folder, symlinks=True)
    copy = Bench(folder)
    copy.git("remote", "set-url", "origin", str(copy.remote))
    return copy


def tag(bench: Bench, name: str, commit: str = "HEAD") -> None:
    """Write an annotated tag by hand, as git alone or GTO would."""
    bench.git("tag", "-a", "-m", name, name, commit)
