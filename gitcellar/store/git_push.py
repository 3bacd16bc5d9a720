"""What does a remote answer to a push? What it says of each ref, and what its hooks say to whoever pushed."""

from __future__ import annotations

from dataclasses import dataclass

_REMOTE = "remote: "


@dataclass(frozen=True, slots=True)
class RefAnswer:
    """What a remote said of one ref. `flag` is git-push(1)'s, of --porcelain."""

    flag: str
    ref: str
    summary: str

    @property
    def accepted(self) -> bool:
        """Whether the remote has the ref as it was pushed."""
        return self.flag in " *=+-"


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """What was said of each ref; and the lines that hooks printed, of the clone or of the remote.

    `remote_said` are those of the remote alone: without them `said` may hold git's own words.
    """

    refs: tuple[RefAnswer, ...]
    said: tuple[str, ...]
    remote_said: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[RefAnswer, ...]:
        """The refs that the remote did not take."""
        return tuple(answer for answer in self.refs if not answer.accepted)


def parse_push(output: str) -> PushAnswer:
    """Read both streams of `git push --porcelain`. What a remote says is marked, what a hook here says is not."""
    refs: list[RefAnswer] = []
    there: list[str] = []
    here: list[str] = []
    for line in output.split("\n"):
        parts = line.split("\t")
        if len(parts) == 3 and len(parts[0]) == 1:
            refs.append(RefAnswer(parts[0], parts[1].rpartition(":")[2], parts[2]))
        else:
            # git pads what a remote says to the width of a terminal.
            (there if line.startswith(_REMOTE) else here).append(line.removeprefix(_REMOTE).rstrip())
    remote_said = tuple(filter(None, there))
    return PushAnswer(tuple(refs), remote_said or tuple(filter(None, here)), remote_said)
