"""Run the installed commands as a user would: real processes, real exit codes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """What a process printed, and how it ended."""

    status: int
    out: str
    err: str


def run(folder: Path, *command: str, env: dict[str, str] | None = None, stdin: str = "") -> Result:
    """Run a command in a folder; gitcellar, gto and dvc are those beside this Python."""
    program = Path(sys.executable).parent / command[0]
    words = [str(program) if program.exists() else command[0], *command[1:]]
    done = subprocess.run(words, cwd=folder, input=stdin.encode(), capture_output=True, env=env, check=False)
    return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def git(folder: Path, *args: str, env: dict[str, str] | None = None) -> str:
    """Run git, which must succeed; return its output without the last newline."""
    result = run(folder, "git", *args, env=env)
    assert result.status == 0, result.err
    return result.out.rstrip("\n")
