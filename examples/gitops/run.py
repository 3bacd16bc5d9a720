"""From a tag to a running model, on one machine: run it with `make gitops-demo`.

A bare repository with our hooks behind `git daemon`, two clones, DVC's storage, the reconcile loop, an agent, and a
server that answers with a real model. Everything listens on loopback alone. Then things go wrong, one after another.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import digits

BIN = Path(sys.executable).parent
GITCELLAR = str(BIN / "gitcellar")
MODEL = "digits/base"
POLICY = """\
stages:
  production:
    from: [none, production, archived]
    gates: [{metric: accuracy, at_least: 0.8}]
  archived: {from: [production]}
"""
_PROTECTS = """\
while read -r _ _ ref; do
  if [ "$ref" = refs/heads/main ]; then echo "main is protected: open a merge request" >&2; exit 1; fi
done
"""


@dataclass
class Site:
    """Everything that the demo runs, in one folder."""

    folder: Path
    git_port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The registry, as everybody but its host sees it."""
        return f"git://127.0.0.1:{self.git_port}/models.git"

    @property
    def deploy(self) -> str:
        """The branch that says what should run."""
        return f"git://127.0.0.1:{self.git_port}/deploy.git#main"

    def say(self, text: str) -> None:
        """A line of narration."""
        print(f"\n# {text}", flush=True)

    def run(self, *command: str, inside: str = "ada", refused: bool = False) -> str:
        """Show a command, run it in a clone, show what it prints, and stop where it ends otherwise than expected."""
        print(f"$ {shlex.join(command)}", flush=True)
        words = [GITCELLAR if command[0] == "gitcellar" else str(BIN / "dvc") if command[0] == "dvc" else command[0]]
        done = subprocess.run(
            [*words, *command[1:]], cwd=self.folder / inside, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        for line in said.splitlines():
            print(f"  {line}")
        if (done.returncode != 0) is not refused:
            sys.exit(f"gitops-demo: this was to {'be refused' if refused else 'succeed'}: {done.returncode}")
        return said

    def start(self, name: str, *command: str) -> None:
        """Run something beside; what it says goes to NAME.log."""
        with open(self.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, name: str) -> None:
        """Kill what runs beside."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)  # git daemon is a child of git
        process.wait()

    def stop_all(self) -> None:
        """End everything that runs beside."""
        for name in list(self.running):
            self.stop(name)

    def start_git(self) -> None:
        """Serve every repository of the folder on loopback."""
        options = ["--listen=127.0.0.1", f"--port={self.git_port}", "--reuseaddr", "--export-all"]
        self.start(
            "git", "git", "daemon", *options, "--enable=receive-pack", f"--base-path={self.folder}", str(self.folder)
        )

    def start_loops(self) -> None:
        """The reconcile loop, and an agent of a serving machine."""
        every = ("--every", "300ms")
        self.start("reconcile", GITCELLAR, "reconcile", "--repo", self.url, "--to", self.deploy, "--watch", *every)
        health = f"http://127.0.0.1:{self.server_port}/health"
        self.start(
            *("agent", GITCELLAR, "agent", "--repo", self.url, "--stage", "production", "--model", MODEL),
            *("--into", "served", "--check", health, "--within", "2s", "--report", "status", "--site", "demo", *every),
            *("--measure-every", "1s"),
        )

    @property
    def server_port(self) -> int:
        """Where the model answers, once it does."""
        wait_for("the server", lambda: (self.folder / "port").exists())
        return int((self.folder / "port").read_text())

    def ask(self) -> str | None:
        """The digest of what answers; None where nothing does."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server_port}/", timeout=5) as answer:
                return str(json.load(answer)["digest"])
        except urllib.error.HTTPError:
            return None

    def log_end(self, name: str) -> int:
        """How much something that runs beside has said until now."""
        return (self.folder / f"{name}.log").stat().st_size

    def show_log(self, name: str, words: str, since: int) -> None:
        """Wait until something that runs beside says some words, and show the line."""

        def find() -> list[str]:
            said = (self.folder / f"{name}.log").read_bytes()[since:].decode()
            return [line for line in said.splitlines() if words in line]

        wait_for(f"{name} to say {words!r}", lambda: bool(find()))
        print(f"  {name}: {find()[0]}", flush=True)

    def read_deployed(self) -> dict[str, object]:
        """What the deploy branch says that should run."""
        shown = subprocess.run(
            ["git", "show", "main:deployments.json"], cwd=self.folder / "deploy.git", capture_output=True, check=False
        )
        rows = json.loads(shown.stdout)["deployments"] if shown.returncode == 0 else []
        return dict(rows[0]) if rows else {}

    def deployed(self) -> object:
        """The version that the deploy branch says."""
        return self.read_deployed().get("version")

    def digest_of(self, version: str) -> str:
        """The sha256 that a version's tag records."""
        found = self.ask_registry("describe", f"{MODEL}@{version}")
        return str(found["checkpoint"]["sha256"])

    def ask_registry(self, *words: str) -> dict[str, dict[str, str]]:
        """What a verb prints as JSON."""
        done = subprocess.run([GITCELLAR, *words, "--json"], cwd=self.folder / "ada", capture_output=True, check=True)
        found: dict[str, dict[str, str]] = json.loads(done.stdout)
        return found

    def train(self, epochs: int, *, spoil: bool = False) -> None:
        """Train, commit and register the next version; a spoilt one says in its metrics what is not so."""
        path = self.folder / "ada/digits.safetensors"
        model = digits.train("factory", start=None, epochs=epochs, rate=0.01, samples=600)
        digits.save(model, path)
        right = digits.accuracy(path, "factory")
        if spoil:
            model.coefs_ = [-weights for weights in model.coefs_]
            digits.save(model, path)
        print(f"  trained for {epochs} epochs: accuracy {right}{', then spoilt' if spoil else ''}")
        (self.folder / "ada/metrics.json").write_text(json.dumps({"accuracy": right}))
        self.run("gitcellar", "add", MODEL, "digits.safetensors", "--metrics", "metrics.json")
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "-m", f"Train for {epochs} epochs")
        self.run("git", "push", "-q")
        self.run("gitcellar", "register", MODEL, "--push")

    def promote(self, version: str, *, inside: str = "ben") -> float:
        """Put a version into production. Return when the push had ended."""
        self.run("gitcellar", "promote", f"{MODEL}@{version}", "production", "--push", inside=inside)
        return time.monotonic()


def main() -> None:
    """Run the demo in the folder that was named, or in a fresh one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="gitcellar-gitops-"))
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        sys.exit(f"gitops-demo: {folder} is not empty; name another folder")
    _be_neutral(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        site = Site(folder, probe.getsockname()[1])
    print(f"The demo runs in {folder}. Logs of what runs beside stay there.")
    with ExitStack() as stack:
        stack.callback(site.stop_all)
        set_up(site)
        release(site)
        refuse(site)
        fail(site)
        lose_the_hook(site)
        tamper(site)
        rot(site)
        lose_the_server(site)
        withdraw(site)
        protect(site)
    print("\nDone: what is in production according to Git is what ran, and stayed so.")


def set_up(site: Site) -> None:
    """The server's side, two clones, and everything that runs."""
    site.say("A bare repository with our hooks, a branch for what should run, and two people's clones.")
    for name in ("models", "deploy"):
        site.run("git", "init", "-q", "--bare", f"{name}.git", inside=".")
        site.run("git", "config", "gc.auto", "0", inside=f"{name}.git")
    site.start_git()
    wait_for("git daemon", lambda: _answers(site.git_port))
    site.run("git", "clone", "-q", site.url, "ada", inside=".")
    site.run("gitcellar", "init")
    (site.folder / "ada/gitcellar.yaml").write_text(POLICY)
    site.run("dvc", "remote", "add", "-q", "-d", "storage", str(site.folder / "storage"))
    site.run("git", "add", "-A")
    site.run("git", "commit", "-q", "-m", "A cellar")
    site.run("git", "push", "-q", "-u", "origin", "main")
    site.run("gitcellar", "hook", "install", "--server", inside="models.git")
    hook = site.folder / "models.git/hooks/post-receive"
    hook.write_text(f"#!/bin/sh\n{GITCELLAR} event --json >> {site.folder}/events.log\n")
    hook.chmod(0o755)
    site.run("git", "clone", "-q", site.url, "ben", inside=".")
    (site.folder / "served").mkdir()
    served = site.folder / f"served/{MODEL}/production/current"
    site.start("server", sys.executable, str(Path(__file__).with_name("server.py")), str(served), "port")
    site.start_loops()


def release(site: Site) -> None:
    """Two versions, one after the other."""
    site.say("Ada trains and registers; Ben promotes; the server answers with it.")
    site.train(3)
    site.promote("0.1")
    wait_for("0.1 to answer", lambda: site.ask() == site.digest_of("0.1"))
    site.train(6)
    wanted = site.digest_of("0.2")
    pushed = site.promote("0.2")
    wait_for("0.2 to answer", lambda: site.ask() == wanted)
    print(f"  The server answers with 0.2, {time.monotonic() - pushed:.2f} s after the push.")
    wait_for("the deploy branch", lambda: site.deployed() == "0.2")
    kinds = [
        json.loads(line)["type"].rpartition(".")[2] for line in (site.folder / "events.log").read_text().splitlines()
    ]
    print(f"  The post-receive hook told of: {', '.join(kinds)}")


def refuse(site: Site) -> None:
    """A push past the client's hooks."""
    site.say("A promotion that breaks the policy, pushed with --no-verify, ends at the server.")
    site.run("git", "fetch", "-q", "--tags")
    site.run("git", "tag", "-a", "-m", "mine", f"{MODEL}#production#9", f"{MODEL}@0.1^{{}}")
    said = site.run("git", "push", "--no-verify", "origin", f"{MODEL}#production#9", refused=True)
    assert "Refused: S004" in said
    site.run("git", "tag", "-d", f"{MODEL}#production#9")


def fail(site: Site) -> None:
    """A version that passes every gate and does not work."""
    site.say("A version that lies about its accuracy fails its health check, and the agent goes back by itself.")
    good, since = site.ask(), site.log_end("agent")
    site.train(7, spoil=True)
    site.promote("0.3")
    site.show_log("agent", "failed its health check", since)
    assert site.ask() == good
    site.run("gitcellar", "diff-live", str(site.folder / "status"), "--repo", site.url, refused=True)
    site.say("Ben rolls back: the same path, with an older version.")
    site.run("gitcellar", "rollback", MODEL, "production", "--to", "0.2", "--push", inside="ben")
    wait_for("the deploy branch", lambda: site.deployed() == "0.2")
    assert site.ask() == good


def lose_the_hook(site: Site) -> None:
    """Tags trigger, and are never the truth."""
    site.say("The post-receive hook is gone and the loops are killed: nobody is told. Started again, they heal.")
    (site.folder / "models.git/hooks/post-receive").unlink()
    for name in ("reconcile", "agent"):
        site.stop(name)
    site.promote("0.1")
    site.start_loops()
    wanted = site.digest_of("0.1")
    wait_for("0.1 to answer again", lambda: site.ask() == wanted)
    wait_for("the deploy branch", lambda: site.deployed() == "0.1")


def tamper(site: Site) -> None:
    """Somebody writes to the storage."""
    site.say("Somebody changes the weights of 0.4 on the DVC remote: the agent refuses them, and 0.1 goes on.")
    site.train(8)
    tracked = (site.folder / "ada/digits.safetensors.dvc").read_text()
    md5 = tracked.partition("md5: ")[2].split()[0]
    stored = site.folder / f"storage/files/md5/{md5[:2]}/{md5[2:]}"
    right = stored.read_bytes()
    _replace(stored, bytes(reversed(right)))
    before, since = site.ask(), site.log_end("agent")
    site.promote("0.4")
    site.show_log("agent", "is not what was registered", since)
    assert site.ask() == before
    site.say("The weights are put back: the agent tries again by itself, and 0.4 answers.")
    since, wanted = site.log_end("agent"), site.digest_of("0.4")
    _replace(stored, right)
    site.show_log("agent", "Serving: ", since)
    assert site.ask() == wanted
    wait_for("the deploy branch", lambda: site.deployed() == "0.4")


def rot(site: Site) -> None:
    """The disk of the serving machine, or somebody on it, changes what is served."""
    site.say("The weights change on the serving machine's disk: the agent measures them, and fetches them anew.")
    (served,) = (site.folder / f"served/{MODEL}/production/current").resolve().glob("*.safetensors")
    since, wanted = site.log_end("agent"), site.digest_of("0.4")
    _replace(served, bytes(reversed(served.read_bytes())))
    site.show_log("agent", "Mended: ", since)
    assert site.ask() == wanted


def lose_the_server(site: Site) -> None:
    """The Git server is down for a while."""
    site.say("The Git server is down: nothing stops serving, and when it is back, all goes on.")
    before, since = site.ask(), site.log_end("agent")
    site.stop("git")
    site.show_log("agent", "trying again", since)
    assert site.ask() == before
    site.start_git()
    wait_for("git daemon", lambda: _answers(site.git_port))
    since, wanted = site.log_end("agent"), site.digest_of("0.2")
    site.run("gitcellar", "rollback", MODEL, "production", "--to", "0.2", "--push", inside="ben")
    site.show_log("agent", "Serving: ", since)
    assert site.ask() == wanted
    wait_for("the deploy branch", lambda: site.deployed() == "0.2")


def withdraw(site: Site) -> None:
    """A version is recalled while it is live."""
    site.say("0.2 is withdrawn while it is live: it goes on where it runs, is marked, and is given to nobody else.")
    before, since = site.ask(), site.log_end("reconcile")
    site.run("gitcellar", "withdraw", f"{MODEL}@0.2", "-m", "Its data had to be deleted.", "--push", inside="ben")
    site.show_log("reconcile", "Withdrawn: ", since)
    wait_for("the deploy branch", lambda: site.read_deployed()["withdrawn"] is True)
    assert site.ask() == before
    site.run("gitcellar", "diff-live", str(site.folder / "status"), "--repo", site.url, refused=True)
    fresh = ("--stage", "production", "--model", MODEL, "--into", str(site.folder / "fresh"), "--once")
    site.run("gitcellar", "agent", "--repo", site.url, *fresh, refused=True)
    assert not (site.folder / f"fresh/{MODEL}").exists()


def protect(site: Site) -> None:
    """Nobody commits to the deploy branch without a review."""
    site.say("The deploy branch is protected: the loop is refused, and says so. A change is proposed, and merged.")
    hook = site.folder / "deploy.git/hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\n{_PROTECTS}")
    hook.chmod(0o755)
    since = site.log_end("reconcile")
    site.promote("0.4")
    site.show_log("reconcile", "main is protected", since)
    assert site.deployed() == "0.2"
    propose = ("gitcellar", "reconcile", "--repo", site.url, "--to", site.deploy, "--propose")
    site.run(*propose)
    site.run(*propose)
    # As a host does once the merge request is approved: no hook is in its way.
    site.run("git", "update-ref", "refs/heads/main", "refs/heads/gitcellar/main", inside="deploy.git")
    assert site.deployed() == "0.4"
    site.run(*propose)


def wait_for(what: str, happens: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is so, and stop the demo where it never is."""
    until = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > until:
            sys.exit(f"gitops-demo: waited {seconds:g} s for {what}")
        time.sleep(0.05)


def _replace(stored: Path, content: bytes) -> None:
    """Change an object on the DVC remote, and leave it read-only, as DVC does."""
    stored.chmod(0o644)
    stored.write_bytes(content)
    stored.chmod(0o444)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _be_neutral(folder: Path) -> None:
    """Nobody's own configuration takes part, none is changed, and no CI job's variables are taken for ours."""
    hosts = ("GIT_", "DVC_", "XDG_", "GITHUB_", "GITLAB_", "CI_", "JENKINS_", "BITBUCKET_", "TF_BUILD", "CIRCLE")
    for variable in [name for name in os.environ if name.startswith(hosts)]:
        del os.environ[variable]
    os.environ.update(HOME=str(folder / "home"), GIT_CONFIG_GLOBAL=str(folder / "gitconfig"), GIT_CONFIG_NOSYSTEM="1")
    os.environ.update(DVC_NO_ANALYTICS="1", NO_COLOR="1", GIT_ALLOW_PROTOCOL="file:git")
    os.environ.update(PYTHONPATH=str(Path(__file__).parents[1]), PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    (folder / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.com\n[init]\ndefaultBranch = main\n")


if __name__ == "__main__":
    main()
