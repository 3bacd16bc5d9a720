"""Run what a team tells to run, when somebody asked for it by name; no hook comes here. May import core."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from gitcellar.core.errors import InvalidError

_STDERR = 2
_TIMED_OUT = 124


def split_command(text: str) -> list[str]:
    """The words of a command line, as a shell would split it; it is run without one. Raise InvalidError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidError(f"{text!r} is no command: {error}") from error
    if not words:
        raise InvalidError("there is no command to run")
    return words


def run_command(
    words: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    *,
    stdin: bytes = b"",
    seconds: float | None = None,
) -> int:
    """Run a program by its words, never through a shell, and return its exit code; all that it says goes to stderr.

    One that takes longer than `seconds` is killed, and has the exit code 124, as timeout(1) says. Raise InvalidError
    where it cannot be started.
    """
    try:
        environment = {**os.environ, **variables}
        return subprocess.run(
            list(words), cwd=folder, env=environment, input=stdin, stdout=_STDERR, check=False, timeout=seconds
        ).returncode
    except subprocess.TimeoutExpired:
        return _TIMED_OUT
    except OSError as error:
        raise InvalidError(f"cannot run {words[0]!r}: {error.strerror or error}") from error
