"""What do signatures cost? A quorum of two approvals, and `verify` of many signed tags beside bare ssh-keygen."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cellars import git
from timing import Measured, measure

GITCELLAR = str(Path(sys.executable).parent / "gitcellar")
EVENTS = 100  # of each model: 50 versions, each of them put into staging
NO_QUORUM = "claims without a quorum"
QUORUM, BARE = "claims with a quorum of two, cold", "ssh-keygen -Y verify, 2 at a time"


@dataclass(frozen=True)
class _Key:
    file: Path

    @property
    def public(self) -> str:
        return " ".join(self.file.with_suffix(".pub").read_text().split()[:2])


def bench_quorum(folder: Path, runs: int) -> dict[str, Measured]:
    """`claims --for` a stage that asks for two approvals, and for one that asks for none."""
    cellar = folder / "quorum"
    keys = {name: _make_key(folder / name) for name in ("ada", "ben", "dee")}
    git(folder, "init", "-q", "-b", "main", str(cellar))
    people = "".join(f"  {name}@x: {{roles: [{name}], keys: [{key.public}]}}\n" for name, key in keys.items())
    stages = "stages:\n  production: {approvals: {count: 2, roles: {ada: 1, ben: 1}, not: [author]}}\n  free: {}\n"
    (cellar / "gitcellar.yaml").write_text(f"{stages}people:\n{people}rules: {{M001: off, M004: off}}\n")
    git(cellar, "add", "-A")
    git(cellar, "commit", "-q", "-m", "a policy")
    git(cellar, "config", "gpg.format", "ssh")
    git(cellar, "config", "user.signingKey", str(keys["dee"].file))
    git(cellar, "tag", "-s", "-m", "x", "vit-l/base@0.1")
    for name in ("ada", "ben"):
        git(cellar, "config", "user.signingKey", str(keys[name].file))
        approve = [GITCELLAR, "approve", "vit-l/base@0.1", "--for", "production", "--yes"]
        subprocess.run(approve, cwd=cellar, check=True, capture_output=True)
    cold = folder / "cold"
    claims = [GITCELLAR, "claims", "vit-l/base@0.1", "--for"]
    return measure(
        {
            NO_QUORUM: [*claims, "free"],
            QUORUM: ["env", f"XDG_CACHE_HOME={cold}", *claims, "production"],
            "claims with a quorum of two, known": [*claims, "production"],
        },
        cellar,
        runs=runs,
        before=lambda: shutil.rmtree(cold, ignore_errors=True),
    )


def bench_verify(folder: Path, events: int) -> dict[str, Measured]:
    """`verify` of signed, chained events that nobody checked before, and bare ssh-keygen for as many; one run each."""
    cellar, key = folder / "signed", _make_key(folder / "signer")
    payloads = _make_signed_cellar(cellar, folder / "made", key, events // EVENTS)
    signers = folder / "signers"
    signers.write_text(f"dee@x {key.public}\n")
    bare = _time_bare(payloads, signers)
    cold = folder / "cold-verify"
    name = f"verify of {len(payloads):,} signed tags"
    command = ["env", f"XDG_CACHE_HOME={cold}", GITCELLAR, "verify"]
    first = measure({f"{name}, cold": command}, cellar, runs=1, warm_up=False)
    again = measure({f"{name}, known": command}, cellar, runs=1, warm_up=False)
    return {BARE: Measured(bare, 0), **first, **again}


def _time_bare(payloads: list[Path], signers: Path) -> float:
    def check(payload: Path) -> None:
        command = ["ssh-keygen", "-Y", "verify", "-n", "git", "-I", "dee@x", "-f", str(signers), "-s", f"{payload}.sig"]
        with payload.open("rb") as source:
            subprocess.run(command, stdin=source, check=True, capture_output=True)

    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(check, payloads))
    return time.perf_counter() - began


def _make_signed_cellar(cellar: Path, made: Path, key: _Key, models: int) -> list[Path]:
    """Models whose every event is signed and names the one before. Return the payload files, with signatures beside."""
    git(cellar.parent, "init", "-q", "-b", "main", str(cellar))
    made.mkdir()
    policy = f"stages: [staging]\nsigned: required\npeople:\n  dee@x: {{keys: [{key.public}]}}\n"
    (cellar / "gitcellar.yaml").write_text(policy)
    git(cellar, "add", "-A")
    git(cellar, "commit", "-q", "-m", "a policy")
    commits = [git(cellar, "commit-tree", "-m", str(number), "HEAD^{tree}") for number in range(EVENTS // 2)]
    previous: dict[int, str] = {}
    payloads: list[Path] = []
    refs: list[str] = []
    for event in range(EVENTS):
        # One process signs the events of all models that are as far along.
        batch = [made / f"{model}-{event}" for model in range(models)]
        names = [f"rack{model}/base{_name(event)}" for model in range(models)]
        for model, (path, name) in enumerate(zip(batch, names, strict=True)):
            path.write_text(_format(name, commits[event // 2], f"rack{model}/base", event, previous.get(model)))
        command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(key.file), *map(str, batch)]
        subprocess.run(command, check=True, capture_output=True)
        for model, (path, name) in enumerate(zip(batch, names, strict=True)):
            content = path.read_bytes() + path.with_name(f"{path.name}.sig").read_bytes()
            path.with_name(f"{path.name}.tag").write_bytes(content)
            header = f"tag {len(content)}\0".encode()
            previous[model] = hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
            refs.append(f"create refs/tags/{name} {previous[model]}\n")
        payloads += batch
    paths = "".join(f"{path}.tag\n" for path in payloads)
    write = ["git", "hash-object", "-t", "tag", "-w", "--no-filters", "--stdin-paths"]
    subprocess.run(write, cwd=cellar, input=paths, text=True, check=True, capture_output=True)
    refs += [f"create refs/gitcellar/rack{model}/base@tip {tip}\n" for model, tip in previous.items()]
    subprocess.run(["git", "update-ref", "--stdin"], cwd=cellar, input="".join(refs), text=True, check=True)
    git(cellar, "pack-refs", "--all")
    return payloads


def _name(event: int) -> str:
    return f"@0.{event // 2 + 1}" if event % 2 == 0 else f"#staging#{event // 2 + 1}"


def _format(name: str, commit: str, model: str, event: int, previous: str | None) -> str:
    trailers = f"Cellar-Format: 1\nModel: {model}\nVersion: 0.{event // 2 + 1}\n"
    trailers += "Stage: staging\n" if event % 2 else ""
    trailers += f"Previous: {previous}\n" if previous else ""
    tagger = f"tagger Dee <dee@x> {1700000000 + event} +0000"
    return f"object {commit}\ntype commit\ntag {name}\n{tagger}\n\nAn event\n\n{trailers}"


def _make_key(path: Path) -> _Key:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, capture_output=True)
    return _Key(path)
