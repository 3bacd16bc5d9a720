"""Which events were delivered already? A small database, so that a crash loses no place. May import core."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from gitcellar.core.errors import WorldError


class Place:
    """Where a reader of a cellar's events is. A tag counts as delivered once it was kept here."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._database = sqlite3.connect(path, timeout=10, isolation_level=None)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS delivered (tag TEXT PRIMARY KEY, object TEXT) WITHOUT ROWID"
            )
            self._database.execute("CREATE TABLE IF NOT EXISTS begun (once INTEGER PRIMARY KEY)")
        except (OSError, sqlite3.Error) as error:
            hint = "--place FILE names another one"
            raise WorldError(f"cannot keep the place in {path}: {error}", hint=hint) from error

    @property
    def is_new(self) -> bool:
        """Whether nobody has followed from here yet."""
        return self._database.execute("SELECT 1 FROM begun").fetchone() is None

    def read(self) -> dict[str, str]:
        """Every tag that was delivered, with the object that it held."""
        return dict(self._database.execute("SELECT tag, object FROM delivered"))

    def keep(self, delivered: Iterable[tuple[str, str]]) -> None:
        """Note that tags were delivered, all or none."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO delivered VALUES (?, ?)", delivered)
        self._database.execute("INSERT OR IGNORE INTO begun VALUES (1)")
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Let the file go."""
        self._database.close()


def find_place(*names: str) -> Path:
    """Where the place is kept unless somebody says: below the user's state folder, one for each set of names."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return Path(home, "gitcellar", f"place-{digest}.db")
