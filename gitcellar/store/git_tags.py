"""Which tags are there, at which commits, and what do they say? Read in one git process, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitcellar.core.events import Details
from gitcellar.store.git_errors import GitError, NotARepositoryError
from gitcellar.store.git_identity import IdentityReader
from gitcellar.store.git_runner import split_lines

_SAID = ("refname", "objectname", "taggername", "taggeremail", "taggerdate:raw", "contents")
_PEELED = ("*objectname", "*objecttype")
_LISTED = "%(objectname) %(objecttype) %(*objectname) %(*objecttype) %(refname)"


@dataclass(frozen=True, slots=True)
class TagReading:
    """Tags as they were at one moment: a `listing` in the form of `list_tags`; and `details`, the object id and the
    content of every annotated one by its name.
    """

    listing: str
    details: dict[str, tuple[str, Details]]


class TagReader(IdentityReader):
    """What a repository's tags name, and what they say."""

    def list_tags(self) -> str:
        """Every tag with its peeled object, as `git show-ref -d --tags` prints them; empty without any."""
        try:
            return self._text("show-ref", "-d", "--tags", allow=(0, 1))
        except NotARepositoryError:
            raise
        except GitError:
            # One ref whose object is missing stops show-ref, and must not stop the rest from being read.
            return self._peel(self._text("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags/"))

    def list_refs(self, patterns: Sequence[str]) -> str:
        """The refs that match the globs, in the form of `list_tags`. Its cost does not depend on other refs."""
        try:
            found = self._text("for-each-ref", f"--format={_LISTED}", *patterns)
        except NotARepositoryError:
            raise
        except GitError:
            return self._peel(self._text("for-each-ref", "--format=%(objectname) %(refname)", *patterns))
        lines = (line.split(" ", 4) for line in split_lines(found))
        return self._list([(ref, object_id, peeled, kind) for object_id, _, peeled, kind, ref in lines])

    def read_details(self, patterns: Sequence[str]) -> dict[str, tuple[str, Details]]:
        """The object id and the details of every annotated tag that matches the globs, by tag name."""
        return _find_details(self._read_fields(_SAID, patterns))

    def read_tags(self, patterns: Sequence[str]) -> TagReading:
        """The listing and the details of the tags that match the globs."""
        try:
            rows = self._read_fields((*_SAID, *_PEELED), patterns)
        except NotARepositoryError:
            raise
        except GitError:
            return TagReading(self.list_refs(patterns), self.read_details(patterns))
        return TagReading(self._list([(row[0], row[1], row[-2], row[-1]) for row in rows]), _find_details(rows))

    def _read_fields(self, fields: Sequence[str], patterns: Sequence[str]) -> list[list[str]]:
        """The named fields of every ref that matches the globs."""
        form = "".join(f"%({field})%00" for field in fields)
        parts = self._text("for-each-ref", f"--format={form}", *patterns).split("\0")
        width = len(fields)
        rows = [parts[start : start + width] for start in range(0, len(parts) - width, width)]
        return [[row[0].lstrip("\n"), *row[1:]] for row in rows]

    def _list(self, rows: Sequence[tuple[str, str, str, str]]) -> str:
        """The listing of refs, each with its object, what that peels to, and the type of it."""
        # git before 2.45 peels one layer, and show-ref peels all of them.
        nested = [f"{object_id} {ref}" for ref, object_id, _, kind in rows if kind == "tag"]
        whole = dict(line.split(" ", 1)[::-1] for line in split_lines(self._peel("\n".join(nested))))
        lines: list[str] = []
        for ref, object_id, peeled, kind in rows:
            lines.append(f"{object_id} {ref}")
            commit = whole.get(f"{ref}^{{}}", "") if kind == "tag" else peeled
            if commit:
                lines.append(f"{commit} {ref}^{{}}")
        return "\n".join(lines)

    def _peel(self, listing: str) -> str:
        """Add the peeled lines to a listing of refs, through all layers; a ref without its object gets none."""
        lines = split_lines(listing)
        if not lines:
            return ""
        names = [line.split(" ", 1)[0] for line in lines]
        asked = "".join(f"{name}^{{}}\n" for name in names)
        checked = split_lines(self._text("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked))
        out: list[str] = []
        for line, name, peeled in zip(lines, names, checked, strict=True):
            out.append(line)
            object_id, _, kind = peeled.partition(" ")
            if kind in ("commit", "tree", "blob") and object_id != name:
                out.append(f"{object_id} {line.split(' ', 1)[1]}^{{}}")
        return "\n".join(out)


def _find_details(rows: Sequence[Sequence[str]]) -> dict[str, tuple[str, Details]]:
    found: dict[str, tuple[str, Details]] = {}
    for ref, object_id, author, email, date, message, *_ in rows:
        at, _, offset = date.partition(" ")
        if at:
            details = Details(author, email.strip("<>"), int(at), offset, message)
            found[ref.removeprefix("refs/tags/")] = object_id, details
    return found
