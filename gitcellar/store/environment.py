"""What does the environment of this process say? Which repository a running hook was called for, and which day it is.

May import core.
"""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from gitcellar.core.days import Day

# The variables of `git rev-parse --local-env-vars` that say where a repository is. A hook has them set.
_LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


def forget_hook_environment() -> None:
    """Take the variables that bind git to the repository of a running hook out of this process's environment.

    Needed before another repository is asked, for git heeds them over any folder (githooks(5)).
    """
    for variable in _LOCAL_VARIABLES:
        os.environ.pop(variable, None)


@contextmanager
def outside_hook() -> Iterator[None]:
    """Another repository than that of a running hook can be asked meanwhile."""
    kept = {variable: os.environ[variable] for variable in _LOCAL_VARIABLES if variable in os.environ}
    forget_hook_environment()
    try:
        yield
    finally:
        os.environ.update(kept)


def read_today() -> Day:
    """The day in UTC, as 2026-11-30, by which exceptions of the policy end."""
    return Day(datetime.now(timezone.utc).date().isoformat())


def read_now() -> int:
    """The moment, in seconds UTC, from which ages are counted."""
    return int(datetime.now(timezone.utc).timestamp())


def find_host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def find_version(package: str) -> str:
    """The installed version of a Python package."""
    return version(package)


def find_program() -> Path | None:
    """The `gitcellar` program of this process, as an absolute path; None where there is none, as with `python -m`."""
    started = Path(shutil.which(sys.argv[0]) or sys.argv[0])
    beside = Path(sys.executable).parent
    for candidate in (started, beside / "gitcellar"):
        if candidate.name in ("gitcellar", "git-cellar") and os.access(candidate, os.X_OK) and candidate.is_file():
            return candidate.absolute()
    return None
