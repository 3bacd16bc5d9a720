"""How is a place inside a folder reached? By its parts, and never through a symbolic link.

A target, a status folder or an index may hold what others put there. This looks at each part before the place is used;
it does not stop a program on the same machine that puts a link there in between. May import core.
"""

from __future__ import annotations

from pathlib import Path

from gitcellar.core.errors import InvalidError


def find_inside(folder: Path, path: str) -> Path:
    """Where `path`, with `/` between its parts, stands below `folder`; it need not exist.

    The folder itself may be a link: the user named it. Raise InvalidError for a path that leads out of the folder, or
    of which any part is a symbolic link.
    """
    place = folder
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise InvalidError(f"{path!r} is no path inside {str(folder)!r}")
        place = place / part
        if place.is_symlink():
            hint = "remove the link, or name another folder"
            raise InvalidError(f"{str(place)!r} is a symbolic link, and links are not followed there", hint=hint)
    return place
