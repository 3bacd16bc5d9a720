"""Ask the command line in this process: what it says and how it ends, in a tenth of a process's time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
from click.testing import CliRunner

from gitcellar.core.errors import CellarError
from gitcellar.doors.cli.main import cli
from gitcellar.policy.judge import RefusedError


@dataclass(frozen=True)
class Answer:
    """How a command ended, what it printed, and the error that ended it, if one did."""

    status: int
    out: str
    err: str
    error: str | None = None
    hint: str | None = None


def ask(folder: Path, *args: str) -> Answer:
    """Run a command in a folder. What is no exit code of ours, and no error for the user, is raised."""
    result = CliRunner().invoke(cli, ["-C", str(folder), *args], standalone_mode=False)
    error = result.exception
    if isinstance(error, RefusedError):
        first = error.verdict.violations[0]
        return Answer(error.exit_code, result.stdout, result.stderr, str(first), first.hint)
    if isinstance(error, CellarError):
        return Answer(error.exit_code, result.stdout, result.stderr, error.message, error.hint)
    if isinstance(error, click.ClickException):
        return Answer(error.exit_code, result.stdout, result.stderr, error.format_message())
    if error is not None:
        raise error
    # Without click's standalone mode an exit code comes back as the command's value.
    status = result.return_value if isinstance(result.return_value, int) else result.exit_code
    return Answer(status, result.stdout, result.stderr)
