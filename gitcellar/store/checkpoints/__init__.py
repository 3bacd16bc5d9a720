"""Where checkpoints are kept and how they are fetched: what other modules use, with DVC behind it."""

from gitcellar.store.checkpoints.checkpoint import Checkpoint, Progress, TrackedFile, silent
from gitcellar.store.checkpoints.storage import (
    DvcRemote,
    fetch_checkpoint,
    find_lost,
    inspect_remote,
    opened,
    push_checkpoint,
)
from gitcellar.store.checkpoints.work_tree import init_dvc, is_changed, track, track_url

__all__ = [
    "Checkpoint",
    "DvcRemote",
    "Progress",
    "TrackedFile",
    "fetch_checkpoint",
    "find_lost",
    "init_dvc",
    "inspect_remote",
    "is_changed",
    "opened",
    "push_checkpoint",
    "silent",
    "track",
    "track_url",
]
