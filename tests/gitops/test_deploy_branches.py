"""A deploy branch that is protected says so at once; a change can be proposed, signed, and under a name that is set."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gitcellar.cellar.reading import open_source
from gitcellar.core.deployments import STATE_FILE
from gitcellar.core.errors import InvalidError
from gitcellar.gitops.reconciling import Goal, Outcome, reconcile
from gitcellar.store.deploy_branch import BranchRefusedError, CommitOptions
from gitcellar.store.git_errors import GitError
from gitcellar.store.git_identity import Account
from tests.support.cellars import Bench, copy_bench, make_bench
from tests.support.people import public_key, sign_as
from tests.support.processes import git

MODEL = "vit-l/base"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar with two versions, the first in production, and an empty repository to deploy from."""
    bench = make_bench(tmp_path_factory.mktemp("built") / "cellar")
    for number in (1, 2):
        bench.declare(MODEL, f"base {number}")
        bench.git("push", "-q", "origin", "main")
        bench.register(MODEL, push=True)
    bench.assign("vit-l/base@0.1", "production", push=True)
    git(bench.folder, "init", "-q", "--bare", "-b", "main", "deploy.git")
    return bench


@pytest.fixture
def live(built: Bench, tmp_path: Path) -> Bench:
    """The same cellar for each test."""
    return copy_bench(built, tmp_path / "cellar")


def deploy_of(bench: Bench) -> Path:
    return bench.folder / "deploy.git"


def into(bench: Bench, **goal: Any) -> Outcome:
    return reconcile(open_source(bench.url), Goal(target_of(bench), **goal))


def target_of(bench: Bench) -> str:
    return f"file://{deploy_of(bench)}#main"


def show(bench: Bench, *args: str) -> str:
    return git(deploy_of(bench), *args)


def version_at(bench: Bench, branch: str) -> str:
    (row,) = json.loads(show(bench, "show", f"{branch}:deployments.json"))["deployments"]
    return str(row["version"])


def commit_as_somebody(bench: Bench, branch: str, **files: str) -> str:
    """Somebody clones the deploy repository, commits to a branch of it, and pushes."""
    clone = bench.folder / f"clone-{len(list(bench.folder.iterdir()))}"
    git(bench.folder, "clone", "-q", "-b", branch, "deploy.git", str(clone))
    for name, content in files.items():
        (clone / name).write_text(content)
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "mine")
    git(clone, "push", "-q", "origin", branch)
    return git(clone, "rev-parse", "HEAD")


def forge(bench: Bench, branch: str, *, begin: str, **files: str) -> str:
    """Somebody commits files to a branch, with the trailer that gitcellar writes."""
    clone = bench.folder / f"clone-{len(list(bench.folder.iterdir()))}"
    git(bench.folder, "clone", "-q", "deploy.git", str(clone))
    git(clone, "checkout", "-q", "--detach", f"origin/{begin}")
    for name, content in files.items():
        (clone / name).write_text(content)
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", f"change\n\nProposed-Tree: {git(clone, 'write-tree')}")
    git(clone, "push", "-q", "origin", f"HEAD:refs/heads/{branch}")
    return git(clone, "rev-parse", "HEAD")


def protect(bench: Bench, script: str) -> Path:
    """Give the deploy repository a hook that keeps a count of the pushes that it saw."""
    hook, seen = deploy_of(bench) / "hooks/pre-receive", bench.folder / "seen"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho push >> {seen}\n{script}\n")
    hook.chmod(0o755)
    return seen


REFUSALS = {
    "a hook that says why": (
        "echo 'main is protected' >&2; echo 'open a merge request' >&2; exit 1",
        "the server refused a commit to main: [remote rejected] (pre-receive hook declined): "
        "main is protected; open a merge request",
    ),
    "a hook that says nothing": (
        "exit 1",
        "the server refused a commit to main: [remote rejected] (pre-receive hook declined)",
    ),
    "a hook that speaks of a race": (
        "echo 'fetch first: others kept committing' >&2; exit 1",
        "the server refused a commit to main: [remote rejected] (pre-receive hook declined): "
        "fetch first: others kept committing",
    ),
}


@pytest.mark.parametrize(("script", "said"), REFUSALS.values(), ids=REFUSALS)
def test_a_branch_that_is_protected_says_so_at_once_in_the_servers_words(live: Bench, script: str, said: str) -> None:
    seen = protect(live, script)
    with pytest.raises(BranchRefusedError) as raised:
        into(live)
    assert raised.value.message == said
    assert raised.value.exit_code == 1
    assert seen.read_text() == "push\n"


def test_a_change_is_proposed_once_and_a_newer_one_follows_it(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    first = into(live, propose=True)
    assert first.proposal is not None
    assert first.proposal.branch == "gitcellar/main"
    assert (version_at(live, "main"), version_at(live, "gitcellar/main")) == ("0.1", "0.2")
    again = into(live, propose=True)
    assert (again.changed, again.commit) == (False, None)
    assert again.proposal is not None
    live.assign("vit-l/base@0.1", "production", push=True)
    live.assign("vit-l/base@0.2", "production", push=True)
    second = into(live, propose=True)
    assert second.commit == show(live, "rev-parse", "gitcellar/main")
    assert show(live, "rev-parse", "gitcellar/main^1") == first.commit
    show(live, "update-ref", "refs/heads/main", "gitcellar/main")
    assert not into(live).changed
    assert into(live, propose=True).proposal is None


def test_a_proposal_that_is_not_wanted_any_more_is_taken_back(live: Bench) -> None:
    into(live)
    before = show(live, "rev-parse", "main^{tree}")
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, propose=True)
    git(live.remote, "update-ref", "-d", "refs/tags/vit-l/base#production#2")
    git(live.remote, "update-ref", "-d", "refs/gitcellar/vit-l/base@tip")
    # Without its tag the assignment is none, and nobody shall merge what the registry does not say.
    taken = into(live, propose=True).proposal
    assert taken is not None
    assert taken.taken_back
    assert show(live, "rev-parse", "gitcellar/main^{tree}") == before


def test_a_proposal_that_somebody_committed_to_is_left_to_them(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, propose=True)
    theirs = commit_as_somebody(live, "gitcellar/main", note="mine")
    found = into(live, propose=True)
    assert found.proposal is not None
    assert found.proposal.branch == "gitcellar/main-2"
    assert show(live, "rev-parse", "gitcellar/main") == theirs
    assert not into(live, propose=True).changed


FORGERIES = {
    "on our proposal": "gitcellar/main",
    "on the target": "main",
}


@pytest.mark.parametrize("begin", FORGERIES.values(), ids=FORGERIES)
def test_a_proposal_with_a_forged_trailer_is_left_to_its_author(live: Bench, begin: str) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, propose=True)
    wanted = show(live, "rev-parse", "gitcellar/main^{tree}")
    state = show(live, "show", "gitcellar/main:deployments.json") + "\n"
    show(live, "update-ref", "refs/heads/held", begin)
    show(live, "update-ref", "-d", "refs/heads/gitcellar/main")
    theirs = forge(live, "gitcellar/main", begin="held", **{"backdoor.yaml": "evil", "deployments.json": state})
    found = into(live, propose=True).proposal
    assert found is not None
    assert (found.branch, found.commit is None) == ("gitcellar/main-2", False)
    assert show(live, "rev-parse", "gitcellar/main") == theirs
    assert show(live, "rev-parse", "gitcellar/main-2^{tree}") == wanted
    assert not into(live, propose=True).changed


def test_a_forged_proposal_that_says_a_file_is_ours_is_left_to_its_author(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, propose=True)
    state = json.loads(show(live, "show", f"gitcellar/main:{STATE_FILE}"))
    state["files"]["backdoor.yaml"] = hashlib.sha256(b"evil").hexdigest()
    files = {"backdoor.yaml": "evil", STATE_FILE: json.dumps(state)}
    forge(live, "gitcellar/main", begin="gitcellar/main", **files)
    found = into(live, propose=True).proposal
    assert found is not None
    assert found.branch == "gitcellar/main-2"


def test_a_forged_proposal_that_would_revert_the_target_is_left_to_its_author(live: Bench) -> None:
    show(live, "config", "uploadpack.allowFilter", "true")
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, propose=True)
    older = show(live, "rev-parse", "main")
    tree = show(live, "rev-parse", "gitcellar/main^{tree}")
    newer = commit_as_somebody(live, "main", note="mine")
    # By its tree it is our change of the older commit; by its history a merge begins from the newer one.
    message = f"change\n\nProposed-Tree: {tree}"
    between = show(live, "commit-tree", tree, "-p", newer, "-m", message)
    forged = show(live, "commit-tree", tree, "-p", between, "-p", older, "-m", message)
    show(live, "update-ref", "refs/heads/gitcellar/main", forged)
    found = into(live, propose=True).proposal
    assert found is not None
    assert found.branch == "gitcellar/main-2"
    assert show(live, "show", "gitcellar/main-2:note") == "mine"


def test_a_proposal_with_other_deployments_than_ours_is_not_believed(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, propose=True)
    wanted = show(live, "rev-parse", "gitcellar/main^{tree}")
    forge(live, "gitcellar/main", begin="gitcellar/main", **{"deployments.json": "{}"})
    assert into(live, propose=True).changed
    assert show(live, "rev-parse", "gitcellar/main^{tree}") == wanted


def test_a_change_that_removes_a_file_is_proposed_once(live: Bench) -> None:
    into(live, form="kserve")
    live.gitcellar("unassign", MODEL, "production", "--push")
    assert into(live, form="kserve", propose=True).changed
    assert show(live, "ls-tree", "-r", "--name-only", "gitcellar/main") == STATE_FILE
    assert not into(live, form="kserve", propose=True).changed


def test_a_proposal_that_was_merged_and_reverted_is_made_again(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, propose=True)
    merged = show(live, "rev-parse", "gitcellar/main")
    reverted = show(live, "commit-tree", "main^{tree}", "-p", merged, "-m", "Revert")
    show(live, "update-ref", "refs/heads/main", reverted)
    again = into(live, propose=True)
    assert again.changed
    assert show(live, "rev-parse", "gitcellar/main^2") == reverted


def test_a_merged_proposal_is_not_taken_back(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, propose=True)
    show(live, "update-ref", "refs/heads/main", "gitcellar/main")
    live.assign("vit-l/base@0.1", "production", push=True)
    into(live)
    assert into(live, propose=True).proposal is None


def test_a_proposal_that_was_squashed_into_the_target_is_not_taken_back(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, propose=True)
    squashed = show(live, "commit-tree", "gitcellar/main^{tree}", "-p", "main", "-m", "Squash")
    show(live, "update-ref", "refs/heads/main", squashed)
    assert into(live, propose=True).proposal is None


def test_a_proposal_of_a_file_that_is_not_wanted_any_more_is_taken_back(live: Bench) -> None:
    into(live, form="kserve")
    before = show(live, "rev-parse", "main^{tree}")
    live.assign("vit-l/base@0.2", "staging", push=True)
    assert into(live, form="kserve", propose=True).changed
    git(live.remote, "update-ref", "-d", "refs/tags/vit-l/base#staging#2")
    git(live.remote, "update-ref", "-d", "refs/gitcellar/vit-l/base@tip")
    taken = into(live, form="kserve", propose=True).proposal
    assert taken is not None
    assert (taken.branch, taken.taken_back) == ("gitcellar/main", True)
    assert show(live, "rev-parse", "gitcellar/main^{tree}") == before


def test_where_every_name_is_taken_the_error_says_what_to_delete(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    theirs = commit_as_somebody(live, "main", note="mine")
    names = ["gitcellar/main", *(f"gitcellar/main-{number}" for number in range(2, 21))]
    for name in names:
        show(live, "update-ref", f"refs/heads/{name}", theirs)
    with pytest.raises(InvalidError) as raised:
        into(live, propose=True)
    assert raised.value.message == (
        "all branches from gitcellar/main to gitcellar/main-20 hold commits of somebody else"
    )
    assert raised.value.hint == "delete those that are not needed: git push URL --delete gitcellar/main"
    show(live, "update-ref", "-d", "refs/heads/gitcellar/main-7")
    found = into(live, propose=True).proposal
    assert found is not None
    assert found.branch == "gitcellar/main-7"


def test_a_server_without_push_options_is_told_with_what_to_do(live: Bench) -> None:
    show(live, "config", "receive.advertisePushOptions", "false")
    with pytest.raises(GitError) as raised:
        into(live, commits=CommitOptions(push_options=("merge_request.create",)))
    assert raised.value.message == "push options are not supported by origin"
    assert raised.value.exit_code == 4
    assert raised.value.hint == (
        "leave out --push-option, or on the server: git config receive.advertisePushOptions true"
    )


def test_a_proposal_goes_with_what_others_committed_to_the_target(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, propose=True)
    theirs = commit_as_somebody(live, "main", note="mine")
    assert not into(live, propose=True).changed  # it proposes the same still
    live.assign("vit-l/base@0.1", "production", push=True)
    into(live, propose=True)
    assert show(live, "show", "gitcellar/main:note") == "mine"
    assert show(live, "merge-base", "main", "gitcellar/main") == theirs


def test_four_who_propose_at_once_make_one_proposal(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: into(live, propose=True), range(4)))
    assert sum(outcome.changed for outcome in outcomes) == 1
    assert show(live, "rev-list", "--count", "main..gitcellar/main") == "1"


def test_a_proposal_that_the_server_refuses_says_so(live: Bench) -> None:
    into(live)
    live.assign("vit-l/base@0.2", "production", push=True)
    seen = protect(live, "echo 'no branches here' >&2; exit 1")
    with pytest.raises(BranchRefusedError, match="refused a commit to gitcellar/main: .*: no branches here"):
        into(live, propose=True)
    assert seen.read_text() == "push\n"


def test_push_options_reach_the_host_with_a_change_and_not_without(live: Bench) -> None:
    show(live, "config", "receive.advertisePushOptions", "true")
    told = live.folder / "told"
    protect(live, f'echo "$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1" >> {told}')
    options = CommitOptions(push_options=("merge_request.create", "merge_request.target=main"))
    into(live, commits=options)
    into(live, commits=options)
    assert told.read_text() == "2 merge_request.create merge_request.target=main\n"


def test_a_commit_is_signed_where_asked_and_under_the_name_that_is_set(live: Bench) -> None:
    sign_as(live, "ada")
    (live.folder / "signers").write_text(f"deploy@example.com {public_key(live, 'ada')}\n")
    command = ("reconcile", "--repo", live.url, "--to", target_of(live), "--identity", "Deploy <deploy@example.com>")
    assert live.gitcellar(*command, "--sign").status == 0
    show(live, "config", "gpg.ssh.allowedSignersFile", str(live.folder / "signers"))
    show(live, "verify-commit", "main")
    form = "--format=%an <%ae> %cn <%ce> %G? %GS"
    who = "Deploy <deploy@example.com>"
    assert show(live, "log", "-1", form, "main") == f"{who} {who} G deploy@example.com"
    live.assign("vit-l/base@0.2", "production", push=True)
    live.git("config", "commit.gpgSign", "true")
    assert live.gitcellar(*command).status == 0
    assert show(live, "log", "-1", "--format=%G?", "main") == "G"
    live.assign("vit-l/base@0.1", "production", push=True)
    assert live.gitcellar(*command, "--no-sign").status == 0
    assert show(live, "log", "-1", "--format=%G?", "main") == "N"


def test_without_a_wish_commits_have_gitcellars_name_and_no_signature(live: Bench) -> None:
    into(live)
    assert show(live, "log", "-1", "--format=%an %ae %G?", "main") == "gitcellar gitcellar@localhost N"
    live.assign("vit-l/base@0.2", "production", push=True)
    into(live, commits=CommitOptions(account=Account("Deploy", "deploy@example.com")))
    assert show(live, "log", "-1", "--format=%cn", "main") == "Deploy"


def test_the_command_says_where_a_change_is_proposed(live: Bench) -> None:
    command = ("reconcile", "--repo", live.url, "--to", target_of(live), "--propose")
    done = live.gitcellar(*command)
    assert done.status == 0
    assert "on the branch gitcellar/main\n" in done.err
    assert live.gitcellar(*command).err == "Nothing to do: the branch gitcellar/main proposes it already\n"
    document = json.loads(live.gitcellar(*command, "--json").out)
    assert (document["proposal"], document["changed"], document["exit"]) == ("gitcellar/main", False, 0)


@pytest.mark.parametrize("option", [("--propose",), ("--push-option", "x"), ("--sign",)], ids=str)
def test_a_folder_takes_no_options_of_commits(bench: Bench, option: tuple[str, ...]) -> None:
    assert bench.gitcellar("reconcile", "--to", "deploy", *option).status == 2


@pytest.mark.parametrize("name", ["", "a..b", "a b", "-x~", "@{", "x.lock"])
def test_a_branch_that_git_does_not_allow_is_refused(bench: Bench, name: str) -> None:
    git(bench.folder, "init", "-q", "--bare", "deploy.git")
    with pytest.raises(InvalidError, match="is no branch"):
        reconcile(open_source(bench.url), Goal(f"file://{deploy_of(bench)}#{name}"))


def test_a_repository_may_be_named_by_a_relative_path(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(live.work)
    assert reconcile(open_source(live.url), Goal("../deploy.git#main")).commit is not None
    assert version_at(live, "main") == "0.1"


def test_a_target_that_was_edited_is_not_said_to_be_as_it_should(live: Bench) -> None:
    assert into(live).commit is not None
    commit_as_somebody(live, "main", **{"deployments.json": "{}"})
    done = live.gitcellar("reconcile", "--repo", live.url, "--to", target_of(live))
    assert (done.status, "Edited: deployments.json" in done.err, "Nothing to do" in done.err) == (1, True, False)
