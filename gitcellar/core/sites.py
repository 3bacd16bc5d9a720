"""What do sites say that they run, and what should they? Status reports, read and held against the registry: pure.

May import core alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal
from urllib.parse import quote

from gitcellar.core.deployments import parse_slot
from gitcellar.core.errors import InvalidError
from gitcellar.core.json_text import parse_json
from gitcellar.core.versions import find_version

MAX_REASON = 2000  # characters of a report's longest text
_MAX_SITE = 200
# Of a file's 255 bytes (NAME_MAX), as many are left for what a writer puts around the name while it writes.
_MAX_NAME = 200
# RFC 3339, section 5.6.
_MOMENT = re.compile(
    "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)([.][0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
Finding = Literal["current", "laggard", "zombie", "unknown-digest", "failed", "silent", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Status:
    """What a site runs of a slot. `at` is RFC 3339; `failed` the version that it tried and gave up, with why.

    `digest` is that of the weights on the disk as they were `measured_at` a moment, and None where nothing can be read.
    """

    site: str
    model: str
    stage: str
    digest: str | None
    at: str
    version: str | None = None
    failed: str | None = None
    reason: str | None = None
    measured_at: str | None = None

    @property
    def slot(self) -> str:
        """`MODEL#STAGE`."""
        return f"{self.model}#{self.stage}"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a slot should run, and which digests its model ever had, by version; withdrawn ones among them."""

    version: str | None
    digest: str | None
    known: Mapping[str, str]
    withdrawn: frozenset[str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A report held against the registry: what is so, and the versions that run and should."""

    status: Status
    finding: Finding
    runs: str | None
    should: str | None


def format_status(status: Status) -> bytes:
    """A report as JSON."""
    return (json.dumps(asdict(status), sort_keys=True) + "\n").encode()


def parse_statuses(content: bytes, name: str) -> list[Status]:
    """The reports of a file or answer: one, or a list of them. Raise InvalidError for what is none."""
    try:
        found = parse_json(content, name)
        return [_parse(each) for each in (found if isinstance(found, list) else [found])]
    except (ValueError, KeyError, TypeError, AttributeError, InvalidError) as error:
        raise InvalidError(f"{name} is no status report, or half of one") from error


def compare(statuses: Iterable[Status], expected: Mapping[str, Expected]) -> list[Difference]:
    """What each report is, seen from the registry."""
    return [_compare(status, expected.get(status.slot)) for status in statuses]


def _compare(status: Status, should: Expected | None) -> Difference:
    runs = next((v for v, digest in should.known.items() if digest == status.digest), None) if should else None
    wanted = should.version if should else None
    recalled = should is not None and wanted in should.withdrawn
    finding: Finding = "current"
    if status.digest is None:
        # A withdrawn version is given to nobody.
        finding = "silent" if wanted and not recalled else "current"
    elif should is None or wanted is None or (runs in should.withdrawn and status.digest != should.digest):
        finding = "zombie"
    elif status.digest == should.digest:
        finding = "withdrawn" if recalled else "current"
    elif status.failed is not None:
        finding = "failed"
    else:
        finding = "laggard" if runs else "unknown-digest"
    return Difference(status, finding, runs, wanted)


def name_report(site: str, model: str, stage: str) -> str:
    """The file of a slot's report: another one for each site and slot, and valid on every file system.

    What separates the three is escaped in each, so that the name can be read back. One that would be too long ends in a
    digest of the whole.

    >>> name_report("berlin", "vit-l/base", "production")
    'berlin@vit-l%2Fbase@production.json'
    """
    name = "@".join(quote(part, safe="") for part in (site, model, stage))
    if len(name) > _MAX_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()
        name = f"{name[: _MAX_NAME - len(digest) - 2]}@@{digest}"
    return f"{name}.json"


def parse_site_name(text: str) -> str:
    """What a site is called in reports. Raise InvalidError for what is no line of text, or a long one."""
    if not text.isprintable() or not 0 < len(text) <= _MAX_SITE:
        raise InvalidError(f"{text[:_MAX_SITE]!r} is no name of a site", hint=f"1 to {_MAX_SITE} printable characters")
    return text


def _parse(found: Mapping[str, object]) -> Status:
    site, model, stage, at = (_parse_text(found[key]) for key in ("site", "model", "stage", "at"))
    digest, version, failed, reason, measured_at = (
        None if found.get(key) is None else _parse_text(found[key])
        for key in ("digest", "version", "failed", "reason", "measured_at")
    )
    slot = parse_slot(f"{model}#{stage}")
    if (
        "digest" not in found
        or not re.fullmatch("[0-9a-f]{64}", digest or "0" * 64)
        or not all(find_version(text) for text in (version, failed) if text is not None)
        or not all(_MOMENT.fullmatch(moment) for moment in (at, measured_at) if moment is not None)
    ):
        raise ValueError(slot)
    return Status(parse_site_name(site), model, stage, digest, at, version, failed, reason, measured_at)


def _parse_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    if len(value) > MAX_REASON:
        raise ValueError("too long")
    return value
