"""Run a command line in this process, up to its boundary for errors: what a terminal would see, without starting Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcellar.doors.cli import main
from tests.support.processes import Result


def run_here(capfd: pytest.CaptureFixture[str], folder: Path, *words: str) -> Result:
    """What `gitcellar -C FOLDER WORDS` prints, and its exit code."""
    capfd.readouterr()
    arguments = ["-C", str(folder), *words]
    status = main._guarded(lambda: main.cli.main(arguments, prog_name="gitcellar", standalone_mode=False))
    printed = capfd.readouterr()
    return Result(status, printed.out, printed.err)
