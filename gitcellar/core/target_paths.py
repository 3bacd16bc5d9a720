"""What may a file in a target be called? A path that stays in the target, and is not gitcellar's or git's own.

A target's state file and a folder of templates name files to write and to remove, and others may have written both.
"""

from __future__ import annotations

from gitcellar.core.errors import InvalidError
from gitcellar.core.path_lengths import MAX_PART, find_length_fault

OWN_FOLDER = ".gitcellar"


def parse_target_path(text: str) -> str:
    """A path relative to the target, with `/` between its parts. Raise InvalidError, with the reason, for any other."""
    fault = _find_fault(text)
    if fault:
        raise InvalidError(f"{text[:MAX_PART]!r} is no path of a target: {fault}")
    return text


def _find_fault(text: str) -> str | None:
    parts = text.split("/")
    if not text.isprintable() or "\\" in text:
        return "it has a backslash or a character that is not printable"
    if any(part in ("", ".", "..") for part in parts):
        return "it is not relative, or has an empty part, '.' or '..'"
    # Some file systems take .GIT for .git.
    if any(part.casefold() == ".git" for part in parts):
        return "it is in git's own folder"
    if parts[0].casefold() == OWN_FOLDER:
        return f"{OWN_FOLDER} is gitcellar's own folder"
    return find_length_fault(text)
