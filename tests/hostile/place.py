"""A folder in which a hostile repository stands beside what it must not touch, made in milliseconds from a template.

`work` is a clone, `remote.git` what it was cloned from and as hostile, `server.git` an honest server to which it is
pushed. `victim` holds files that nobody may open, and the programs that a stranger would like to run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.watch import Limits
from tests.support.cellars import make_bench
from tests.support.people import sign_as
from tests.support.processes import git, run

# What only the victim's files hold.
TREASURE = "the-secret-that-nobody-may-read"
MODEL, VERSION = "vit-l/base", "1.2"
CONTENT = "the third base"
POLICY = """\
cellar: acme/models
stages:
  staging: {}
  production: {exclusive: true, gates: [{metric: accuracy, at_least: 0.5}]}
  archived: {}
environment: locked
"""
MANIFEST = """\
vit-l/base:
  path: models/vit-l-base
  metrics: metrics.json
  params: params.yaml
  environment: requirements.txt
  contract: {inputs: {image: {dtype: float32, shape: [1, 3, 224, 224]}}}
vit-l/projectA:
  path: models/vit-l-projectA
  base: vit-l/base@1.1
  environment: requirements.txt
"""
# Programs that git or a library might be led to: each leaves a marker where it was started.
_TRAPS = (
    "evil",
    "ssh",
    "gpg",
    "less",
    "more",
    "vi",
    "editor",
    "curl",
    "credential-evil",
    "git-remote-evil",
    "xdg-open",
)


@dataclass(frozen=True)
class Place:
    """One hostile repository and its surroundings."""

    folder: Path
    template: Path

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    @property
    def server(self) -> Path:
        return self.folder / "server.git"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def status(self) -> Path:
        return self.folder / "status"

    @property
    def victim(self) -> Path:
        return self.folder / "victim"

    @property
    def evil(self) -> str:
        """A program that leaves the marker."""
        return str(self.victim / "bin/evil")

    @property
    def marker(self) -> Path:
        return self.folder / "marker"

    @property
    def storage(self) -> Path:
        """Where DVC's remote is, which the repository names."""
        return self.template / "storage"

    def git(self, *args: str) -> str:
        return git(self.work, *args)

    def write(self, path: str, content: str | bytes) -> None:
        place = self.work / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink():
            place.unlink()
        place.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link into the work tree, in place of whatever is there."""
        place = self.work / path
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def commit(self, files: Mapping[str, str | bytes] | None = None) -> str:
        """Write files and commit the work tree as it is, judged by nobody."""
        for path, content in (files or {}).items():
            self.write(path, content)
        self.git("add", "-A")
        self.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def land(
        self,
        files: Mapping[str, str | bytes] | None = None,
        *,
        content: str | None = CONTENT,
        tagger: str = "Eve <eve@example.com>",
        subject: str = "",
        more: str = "",
    ) -> None:
        """Commit, and write the tags that a registration of 1.2 and its promotion would, judged by nobody.

        Where `content` is None the version's tag records no digest, as one of plain git.
        """
        tracked = {"models/vit-l-base.dvc": track(CONTENT)}
        commit = self.commit({**tracked, **(files or {})})
        said = f"\nCheckpoint: sha256:{_sha256(content)} {len(content)} bytes" if content is not None else ""
        previous = self.git("rev-parse", f"refs/gitcellar/{MODEL}@tip")
        registered = self.tag(
            f"{MODEL}@{VERSION}",
            commit,
            f"{subject or f'Register {MODEL} {VERSION}'}\n\nCellar-Format: 1\nModel: {MODEL}\nVersion: {VERSION}\n"
            f"Cellar: acme/models{said}\n{more}Previous: {previous}\n",
            tagger=tagger,
        )
        assigned = self.tag(
            f"{MODEL}#production#3",
            commit,
            f"{subject or f'Assign {MODEL} {VERSION} to production'}\n\nCellar-Format: 1\nModel: {MODEL}\n"
            f"Version: {VERSION}\nCellar: acme/models\nStage: production\n{more}Previous: {registered}\n",
            tagger=tagger,
            at=_soon() + 1,
        )
        for ref in (f"refs/gitcellar/{MODEL}@tip", f"refs/gitcellar-remotes/origin/{MODEL}@tip"):
            self.git("update-ref", ref, assigned)

    def tag(
        self,
        name: str,
        target: str,
        message: str,
        *,
        kind: str = "commit",
        tagger: str = "Eve <eve@example.com>",
        at: int | None = None,
    ) -> str:
        """Write a tag object as it is told, and a ref of its name. Return the object's id."""
        when = _soon() if at is None else at
        written = self.store(f"object {target}\ntype {kind}\ntag {name}\ntagger {tagger} {when} +0000\n\n{message}")
        self.ref(f"refs/tags/{name}", written)
        return written

    def store(self, content: str, kind: str = "tag") -> str:
        """Store an object that git itself would not write."""
        done = run(self.work, "git", "hash-object", "-t", kind, "-w", "--literally", "--stdin", stdin=content)
        assert done.status == 0, done.err
        return done.out.strip()

    def ref(self, name: str, object_id: str) -> None:
        """Write a ref as a file, for git refuses some that a server may serve all the same."""
        place = os.fsencode(self.work / ".git" / name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w") as file:
            file.write(f"{object_id}\n")

    def finish(self) -> None:
        """Let the remote be what the clone is, and the server know its objects, as those of a push in quarantine."""
        (self.folder / "home/.cache").mkdir()
        if not self.remote.exists():
            shutil.copytree(self.work / ".git", self.remote, symlinks=True, ignore=shutil.ignore_patterns("hooks"))
            git(self.folder, "config", "--file", str(self.remote / "config"), "core.bare", "true")
            run(self.folder, "git", "config", "--file", str(self.remote / "config"), "--unset-all", "core.worktree")
        alternates = self.server / "objects/info/alternates"
        alternates.write_text(f"{self.work / '.git/objects'}\n")

    def env(self) -> dict[str, str]:
        """The environment of somebody who reads it, in a CI job of GitHub."""
        home = self.folder / "home"
        kept = {name: os.environ[name] for name in ("LC_ALL", "TZ", "GIT_CONFIG_NOSYSTEM") if name in os.environ}
        return {
            **kept,
            "PATH": os.pathsep.join((str(self.victim / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])),
            "HOME": str(home),
            "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(home / "dvc"),
            "TMPDIR": str(self.folder / "tmp"),
            "NO_COLOR": "1",
            # Where there are no credentials the SDK of S3 asks the machine's own service for some.
            "AWS_EC2_METADATA_DISABLED": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(self.out / "github"),
        }

    def limits(self) -> Limits:
        """What may be touched: the repository, where output goes, and the caches of gitcellar and DVC."""
        home = self.folder / "home"
        repositories = (self.work, self.remote, self.server)
        caches = (home / ".cache", home / ".local/state", home / "dvc", home / ".config/dvc")
        reads = (home, self.storage, self.template / "keys", self.status, Path(__file__).parents[2])
        return Limits(
            tuple(map(str, reads)), tuple(map(str, (*repositories, *caches, self.out, self.folder / "tmp"))), ()
        )


def in_turn(*steps: Callable[[Place], object]) -> Callable[[Place], None]:
    """What makes a place hostile in several steps."""

    def make(place: Place) -> None:
        for step in steps:
            step(place)

    return make


def make_template(folder: Path) -> Path:
    """A cellar in order: two versions of a base model, one of them live, and a model tuned from it."""
    bench = make_bench(folder, policy=POLICY)
    sign_as(bench, "eve")
    bench.git("config", "tag.gpgSign", "false")
    place = Place(folder, folder)
    files = {"artifacts.yaml": MANIFEST, "metrics.json": '{"accuracy": 0.9}\n', "params.yaml": "layers: 12\n"}
    _train(place, "the first base", {**files, "requirements.txt": "numpy==2.0.0\n"})
    bench.register(MODEL, version="1.0")
    bench.assign(f"{MODEL}@1.0", "staging")
    bench.assign(f"{MODEL}@1.0", "production")
    _train(place, "the second base", {})
    bench.register(MODEL, version="1.1")
    bench.register("vit-l/projectA")
    _keep(place.storage, CONTENT)
    bench.git("push", "-q", "origin", "main", "refs/tags/*:refs/tags/*", "refs/gitcellar/*:refs/gitcellar/*")
    shutil.rmtree(place.work / ".git/hooks")
    shutil.rmtree(place.remote / "hooks")
    git(place.remote, "gc", "-q")
    place.git("gc", "-q")
    return folder


def _train(place: Place, content: str, files: Mapping[str, str]) -> None:
    """Commit two checkpoints as DVC would track them, which its cache and its remote have."""
    tracked = {f"models/{name}.dvc": track(f"{content} {name}", path=name) for name in ("vit-l-base", "vit-l-projectA")}
    for name in ("vit-l-base", "vit-l-projectA"):
        for store in (place.storage, place.work / ".dvc/cache"):
            _keep(store, f"{content} {name}")
    place.commit({**files, **tracked})


def _keep(store: Path, content: str) -> None:
    """Put an object where DVC keeps its like."""
    file = store / "files/md5" / _md5(content)[:2] / _md5(content)[2:]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    file.chmod(0o444)  # as DVC keeps it, which would see to that on reading


def _soon() -> int:
    """A date that a server takes, which holds them against its own clock, after all that the template has."""
    return int(time.time()) + 30


def make_place(folder: Path, template: Path) -> Place:
    """A copy of the template, with its surroundings, to be made hostile."""
    place = Place(folder, template)
    folder.mkdir(parents=True)
    shutil.copytree(template / "work", place.work, symlinks=True)
    shutil.copytree(template / "remote.git", place.server, symlinks=True)
    config = place.work / ".git/config"
    config.write_text(config.read_text().replace(str(template / "remote.git"), str(place.remote)))
    for name in ("home", "tmp", "out", "status", "victim/bin"):
        (folder / name).mkdir(parents=True)
    (folder / "home/gitconfig").write_text("[user]\nname = Ann\nemail = ann@example.com\n[safe]\ndirectory = *\n")
    _fill_victim(place)
    return place


def _fill_victim(place: Place) -> None:
    for name in _TRAPS:
        trap = place.victim / "bin" / name
        trap.write_text(f"#!/bin/sh\necho {name} \"$@\" >> '{place.marker}'\nexit 1\n")
        trap.chmod(0o755)
    for name in ("secret.txt", "thesis.txt", ".env", "secret.yaml"):
        (place.victim / name).write_text(f"password: {TREASURE}\n")
    (place.victim / "secret.json").write_text(f'{{"password": "{TREASURE}", "accuracy": 0.77}}\n')
    (place.victim / "aws.cfg").write_text(f"[default]\ncredential_process = {place.evil}\n")
    (place.victim / "gitconfig").write_text(f"[core]\n\tfsmonitor = {place.evil}\n\teditor = {place.evil}\n")
    (place.victim / "folder").mkdir()
    (place.victim / "folder/secret.txt").write_text(TREASURE)


def read_tree(folder: Path) -> dict[str, str]:
    """Everything below a folder: the digest of each file, the target of each link."""
    return {
        path.relative_to(folder).as_posix(): f"link {os.readlink(path)}"
        if path.is_symlink()
        else "folder"
        if path.is_dir()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
    }


def track(content: str, **changed: str) -> str:
    """A tracking file as DVC writes it, with some of what it says changed, or left out where that is empty."""
    said = {"md5": _md5(content), "size": str(len(content)), "hash": "md5", "path": "vit-l-base"} | changed
    return "outs:\n" + "".join(
        f"{'-' if number == 0 else ' '} {key}: {value}\n" for number, (key, value) in enumerate(said.items()) if value
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
