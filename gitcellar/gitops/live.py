"""Does what runs agree with what should? Reports of sites against the registry. May import core, store, cellar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gitcellar.cellar.reading import read_cellar, read_model, with_objects
from gitcellar.core.errors import CellarError, InvalidError, NotFoundError
from gitcellar.core.lineage import find_checkpoint
from gitcellar.core.names import ModelName
from gitcellar.core.sites import Difference, Expected, Status, compare, parse_statuses
from gitcellar.core.tags import model_patterns
from gitcellar.core.trailers import parse_message
from gitcellar.store.git_remote import RefSource
from gitcellar.store.http import MOST_BYTES, get, is_url
from gitcellar.store.work_files import read_work_files


@dataclass(frozen=True, slots=True)
class Live:
    """Every report with what it is, and what could not be read, a line each."""

    differences: tuple[Difference, ...]
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every report could be read, and every site runs what it should."""
        return not self.faults and all(found.finding == "current" for found in self.differences)


def compare_live(source: RefSource, where: str) -> Live:
    """Hold the status reports of a folder, or of a URL, against the registry."""
    statuses, faults = _read_statuses(where)
    stages: dict[str, set[str]] = {}
    for status in statuses:
        stages.setdefault(status.model, set()).add(status.stage)
    expected: dict[str, Expected] = {}
    # One listing, and no look for a model that a stranger made up.
    for name in sorted(read_cellar(source)) if statuses else ():
        if name.text in stages:
            expected |= _read_expected(source, name, stages[name.text])
    return Live(tuple(compare(statuses, expected)), tuple(faults))


def _read_statuses(where: str) -> tuple[list[Status], list[str]]:
    if is_url(where):
        return parse_statuses(get(where), where), []
    folder = Path(where)
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {where!r}", hint="give a folder of status files, or a URL")
    statuses: list[Status] = []
    faults: list[str] = []
    for name in sorted(path.name for path in folder.glob("*.json")):
        try:
            statuses += parse_statuses(_read_report(folder, name), name)
        except (CellarError, OSError) as error:
            faults.append(str(error))
    return statuses, faults


def _read_report(folder: Path, name: str) -> bytes:
    content = read_work_files(folder, [name], most=MOST_BYTES).get(name)
    if content is None or len(content) > MOST_BYTES:
        raise InvalidError(f"{name} is no file of at most {MOST_BYTES} bytes")
    return content


def _read_expected(source: RefSource, model: ModelName, stages: Iterable[str]) -> dict[str, Expected]:
    """What the stages of a model should run, and every digest that it ever had; nothing of an unknown model."""
    try:
        with with_objects(source, model) as repository:
            state = read_model(repository, model)
            details = repository.read_details(model_patterns(model))
    except NotFoundError:
        return {}
    known = {}
    for version, event in state.registrations.items():
        told = details.get(event.tag)
        digest = find_checkpoint(parse_message(told[1].message)) if told else None
        if digest is not None:
            known[str(version)] = digest.sha256
    withdrawn = frozenset(map(str, state.withdrawn))
    found = {}
    for stage in stages:
        held = state.stages.get(stage)
        should = str(held.version) if held else None
        found[f"{model}#{stage}"] = Expected(should, known.get(should or ""), known, withdrawn)
    return found
