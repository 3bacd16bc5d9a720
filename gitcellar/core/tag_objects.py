"""What does a tag object say? Its bytes taken apart, strictly: what git would not write is not read.

May import core.errors alone.
"""

import re
from dataclasses import dataclass

MAX_BYTES = 1024 * 1024

# gittag's own order of headers (git-mktag(1)); a tag without a tagger is one of git before 1.5 or of nobody.
_TAG = re.compile(
    rb"object ([0-9a-f]{40}|[0-9a-f]{64})\ntype (commit|tree|blob|tag)\ntag ([^\n\0]+)\n"
    rb"tagger ([^\n\0<>]*) <([^\n\0<>]*)> ([0-9]{1,12}) ([-+][0-9]{4})\n\n",
)


@dataclass(frozen=True, slots=True)
class TagObject:
    """A tag object: what it points at, the type of that, its own name, and its message with any signature.

    `tagger` is a name and an address, which anybody can type; `at` is seconds UTC of the tagger's clock.
    """

    target: str
    target_kind: str
    field: str
    message: str
    tagger: str
    at: int


def find_tag_object(content: bytes) -> TagObject | None:
    """The tag object that `content` is; None where it is malformed, or has other headers than git tag writes."""
    match = _TAG.match(content)
    if match is None or len(content) > MAX_BYTES:
        return None
    target, kind, tag, name, email, at, _ = (part.decode("utf-8", "surrogateescape") for part in match.groups())
    message = content[match.end() :].decode("utf-8", "replace")
    return TagObject(target, kind, tag, message, f"{name} <{email}>", int(at))
