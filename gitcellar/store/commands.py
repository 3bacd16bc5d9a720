"""Run what a team tells to run, when somebody asked for it by name; no hook comes here. May import core."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gitcellar.core.errors import InvalidError


def run_command(words: Sequence[str], folder: Path, variables: Mapping[str, str]) -> int:
    """Run a program by its words, never through a shell, and return its exit code; all that it says goes to stderr.

    Raise InvalidError where it cannot be started.
    """
    sys.stderr.flush()
    try:
        environment = {**os.environ, **variables}
        return subprocess.run(list(words), cwd=folder, env=environment, stdout=sys.stderr, check=False).returncode
    except OSError as error:
        raise InvalidError(f"cannot run {words[0]!r}: {error.strerror or error}") from error
