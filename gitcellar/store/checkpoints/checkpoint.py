"""What is a checkpoint that can be read? A file, or a folder of files, wherever its bytes come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import BufferedIOBase

from gitcellar.store.checkpoints.errors import explained

_CHUNK = 4 * 1024 * 1024

# Called with what is read or written and its size in bytes; gives a function that takes the bytes done since.
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def silent(label: str, size: int) -> AbstractContextManager[Callable[[int], None]]:
    """The progress that nobody sees."""
    return nullcontext(lambda count: None)


@dataclass(frozen=True, slots=True)
class TrackedFile:
    """One file of a checkpoint: its path relative to the checkpoint (empty for the checkpoint itself)."""

    path: str
    size: int | None
    md5: str | None


class Checkpoint:
    """A checkpoint that can be read: a file, or a folder of files in the order of their paths."""

    def __init__(
        self,
        path: str,
        files: list[TrackedFile],
        *,
        is_folder: bool,
        opener: Callable[[str], BufferedIOBase],
        ignored: Sequence[str] = (),
    ):
        self.path = path
        self.files = files
        self.is_folder = is_folder
        self._open = opener
        self._ignored = ignored

    @property
    def size(self) -> int:
        """Bytes of all files, as far as they are recorded."""
        return sum(file.size or 0 for file in self.files)

    def read(self, file: TrackedFile, start: int = 0) -> Iterator[memoryview]:
        """Stream one file, from the cache or else from the remote. Raise WorldError, whatever the storage raised.

        It begins at the byte `start`, so that a download can go on.

        Two buffers take turns, so a chunk holds until the next but one is asked for: fresh memory for every chunk
        cost as much as reading it.
        """
        where = f"{self.path}/{file.path}" if file.path else self.path
        width = min(_CHUNK, max(1, file.size or _CHUNK))
        buffers = [memoryview(bytearray(width)), memoryview(bytearray(width))]
        with explained(where, self._ignored), self._open(where) as source:
            if start:
                source.seek(start)
            while size := source.readinto(buffers[0]):
                yield buffers[0][:size]
                buffers.reverse()
