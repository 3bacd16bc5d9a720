"""Which indexes have expired, whatever the clock says now? May import core and store.

A clock may go back: by a battery that is empty, or by whoever wants an old index to count again. What is remembered is
the end of the newest index that has expired, and no time of the clock: a clock that jumps ahead for a moment costs the
index that is there, and the next one counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from gitcellar.core.deployments import parse_number
from gitcellar.core.errors import InvalidError
from gitcellar.core.json_text import parse_json
from gitcellar.store.deploy_folder import Folder

_FILE = ".gitcellar/index-times.json"


@dataclass(frozen=True, slots=True)
class IndexTimes:
    """Ends of indexes, in seconds UTC: of the newest one that was believed, and of the newest that has expired."""

    believed: int = 0
    expired: int = 0

    def at(self, now: int) -> IndexTimes:
        """What is so at a moment: what was believed has expired, where its time is over."""
        return replace(self, expired=self.believed) if now > self.believed > self.expired else self

    def meet(self, until: int, now: int) -> IndexTimes:
        """What is so once an index that counts until `until` was read."""
        if now > until:
            return replace(self, expired=max(self.expired, until))
        return self if until <= self.expired else replace(self, believed=max(self.believed, until))


def read_times(folder: Folder) -> IndexTimes:
    """What a folder remembers; nothing, where there is no file. Raise InvalidError for a file that cannot be read."""
    content = folder.read([_FILE]).get(_FILE)
    if content is None:
        return IndexTimes()
    try:
        found = parse_json(content, _FILE)
        return IndexTimes(parse_number(found["believed"]), parse_number(found["expired"]))
    except (ValueError, KeyError, TypeError) as error:
        hint = f"remove it once the clock of this machine is right: rm '{folder.path / _FILE}'"
        raise InvalidError(f"{_FILE} cannot be read", hint=hint) from error


def write_times(folder: Folder, times: IndexTimes) -> None:
    """Remember it."""
    content = json.dumps({"believed": times.believed, "expired": times.expired}) + "\n"
    folder.write({_FILE: content.encode()})
