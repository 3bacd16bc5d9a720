"""What a stranger's tracking files, DVC config and links say stays without effect on this machine, whoever reads it."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gitcellar.cellar.checking import check_index, check_work_tree
from gitcellar.cellar.fetching import fetch_all
from gitcellar.cellar.getting import get_checkpoint
from gitcellar.cellar.health import examine
from gitcellar.cellar.hooks import judge_pre_receive
from gitcellar.cellar.moving import fetch_checkpoints
from gitcellar.cellar.reading import open_source
from gitcellar.cellar.tracking import Declaration, add_model
from gitcellar.core.errors import CellarError
from gitcellar.core.names import ModelName
from gitcellar.core.pushes import PushedRef
from gitcellar.core.references import parse_reference
from gitcellar.policy.judge import Verdict
from gitcellar.store.git_health import GitHealth
from tests.support.cellars import Bench, make_bench, tag

MODEL = ModelName("vit-l/base")
REFERENCE = parse_reference("vit-l/base@0.2")
CHECKPOINT = "models/vit-l-base"
TRACKING = f"{CHECKPOINT}.dvc"
SECRET = b"what nobody else may read"
SECRET_MD5 = hashlib.md5(SECRET, usedforsecurity=False).hexdigest()
MD5 = hashlib.md5(b"1", usedforsecurity=False).hexdigest()
NOT_THERE = f"outs: [{{md5: {'a' * 32}, size: 1, hash: md5, path: vit-l-base}}]"
AWS = "[default]\ncredential_process = touch {marker}\n"


@pytest.fixture(scope="module")
def cellar(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar with one honest version."""
    bench = make_bench(tmp_path_factory.mktemp("cellar") / "it")
    bench.declare("vit-l/base", "1")
    bench.register("vit-l/base", version="0.1", push=True)
    bench.git("push", "-q", "origin", "main")
    bench.git("branch", "honest")
    return bench


class Victim:
    """A folder of this machine that is no part of the cellar, with a file in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.secret = folder / "thesis.txt"
        self.secret.write_bytes(SECRET)
        self.marker = folder / "a-program-ran"

    def is_untouched(self) -> bool:
        return [path.name for path in self.folder.rglob("*")] == ["thesis.txt"] and self.secret.read_bytes() == SECRET


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    return Victim(tmp_path / "home")


@pytest.fixture
def bench(cellar: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The cellar, which is honest again afterwards. No storage is asked for credentials of the machine."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield cellar
    cellar.git("reset", "-q", "--hard", "honest")
    cellar.git("clean", "-q", "-fd")
    if cellar.git("tag", "--list", "vit-l/base@0.2"):
        cellar.git("tag", "-d", "vit-l/base@0.2")


def poison(bench: Bench, files: Mapping[str, str]) -> None:
    """Commit files of a stranger, and register them as GTO does, with no digest that would refuse what arrives."""
    for name, content in files.items():
        (bench.work / name).write_text(content)
    bench.git("add", "-A", "-f", *files)
    bench.git("commit", "-q", "--no-verify", "-m", "hostile")
    tag(bench, "vit-l/base@0.2")


def settings(url: str, *more: str) -> str:
    """A DVC config with one remote, s."""
    lines = "".join(f"    {line}\n" for line in (f"url = {url}", *more))
    return f"[core]\n    remote = s\n['remote \"s\"']\n{lines}"


COMMANDS: dict[str, Callable[[Bench, Path], object]] = {
    "get": lambda bench, to: get_checkpoint(bench.repository, REFERENCE, to=to / "here"),
    "get from a url": lambda bench, to: get_checkpoint(open_source(f"file://{bench.work}"), REFERENCE, to=to / "there"),
    "fetch": lambda bench, to: fetch_checkpoints(bench.repository, [(MODEL, bench.git("rev-parse", "HEAD"))]),
    "check": lambda bench, to: check_work_tree(bench.repository),
    "pre-receive": lambda bench, to: judge_pre_receive(bench.repository, [pushed(bench)]),
    "add": lambda bench, to: add_model(bench.repository, MODEL, str(bench.work / CHECKPOINT), Declaration()),
}


def pushed(bench: Bench) -> PushedRef:
    return PushedRef("refs/tags/vit-l/base@0.2", None, bench.git("rev-parse", "refs/tags/vit-l/base@0.2"))


def ask(bench: Bench, name: str, to: Path) -> str:
    """What a command that reads a checkpoint's tracking answers: `done`, the reasons of a refusal, or an error."""
    try:
        answer = COMMANDS[name](bench, to)
    except CellarError as error:
        return error.message
    if isinstance(answer, Verdict):
        return "\n".join(map(str, answer.violations)) or "done"
    return "done"


def delivered(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


# Each is refused where it is parsed (tests/core/test_tracking_files.py); these show that everything parses.
TRACKINGS: dict[str, tuple[str, str]] = {
    "a hash that is a path": (
        "outs: [{{md5: 'ab{secret}', size: 25, hash: md5, path: vit-l-base}}]",
        "outs.0.md5 is no md5",
    ),
    "an import through a local repository": (
        "outs: [{{path: vit-l-base}}]\ndeps: [{{path: 'http://../thesis.txt', repo: {{url: '{folder}'}}}}]\nfrozen: true",
        "repo.url is no plain https or ssh URL",
    ),
    "an import with settings": (
        "outs: [{{path: vit-l-base}}]\ndeps: [{{path: 's3://b/x', fs_config: {{configpath: aws.cfg}}}}]\nfrozen: true",
        "says 'fs_config', which is not allowed here",
    ),
    "a link": ("../../thesis.txt", "it is no mapping"),
}


@pytest.mark.parametrize(("tracking", "reason"), TRACKINGS.values(), ids=TRACKINGS)
def test_a_tracking_file_that_dvc_did_not_write_is_refused_by_everything(
    bench: Bench, victim: Victim, tmp_path: Path, tracking: str, reason: str
) -> None:
    to = tmp_path / "to"
    to.mkdir()
    (bench.work / "aws.cfg").write_text(AWS.format(marker=victim.marker))
    poison(bench, {TRACKING: tracking.format(secret=victim.secret, folder=victim.folder)})
    said = {name: ask(bench, name, to) for name in COMMANDS}
    assert {name: text for name, text in said.items() if reason not in text} == {}
    examine(bench.repository, "origin")
    assert victim.is_untouched()
    assert delivered(to) == []


@pytest.mark.parametrize(
    ("path", "md5"), [("../../evil", MD5), (".git/config", MD5), ("a.bin", "../../../../../../home/thesis.txt")]
)
def test_a_list_of_a_folder_that_leads_elsewhere_is_refused_before_dvc_reads_it(
    bench: Bench, victim: Victim, tmp_path: Path, path: str, md5: str
) -> None:
    content = json.dumps([{"md5": md5, "relpath": path}]).encode()
    listed = hashlib.md5(content, usedforsecurity=False).hexdigest()
    place = bench.storage / "files/md5" / listed[:2] / f"{listed[2:]}.dir"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    poison(bench, {TRACKING: f"outs: [{{md5: {listed}.dir, nfiles: 1, hash: md5, path: vit-l-base}}]"})
    to = tmp_path / "to"
    to.mkdir()
    for name in ("get", "get from a url", "fetch"):
        said = ask(bench, name, to)
        assert said.startswith("the list of models/vit-l-base: 0"), said
    assert victim.is_untouched()
    assert delivered(to) == []
    assert not list((bench.work / ".dvc/cache").rglob(f"{listed[2:]}.dir"))


def test_a_list_that_the_storage_changed_is_refused(bench: Bench, tmp_path: Path) -> None:
    place = bench.storage / "files/md5/00" / f"{'0' * 30}.dir"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps([{"md5": MD5, "relpath": "a.bin"}]))
    poison(bench, {TRACKING: f"outs: [{{md5: {'0' * 32}.dir, nfiles: 1, hash: md5, path: vit-l-base}}]"})
    with pytest.raises(CellarError, match="the list of models/vit-l-base is not the one that was tracked"):
        get_checkpoint(bench.repository, REFERENCE, to=tmp_path / "out")


@pytest.mark.parametrize(
    "setting",
    ["configpath = ../aws.cfg", "credentialpath = ../aws.cfg", "profile = default", "ssl_verify = false"],
)
def test_a_committed_config_names_no_file_program_or_identity_of_this_machine(
    bench: Bench, victim: Victim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.delenv("AWS_CONFIG_FILE", raising=False)
    to = tmp_path / "to"
    to.mkdir()
    endpoint = "endpointurl = http://127.0.0.1:1"
    poison(
        bench,
        {
            "aws.cfg": AWS.format(marker=victim.marker),
            ".dvc/config": settings("s3://b/x", endpoint, setting),
            TRACKING: NOT_THERE,
        },
    )
    examine(bench.repository, "origin")
    with pytest.raises(CellarError, match="DVC failed on models/vit-l-base: ") as raised:
        get_checkpoint(bench.repository, REFERENCE, to=to / "here")
    assert victim.is_untouched()
    key = setting.partition(" ")[0]
    hint = f"ignored in the committed .dvc/config: remote.s.{key}; put what you trust in .dvc/config.local"
    assert raised.value.hint == hint


def test_what_the_user_says_holds(bench: Bench, tmp_path: Path) -> None:
    poison(bench, {".dvc/config": settings("s3://b/x"), TRACKING: NOT_THERE})
    local = bench.work / ".dvc/config.local"
    local.write_text(f"['remote \"s\"']\n    url = {bench.storage}\n")
    (bench.storage / "files/md5/aa").mkdir(exist_ok=True)
    (bench.storage / "files/md5/aa" / ("a" * 30)).write_text("1")
    try:
        get_checkpoint(bench.repository, REFERENCE, to=tmp_path / "out")
    finally:
        local.unlink()
    assert (tmp_path / "out").read_text() == "1"


def test_a_config_local_that_came_with_a_commit_is_refused(bench: Bench, victim: Victim, tmp_path: Path) -> None:
    poison(bench, {".dvc/config.local": f"[cache]\n    dir = {victim.folder}\n"})
    assert (
        ask(bench, "get", tmp_path)
        == ".dvc/config.local is committed, and it is where settings stand that only you may choose"
    )
    assert "M002 vit-l/base: .dvc/config.local is in Git" in ask(bench, "pre-receive", tmp_path)
    assert victim.is_untouched()


def test_a_committed_cache_is_not_used_and_the_doctor_says_so(bench: Bench, victim: Victim, tmp_path: Path) -> None:
    honest = (bench.work / ".dvc/config").read_text()
    poison(bench, {".dvc/config": f"{honest}[cache]\n    dir = {victim.folder}\n    type = copy\n"})
    assert ask(bench, "fetch", tmp_path) == "done"
    findings = [(f.message, f.hint) for f in examine(bench.repository, "origin") if f.subject.startswith("dvc")]
    assert ("ignored in the committed .dvc/config: cache.dir", "put what you trust in .dvc/config.local") in findings
    assert ask(bench, "add", tmp_path) == "done"
    assert victim.is_untouched()


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("remote://other/x", ()),
        ("ssh://-oProxyCommand=x/y", ()),
        ("https://u:p@example.com/x", ()),
        ("azure://c@evil.example/x", ()),
        ("ext::sh -c x", ()),
        ("-x", ()),
    ],
)
def test_a_remote_that_is_no_place_of_storage_is_left_out(
    bench: Bench, tmp_path: Path, url: str, more: tuple[str, ...]
) -> None:
    poison(bench, {".dvc/config": settings(url, *more), TRACKING: NOT_THERE})
    with pytest.raises(CellarError) as raised:
        get_checkpoint(bench.repository, REFERENCE, to=tmp_path / "out")
    assert raised.value.message == "DVC has no remote for models/vit-l-base"
    assert "remote.s.url" in (raised.value.hint or "")


def test_a_local_remote_keeps_no_versions_so_no_file_is_read_by_its_path(
    bench: Bench, victim: Victim, tmp_path: Path
) -> None:
    (victim.folder / "models").mkdir()
    victim.secret.rename(victim.folder / "models/vit-l-base")
    config = settings(str(victim.folder), "version_aware = true")
    versioned = "outs: [{size: 25, hash: md5, path: vit-l-base, cloud: {s: {version_id: a}}}]"
    poison(bench, {".dvc/config": config, TRACKING: versioned})
    assert ask(bench, "get", tmp_path) == "models/vit-l-base is neither in the DVC cache nor on its remote"
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("config", ["[core", "url = x\n", "[core]\n[core]\n", "[a]\n[[b]]\n", "[a]\nx = '''\n'''\n"])
def test_a_committed_config_that_does_not_parse_is_a_fault(bench: Bench, tmp_path: Path, config: str) -> None:
    poison(bench, {".dvc/config": config})
    assert ask(bench, "get", tmp_path).startswith(".dvc/config:")
    assert ask(bench, "pre-receive", tmp_path).startswith("M002 vit-l/base: .dvc/config:")


@pytest.mark.parametrize("link", [".dvc/cache", ".dvc/tmp", ".dvc/cache/files", ".dvc/.gitignore"])
def test_a_link_where_dvc_writes_is_refused(bench: Bench, victim: Victim, tmp_path: Path, link: str) -> None:
    place = bench.work / link
    moved = bench.folder / "moved"
    moved.mkdir()
    if place.exists():
        place.rename(moved / "it")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(victim.folder)
    tag(bench, "vit-l/base@0.2")
    try:
        said = [ask(bench, name, tmp_path) for name in ("get", "fetch", "add")]
    finally:
        place.unlink()
        if (moved / "it").exists():
            (moved / "it").rename(place)
        moved.rmdir()
    assert set(said) == {f"{link} is a symbolic link, and DVC would write through it"}
    assert victim.is_untouched()


def test_a_commit_with_a_cache_of_its_own_is_a_fault(bench: Bench, victim: Victim) -> None:
    blob = bench.git("rev-parse", "HEAD:artifacts.yaml")
    bench.git("update-index", "--add", "--cacheinfo", f"120000,{blob},.dvc/cache")
    (bench.work / TRACKING).write_text((bench.work / TRACKING).read_text() + "\n")
    bench.git("add", TRACKING)
    said = [str(violation) for violation in check_index(bench.repository).violations]
    assert "M002 vit-l/base: .dvc/cache is in Git, where it can lead DVC to write elsewhere" in said


def test_an_object_of_the_cache_that_is_a_link_is_not_read(bench: Bench, victim: Victim, tmp_path: Path) -> None:
    place = bench.work / ".dvc/cache/files/md5" / SECRET_MD5[:2] / SECRET_MD5[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(victim.secret)
    poison(bench, {TRACKING: f"outs: [{{md5: {SECRET_MD5}, size: 25, hash: md5, path: vit-l-base}}]"})
    with pytest.raises(CellarError, match="is a symbolic link to outside of the cache"):
        get_checkpoint(bench.repository, REFERENCE, to=tmp_path / "out")
    place.unlink()


def test_a_session_token_goes_to_no_server_that_a_commit_chose(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        poison(bench, {".dvc/config": settings("s3://b/x", f"endpointurl = {endpoint}"), TRACKING: NOT_THERE})
        with pytest.raises(CellarError) as raised:
            get_checkpoint(bench.repository, REFERENCE, to=tmp_path / "out")
        with pytest.raises(BlockingIOError):
            server.accept()
    assert raised.value.message == f"the committed .dvc/config would have your AWS session token sent to {endpoint}"
    assert raised.value.hint == f"if you trust it: dvc remote modify --local s endpointurl {endpoint}"


def test_the_users_own_password_goes_to_no_other_url(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path))
    own = ("auth = basic", "user = ada", "password = secret")
    (tmp_path / "config").write_text(settings("https://models.example.com/x", *own))
    seen: list[str | None] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_error(404)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *args: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        config = settings(f"http://127.0.0.1:{server.server_port}/x", "auth = basic")
        poison(bench, {".dvc/config": config, TRACKING: NOT_THERE})
        with pytest.raises(CellarError) as raised:
            get_checkpoint(bench.repository, REFERENCE, to=tmp_path / "out")
        server.shutdown()
    assert set(seen) == {None}
    assert "your own settings of the remote s, which name another url or none" in (raised.value.hint or "")


def test_nobody_is_asked_for_a_password(bench: Bench, tmp_path: Path) -> None:
    poison(bench, {".dvc/config": settings("https://127.0.0.1:1/x"), TRACKING: NOT_THERE})
    local = bench.work / ".dvc/config.local"
    local.write_text("['remote \"s\"']\n    auth = basic\n    user = ada\n    ask_password = true\n")
    try:
        with pytest.raises(CellarError, match="'basic' authentication require both 'user' and 'password'"):
            get_checkpoint(bench.repository, REFERENCE, to=tmp_path / "out")
    finally:
        local.unlink()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("remote.origin.uploadpack", "touch {marker}; git-upload-pack"),
        ("remote.origin.receivepack", "touch {marker}; git-receive-pack"),
        ("remote.origin.vcs", "ext::touch {marker}"),
        ("core.fsmonitor", "touch {marker}"),
        ("core.alternateRefsCommand", "touch {marker}; true"),
    ],
)
def test_the_git_config_of_an_unpacked_folder_starts_no_program(
    bench: Bench, victim: Victim, key: str, value: str
) -> None:
    alternates = bench.work / ".git/objects/info/alternates"
    alternates.write_text(f"{bench.remote}/objects\n")
    bench.git("config", key, value.format(marker=victim.marker))
    try:
        examine(bench.repository, "origin")
        GitHealth(bench.work).try_push("origin", "HEAD:refs/heads/main", dry_run=True)
        with suppress(CellarError):
            fetch_all(bench.repository, "origin", [])
    finally:
        bench.git("config", "--unset", key)
        alternates.unlink()
    assert victim.is_untouched()
