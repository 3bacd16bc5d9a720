"""Every attack on tags and signatures that was ever tried here, against the client's hook, the server's, and `verify`.

Whoever attacks can write any object and, for `verify`, any ref.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitcellar.cellar.hooks import install_hooks
from gitcellar.store.git import GitRepository
from tests.support.cellars import Bench
from tests.support.people import STAGES, key_of, make_peopled, people, public_key, sign_as, write_policy
from tests.support.processes import git, run

BASE = "vit-l/base@1.0"
CLAIM = f"{BASE}=approved.production#2"
# The server holds dates against its own clock; these come after all that the fixture writes.
NOW = int(time.time()) + 600


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar in which all is signed, two versions are registered and nothing may enter production unapproved."""
    folder = tmp_path_factory.mktemp("attacked")
    bench = make_peopled(folder / "cellar", policy=STAGES + "signed: required\n")
    old, gone = ("expired", "revoked")
    more = f"  old@example.com: {{roles: [qa], keys: [{{key: {public_key(bench, old)}, until: 2026-01-01}}]}}\n"
    more += f"  gone@example.com: {{roles: [qa], keys: [{{key: {public_key(bench, gone)}, revoked: true}}]}}\n"
    write_policy(bench, f"{STAGES}signed: required\n{people(bench)}{more}")
    bench.declare("vit-l/base", "base 2")
    bench.git("push", "-q", "origin", "main")
    sign_as(bench, "dee")
    bench.register("vit-l/base", push=True)
    install_hooks(GitRepository(bench.work), ["pre-push"])
    return bench


def write_object(bench: Bench, content: str) -> str:
    """Store a tag object as it is, also one that git would not write."""
    done = run(bench.work, "git", "hash-object", "-t", "tag", "-w", "--literally", "--stdin", stdin=content)
    assert done.status == 0, done.err
    return done.out.strip()


def sign(bench: Bench, content: str, who: str) -> str:
    key = str(key_of(bench, who))
    done = run(bench.work, "ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", key, stdin=content)
    assert done.status == 0, done.err
    return content + done.out


def claim(bench: Bench, *, tag: str = CLAIM, at: int = NOW, target: str = BASE, **changed: str) -> str:
    """An approval of the base, not signed yet, that is right in everything but what is `changed`."""
    said = {"Cellar-Format": "1", "Model": "vit-l/base", "Version": "1.0", "Cellar": "acme/models"}
    said |= {"Stage": "production", "Against": "0"} | changed
    trailers = "".join(f"{key}: {value}\n" for key, value in said.items())
    return (
        f"object {git(bench.work, 'rev-parse', target)}\ntype tag\ntag {tag}\ntagger Ada <ada@example.com> {at} +0000\n\n"
        f"Approve vit-l/base 1.0 for production\n\n{trailers}"
    )


def promotion(bench: Bench, tag: str = "vit-l/base#production#2") -> str:
    commit = git(bench.work, "rev-parse", f"{BASE}^{{}}")
    return f"object {commit}\ntype commit\ntag {tag}\ntagger Cy <cy@example.com> {NOW} +0000\n\nPromote\n"


# How the object is made, the name that it gets, the rules that refuse it at both hooks, and what verify calls it.
ATTACKS: dict[str, tuple[Callable[[Bench], str], str, set[str], str]] = {
    "a lightweight tag": (lambda b: git(b.work, "rev-parse", f"{BASE}^{{}}"), "vit-l/base#staging#2", {"V006", "A001"}, "forged"),
    "a signed tag under another name": (
        lambda b: git(b.work, "rev-parse", "vit-l/base#staging#1"), "vit-l/base#staging#2", {"V007", "V014"}, "replayed",
    ),
    "bytes after a signature": (
        lambda b: write_object(b, sign(b, claim(b), "ada") + "Role: safety\n"), CLAIM, {"A001", "A004", "A009"}, "forged",
    ),
    "a signature of other bytes": (
        lambda b: write_object(b, sign(b, claim(b), "ada").replace("Against: 0", "Against: 1")),
        CLAIM, {"A001", "A004", "A009"}, "forged",
    ),
    "a second signature": (
        lambda b: write_object(b, sign(b, sign(b, claim(b), "ada"), "ben")), CLAIM, {"A001", "A004", "A009"}, "forged",
    ),
    "nobody's signature": (lambda b: write_object(b, claim(b)), CLAIM, {"A001", "A004"}, "unsigned"),
    "a stranger's signature": (
        lambda b: write_object(b, sign(b, claim(b), "mallory")), CLAIM, {"A001", "A004"}, "unsigned",
    ),
    "the address of one and the key of another": (
        lambda b: write_object(b, sign(b, claim(b, Role="qa"), "ben")), CLAIM, {"A004"}, "no-right",
    ),
    "an expired key and a tagger that dates back": (
        lambda b: write_object(b, sign(b, claim(b, at=1_700_000_000), "expired")), CLAIM, {"A001", "A004", "V014"}, "unsigned",
    ),
    "a revoked key": (lambda b: write_object(b, sign(b, claim(b), "revoked")), CLAIM, {"A001", "A004"}, "unsigned"),
    "an extra header": (
        lambda b: write_object(b, sign(b, claim(b).replace("\n\n", "\nencoding utf-7\n\n", 1), "ada")),
        CLAIM, {"A001", "A004", "V006"}, "forged",
    ),
    "no tagger": (
        lambda b: write_object(b, sign(b, claim(b).replace(f"tagger Ada <ada@example.com> {NOW} +0000\n", ""), "ada")),
        CLAIM, {"A001", "A004", "V006"}, "forged",
    ),
    "an approval from another cellar": (
        lambda b: write_object(b, sign(b, claim(b, Cellar="fork/models"), "ada")), CLAIM, {"A004"}, "no-right",
    ),
    "an approval of another version": (
        lambda b: write_object(b, sign(b, claim(b, target="vit-l/base@1.1"), "ada")), CLAIM, {"A004"}, "no-right",
    ),
    "an approval for another stage": (
        lambda b: write_object(b, sign(b, claim(b, Stage="staging"), "ada")), CLAIM, {"A004"}, "no-right",
    ),
    "an approval by who registered it": (
        lambda b: write_object(b, sign(b, claim(b), "dee")), CLAIM, {"A004"}, "no-right",
    ),
    "a promotion without approvals": (
        lambda b: write_object(b, sign(b, promotion(b), "cy")), "vit-l/base#production#2", {"A003"}, "no-right",
    ),
    "a promotion by who may not": (
        lambda b: write_object(b, sign(b, promotion(b), "ada")), "vit-l/base#production#2", {"A002", "A003"}, "no-right",
    ),
    "glass broken by who may not": (
        lambda b: write_object(
            b, sign(b, claim(b, tag=f"{BASE}=bypassed.production#2"), "cy")
        ), f"{BASE}=bypassed.production#2", {"A004"}, "no-right",
    ),
}  # fmt: skip


def rules_in(text: str) -> set[str]:
    return {
        word for line in text.splitlines() if "Refused: " in line for word in [line.split("Refused: ")[1].split()[0]]
    }


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_door_lets_it_in(attacked: Bench, attack: str) -> None:
    make, name, rules, _ = ATTACKS[attack]
    spec = f"{make(attacked)}:refs/tags/{name}"
    client = run(attacked.work, "git", "push", "origin", spec)
    assert rules_in(client.err) == rules, client.err
    assert "remote:" not in client.err
    server = run(attacked.work, "git", "push", "--no-verify", "origin", spec)
    assert rules_in(server.err) == rules, server.err
    assert git(attacked.remote, "tag", "-l", "*#2") == ""


@pytest.mark.parametrize("attack", ATTACKS)
def test_verify_names_what_got_in_all_the_same(attacked: Bench, attack: str, tmp_path: Path) -> None:
    make, name, _, code = ATTACKS[attack]
    made = make(attacked)
    git(tmp_path, "clone", "-q", "--mirror", str(attacked.remote), "victim.git")
    victim = tmp_path / "victim.git"
    git(
        attacked.work,
        "-c",
        "core.hooksPath=/dev/null",
        "push",
        "-q",
        "--no-verify",
        str(victim),
        f"{made}:refs/tags/{name}",
    )
    done = run(victim, "gitcellar", "verify", "vit-l/base", "--json")
    found = {(row["code"], row["tag"]) for row in json.loads(done.out)["suspicions"] if row["level"] == "error"}
    assert (code, name) in found
    assert done.status == 1
    elsewhere = run(tmp_path, "gitcellar", "verify", "vit-l/base", "--json", "--repo", f"file://{victim}")
    assert (code, name) in {(row["code"], row["tag"]) for row in json.loads(elsewhere.out)["suspicions"]}


def test_the_same_by_who_may_is_let_in_and_verified(attacked: Bench) -> None:
    made = write_object(attacked, sign(attacked, claim(attacked, Role="qa"), "ada"))
    assert run(attacked.work, "git", "push", "--dry-run", "origin", f"{made}:refs/tags/{CLAIM}").status == 0
    assert run(attacked.work, "gitcellar", "verify").status == 0
