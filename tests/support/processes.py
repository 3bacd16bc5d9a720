"""Run the installed commands as a user would: real processes, real exit codes.

Where the process is not what a test is about, gitcellar's own command runs in this one: starting Python and importing click
and GitPython takes longer than what most commands do.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO
from unittest import mock

from gitcellar.doors.cli.main import main


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


def run_inside(folder: Path, *args: str, env: dict[str, str] | None = None, stdin: str = "") -> Result:
    """Run gitcellar in this process, as if in a process of its own: folder, environment, files 0 to 2, exit code.

    The program it starts find the same files there.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        with ExitStack() as stack:
            stack.enter_context(_in_folder(folder))
            stack.enter_context(mock.patch.dict(os.environ, env or {}, clear=env is not None))
            stack.enter_context(mock.patch.object(sys, "argv", ["gitcellar", *args]))
            for number, name, file in ((0, "stdin", given), (1, "stdout", out), (2, "stderr", err)):
                stack.enter_context(_as_file(number, name, file))
            status = _exit_code_of_main()
        return Result(status, _read_back(out), _read_back(err))


def _exit_code_of_main() -> int:
    try:
        main()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    finally:
        gc.enable()
    return 0


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    before = os.open(".", os.O_RDONLY)  # not by name: a test may have removed the folder that it stood in
    os.chdir(folder)
    try:
        yield
    finally:
        os.fchdir(before)
        os.close(before)


@contextmanager
def _as_file(number: int, name: str, file: IO[bytes]) -> Iterator[None]:
    """Let a file be one of the three standard ones, for Python and for every program it starts."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(number)
    os.dup2(file.fileno(), number)
    mode = "r" if name == "stdin" else "w"
    stream = TextIOWrapper(
        open(number, f"{mode}b", buffering=-1, closefd=False),  # noqa: SIM115
        encoding="utf-8",
        errors="surrogateescape" if name != "stderr" else "backslashreplace",
    )
    try:
        with mock.patch.object(sys, name, stream):
            yield
            if mode == "w" and not stream.closed:
                stream.flush()
    finally:
        os.dup2(kept, number)
        os.close(kept)


def _read_back(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
