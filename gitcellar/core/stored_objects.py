"""Where does the storage keep a checkpoint? For programs that fetch it there themselves, as a commit alone says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from gitcellar.core.dvc_config import CommittedConfig
from gitcellar.core.tracking_files import TrackedOutput

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_KEY = re.compile(r"(files/md5/)?[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")
_STORAGE = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[!-~]{1,2000}")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Where an object is: `storage` is a URL, and `key` its path below it, None where the URL is the object's own.

    `md5` is DVC's hash, which ends in `.dir` for a folder: the object is then the list of its files. What a commit
    does not say is None.
    """

    storage: str | None = None
    key: str | None = None
    md5: str | None = None

    def __post_init__(self) -> None:
        for value, form in ((self.storage, _STORAGE), (self.key, _KEY), (self.md5, _MD5)):
            if value is not None and not form.fullmatch(value):
                raise ValueError(value)


def find_stored(out: TrackedOutput | None, path: str, config: CommittedConfig) -> StoredObject:
    """A checkpoint's object; none of a file inside a tracked folder, or of a copy that the storage numbers itself."""
    if out is None or out.path != path:
        return StoredObject()
    if out.source is not None:
        return StoredObject(_find_url(out.source.url))
    if out.md5 is None:
        return StoredObject()
    settings = config.remotes.get((out.remote or config.default or "").lower(), {})
    storage = _find_url(settings.get("url", ""))
    numbered = any(settings.get(key, "").lower() == "true" for key in ("version_aware", "worktree"))
    if storage is None or numbered or out.cloud is not None or out.files:
        return StoredObject(md5=out.md5)
    folder = "" if out.legacy else "files/md5/"
    return StoredObject(storage, f"{folder}{out.md5[:2]}/{out.md5[2:]}", out.md5)


def _find_url(url: str) -> str | None:
    """A storage's URL; None for a path that means something else on every machine, and for what is no plain URL."""
    spelled = f"file://{quote(url)}" if url.startswith("/") else url.rstrip("/")
    return spelled if _STORAGE.fullmatch(spelled) else None
