"""Does a file of an environment name exact versions? By the kinds of lock file that the field uses."""

import posixpath
import re
from collections.abc import Iterator

# Their tools write exact versions and nothing else.
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "Pipfile.lock", "conda-lock.yml", "pylock.toml")
_NAME = r"[A-Za-z0-9._-]+(?:\s*\[[A-Za-z0-9._,\s-]*\])?"
# PEP 440's == without a wildcard, or ===; or a direct reference (PEP 508), whose URL must have a hash or a commit.
_PINNED = re.compile(rf"{_NAME}\s*===?\s*[A-Za-z0-9._!+-]+\s*(?:;.*)?")
_DIRECT = re.compile(rf"{_NAME}\s*@\s*(?P<url>\S+)\s*(?:;.*)?")
_FIXED_URL = re.compile(r"[#&]sha256=[0-9a-f]{64}|@[0-9a-f]{40}(?:#|$)")
# Where packages come from; -r, -c and -e bring in what is not seen here.
_OPTION = re.compile(r"--(?:index-url|extra-index-url|find-links|no-|only-binary|prefer-binary|require-hashes)")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_MAX_LINE = 10_000
_MAX_LINES = 100_000
_MAX_TOLD = 200


def find_unlocked(file: str, content: bytes) -> list[str]:
    """What a file leaves open, such as a requirement without `==`; empty for a lock.

    A file of another kind is left open as a whole.

    >>> find_unlocked("requirements.txt", b"numpy==2.1.0  # the one that we trained with")
    []
    >>> find_unlocked("requirements.txt", b"numpy>=2")
    ['numpy>=2']
    """
    name = posixpath.basename(file)
    if name in _LOCKS or re.fullmatch(r"pylock\.[^.]+\.toml", name):
        return []
    if not name.endswith(".txt"):
        return [file]
    if content.count(b"\n") > _MAX_LINES:
        return [file]
    return [line[:_MAX_TOLD] for line in _join_lines(content.decode("utf-8", "replace")) if not _is_locked(line)]


def _join_lines(text: str) -> Iterator[str]:
    r"""The lines as pip joins them: a `\` at the end continues a line, but not a comment's."""
    pending = ""
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            pending += line[:-1] + " "
        else:
            yield (pending + line).strip(" \t")
            pending = ""
    yield pending.strip(" \t")


def _is_locked(line: str) -> bool:
    # pip ends a line at U+2028 or a form feed, as str.splitlines does: what stands behind one is no comment for it.
    if len(line) > _MAX_LINE or len(line.splitlines()) > 1:
        return False
    requirement = re.sub(r"\s--hash=\S+", "", _COMMENT.sub("", line)).strip()
    if not requirement or _OPTION.match(requirement) or _PINNED.fullmatch(requirement):
        return True
    direct = _DIRECT.fullmatch(requirement)
    return direct is not None and _FIXED_URL.search(direct["url"]) is not None
