"""What arrives is what was registered, whole, or nothing."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitcellar import Cellar
from gitcellar.cellar.getting import get_checkpoint
from gitcellar.cellar.reading import open_source
from gitcellar.core.errors import CellarError, InvalidError, NotFoundError, WorldError
from gitcellar.core.references import parse_reference
from gitcellar.store.delivery import MismatchError
from tests.support.cellars import Bench, tag
from tests.support.processes import git

PRODUCTION = parse_reference("vit-l/projectA#production")


@pytest.fixture
def live(stocked: Bench) -> Bench:
    """A cellar whose project model is in production, on the remote."""
    stocked.assign("vit-l/projectA@1.0.1", "production", push=True)
    return stocked


def objects(bench: Bench) -> dict[str, Path]:
    """The objects on the DVC remote by their content."""
    return {path.read_text(): path for path in bench.storage.rglob("*") if path.is_file()}


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_by_stage_from_a_bare_url(live: Bench, tmp_path: Path) -> None:
    to = tmp_path / "out"
    to.mkdir()
    delivered = get_checkpoint(open_source(live.url), PRODUCTION, to=to / "model.bin")
    assert (to / "model.bin").read_text() == "A 1"
    assert delivered.recorded == delivered.digest
    assert left_in(to) == ["model.bin"]


def test_a_folder_that_exists_takes_it_in_under_its_own_name(live: Bench, tmp_path: Path) -> None:
    delivered = get_checkpoint(live.repository, PRODUCTION, to=tmp_path)
    assert delivered.path == tmp_path / "vit-l-projectA"


def test_a_folder_arrives_with_all_its_files(bench: Bench, tmp_path: Path) -> None:
    bench.declare("vit-l/base", {"a.bin": "1", "sub/deep/b.bin": "2", "odd name": "3"})
    bench.register("vit-l/base", push=True)
    to = tmp_path / "out"
    get_checkpoint(open_source(bench.url), parse_reference("vit-l/base@latest"), to=to)
    assert {p.relative_to(to).as_posix(): p.read_text() for p in to.rglob("*") if p.is_file()} == {
        "a.bin": "1",
        "sub/deep/b.bin": "2",
        "odd name": "3",
    }


def test_an_older_version_arrives_as_it_was(live: Bench, tmp_path: Path) -> None:
    live.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    live.register("vit-l/projectA", push=True)
    get_checkpoint(live.repository, parse_reference("vit-l/projectA@1.0.1"), to=tmp_path / "old")
    get_checkpoint(live.repository, parse_reference("vit-l/projectA@latest"), to=tmp_path / "new")
    assert ((tmp_path / "old").read_text(), (tmp_path / "new").read_text()) == ("A 1", "A 2")


def test_a_tampered_object_is_not_delivered_and_what_was_there_stays(live: Bench, tmp_path: Path) -> None:
    stored = objects(live)["A 1"]
    stored.chmod(0o644)
    stored.write_text("A !")
    to = tmp_path / "out"
    to.mkdir()
    (to / "model.bin").write_text("before")
    with pytest.raises(MismatchError, match="models/vit-l-projectA is not what was registered"):
        get_checkpoint(open_source(live.url), PRODUCTION, to=to / "model.bin", replace=True)
    assert (to / "model.bin").read_text() == "before"
    assert left_in(to) == ["model.bin"]


def test_a_missing_object_is_told_and_leaves_nothing(live: Bench, tmp_path: Path) -> None:
    objects(live)["A 1"].unlink()
    to = tmp_path / "out"
    to.mkdir()
    with pytest.raises(WorldError, match="models/vit-l-projectA is neither in the DVC cache nor on its remote"):
        get_checkpoint(open_source(live.url), PRODUCTION, to=to / "model.bin")
    assert left_in(to) == []


def test_what_is_in_the_way_stays_unless_it_may_be_replaced(live: Bench, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("mine")
    with pytest.raises(NotFoundError, match="exists already"):
        get_checkpoint(live.repository, PRODUCTION, to=tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_text() == "mine"
    get_checkpoint(live.repository, PRODUCTION, to=tmp_path / "model.bin", replace=True)
    assert (tmp_path / "model.bin").read_text() == "A 1"


def test_a_committed_link_in_the_work_tree_leads_nowhere(live: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (live.work / "models/vit-l-projectA").unlink()
    (live.work / "models/.gitignore").unlink()
    (live.work / "models/vit-l-projectA").symlink_to(outside / "victim")
    get_checkpoint(live.repository, PRODUCTION, to=tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_text() == "A 1"
    assert left_in(outside) == []


@pytest.mark.parametrize("path", ["../../evil", "/tmp/evil", "a/../../evil"])
def test_a_folder_whose_listing_leads_outside_is_refused(bench: Bench, tmp_path: Path, path: str) -> None:
    bench.declare("vit-l/base", {"a.bin": "1"})
    bench.register("vit-l/base", push=True)
    (listing,) = list(bench.storage.rglob("*.dir"))
    listing.chmod(0o644)
    listing.write_text(f'[{{"md5": "c4ca4238a0b923820dcc509a6f75849b", "relpath": "{path}"}}]')
    to = tmp_path / "a" / "b"
    to.mkdir(parents=True)
    with pytest.raises(CellarError):
        get_checkpoint(open_source(bench.url), parse_reference("vit-l/base@latest"), to=to / "out")
    assert not list(tmp_path.rglob("evil"))
    assert left_in(to) == []


def test_a_tracking_file_that_points_outside_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.declare("vit-l/base", "1")
    bench.register("vit-l/base", push=True)
    (bench.work / "models/vit-l-base.dvc").write_text(
        "outs: [{md5: c4ca4238a0b923820dcc509a6f75849b, path: ../../x, hash: md5}]"
    )
    bench.commit("hostile")
    tag(bench, "vit-l/base@0.2")
    with pytest.raises(InvalidError, match="tracks something else"):
        get_checkpoint(bench.repository, parse_reference("vit-l/base@0.2"), to=tmp_path / "out")


def test_a_commits_dvc_config_sets_remotes_and_nothing_else(live: Bench, tmp_path: Path) -> None:
    config = live.work / ".dvc/config"
    config.write_text(config.read_text() + f"[cache]\n    dir = {tmp_path / 'stolen'}\n    type = symlink\n")
    live.commit("a config that moves the cache")
    live.git("push", "-q", "origin", "main")
    live.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    live.register("vit-l/projectA", push=True)
    before = set((tmp_path / "stolen").rglob("*"))
    get_checkpoint(open_source(live.url), parse_reference("vit-l/projectA@latest"), to=tmp_path / "out")
    assert not (tmp_path / "out").is_symlink()
    assert set((tmp_path / "stolen").rglob("*")) == before


def test_a_url_is_asked_for_one_commit_without_history_or_other_blobs(live: Bench, tmp_path: Path) -> None:
    git(live.remote, "config", "uploadpack.allowFilter", "true")
    (live.work / "big.txt").write_text("unrelated" * 1000)
    live.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    live.register("vit-l/projectA", push=True)
    trace = tmp_path / "trace"
    environment = {**os.environ, "GIT_TRACE_PACKET": str(trace)}
    program = str(Path(sys.executable).with_name("gitcellar"))
    command = [program, "get", "vit-l/projectA@latest", "--repo", live.url, "-o", str(tmp_path / "out")]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    packets = trace.read_text()
    assert "deepen 1" in packets
    assert "filter blob:none" in packets
    assert live.git("rev-parse", "HEAD:big.txt") not in packets


def test_a_registration_of_gto_is_delivered_and_said_to_be_unproved(live: Bench, tmp_path: Path) -> None:
    live.declare("vit-l/projectA", "A 2", base="vit-l/base@1.0")
    tag(live, "vit-l/projectA@v1.0.2")
    delivered = get_checkpoint(live.repository, parse_reference("vit-l/projectA@1.0.2"), to=tmp_path / "out")
    assert delivered.recorded is None
    assert delivered.digest.sha256 == hashlib.sha256(b"A 2").hexdigest()


@pytest.mark.parametrize(
    ("size", "room"), [(6_000_000, 4_000_000), (3_000_000, 2_097_152)], ids=["between chunks", "in the last chunk"]
)
def test_a_full_disk_is_told_and_leaves_nothing(live: Bench, tmp_path: Path, size: int, room: int) -> None:
    to = tmp_path / "out"
    to.mkdir()
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}));"
        f"sys.argv = ['gitcellar', '-C', {str(live.work)!r}, 'get', 'vit-l/base@latest', '-o', {str(to / 'x')!r}];"
        "from gitcellar.doors.cli.main import main; main()"
    )
    live.declare("vit-l/base", "x" * size)
    live.register("vit-l/base")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 4
    assert done.stderr.decode() == f"Error: cannot write {to / 'x'}: File too large\nHint: nothing was left behind\n"
    assert left_in(to) == []


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_download_leaves_no_half_file_in_place(
    live: Bench, tmp_path: Path, sign: signal.Signals
) -> None:
    live.declare("vit-l/base", "x" * 9_000_000)
    live.register("vit-l/base")
    pipe = next(
        path
        for path in (live.work / ".dvc/cache/files").rglob("*")
        if path.is_file() and path.stat().st_size == 9_000_000
    )
    pipe.unlink()
    os.mkfifo(pipe)  # a source that never ends: the download is caught in the middle
    to = tmp_path / "out"
    to.mkdir()
    # A worker of the test runner ignores SIGINT, and its children would with it.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        f"sys.argv = ['gitcellar', '-C', {str(live.work)!r}, 'get', 'vit-l/base@latest', '-o', {str(to / 'x')!r}];"
        "from gitcellar.doors.cli.main import main; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pipe.open("wb") as source:  # waits for the reader
        source.write(b"x" * 5_000_000)
        source.flush()
        while process.poll() is None and not [p for p in to.rglob("*") if p.is_file() and p.stat().st_size]:
            time.sleep(0.01)
        errors = b""
        for _ in range(60):
            process.send_signal(sign)
            try:
                _, errors = process.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                continue  # what reads waits for bytes, and is waited for
    # A second signal may meet Python on its way out, after all was cleaned up.
    assert process.returncode in (130, -sign)
    assert b"Traceback" not in errors
    assert not (to / "x").exists()
    if sign == signal.SIGINT:
        assert left_in(to) == []


def test_the_same_from_python(live: Bench, tmp_path: Path) -> None:
    delivered = Cellar.open(live.url)["vit-l/projectA"].stage("production").get(tmp_path / "model.bin")
    assert delivered.path.read_text() == "A 1"
