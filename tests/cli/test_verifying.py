"""Attackers with write access to a repository, and what a reader of the chain says of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from tests.support.asking import ask
from tests.support.cellars import Bench, tag
from tests.support.people import public_key, write_policy
from tests.support.processes import git, run

TIP = "refs/gitcellar/vit-l/base@tip"


@pytest.fixture
def lived(bench: Bench) -> Bench:
    """A base with two versions that went through stages, and a model tuned from it, pushed."""
    bench.declare("vit-l/base", "base 1")
    bench.register("vit-l/base", version="1.0", push=True)
    bench.assign("vit-l/base@1.0", "staging", push=True)
    bench.declare("vit-l/base", "base 2")
    bench.register("vit-l/base", push=True)
    bench.assign("vit-l/base@1.1", "staging", push=True)
    bench.assign("vit-l/base@1.1", "production", push=True)
    bench.declare("vit-l/a", "a 1", base="vit-l/base@1.1")
    bench.register("vit-l/a", push=True)
    return bench


def suspected(bench: Bench, *options: str) -> set[tuple[str, str]]:
    done = bench.gitcellar("verify", "--json", *options)
    document = json.loads(done.out)
    assert done.status == (0 if document["ok"] else 1)
    return {(row["code"], row["tag"]) for row in document["suspicions"]}


def test_a_history_that_nobody_touched_is_whole(lived: Bench) -> None:
    done = lived.gitcellar("verify")
    assert (done.status, done.err) == (0, "Verified: 6 events of 2 models: nothing was rewritten\n")
    assert suspected(lived, "--repo", lived.url) == set()
    assert suspected(lived, "vit-l/a", "--repo", lived.url) == set()
    assert lived.gitcellar("verify", "vit-l/b").status == 3


def remake(bench: Bench, name: str, at: str = "HEAD") -> str:
    """Make a tag anew at another commit, keeping its message, as whoever wants to swap weights would."""
    content = git(bench.remote, "cat-file", "tag", f"refs/tags/{name}")
    commit = git(bench.remote, "rev-parse", at)
    swapped = f"object {commit}\n{content.partition(chr(10))[2]}\n"
    done = subprocess.run(["git", "mktag"], cwd=bench.remote, input=swapped.encode(), capture_output=True, check=True)
    return done.stdout.decode().strip()


def move(bench: Bench) -> None:
    git(bench.remote, "update-ref", "refs/tags/vit-l/base@1.0", remake(bench, "vit-l/base@1.0", "vit-l/base@1.1^{}"))


def delete(bench: Bench) -> None:
    git(bench.remote, "update-ref", "-d", "refs/tags/vit-l/base#staging#1")


def delete_the_last(bench: Bench) -> None:
    git(bench.remote, "update-ref", "-d", "refs/tags/vit-l/base#production#3")


def rewind(bench: Bench) -> None:
    """Delete the last event and put the tip back, so that the chain of the remote alone is whole."""
    delete_the_last(bench)
    git(bench.remote, "update-ref", TIP, "refs/tags/vit-l/base#staging#2")


def replay(bench: Bench) -> None:
    git(bench.remote, "update-ref", "refs/tags/vit-l/base#production#4", "refs/tags/vit-l/base#production#3")


def forge(bench: Bench) -> None:
    git(bench.remote, "update-ref", "refs/tags/vit-l/base@1.2", "vit-l/base@1.1^{}")


def fork(bench: Bench) -> None:
    content = git(bench.remote, "cat-file", "tag", "refs/tags/vit-l/base#production#3").replace(
        "production", "archived"
    )
    done = subprocess.run(
        ["git", "mktag"], cwd=bench.remote, input=f"{content}\n".encode(), capture_output=True, check=True
    )
    git(bench.remote, "update-ref", "refs/tags/vit-l/base#archived#3", done.stdout.decode().strip())


def swap_the_base(bench: Bench) -> None:
    git(bench.remote, "update-ref", "refs/tags/vit-l/base@1.1", remake(bench, "vit-l/base@1.1", "vit-l/base@1.0^{}"))


ATTACKS: dict[Callable[[Bench], None], set[tuple[str, str]]] = {
    move: {("moved", "vit-l/base@1.0")},
    delete: {("deleted", "vit-l/base#staging#1")},
    delete_the_last: {("deleted", "vit-l/base#production#3")},
    replay: {("replayed", "vit-l/base#production#4")},
    forge: {("forged", "vit-l/base@1.2")},
    fork: {("forked", "vit-l/base#archived#3")},
    swap_the_base: {("moved", "vit-l/base@1.1"), ("base-swapped", "vit-l/a@1.1.1")},
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_every_attack_is_named(lived: Bench, attack: Callable[[Bench], None]) -> None:
    attack(lived)
    done = run(lived.remote, "gitcellar", "verify", "--json")
    assert {(row["code"], row["tag"]) for row in json.loads(done.out)["suspicions"]} == ATTACKS[attack]
    assert done.status == 1


@pytest.mark.parametrize("attack", [move, delete, swap_the_base], ids=lambda attack: attack.__name__)
def test_a_stranger_who_never_saw_the_objects_notices_too(lived: Bench, attack: Callable[[Bench], None]) -> None:
    attack(lived)
    done = lived.gitcellar("verify", "--repo", lived.url)
    assert (done.status, "history was rewritten" in done.err) == (1, True)


def test_a_tip_that_was_rewound_is_noticed_by_whoever_remembers(lived: Bench) -> None:
    rewind(lived)
    stranger = run(lived.folder, "gitcellar", "verify", "--repo", lived.url)
    assert stranger.status == 0  # who was never here cannot know
    lived.git("remote", "set-url", "origin", lived.url)
    (rewound,) = suspected(lived, "--repo", lived.url)
    assert rewound[0] == "rewound"
    lived.git("update-ref", "-d", "refs/tags/vit-l/base#production#3")
    lived.git("fetch", "-q", "origin", f"+{TIP}:{TIP}")
    assert suspected(lived) == {("rewound", "vit-l/base#production#3")}


def test_what_git_alone_wrote_is_warned_of(lived: Bench) -> None:
    tag(lived, "vit-l/base#archived#4", "vit-l/base@1.0^{}")
    assert suspected(lived) == {("unchained", "vit-l/base#archived#4")}
    done = lived.gitcellar("verify", "vit-l/base", "--plain")
    assert (done.status, done.out.split("\t")[:3]) == (0, ["warning", "unchained", "vit-l/base#archived#4"])


def test_the_policy_may_say_that_what_stands_in_no_chain_is_an_error(lived: Bench) -> None:
    tag(lived, "vit-l/base#archived#4")
    (lived.work / "gitcellar.yaml").write_text("chained: required\n")
    lived.commit()
    lived.git("push", "-q", "origin", "main", "vit-l/base#archived#4")
    for options in ([], ["--repo", lived.url]):
        done = lived.gitcellar("verify", "--plain", *options)
        assert (done.status, done.out.split("\t")[:3]) == (1, ["error", "unchained", "vit-l/base#archived#4"])
        assert done.out.count("\n") == 1


def test_a_policy_that_cannot_be_had_is_no_policy_that_allows(lived: Bench) -> None:
    policy = f"signed: required\npeople: {{ada@example.com: {{keys: [{public_key(lived, 'ada')}]}}}}\n"
    (lived.work / "gitcellar.yaml").write_text(policy)
    lived.commit()
    lived.git("push", "-q", "origin", "main")
    unsigned = suspected(lived, "--repo", lived.url)
    assert {code for code, _ in unsigned} == {"unsigned"}
    git(lived.remote, "symbolic-ref", "HEAD", "refs/heads/trunk")
    unknown = lived.gitcellar("verify", "--repo", lived.url)
    assert (unknown.status, unknown.out) == (3, "")
    assert unknown.err.splitlines() == [
        "Error: HEAD of the repository names no branch that exists, so it is not known which policy judges",
        "Hint: on the server: git symbolic-ref HEAD refs/heads/main",
    ]
    git(lived.remote, "symbolic-ref", "HEAD", "refs/heads/main")
    (lived.remote / "refs/heads/main").write_text("f" * 40)
    assert lived.gitcellar("verify", "--repo", lived.url).status == 4


def test_a_cellar_of_gto_has_no_chain_to_verify(bench: Bench) -> None:
    tag(bench, "churn@v1.0.0")
    assert suspected(bench) == {("no-tip", "churn@v1.0.0")}


def test_a_remote_whose_registry_is_gone_is_the_worst_rewriting(stocked: Bench) -> None:
    """Only who fetched before can know; to everybody else there is nothing."""
    refs = git(stocked.remote, "for-each-ref", "--format=%(refname)", "refs/tags", "refs/gitcellar").splitlines()
    for ref in refs:
        git(stocked.remote, "update-ref", "-d", ref)
    stocked.git("remote", "set-url", "origin", stocked.url)
    done = stocked.gitcellar("verify", "--repo", stocked.url, "--plain")
    assert done.status == 1
    assert [line.split("\t")[:3] for line in done.out.splitlines()] == [
        ["error", "rewound", "vit-l/base@1.0"],
        ["error", "rewound", "vit-l/projectA@1.0.1"],
    ]
    nobody = run(stocked.folder, "gitcellar", "verify", "--repo", stocked.url)
    assert (nobody.status, nobody.err) == (0, "Verified: 0 events of 0 models: nothing was rewritten\n")


def test_a_plain_clone_says_that_it_cannot_know_what_the_url_tells(lived: Bench) -> None:
    plain = Bench(lived.folder / "plain")
    git(lived.folder, "clone", "-q", lived.url, str(plain.work))
    asked = ask(plain.work, "verify", "--repo", lived.url)
    assert (asked.status, asked.err) == (0, "Verified: 6 events of 2 models: nothing was rewritten\n")
    unknown = ask(plain.work, "verify")
    assert (unknown.status, unknown.error, unknown.hint) == (
        3,
        "this clone has no tip of vit-l/a and 1 more, so whether its newest events are missing is not known",
        "gitcellar fetch --remote origin brings what a plain git clone leaves out",
    )
    assert ask(plain.work, "verify", "vit-l/base").status == 3
    assert ask(plain.work, "fetch", "--remote", "origin").status == 0
    assert ask(plain.work, "verify").err == asked.err


@pytest.mark.parametrize("options", [("--no-tags",), ("--depth", "1")])
def test_a_clone_without_tags_is_not_called_verified(lived: Bench, options: tuple[str, ...]) -> None:
    bare = Bench(lived.folder / "bare")
    git(lived.folder, "clone", "-q", *options, lived.url, str(bare.work))
    unknown = ask(bare.work, "verify")
    assert (unknown.status, unknown.error, unknown.hint) == (
        3,
        "this clone has no event, and origin has: nothing was verified",
        "gitcellar fetch --remote origin brings them",
    )
    assert ask(bare.work, "fetch", "--remote", "origin").status == 0
    assert ask(bare.work, "verify").err == ask(bare.work, "verify", "--repo", lived.url).err


def test_the_url_and_a_plain_clone_agree_that_the_newest_event_was_taken_away(lived: Bench) -> None:
    git(lived.remote, "update-ref", "-d", "refs/tags/vit-l/base#production#3")
    plain = Bench(lived.folder / "plain")
    git(lived.folder, "clone", "-q", lived.url, str(plain.work))
    assert ask(plain.work, "verify", "--repo", lived.url).status == 1
    assert ask(plain.work, "verify").status == 3
    assert ask(plain.work, "fetch").status == 0
    assert ask(plain.work, "verify").status == 1


def test_where_the_remote_has_no_tip_either_a_clone_says_what_the_url_says(lived: Bench) -> None:
    for model in ("vit-l/base", "vit-l/a"):
        git(lived.remote, "update-ref", "-d", f"refs/gitcellar/{model}@tip")
    plain = Bench(lived.folder / "plain")
    git(lived.folder, "clone", "-q", lived.url, str(plain.work))
    asked, here = ask(plain.work, "verify", "--repo", lived.url), ask(plain.work, "verify")
    assert (here.status, here.err) == (asked.status, asked.err)
    assert "no-tip" in here.err
    git(plain.work, "remote", "set-url", "origin", str(lived.folder / "gone.git"))
    assert ask(plain.work, "verify").status == 4


def test_what_a_later_policy_does_not_allow_is_not_called_rewritten(lived: Bench) -> None:
    write_policy(lived, f"signed: required\npeople:\n  dee@example.com: {{keys: [{public_key(lived, 'dee')}]}}\n")
    done = lived.gitcellar("verify", "--repo", lived.url)
    *_, verdict, hint = done.err.splitlines()
    assert (done.status, verdict) == (
        1,
        "Verified: 6 events of 2 models: nothing was rewritten, but some events break the policy",
    )
    assert hint == "Hint: for events from before a rule, write an entry below exceptions: in gitcellar.yaml"
