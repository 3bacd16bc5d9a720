"""How do a hand's edit and a change of ours go into one file? As git merges them, by lines."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gitcellar.store.git_errors import GitError
from gitcellar.store.git_runner import GitRunner


def merge_edit(before: bytes, edited: bytes, after: bytes) -> bytes | None:
    """What `edited` and `after` both made of `before`; None where they touch the same lines, or it is no text.

    >>> merge_edit(b"one\\ntwo\\nthree\\n", b"one, edited\\ntwo\\nthree\\n", b"one\\ntwo\\nthree, changed\\n")
    b'one, edited\\ntwo\\nthree, changed\\n'
    >>> merge_edit(b"one\\n", b"one, edited\\n", b"one, changed\\n") is None
    True
    """
    with tempfile.TemporaryDirectory(prefix="gitcellar-") as folder:
        for name, content in (("before", before), ("edited", edited), ("after", after)):
            Path(folder, name).write_bytes(content)
        try:
            return GitRunner(folder, is_ours=True)._bytes("merge-file", "-p", "--quiet", "edited", "before", "after")
        except GitError:
            return None
