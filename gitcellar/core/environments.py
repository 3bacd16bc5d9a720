"""Does a file of an environment name exact versions? By the kinds of lock file that the field uses.

May import nothing of gitcellar.
"""

import posixpath
import re

# Their tools write exact versions and nothing else.
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "Pipfile.lock", "conda-lock.yml", "pylock.toml")
# PEP 440's == without a wildcard, ===, or a direct reference with a hash or a commit.
_PINNED = re.compile(r"[^=<>!~;]+(?:===?[^*;,\s]+|@\s*\S+(?:#\S*sha256=|@[0-9a-f]{40})\S*)\s*(?:;.*)?")
# Where packages come from; -r, -c and -e bring in what is not seen here.
_OPTION = re.compile(r"--(?:index-url|extra-index-url|find-links|no-|only-binary|prefer-binary|require-hashes)")


def find_unlocked(file: str, content: bytes) -> list[str]:
    """What a file leaves open, such as a requirement without `==`; empty for a lock.

    A file of another kind is left open as a whole.
    """
    name = posixpath.basename(file)
    if name in _LOCKS or re.fullmatch(r"pylock\.[^.]+\.toml", name):
        return []
    if not name.endswith(".txt"):
        return [file]
    lines = content.decode("utf-8", "replace").replace("\\\n", " ").splitlines()
    requirements = (re.sub(r"(^|\s)#.*|\s--hash=\S+", "", line).strip() for line in lines)
    return [line for line in requirements if line and not _OPTION.match(line) and not _PINNED.fullmatch(line)]
