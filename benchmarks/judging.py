"""What do the hooks and `check --all` cost, as pushes and cellars grow?

The cellars are legal, so that every check runs to its end.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cellars import git
from timing import Measured, measure

GITCELLAR = str(Path(sys.executable).parent / "gitcellar")
VERSIONS = 50  # of each model, and as many stage tags
ONE = "vit-l/base"
MOST = 10_000
ZERO = "0" * 40
POLICY = "stages: [staging, production, archived]\n"


def bench_hooks(folder: Path, runs: int) -> dict[str, Measured]:
    """pre-push of one tag at 100,000 tags, and pre-receive of ever more tags."""
    cellar = folder / "hooks"
    make_legal_cellar(cellar, 100_000)
    refs = [
        line.split(" ")
        for line in git(cellar, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags").splitlines()
    ]
    zero = "0" * 40
    last_stage = max((ref for ref in refs if "/rack30/base#" in ref[1]), key=lambda ref: int(ref[1].rpartition("#")[2]))
    one = folder / "one"
    one.write_text(f"{last_stage[1]} {last_stage[0]} {last_stage[1]} {zero}\n")
    commands = {"pre-push of one tag": [GITCELLAR, "hook", "pre-push", "--", "origin", "url"]}
    stdin = {"pre-push of one tag": one}
    racks = [f"refs/tags/rack{number}/base" for number in range(20)]
    pushed = [
        ref
        for ref in refs
        if ref[1].split("@")[0].split("#")[0] in racks and "#" not in ref[1].removeprefix("refs/tags/")
    ]
    for count in (250, 500, 1_000):
        lines = folder / f"pushed{count}"
        lines.write_text("".join(f"{zero} {object_id} {ref}\n" for object_id, ref in pushed[:count]))
        commands[f"pre-receive of {count:,} tags"] = [GITCELLAR, "hook", "pre-receive"]
        stdin[f"pre-receive of {count:,} tags"] = lines
    # The tags are objects already, as in quarantine, and no refs yet.
    deletions = "".join(f"delete {ref}\n" for _, ref in pushed)
    subprocess.run(["git", "update-ref", "--stdin"], cwd=cellar, input=deletions, text=True, check=True)
    return measure(commands, cellar, runs=runs, stdin=stdin)


def bench_one_model(folder: Path, runs: int) -> dict[str, Measured]:
    """pre-receive of 1,000 and 10,000 versions of one model, and of as many claims on one version."""
    cellar = folder / "one-model"
    git(folder, "init", "-q", "--bare", "-b", "main", str(cellar))
    now = int(time.time())
    process = subprocess.Popen(["git", "-C", str(cellar), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    for chunk in _stream_one(MOST, now):
        process.stdin.write(chunk.encode())
    process.stdin.close()
    assert process.wait() == 0
    listed = git(cellar, "for-each-ref", "--format=%(objectname)", "--sort=version:refname", "refs/tags").splitlines()
    deletions = "".join(f"delete refs/tags/{ONE}@1.{number}\n" for number in range(1, MOST))
    subprocess.run(["git", "update-ref", "--stdin"], cwd=cellar, input=deletions, text=True, check=True)
    tags = [f"{ZERO} {object_id} refs/tags/{ONE}@1.{number}\n" for number, object_id in enumerate(listed)][1:]
    claims = [
        f"{ZERO} {object_id} refs/tags/{ONE}@1.0=evaluated.x#{number}\n"
        for number, object_id in enumerate(_write_claims(cellar, listed[0], now), 1)
    ]
    commands: dict[str, list[str]] = {}
    stdin: dict[str, Path] = {}
    for count in (MOST // 10, MOST):
        for what, lines in (("versions of one model", tags), ("claims on one version", claims)):
            name = f"pre-receive of {count:,} {what}"
            stdin[name] = folder / f"{what.split()[0]}{count}"
            stdin[name].write_text("".join(lines[:count]))
            commands[name] = [GITCELLAR, "hook", "pre-receive"]
    return measure(commands, cellar, runs=runs, stdin=stdin)


def _stream_one(versions: int, now: int) -> Iterator[str]:
    manifest = f"{ONE}: {{path: base.bin}}\n"
    yield f"blob\nmark :1\ndata {len(POLICY)}\n{POLICY}\nblob\nmark :2\ndata {len(manifest)}\n{manifest}\n"
    for number in range(versions):
        tracking = f"outs:\n- {{md5: '{number:032x}', size: 1, hash: md5, path: base.bin}}\n"
        yield f"commit refs/heads/main\nmark :{number + 3}\ncommitter A <a@x> {now} +0000\ndata 0\n"
        yield "M 100644 :1 gitcellar.yaml\nM 100644 :2 artifacts.yaml\n" if not number else ""
        yield f"M 100644 inline base.bin.dvc\ndata {len(tracking)}\n{tracking}\n"
        yield f"tag {ONE}@1.{number}\nfrom :{number + 3}\ntagger A <a@x> {now} +0000\ndata 1\nx\n"


def _write_claims(cellar: Path, version: str, now: int) -> list[str]:
    """The ids of claims on a version, stored as objects."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, str(number)) for number in range(1, MOST + 1)]
        for number, path in enumerate(paths, 1):
            head = f"object {version}\ntype tag\ntag {ONE}@1.0=evaluated.x#{number}\ntagger A <a@x> {now} +0000\n"
            path.write_text(f"{head}\nClaim\n\nModel: {ONE}\nVersion: 1.0\nMetric: a={number}.5\n")
        lines = "".join(f"{path}\n" for path in paths)
        words = ["git", "hash-object", "-w", "-t", "tag", "--stdin-paths"]
        done = subprocess.run(words, cwd=cellar, input=lines, text=True, capture_output=True, check=True)
    return done.stdout.split()


def bench_check(folder: Path, runs: int) -> dict[str, Measured]:
    """`check --all` of 1,000, 3,000 and 10,000 versions."""
    found: dict[str, Measured] = {}
    for versions in (1_000, 3_000, 10_000):
        cellar = folder / f"check{versions}"
        make_legal_cellar(cellar, versions * 2)
        name = f"check --all of {versions:,} versions"
        found |= measure({name: [GITCELLAR, "check", "--all"]}, cellar, runs=runs)
    return found


def make_legal_cellar(folder: Path, tags: int) -> None:
    """A repository with `tags` tags that the policy has nothing against: half of them versions, half stages."""
    git(folder.parent, "init", "-q", "-b", "main", str(folder))
    process = subprocess.Popen(["git", "-C", str(folder), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    for chunk in _stream(tags // (2 * VERSIONS)):
        process.stdin.write(chunk.encode())
    process.stdin.close()
    assert process.wait() == 0
    git(folder, "pack-refs", "--all")


def _stream(models: int) -> Iterator[str]:
    yield f"blob\nmark :1\ndata {len(POLICY)}\n{POLICY}\n"
    manifest = "base: {path: base.bin}\n"
    yield f"blob\nmark :2\ndata {len(manifest)}\n{manifest}\n"
    mark = 2
    for model in range(models):
        name = f"rack{model}/base"
        for number in range(1, VERSIONS + 1):
            mark += 1
            md5 = hashlib.md5(f"{name}{number}".encode(), usedforsecurity=False).hexdigest()
            tracking = f"outs:\n- {{md5: '{md5}', size: 1, hash: md5, path: base.bin}}\n"
            yield f"commit refs/heads/main\nmark :{mark}\ncommitter A <a@x> {1700000000 + mark} +0000\ndata 0\n"
            yield "M 100644 :1 gitcellar.yaml\n" if mark == 3 else ""
            yield f"M 100644 :2 rack{model}/artifacts.yaml\n" if number == 1 else ""
            yield f"M 100644 inline rack{model}/base.bin.dvc\ndata {len(tracking)}\n{tracking}\n"
            yield _tag(f"{name}@0.{number}", mark, number)
            yield _tag(f"{name}#staging#{number}", mark, number)


def _tag(name: str, mark: int, second: int) -> str:
    return f"tag {name}\nfrom :{mark}\ntagger A <a@x> {1700000000 + second} +0000\ndata 1\nx\n"
