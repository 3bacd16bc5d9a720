"""What a tag states, told to people, programs and CI; each event once and in order, whatever becomes of the trigger."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import os
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.ci_variables import find_ci_tag
from gitcellar.core.cloud_events import TYPE_PREFIX, Happening, format_github_output, format_shell
from gitcellar.core.errors import WorldError
from gitcellar.core.urls import strip_credentials
from gitcellar.store.http import Patience, post
from tests.support.cellars import Bench
from tests.support.processes import git, run

HOSTS = {
    "GITHUB_ACTIONS": ("GITHUB_REF", "refs/tags/"),
    "GITLAB_CI": ("CI_COMMIT_TAG", ""),
    "JENKINS_URL": ("TAG_NAME", ""),
    "BITBUCKET_BUILD_NUMBER": ("BITBUCKET_TAG", ""),
    "TF_BUILD": ("BUILD_SOURCEBRANCH", "refs/tags/"),
    "CIRCLECI": ("CIRCLE_TAG", ""),
}
HOSTILE = ["$(touch ran)", "`touch ran`", "a; touch ran", "a'\"b", "a\u202eb", "-n", "--help"]
ENV = {key: value for key, value in os.environ.items() if key not in HOSTS}


def tell(bench: Bench, *args: str, **env: str) -> dict[str, object]:
    done = bench.gitcellar("event", *args, "--json", env={**ENV, **env})
    assert done.status == 0, done.err
    found: dict[str, object] = json.loads(done.out)
    return found


def test_every_kind_of_event_has_its_type(stocked: Bench) -> None:
    stocked.declare("vit-l/base", "base 2")
    stocked.register("vit-l/base")
    for version in ("1.0", "1.1", "1.0"):
        stocked.assign(f"vit-l/base@{version}", "production")
    stocked.assign("vit-l/base@1.1", "staging")
    stocked.assign("vit-l/base@1.1", "archived")
    for words in (
        ("claim", "vit-l/base@1.0", "evaluated.again", "--metric", "a=1"),
        ("unassign", "vit-l/base", "production"),
        ("withdraw", "vit-l/base@1.1"),
        ("deprecate", "vit-l/base"),
    ):
        assert stocked.gitcellar(*words).status == 0
    tags = git(stocked.work, "tag", "-l", "vit-l/base*").splitlines()
    kinds = {tag.rpartition("/")[2]: str(tell(stocked, tag)["type"]).removeprefix(f"{TYPE_PREFIX}.") for tag in tags}
    assert kinds == {
        "base@1.0": "registered",
        "base@1.1": "registered",
        "base#production#1": "assigned",
        "base#production#2": "assigned",
        "base#production#3": "rolled-back",
        "base#staging#4": "assigned",
        "base#archived#5": "archived",
        "base@1.0=evaluated.again#6": "claimed",
        "base#production!#7": "unassigned",
        "base@1.1!#8": "withdrawn",
        "base@deprecated#9": "deprecated",
    }
    event = tell(stocked, "refs/tags/vit-l/base#production#3")
    assert event["id"] == git(stocked.work, "rev-parse", "vit-l/base#production#3")
    data = event["data"]
    assert isinstance(data, dict)
    assert (data["version"], data["previous"], data["stage"]) == ("1.0", "1.1", "production")
    assert data["sha256"] == hashlib.sha256(b"base 1").hexdigest()
    assert event["specversion"] == "1.0"


@pytest.mark.parametrize("host", HOSTS)
def test_a_job_of_each_host_names_its_tag(stocked: Bench, host: str) -> None:
    variable, prefix = HOSTS[host]
    assert tell(stocked, **{host: "1", variable: f"{prefix}vit-l/base@1.0"})["subject"] == "vit-l/base@1.0"
    assert tell(stocked, **{host: "1"})["type"] == "alt.gitcellar.none"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("ref", HOSTILE)
def test_a_hostile_ref_name_is_no_event_and_runs_nothing(stocked: Bench, host: str, ref: str) -> None:
    variable, prefix = HOSTS[host]
    assert find_ci_tag({host: "1", variable: f"{prefix}{ref}"}) == ref
    if host == "GITLAB_CI":
        assert tell(stocked, **{host: "1", variable: f"{prefix}{ref}"})["type"] == "alt.gitcellar.none"
        assert not (stocked.work / "ran").exists()


def test_a_branch_is_no_tag() -> None:
    assert find_ci_tag({"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/vit-l/base@1.0"}) == ""
    assert find_ci_tag({"GITHUB_REF": "refs/tags/vit-l/base@1.0"}) is None


def test_a_post_receive_hook_is_told_of_every_tag_of_a_push(stocked: Bench) -> None:
    zero, new = "0" * 40, git(stocked.work, "rev-parse", "vit-l/base@1.0")
    lines = f"{zero} {new} refs/tags/vit-l/base@1.0\n{zero} {new} refs/heads/x\n{new} {zero} refs/tags/gone@1.0\n"
    done = run(stocked.work, "gitcellar", "event", "--json", stdin=lines, env=ENV)
    assert [json.loads(line)["subject"] for line in done.out.splitlines()] == ["vit-l/base@1.0"]
    assert run(stocked.work, "gitcellar", "event", stdin="nonsense\n", env=ENV).status == 3


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_whatever_a_value_holds_a_shell_and_github_read_it_back(value: str) -> None:
    assert shlex.split(format_shell({"GITCELLAR_MESSAGE": value})) == [f"GITCELLAR_MESSAGE={value}"]
    name, _, rest = format_github_output({"GITCELLAR_MESSAGE": value}).partition("<<")
    delimiter, _, body = rest.partition("\n")
    assert name == "message"
    assert body == f"{value}\n{delimiter}\n"
    assert delimiter not in value


def test_a_shell_reads_a_hostile_message_back() -> None:
    value = 'a\'b\n::error::##[error]##vso[x]\n$(exit 3) `exit 4` "x"; exit 5'
    script = format_shell({"GITCELLAR_MESSAGE": value}) + 'printf %s "$GITCELLAR_MESSAGE"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True).stdout == value


def test_credentials_are_no_part_of_an_event() -> None:
    assert strip_credentials("https://u:p@host:1/x.git?a") == "https://host:1/x.git"
    assert strip_credentials("git@host:x.git") == "git@host:x.git"
    assert Happening("none", "").digest is None


def follow(bench: Bench, *args: str) -> list[str]:
    done = bench.gitcellar("event", "--follow", "--once", "--repo", bench.url, "--json", *args, env=ENV)
    return [json.loads(line)["subject"] for line in done.out.splitlines()]


def test_each_event_is_told_once_and_in_order_also_what_nobody_sent(stocked: Bench) -> None:
    place = ("--place", str(stocked.folder / "place"))
    assert follow(stocked, *place) == []
    for stage in ("staging", "production", "archived"):
        stocked.assign("vit-l/base@1.0", stage)
    assert stocked.gitcellar("push").status == 0
    expected = [f"vit-l/base#{s}#{n}" for n, s in enumerate(("staging", "production", "archived"), 1)]
    assert follow(stocked, *place) == expected
    assert follow(stocked, *place) == []
    fresh = ("--place", str(stocked.folder / "other"))
    assert follow(stocked, *fresh, "--from-start", "--model", "vit-l/base") == ["vit-l/base@1.0", *expected]


def test_who_could_not_take_an_event_gets_it_again_before_any_later_one(stocked: Bench) -> None:
    stocked.assign("vit-l/base@1.0", "staging", push=True)
    stocked.assign("vit-l/base@1.0", "production", push=True)
    words = ("--from-start", "--model", "vit-l/base", "--place", str(stocked.folder / "place"))
    log = stocked.folder / "log"
    command = (
        f"sh -c 'test ! -e {stocked.folder}/down || test $GITCELLAR_EVENT = registered && echo $GITCELLAR_TAG >> {log}'"
    )
    (stocked.folder / "down").write_text("")
    failed = stocked.gitcellar("event", "--follow", "--once", "--repo", stocked.url, *words, "--exec", command, env=ENV)
    assert failed.status == 1
    assert "ended with exit code 1 for vit-l/base#staging#1" in failed.err
    (stocked.folder / "down").unlink()
    done = stocked.gitcellar("event", "--follow", "--once", "--repo", stocked.url, *words, "--exec", command, env=ENV)
    assert done.status == 0
    assert log.read_text().split() == ["vit-l/base@1.0", "vit-l/base#staging#1", "vit-l/base#production#2"]


@contextmanager
def webhook(*answers: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server on loopback that gives those answers, then the last one again; 0 hangs up."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            status = answers[min(len(got), len(answers)) - 1]
            if status:
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", got
        server.shutdown()


def test_a_webhook_can_check_who_sent_it_and_when(stocked: Bench) -> None:
    with webhook(200) as (url, got):
        done = stocked.gitcellar("event", "vit-l/base@1.0", "--post", url, env={**ENV, "GITCELLAR_SECRET": "s3"})
    assert done.status == 0, done.err
    ((headers, body),) = got
    assert headers["Content-Type"] == "application/cloudevents+json"
    signature = hmac.new(b"s3", headers["Gitcellar-Time"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["Gitcellar-Signature"] == f"sha256={signature}"
    assert json.loads(body)["id"] == git(stocked.work, "rev-parse", "vit-l/base@1.0")


def test_a_webhook_that_is_ill_is_asked_again_with_the_same_event() -> None:
    pauses: list[float] = []
    with webhook(500, 0, 503, 200) as (url, got):
        post(url, b"{}", content_type="x", sleep=pauses.append)
    assert [body for _, body in got] == [b"{}"] * 4
    assert pauses == sorted(pauses)


@pytest.mark.parametrize(
    ("answer", "asked", "said"), [(500, 4, "answered 500"), (302, 1, "redirects are not followed")]
)
def test_a_webhook_that_never_takes_it_is_an_error(answer: int, asked: int, said: str) -> None:
    with webhook(answer) as (url, got), pytest.raises(WorldError, match=said):
        post(url, b"{}", content_type="x", sleep=lambda _: None)
    assert len(got) == asked


def test_a_webhook_that_hangs_is_given_up() -> None:
    import socket

    short = Patience(connect=0.2, between=0.2, whole=5.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(WorldError, match="Timeout"):
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        post(url, b"{}", content_type="x", patience=short, sleep=lambda _: None)


def test_outputs_of_a_github_job(stocked: Bench) -> None:
    output = stocked.folder / "output"
    env = {**ENV, "GITHUB_ACTIONS": "1", "GITHUB_REF": "refs/tags/vit-l/base@1.0", "GITHUB_OUTPUT": str(output)}
    assert stocked.gitcellar("event", "--github-output", env=env).status == 0
    assert "\nversion<<" in output.read_text()
    assert stocked.gitcellar("event", "vit-l/base@1.0", "--github-output", env=ENV).status == 3
    assert "GITCELLAR_VERSION=1.0\n" in stocked.gitcellar("event", "vit-l/base@1.0", "--env", env=ENV).out
    assert stocked.gitcellar("event", "vit-l/base@9.9", env=ENV).status == 3
