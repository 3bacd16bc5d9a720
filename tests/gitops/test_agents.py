"""The last mile: what a stage holds is fetched, checked, swapped in, tried, and given up where it fails."""

from __future__ import annotations

import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitcellar.cellar.reading import open_source
from gitcellar.core.deployments import Reconciled
from gitcellar.core.errors import WorldError
from gitcellar.core.index import NAMESPACE, format_offer, offer_file, parse_offer
from gitcellar.gitops.agents import Agent, Orders
from gitcellar.gitops.indexing import write_index
from gitcellar.gitops.origins import GitOrigin, IndexOrigin
from gitcellar.gitops.trials import Trial
from gitcellar.store.checkpoints import Checkpoint
from gitcellar.store.signatures import SigningKey, find_signing_key, sign
from tests.support.cellars import Bench
from tests.support.people import key_of, public_key
from tests.support.processes import git

MODEL = "vit-l/base"


@pytest.fixture
def live(stocked: Bench) -> Bench:
    """A cellar with two base versions, the first in production."""
    stocked.declare(MODEL, "base 2")
    stocked.git("push", "-q", "origin", "main")
    stocked.register(MODEL, push=True)
    stocked.assign("vit-l/base@1.0", "production", push=True)
    return stocked


def orders(bench: Bench, **more: Any) -> Orders:
    return replace(Orders("production", "**", bench.folder / "site", "here"), **more)


def agent(bench: Bench, **more: Any) -> Agent:
    return Agent(GitOrigin(open_source(bench.url)), orders(bench, **more))


def served(bench: Bench, folder: str = "site") -> str:
    (file,) = (bench.folder / folder / MODEL / "production/current").iterdir()
    return file.read_text()


def test_what_is_in_the_stage_is_served_and_a_second_look_does_nothing(live: Bench) -> None:
    assert [step.status for step in agent(live).look().steps] == ["changed"]
    assert served(live) == "base 1"
    assert [step.status for step in agent(live).look().steps] == ["current"]
    live.assign("vit-l/base@1.1", "production", push=True)
    agent(live).look()
    assert served(live) == "base 2"
    live.assign("vit-l/base@1.0", "production", push=True)
    agent(live).look()
    assert served(live) == "base 1"
    assert live.gitcellar("unassign", MODEL, "production", "--push").status == 0
    assert [step.status for step in agent(live).look().steps] == ["removed"]
    assert not (live.folder / "site" / MODEL / "production/current").exists()


def test_a_version_that_fails_is_taken_back_reported_and_not_tried_again(live: Bench) -> None:
    refuses = ("sh", "-c", 'echo x >> tried; test "$GITCELLAR_VERSION" != 1.1')
    keeper = agent(live, check=refuses, within=0.3, report=str(live.folder / "status"))
    assert keeper.look().ok
    live.assign("vit-l/base@1.1", "production", push=True)
    failed = keeper.look()
    assert [step.reason for step in failed.steps] == ["1.1 failed its health check for 0.3 s; 1.0 is back"]
    assert served(live) == "base 1"
    (status,) = (live.folder / "status").iterdir()
    assert json.loads(status.read_text())["failed"] == "1.1"
    tried = (live.folder / "site/tried").read_text()
    assert not agent(live, check=refuses, report=str(live.folder / "status")).look().ok
    assert (live.folder / "site/tried").read_text() == tried
    found = live.gitcellar("diff-live", str(live.folder / "status"), "--json")
    assert found.status == 1
    assert [row["finding"] for row in json.loads(found.out)["sites"]] == ["failed"]
    live.assign("vit-l/base@1.0", "production", push=True)
    assert keeper.look().ok
    assert json.loads(status.read_text())["failed"] is None


def test_a_command_that_fails_on_change_takes_the_change_back(live: Bench) -> None:
    keeper = agent(live, on_change=("sh", "-c", 'test "$(cat "$GITCELLAR_FILE")" = "base 1"'))
    assert keeper.look().ok
    live.assign("vit-l/base@1.1", "production", push=True)
    (step,) = keeper.look().steps
    assert step.reason == "1.1 failed: sh ended with exit code 1; 1.0 is back"
    assert served(live) == "base 1"


@pytest.mark.parametrize("layout", ["plain", "triton"])
def test_the_last_versions_stay_and_no_more(live: Bench, layout: str) -> None:
    keeper = agent(live, keep=2, layout=layout)
    for number in range(3, 6):
        live.declare(MODEL, f"base {number}")
        live.git("push", "-q", "origin", "main")
        live.register(MODEL, push=True)
        live.assign(f"vit-l/base@1.{number - 1}", "production", push=True)
        assert keeper.look().ok
    weights = live.folder / "site/.gitcellar/weights"
    assert len(list(weights.iterdir())) == 2
    if layout == "plain":
        assert sorted(p.name for p in (live.folder / "site" / MODEL / "production").iterdir()) == [
            "1.3",
            "1.4",
            "current",
        ]
    else:
        folder = live.folder / "site/repository/vit-l--base--production"
        assert sorted(p.name for p in folder.iterdir()) == ["3", "4"]
        assert (folder / "4/model").read_text() == "base 5"


def test_tampered_weights_are_refused_and_what_is_served_stays(live: Bench) -> None:
    keeper = agent(live)
    keeper.look()
    for stored in (live.storage / "files/md5").rglob("*"):
        if stored.is_file() and stored.read_text() == "base 2":
            stored.chmod(0o644)
            stored.write_text("2 esab")
            stored.chmod(0o444)
    live.assign("vit-l/base@1.1", "production", push=True)
    (step,) = keeper.look().steps
    assert "is not what was registered" in str(step.reason)
    assert served(live) == "base 1"
    # Gigabytes are not fetched again at every look.
    assert [step.reason for step in keeper.look().steps] == [step.reason]


def break_first_download(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> list[int]:
    """Let the next download end after three bytes. Return a list of where each began, as it grows."""
    read = Checkpoint.read
    starts: list[int] = []

    def breaks(self: Checkpoint, file: Any, start: int = 0) -> Iterator[memoryview]:
        starts.append(start)
        for chunk in read(self, file, start):
            yield chunk[:3] if len(starts) == 1 else chunk
            if len(starts) == 1:
                raise error

    monkeypatch.setattr(Checkpoint, "read", breaks)
    return starts


def test_a_download_goes_on_where_it_ended(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = break_first_download(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        agent(live).look()
    assert agent(live).look().ok
    assert starts == [0, 3]
    assert served(live) == "base 1"


def test_what_was_left_of_another_download_is_no_part_of_this_one(live: Bench) -> None:
    keeper = agent(live)
    wanted = keeper.origin.advance(Reconciled(), "production", "**", ())[0].deployments["vit-l/base#production"]
    place = keeper.shelf.find_weights(wanted)
    part = place.with_name(f".{place.name}.part") / "whole"
    part.parent.mkdir(parents=True)
    part.write_text("evil")
    assert not keeper.look().ok
    keeper.waiting.clear()
    assert keeper.look().ok
    assert served(live) == "base 1"


def test_history_that_was_rewritten_is_not_served(live: Bench) -> None:
    keeper = agent(live)
    live.assign("vit-l/base@1.1", "production", push=True)
    keeper.look()
    for ref in ("refs/tags/vit-l/base#production#2", "refs/gitcellar/vit-l/base@tip"):
        git(live.remote, "update-ref", "-d", ref)
    assert [step.reason for step in keeper.look().steps] == ["the registry says #1, and #2 was here already"]
    assert served(live) == "base 2"


def test_ten_agents_are_a_fleet(live: Bench) -> None:
    fleet = [
        agent(live, into=live.folder / f"site{n}", site=f"s{n}", report=str(live.folder / "all")) for n in range(10)
    ]
    with ThreadPoolExecutor(10) as pool:
        assert all(look.ok for look in pool.map(lambda keeper: keeper.look(), fleet))
    live.assign("vit-l/base@1.1", "production", push=True)
    for keeper in fleet[:7]:
        keeper.look()
    found = json.loads(live.gitcellar("diff-live", str(live.folder / "all"), "--json").out)["sites"]
    assert sorted(row["finding"] for row in found) == ["current"] * 7 + ["laggard"] * 3


def test_reports_of_strangers_are_held_against_the_registry(live: Bench) -> None:
    folder = live.folder / "status"
    folder.mkdir()
    rows: dict[str, dict[str, str | None]] = {
        "zombie": {"model": "vit-l/none", "stage": "production", "digest": "0" * 64},
        "unknown": {"model": MODEL, "stage": "production", "digest": "f" * 64},
        "silent": {"model": MODEL, "stage": "production", "digest": None},
    }
    for name, row in rows.items():
        (folder / f"{name}.json").write_text(json.dumps({"site": name, "at": "2026-11-21T00:00:00Z", **row}))
    (folder / "half.json").write_text('{"site": "half", "mod')
    found = live.gitcellar("diff-live", str(folder), "--json")
    assert found.status == 1
    document = json.loads(found.out)
    assert {row["site"]: row["finding"] for row in document["sites"]} == {
        "zombie": "zombie",
        "unknown": "unknown-digest",
        "silent": "silent",
    }
    assert document["faults"] == ["half.json is no status report, or half of one"]


def signing_key(bench: Bench, signer: str) -> SigningKey:
    key = find_signing_key({"gpg.format": "ssh", "user.signingkey": str(key_of(bench, signer))})
    assert key is not None
    return key


def make_index(bench: Bench, *, signer: str = "ada", valid: float = 3600) -> Path:
    write_index(open_source(bench.url), bench.folder / "index", signing_key(bench, signer), valid=valid)
    return bench.folder / "index"


def from_index(bench: Bench, where: Path | str, **more: Any) -> Agent:
    signers = bench.folder / "signers"
    signers.write_text(f"ada@example.com {public_key(bench, 'ada')}\n")
    told = orders(bench, **more)
    return Agent(IndexOrigin(str(where), signers, told.into), told)


@pytest.mark.parametrize("models", ["**", MODEL])
def test_an_index_serves_as_git_does(live: Bench, models: str) -> None:
    keeper = from_index(live, make_index(live), models=models)
    assert [step.status for step in keeper.look().steps] == ["changed"]
    assert served(live) == "base 1"
    live.assign("vit-l/base@1.1", "production", push=True)
    make_index(live)
    assert [step.status for step in keeper.look().steps] == ["changed"]
    assert served(live) == "base 2"
    assert [step.status for step in keeper.look().steps] == ["current"]


def test_an_index_over_http_is_the_same(live: Bench) -> None:
    where = make_index(live)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(where))

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert from_index(live, f"http://127.0.0.1:{server.server_port}").look().ok
        server.shutdown()
    assert served(live) == "base 1"


def _forge(where: Path) -> None:
    file = where / "models/vit-l/base/production.json"
    file.write_text(file.read_text().replace("1.1", "1.0"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda bench, where: _forge(where), "is not signed by one of"),
        (lambda bench, where: make_index(bench, signer="mallory"), "is not signed by one of"),
        (lambda bench, where: make_index(bench, valid=-10), "counted until"),
        (lambda bench, where: (where / "models/vit-l/base/production.json.sig").unlink(), "there is no"),
    ],
    ids=["changed", "another key", "too old", "unsigned"],
)
def test_an_index_is_believed_for_its_signature_and_its_time_alone(
    live: Bench, spoil: Callable[[Bench, Path], object], said: str
) -> None:
    where = make_index(live)
    keeper = from_index(live, where, models=MODEL)
    keeper.look()
    live.assign("vit-l/base@1.1", "production", push=True)
    make_index(live)
    spoil(live, where)
    (step,) = keeper.look().steps
    assert said in str(step.reason)
    assert served(live) == "base 1"


def test_an_older_index_takes_nothing_back(live: Bench) -> None:
    where = make_index(live)
    old = {path: path.read_bytes() for path in (where / "models").rglob("*.json*")}
    live.assign("vit-l/base@1.1", "production", push=True)
    make_index(live)
    keeper = from_index(live, where)
    keeper.look()
    for path, content in old.items():
        path.write_bytes(content)
    assert "the registry says #1, and #2 was here already" in [step.reason for step in keeper.look().steps]
    assert served(live) == "base 2"


def test_an_index_that_says_two_things_under_one_number_changes_nothing(live: Bench) -> None:
    where = make_index(live)
    keeper = from_index(live, where)
    keeper.look()
    slot = f"{MODEL}#production"
    file = where / offer_file(slot)
    offer = parse_offer(file.read_bytes(), slot)
    assert offer.deployment is not None
    content = format_offer(replace(offer, deployment=replace(offer.deployment, id="f" * 40)))
    file.write_bytes(content)
    Path(f"{file}.sig").write_bytes(sign(content, signing_key(live, "ada"), NAMESPACE))
    assert [step.reason for step in keeper.look().steps] == ["#1 is another object than it was"]


def test_the_command_keeps_a_folder(live: Bench) -> None:
    words = ("--repo", live.url, "--stage", "production", "--into", "kept", "--site", "x", "--once")
    done = live.gitcellar("agent", *words)
    assert (done.status, done.err) == (0, "Serving: vit-l/base#production at 1.0\n")
    again = live.gitcellar("agent", *words, "--json")
    assert json.loads(again.out)["stages"][0]["status"] == "current"
    assert live.gitcellar("agent", "--index", "x", "--stage", "production", "--into", "kept").status == 2
    assert live.gitcellar("agent", "--repo", "file:///nowhere.git", *words[2:]).status == 4


def test_what_somebody_changed_on_the_machine_is_mended(live: Bench) -> None:
    keeper = agent(live)
    keeper.look()
    link = live.folder / "site" / MODEL / "production/current"
    link.unlink()
    link.symlink_to("/nowhere")
    assert keeper.look().ok
    assert served(live) == "base 1"
    shutil.rmtree(live.folder / "site/.gitcellar/weights")
    assert [step.status for step in keeper.look().steps] == ["changed"]
    assert served(live) == "base 1"


@pytest.mark.parametrize("layout", ["plain", "triton"])
def test_who_dies_while_trying_goes_back_even_where_git_is_gone(
    live: Bench, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown() -> str:
        if layout == "plain":
            return served(live)
        folder = live.folder / "site/repository/vit-l--base--production"
        return (folder / max(p.name for p in folder.iterdir()) / "model").read_text()

    agent(live, layout=layout).look()
    live.assign("vit-l/base@1.1", "production", push=True)

    def dies(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trial, "find_fault", dies)
    with pytest.raises(KeyboardInterrupt):
        agent(live, layout=layout).look()
    assert shown() == "base 2"
    monkeypatch.undo()
    gone = Agent(GitOrigin(open_source("file:///nowhere.git")), orders(live, layout=layout))
    with pytest.raises(WorldError):
        gone.look()
    assert shown() == "base 1"
    assert agent(live, layout=layout).look().ok
    assert shown() == "base 2"


def test_a_clock_that_jumps_stops_nothing_that_is_served(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = from_index(live, make_index(live), models=MODEL)
    keeper.look()
    live.assign("vit-l/base@1.1", "production", push=True)
    make_index(live)
    monkeypatch.setattr("gitcellar.gitops.origins.read_now", lambda: 2**33)
    assert not keeper.look().ok
    assert served(live) == "base 1"
    monkeypatch.setattr("gitcellar.gitops.origins.read_now", lambda: 0)
    assert not keeper.look().ok
    assert served(live) == "base 1"
    make_index(live, valid=7200)
    assert keeper.look().ok
    assert served(live) == "base 2"


def test_a_network_that_breaks_costs_only_what_was_not_there_yet(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = agent(live)
    assert keeper.look().ok
    live.assign("vit-l/base@1.1", "production", push=True)
    starts = break_first_download(monkeypatch, WorldError("the network is down"))
    assert not keeper.look().ok
    keeper.waiting.clear()
    assert keeper.look().ok
    assert starts == [0, 3]
    assert served(live) == "base 2"


def test_weights_of_a_stage_that_was_emptied_are_let_go(live: Bench) -> None:
    keeper = agent(live)
    keeper.look()
    assert live.gitcellar("unassign", MODEL, "production", "--push").status == 0
    keeper.look()
    assert list((live.folder / "site/.gitcellar/weights").iterdir()) == []


def test_a_command_that_cannot_be_started_takes_nothing_away(live: Bench) -> None:
    agent(live).look()
    live.assign("vit-l/base@1.1", "production", push=True)
    keeper = agent(live, on_change=("no-such-command",))
    assert [step.reason for step in keeper.look().steps] == ["cannot run 'no-such-command': No such file or directory"]
    assert served(live) == "base 1"
    # It is the machine's fault, not the version's: tried again once that is mended.
    assert agent(live).look().ok
    assert served(live) == "base 2"
    assert live.gitcellar("unassign", MODEL, "production", "--push").status == 0
    emptied = agent(live, on_change=("no-such-command",)).look()
    assert [step.status for step in emptied.steps] == ["removed"]
    assert not emptied.ok
    assert not (live.folder / "site" / MODEL / "production/current").exists()
