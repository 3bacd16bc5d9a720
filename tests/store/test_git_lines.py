"""Git's lines end at LF alone: a ref's name may hold what `str.splitlines` takes for the end of a line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gitcellar.cellar.health import examine
from gitcellar.core.tags import parse_listing
from gitcellar.store.git import RefUpdate
from gitcellar.store.git_remote import RemoteRepository
from tests.support.cellars import Bench, tag
from tests.support.processes import git

# What git allows in the name of a ref, of all that str.splitlines splits at.
BREAKS = ["\x85", "\u2028", "\u2029"]
FORGED = "vit-l/base@9.9"
MODEL = ["refs/tags/vit-l/base@*"]


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A clone and its remote with one version, and beside it tags whose names begin like versions."""
    bench = Bench(tmp_path_factory.mktemp("cellar"))
    git(bench.folder, "init", "-q", "--bare", str(bench.remote))
    git(bench.folder, "init", "-q", str(bench.work))
    bench.git("remote", "add", "origin", str(bench.remote))
    bench.git("commit", "-q", "--allow-empty", "-m", "x")
    tag(bench, "vit-l/base@1.0")
    object_id = bench.git("rev-parse", "refs/tags/vit-l/base@1.0")
    names = [f"{FORGED}{ends}{more}" for ends in BREAKS for more in ("", "x")] + [
        f"vit-l{ends}/base" for ends in BREAKS
    ]
    bench.repository.write_refs([RefUpdate(f"refs/tags/{name}", object_id) for name in names])
    for ends in BREAKS:
        bench.git("tag", "-a", "-m", "x", f"vit-l/base@9.8{ends}x", object_id)
    bench.git("push", "-q", "origin", "refs/tags/*")
    return bench


def tags_of(listing: str) -> list[str]:
    return [event.tag for events in parse_listing(listing).values() for event in events]


READERS: dict[str, Callable[[Bench], str]] = {
    "list_tags": lambda bench: bench.repository.list_tags(),
    "list_refs": lambda bench: bench.repository.list_refs(MODEL),
    "list_ref_ids": lambda bench: "\n".join(f"{v} {k}" for k, v in bench.repository.list_ref_ids(*MODEL).items()),
    "list_remote_tags": lambda bench: bench.repository.list_remote_tags("origin"),
    "ls-remote of a URL": lambda bench: RemoteRepository(bench.url).list_refs(MODEL),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_ref_with_the_end_of_a_line_in_its_name_forges_no_version(spoiled: Bench, reader: str) -> None:
    assert tags_of(READERS[reader](spoiled)) == ["vit-l/base@1.0"]


def test_a_ref_with_the_end_of_a_line_in_its_name_is_peeled_as_one(spoiled: Bench) -> None:
    """A tag of a tag, and a listing in which an object is gone, go through `cat-file --batch-check`."""
    peeled = [f"refs/tags/vit-l/base@9.8{ends}x^{{}}" for ends in BREAKS]
    assert set(peeled) <= {line[41:] for line in spoiled.repository.list_refs(MODEL).split("\n")}
    gone = spoiled.work / ".git/refs/tags/vit-l/base@9.7"
    gone.write_text("1" * 40 + "\n")
    try:
        for listing in (spoiled.repository.list_refs(MODEL), spoiled.repository.list_tags()):
            assert sorted(tags_of(listing)) == ["vit-l/base@1.0", "vit-l/base@9.7"]
    finally:
        gone.unlink()


@pytest.mark.parametrize("ends", BREAKS, ids=ascii)
def test_a_name_with_the_end_of_a_line_in_it_is_asked_for_as_one(spoiled: Bench, ends: str) -> None:
    repository = spoiled.repository
    name, missing = f"refs/tags/{FORGED}{ends}x", f"refs/tags/n{ends}o"
    object_id = spoiled.git("rev-parse", name)
    assert repository.find_refs([missing, name]) == {name: object_id}
    assert list(repository.check_objects([missing, name])) == [name]
    assert repository.list_remote_refs("origin", [missing, name]) == {name: object_id}
    pushed = repository.push("origin", [RefUpdate(f"{name}z", object_id)], leases={})
    assert [(each.ref, each.accepted) for each in pushed.refs] == [(f"{name}z", True)]


@pytest.mark.parametrize("ends", [*BREAKS, "\u00a0", "\u3000"], ids=ascii)
def test_a_branch_whose_name_ends_in_a_space_of_unicode_is_not_the_one_without(spoiled: Bench, ends: str) -> None:
    spoiled.git("symbolic-ref", "refs/remotes/origin/HEAD", f"refs/heads/main{ends}")
    assert spoiled.repository.find_branch("refs/remotes/origin/HEAD") == f"refs/heads/main{ends}"
    spoiled.git("config", "remote.odd.url", f"/tmp/x{ends}")
    assert spoiled.repository.find_remote_url("odd") == f"/tmp/x{ends}"


def test_doctor_reads_a_ref_with_the_end_of_a_line_in_its_name(spoiled: Bench) -> None:
    found = examine(spoiled.repository, "origin")
    assert not [finding for finding in found if finding.subject == "names"]
    assert [finding.message for finding in found if finding.subject == "tags"] == [
        "the 1 registry tags here are those of origin"
    ]
