"""Cellars with a version in production, and agents that serve it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gitcellar.cellar.reading import open_source
from gitcellar.core.deployments import Step
from gitcellar.gitops.agents import Agent, Orders
from gitcellar.gitops.indexing import write_index
from gitcellar.gitops.origins import GitOrigin, IndexOrigin, Origin
from gitcellar.store.signatures import SigningKey, find_signing_key
from tests.support.cellars import ANY_WAY, Bench, make_bench
from tests.support.people import key_of, public_key

MODEL = "vit-l/base"
SLOT = "vit-l/base#production"


def make_live(folder: Path, policy: str = ANY_WAY) -> Bench:
    """A cellar with two versions, the first of them in production."""
    bench = make_bench(folder, policy=policy)
    for version in ("1.0", "1.1"):
        bench.declare(MODEL, f"base {version}")
        bench.git("push", "-q", "origin", "main")
        bench.register(MODEL, version=version, push=True)
    bench.assign("vit-l/base@1.0", "production", push=True)
    return bench


def signing_key(bench: Bench) -> SigningKey:
    found = find_signing_key({"gpg.format": "ssh", "user.signingkey": str(key_of(bench, "ada"))})
    assert found is not None
    return found


def write_live_index(bench: Bench, *, valid: float = 3600) -> list[Step]:
    """Write the index of a cellar beside it, signed by ada."""
    return write_index(open_source(bench.url), bench.folder / "index", signing_key(bench), valid=valid)


def from_git(bench: Bench) -> Origin:
    return GitOrigin(open_source(bench.url))


def from_index(bench: Bench) -> Origin:
    signers = bench.folder / "signers"
    signers.write_text(f"ada@example.com {public_key(bench, 'ada')}\n")
    return IndexOrigin(str(bench.folder / "index"), signers, bench.folder / "site")


def agent(bench: Bench, origin: Origin | None = None, **more: Any) -> Agent:
    """An agent that keeps the folder `site` and reports to the folder `status`."""
    orders = Orders("production", "**", bench.folder / "site", "here", report=str(bench.folder / "status"))
    return Agent(origin or from_git(bench), replace(orders, **more))


def current(bench: Bench, stage: str = "production") -> Path:
    """The link that a server opens."""
    return bench.folder / "site" / MODEL / stage / "current"


def served(bench: Bench, stage: str = "production") -> str:
    return (current(bench, stage) / "vit-l-base").read_text()
