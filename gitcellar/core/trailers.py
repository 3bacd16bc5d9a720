"""What does a tag's message say? A sentence, a paragraph, and Git trailers, written and read back.

Trailers are read from before a signature only: what follows it is nobody's signed word. May import core.errors alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gitcellar.core.errors import InvalidError

# The trailer by which a tag of gitcellar is known, and what it says.
FORMAT_KEY, FORMAT = "Cellar-Format", "1"
_TRAILER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): (.+)")
_SIGNATURE = re.compile(r"^-----BEGIN (?:SSH SIGNATURE|PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE)-----$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Message:
    """A tag's message taken apart. `trailers` keep their order; a key may stand twice."""

    subject: str
    body: str
    trailers: tuple[tuple[str, str], ...]

    def find(self, key: str) -> str | None:
        """The value of the last trailer `key`, as git interpret-trailers compares keys: without regard to case."""
        return next((value for name, value in reversed(self.trailers) if name.lower() == key.lower()), None)

    @property
    def text(self) -> str:
        """What a person wrote: the subject and the body."""
        return f"{self.subject}\n\n{self.body}" if self.body else self.subject


def format_message(subject: str, body: str, trailers: Sequence[tuple[str, str]]) -> str:
    """The message of a tag, ending in a newline. Raise InvalidError for text that could pass for something else."""
    body = "\n".join(line.rstrip() for line in body.strip().split("\n"))
    if "\0" in body or _SIGNATURE.search(body):
        raise InvalidError("a message may hold neither NUL nor the first line of a signature")
    lines = [f"{key}: {value}" for key, value in trailers]
    for line in lines:
        if not _TRAILER.fullmatch(line):
            raise InvalidError(f"{line!r:.100} is no line of a tag's message")
    return "\n\n".join(paragraph for paragraph in (subject, body, "\n".join(lines)) if paragraph) + "\n"


def parse_message(text: str) -> Message:
    """Take a message apart: anything is a message. The last paragraph is trailers if each of its lines is one."""
    signature = _SIGNATURE.search(text)
    paragraphs = re.split(r"\n[ \t]*\n", (text[: signature.start()] if signature else text).strip("\n"))
    trailers: tuple[tuple[str, str], ...] = ()
    if len(paragraphs) > 1:
        matches = [_TRAILER.fullmatch(line) for line in paragraphs[-1].split("\n")]
        if all(matches):
            trailers = tuple((match[1], match[2].strip()) for match in matches if match)
            paragraphs.pop()
    subject = " ".join(paragraphs[0].split("\n"))
    return Message(subject, "\n\n".join(paragraphs[1:]).strip("\n"), trailers)
