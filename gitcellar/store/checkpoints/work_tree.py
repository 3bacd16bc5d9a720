"""How does DVC track what stands in the work tree? Sets DVC up, tracks files, folders and URLs, and compares.

Of the other tracking files of the work tree none is loaded: any of them may be a stranger's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gitcellar.core.documents import parse_document
from gitcellar.core.errors import InvalidError
from gitcellar.core.tracking_files import TrackedOutput, is_plain_url
from gitcellar.store.checkpoints.errors import explained
from gitcellar.store.checkpoints.repositories import open_repository, read_work_tree_config
from gitcellar.store.checkpoints.storage import format_output
from gitcellar.store.tracking import read_work_tracking


def init_dvc(root: Path) -> bool:
    """Run `dvc init` where there is none. Return whether it was run."""
    if (root / ".dvc").is_dir():
        return False
    from dvc.repo import Repo

    with explained(str(root)):
        Repo.init(str(root), subdir=not (root / ".git").exists()).close()
    return True


def track(root: Path, path: str) -> list[str]:
    """Track a file or folder with DVC, unless dvc.yaml produces it. Return the files that Git should have now."""
    out = read_work_tracking(root, path).out
    at = out.path if out else path
    if out is None or not (out.imported or out.produced):
        _require_nothing_tracked_in(root, at)
        with _opened(root, at, out) as repository:
            repository.add([str(root / at)])
    return _list_written(root, out.file if out else f"{at}.dvc")


def track_url(root: Path, url: str, path: str) -> list[str]:
    """Track what stands at a cloud URL and stays there. Return the files that Git should have now."""
    if not is_plain_url(url):
        raise InvalidError(f"{url!r} is no plain https, s3, gs or azure URL", hint="download it, and add the file")
    out = read_work_tracking(root, path).out
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    with _opened(root, path, out) as repository:
        repository.imp_url(url, out=str(root / path), no_download=True, force=True)
    return _list_written(root, f"{path}.dvc")


def is_changed(root: Path, path: str) -> bool:
    """Whether the data in the work tree is not what its tracking file says. Data that is not there is not changed."""
    out = read_work_tracking(root, path).out if (root / path).exists() else None
    if out is None or out.path != path:
        return False
    with _opened(root, path, out) as repository:
        return bool(_load_stage(repository, root, out).outs[0].status())


@contextmanager
def _opened(root: Path, at: str, out: TrackedOutput | None) -> Iterator[Any]:
    """DVC's repository of the work tree, which knows of what it tracks `out` alone."""
    from dvc.exceptions import OutputNotFoundError

    config = read_work_tree_config(root)
    with explained(at, config.ignored), open_repository(root, config) as repository:

        def find_outs_by_path(path: str, *args: object, **options: object) -> list[Any]:
            if out is None:
                raise OutputNotFoundError(path, repository)
            return list(_load_stage(repository, root, out).outs)

        repository.find_outs_by_path = find_outs_by_path
        repository.check_graph = lambda stages, callback=None: None
        yield repository


def _load_stage(repository: Any, root: Path, out: TrackedOutput) -> Any:
    """What DVC would load of a tracking file, from the values that were read of it."""
    from dvc.dvcfile import SingleStageFile
    from dvc.stage.loader import SingleStageLoader

    place = root / f"{out.path}.dvc"
    text = place.read_text(encoding="utf-8") if out.file.endswith(".dvc") else None
    written = parse_document(text.encode(), out.file).value if text is not None else {}
    notes = {key: written[key] for key in ("desc", "meta") if key in written}
    content = {**format_output(out), **notes}
    return SingleStageLoader.load_stage(SingleStageFile(repository, str(place)), content, text)


def _require_nothing_tracked_in(root: Path, folder: str) -> None:
    """Raise InvalidError where DVC tracks something inside a folder: it would be tracked twice."""
    inside = next((root / folder).rglob("*.dvc"), None) if (root / folder).is_dir() else None
    if inside is not None:
        name = inside.relative_to(root).as_posix()
        raise InvalidError(f"{name} is inside {folder}, so it would be tracked twice", hint=f"dvc remove {name}")


def _list_written(root: Path, tracking_file: str) -> list[str]:
    """The tracking file, and what DVC wrote beside it."""
    place = Path(tracking_file)
    beside = [".gitignore", "dvc.yaml"] if place.name == "dvc.lock" else [".gitignore"]
    names = [place, *(place.with_name(name) for name in beside)]
    return sorted(name.as_posix() for name in names if (root / name).exists())
