"""What may a file in a target be called? A path that stays in the target, and is not gitcellar's or git's own.

A target's state file and a folder of templates name files to write and to remove, and others may have written both.
"""

from __future__ import annotations

from gitcellar.core.errors import InvalidError

OWN_FOLDER = ".gitcellar"
_MAX_PATH = 1000
# A file name has 255 bytes, and what is saved or written beside a file has a longer name than the file.
_MAX_PART = 200


def parse_target_path(text: str) -> str:
    """A path relative to the target, with `/` between its parts. Raise InvalidError, with the reason, for any other."""
    fault = _find_fault(text)
    if fault:
        raise InvalidError(f"{text[:_MAX_PART]!r} is no path of a target: {fault}")
    return text


def _find_fault(text: str) -> str | None:
    parts = text.split("/")
    if len(text) > _MAX_PATH:
        return f"it has {len(text)} characters, and {_MAX_PATH} are the most"
    if not text.isprintable() or "\\" in text:
        return "it has a backslash or a character that is not printable"
    if any(part in ("", ".", "..") for part in parts):
        return "it is not relative, or has an empty part, '.' or '..'"
    if any(len(part.encode()) > _MAX_PART for part in parts):
        return f"a part of it has more than {_MAX_PART} bytes"
    # Some file systems take .GIT for .git.
    if any(part.casefold() == ".git" for part in parts):
        return "it is in git's own folder"
    if parts[0].casefold() == OWN_FOLDER:
        return f"{OWN_FOLDER} is gitcellar's own folder"
    return None
