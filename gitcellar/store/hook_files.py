"""Which hooks does a repository have? Writes ours beside those that were there, takes them away, and runs theirs.

May import core.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gitcellar.core.errors import InvalidError, WorldError
from gitcellar.core.shims import MARK, format_shim

Installed = Literal["current", "outdated", "missing", "not executable", "somebody else's"]


def inspect_hook(folder: Path, name: str) -> Installed:
    """What stands where the hook `name` should."""
    place = folder / name
    content = _read(place)
    if content is None:
        return "missing"
    if MARK.encode() not in content:
        return "somebody else's"
    if not os.access(place, os.X_OK):
        return "not executable"
    return "current" if content == format_shim(name).encode() else "outdated"


def install_hook(folder: Path, name: str) -> bool:
    """Write our hook, with one that was there kept beside it to be run first. Return whether anything changed."""
    state = inspect_hook(folder, name)
    if state == "current":
        return False
    if state == "somebody else's":
        kept = _chained(folder, name)
        if os.path.lexists(kept):
            message = f"both {folder / name} and {kept} stand there, and neither is gitcellar's"
            raise InvalidError(message, hint="move one of them away")
        os.rename(folder / name, kept)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{name}.gitcellar"
    fresh.write_text(format_shim(name))
    fresh.chmod(0o755)
    os.replace(fresh, folder / name)
    return True


def uninstall_hook(folder: Path, name: str) -> bool:
    """Take our hook away and put back what was there. Return whether anything changed."""
    if inspect_hook(folder, name) in ("missing", "somebody else's"):
        return False
    kept = _chained(folder, name)
    if os.path.lexists(kept):
        os.replace(kept, folder / name)
    else:
        (folder / name).unlink()
    return True


def run_chained(hook: Path, args: Sequence[str], stdin: bytes) -> int:
    """Run the hook that was there before ours, as git would have: its exit code, or 0 where there is none."""
    if not hook.is_file() or not os.access(hook, os.X_OK):
        return 0
    try:
        return subprocess.run([str(hook.absolute()), *args], input=stdin, check=False).returncode
    except OSError as error:
        raise WorldError(f"the hook {hook} could not be run: {error.strerror}") from error


def _chained(folder: Path, name: str) -> Path:
    return folder / f"{name}.chained"


def _read(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return b"" if place.is_symlink() else None
    except OSError as error:
        raise WorldError(f"{place} cannot be read: {error.strerror}") from error
