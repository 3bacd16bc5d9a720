"""Cellars of any size, made with git fast-import in seconds: what is measured is real, only its making is not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

VERSIONS = 60  # of each model's 100 tags; the rest are stage tags
MODEL = "rack0/base"  # asked about on its own


def make_cellar(folder: Path, tags: int, *, dialect: str = "cellar") -> None:
    """A repository with `tags` annotated, packed tags: 100 a model, 20 models a rack, a commit for each version."""
    git(folder.parent, "init", "-q", "-b", "main", str(folder))
    process = subprocess.Popen(["git", "-C", str(folder), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    for chunk in _stream(tags, "v" if dialect == "gto" else ""):
        process.stdin.write(chunk.encode())
    process.stdin.close()
    assert process.wait() == 0
    git(folder, "pack-refs", "--all")
    git(folder, "reset", "-q", "--hard")


def git(folder: Path, *args: str) -> str:
    """Run git, which must succeed."""
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def _stream(tags: int, v: str) -> Iterator[str]:
    yield "blob\nmark :1\ndata 2\n{}\n"
    for model in range(max(1, tags // 100)):
        first = 2 + model * VERSIONS
        for number in range(VERSIONS):
            tree = "M 100644 :1 artifacts.yaml\n" if first + number == 2 else ""
            date = f"{1700000000 + number} +0000"
            yield f"commit refs/heads/main\nmark :{first + number}\ncommitter A <a@x> {date}\ndata 0\n{tree}\n"
        rack, place = divmod(model, 20)
        is_base = place == 0
        name = f"rack{rack}/{'base' if is_base else f'project{place}'}"
        for number in range(VERSIONS):
            version = f"0.{number + 1}" if is_base else f"0.{number // 10 + 1}.{number % 10 + 1}"
            yield _tag(f"{name}@{v}{version}{'.0' if v and is_base else ''}", first + number, number)
        for counter in range(1, 41):
            stage = ("staging", "production")[counter % 2]
            yield _tag(f"{name}#{stage}#{counter}", first + (counter * 7) % VERSIONS, 100 + counter)


def _tag(name: str, commit: int, second: int) -> str:
    return f"tag {name}\nfrom :{commit}\ntagger A <a@x> {1700000000 + second} +0000\ndata 1\nx\n"
