"""People with real keys, and cellars whose policy knows them."""

from __future__ import annotations

from pathlib import Path

from gitcellar.cellar.hooks import install_hooks
from gitcellar.store.git import GitRepository
from tests.support.cellars import Bench, make_bench
from tests.support.processes import run

# What each of them may do.
ROLES = {"ada": "[qa]", "ben": "[safety, oncall]", "cy": "[release]", "dee": "[]"}
STAGES = """\
cellar: acme/models
stages:
  staging: {from: [none, production, archived]}
  production:
    from: [staging, archived]
    exclusive: true
    by: [release]
    approvals: {count: 2, roles: {qa: 1, safety: 1}, not: [author, promoter]}
    break_glass: {by: [oncall], for: 24h}
    return: {within: 30d, by: [oncall]}
  archived: {from: [staging, production]}
"""


def _made(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    if path.exists():
        return path
    done = run(folder, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@example.com", "-f", str(path))
    assert done.status == 0, done.err
    return path


def key_of(bench: Bench, name: str) -> Path:
    """The private key of somebody of a cellar."""
    return _made(bench.folder / "keys", name)


def public_key(bench: Bench, name: str) -> str:
    """A public key as `type base64`."""
    return " ".join(key_of(bench, name).with_suffix(".pub").read_text().split()[:2])


def people(bench: Bench, **changed: str) -> str:
    """The `people:` section with everybody's key, and `changed` in place of what a person's says otherwise."""
    lines = [
        f"  {name}@example.com: {{roles: {roles}, keys: [{changed.get(name, public_key(bench, name))}]}}\n"
        for name, roles in ROLES.items()
    ]
    return "people:\n" + "".join(lines)


def sign_as(bench: Bench, name: str) -> None:
    """Let this clone sign with somebody's key from now on."""
    bench.git("config", "gpg.format", "ssh")
    bench.git("config", "user.signingKey", str(key_of(bench, name)))
    bench.git("config", "tag.gpgSign", "true")


def write_policy(bench: Bench, policy: str) -> None:
    """Put a policy on the protected branch."""
    (bench.work / "gitcellar.yaml").write_text(policy)
    bench.commit("policy")
    bench.git("push", "-q", "origin", "main")


def make_peopled(folder: Path, *, policy: str = STAGES) -> Bench:
    """A cellar with vit-l/base@1.0 in staging, registered by dee; our hooks on the server; everything is signed."""
    bench = make_bench(folder, policy="")
    write_policy(bench, policy + people(bench))
    sign_as(bench, "dee")
    bench.declare("vit-l/base", "base 1", metrics={"accuracy": 0.9})
    bench.git("push", "-q", "origin", "main")
    bench.register("vit-l/base", version="1.0", push=True)
    bench.assign("vit-l/base@1.0", "staging", push=True)
    install_hooks(GitRepository(bench.remote), ["pre-receive"])
    return bench
