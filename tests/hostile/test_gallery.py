"""No command that reads is led astray by the repository that it reads, whatever a stranger wrote into it.

Every hostile repository of the gallery is read by the commands that its kind bears on; HOSTILE=all reads each by every
command, which takes half an hour.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.hostile.commands import NOT_HERE, ROWS, Row, list_commands
from tests.hostile.gallery import GALLERY
from tests.hostile.judging import find_evaluated, find_faults, find_left
from tests.hostile.known import KNOWN
from tests.hostile.place import TREASURE, Place, make_place, make_template, read_tree
from tests.hostile.worker import Ran, Run, Worker

_ALL = os.environ.get("HOSTILE") == "all"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("hostile") / "template")


@pytest.fixture(scope="module")
def worker(template: Path) -> Iterator[Worker]:
    found = Worker()
    place = make_place(template.parent / "warm", template)
    place.land()
    place.finish()
    for row in ROWS:
        if (
            row.words[:2] in (("get", "vit-l/base@1.2"), ("show",), ("gate", "vit-l/base@1.2"))
            and "--repo" not in row.words
        ):
            found.warm(_run_of(place, row))
    yield found
    found.close()


def _run_of(place: Place, row: Row, instead: Mapping[str, str] | None = None) -> Run:
    words = [(instead or {}).get(word, word) for word in row.spell(place)]
    return Run(words, str(getattr(place, row.folder)), place.env(), row.stdin(place), place.limits())


def _read_all(place: Place, worker: Worker, rows: list[Row]) -> Iterator[tuple[Row | None, Ran | None, str]]:
    """What is wrong with each run, and then with what all of them left."""
    before = read_tree(place.victim)
    for row in rows:
        ran = worker.run(_run_of(place, row))
        for fault in (*find_faults(place, row, ran), *find_evaluated(place, row, ran)):
            yield row, ran, fault
        if ran.status < 0:
            break  # it used up its time, and so would the others
    for fault in find_left(place, before):
        yield None, None, fault


def _params(cases: Mapping[str, str]) -> Iterator[object]:
    for name, case in cases.items():
        marks = [pytest.mark.xfail(reason=KNOWN[name], strict=True)] if name in KNOWN else []
        yield pytest.param(case, id=name, marks=marks)


@pytest.mark.parametrize("name", list(_params({name: name for name in GALLERY})))
def test_a_hostile_repository_is_only_read(name: str, template: Path, worker: Worker, tmp_path: Path) -> None:
    kind, make = GALLERY[name]
    place = make_place(tmp_path / "place", template)
    make(place)
    place.finish()
    rows = [row for row in ROWS if _ALL or kind in row.kinds]
    faults = [f"{row.name if row else 'afterwards'}: {fault}" for row, _, fault in _read_all(place, worker, rows)]
    shutil.rmtree(tmp_path, ignore_errors=True)
    assert not faults, "\n".join(faults)


# What somebody copies from a page, in place of a URL and of a name or range.
URLS = {
    "a-url-that-is-an-option": "--upload-pack={evil}",
    "a-url-that-is-another-option": "--exec={evil}",
    "a-url-of-a-command": "ext::{evil}",
    "a-url-of-a-helper": "evil::x",
    "a-url-of-a-descriptor": "fd::0",
    "a-url-with-an-option-of-ssh": "ssh://-oProxyCommand={evil}/x",
    "a-url-without-encryption": "git://127.0.0.1:9/x",
    "a-url-of-a-folder": "file://{victim}/folder",
    "a-url-of-a-device": "file:///dev/zero",
    "a-url-of-escapes": "\x1b]0;evil\x07::error::evil",
    "a-url-with-a-password": f"http://u:{TREASURE}@127.0.0.1:9/x",
}
NAMES = {
    "a-name-that-is-an-option": "--upload-pack={evil}",
    "a-name-that-is-another-option": "--output={evil}",
    "a-name-that-is-a-flag": "-x",
    "a-name-that-goes-out": "../../victim@1.0",
    "a-name-of-two-lines": "vit-l/base@1.2\n::error::",
    "a-name-of-escapes": "\x1b[2J@1.0",
    "a-name-of-git": "@{{-1}}",
}


@pytest.mark.parametrize("url", list(_params(URLS)))
def test_a_url_of_a_stranger_starts_nothing(url: str, template: Path, worker: Worker, tmp_path: Path) -> None:
    place = make_place(tmp_path / "place", template)
    place.land()
    place.finish()
    where = url.format(evil=place.evil, victim=place.victim)
    rows = [row for row in ROWS if row.words[-1] == "file://{remote}" or "file://{remote}" in row.words[:3]]
    faults = [
        f"{row.name}: {fault}"
        for row in rows
        for fault in find_faults(place, row, worker.run(_run_of(place, row, {f"file://{place.remote}": where})))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", list(_params(NAMES)))
def test_a_name_of_a_stranger_is_no_option(name: str, template: Path, worker: Worker, tmp_path: Path) -> None:
    place = make_place(tmp_path / "place", template)
    place.land()
    place.finish()
    said = name.format(evil=place.evil)
    before = read_tree(place.work)
    commands = [
        *(
            [verb, "--", said]
            for verb in ("show", "describe", "resolve", "get", "claims", "verify", "audit", "check", "event")
        ),
        *(["check", "--range", text] for text in (f"{said}..HEAD", f"HEAD..{said}")),
        *(["hook", "update", "--", *words] for words in ((said, "0" * 40, "1" * 40), ("refs/tags/x@1.0", said, said))),
        ["hook", "pre-push", "--", said, said],
        ["ci", "guard", "--dry-run", "--", said],
        ["gate", "--", said, said],
        ["fetch", "--remote", said],
        ["doctor", "--remote", said],
    ]
    faults = [
        f"{row.name}: {fault}"
        for words in commands
        for row in [Row(tuple(words), frozenset(), "work", lambda place: "")]
        for fault in find_faults(place, row, worker.run(Run(words, str(place.work), place.env(), "", place.limits())))
    ]
    assert not faults, "\n".join(faults)
    assert {
        path for path in read_tree(place.work).keys() ^ before.keys() if not path.startswith((".git/", ".dvc/tmp"))
    } == set()


def test_an_honest_repository_is_read_by_every_command(template: Path, worker: Worker, tmp_path: Path) -> None:
    place = make_place(tmp_path / "place", template)
    place.land()
    place.finish()
    # Nobody looks after the model; M007: its data was not checked out; V005, L003: the commit is registered already; and
    # the probe finds that no hook is installed.
    answered_no = {"stale", "check", "check artifacts.yaml", "check vit-l/base@1.3", "doctor --enforcement"}
    # V014, V016: the tag is offered once more, after the events that came since.
    answered_no |= {row.name for row in ROWS if row.verb.startswith("hook ") and row.folder == "remote"}
    for row in ROWS:
        ran = worker.run(_run_of(place, row))
        expected = 1 if row.verb == "stale" or row.name.split(" --format")[0] in answered_no else 0
        assert (row.name, ran.status, ran.trespasses) == (row.name, expected, ()), ran.err


def test_every_command_is_here_or_does_not_read() -> None:
    here = {row.verb for row in ROWS}
    assert here & NOT_HERE.keys() == set()
    assert here | NOT_HERE.keys() == set(list_commands())


def test_what_is_known_is_in_the_gallery() -> None:
    assert KNOWN.keys() <= {*GALLERY, *URLS, *NAMES}
