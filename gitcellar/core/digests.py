"""What were these bytes? The sha256 and size of a checkpoint, a file's or a folder's, as a tag records them.

May import core.errors alone.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

_RECORDED = re.compile(r"sha256:([0-9a-f]{64}) ([0-9]{1,18}) bytes")
_ESCAPED = {"\\": r"\\", "\n": r"\n", "\r": r"\r"}


@dataclass(frozen=True, slots=True)
class Digest:
    """A checkpoint's sha256 in lower-case hex, and its size in bytes (a folder's: of all its files)."""

    sha256: str
    size: int

    def __str__(self) -> str:
        return f"sha256:{self.sha256} {self.size} bytes"


def find_digest(text: str) -> Digest | None:
    """Read back what `str(digest)` wrote; None for anything else."""
    match = _RECORDED.fullmatch(text)
    return Digest(match[1], int(match[2])) if match else None


def digest_folder(files: Mapping[str, Digest]) -> Digest:
    """The digest of a folder from its files', by path relative to it with `/`.

    It is the sha256 of the lines `sha256  path`, sorted by path as bytes, as `sha256sum` (coreutils) prints them.
    """
    lines = (_sum_line(path, files[path].sha256) for path in sorted(files, key=str.encode))
    return Digest(hashlib.sha256("".join(lines).encode()).hexdigest(), sum(file.size for file in files.values()))


def _sum_line(path: str, sha256: str) -> str:
    escaped = "".join(_ESCAPED.get(letter, letter) for letter in path)
    return f"{'' if escaped == path else chr(92)}{sha256}  {escaped}\n"
