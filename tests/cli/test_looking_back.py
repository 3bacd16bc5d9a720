"""What was so then, and what is live and forgotten."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support.cellars import Bench
from tests.support.people import make_peopled, sign_as
from tests.support.processes import git

DAY = 86400


def at_day(bench: Bench, number: int, *args: str) -> None:
    """Run gitcellar as on a day after 2026-01-01."""
    date = f"{1767225600 + number * DAY} +0000"
    done = bench.gitcellar(*args, env={**os.environ, "GIT_COMMITTER_DATE": date})
    assert done.status == 0, done.err


def live(bench: Bench) -> None:
    """Base 1.0 in production from 11 January, 1.1 from 21 January."""
    bench.declare("vit-l/base", "base 1")
    at_day(bench, 0, "register", "vit-l/base", "--version", "1.0")
    at_day(bench, 10, "assign", "vit-l/base@1.0", "production")
    bench.declare("vit-l/base", "base 2", owner="Ann", description="The second.")
    at_day(bench, 15, "register", "vit-l/base")
    at_day(bench, 20, "assign", "vit-l/base@1.1", "production")


def test_what_was_in_production_then(bench: Bench) -> None:
    live(bench)

    def resolved(at: str) -> str:
        done = bench.gitcellar("resolve", "vit-l/base#production", "--at", at)
        return done.out.partition("\t")[0] if done.status == 0 else str(done.status)

    assert resolved("2026-01-05") == "3"
    assert resolved("2026-01-11") == "vit-l/base@1.0"
    assert resolved("2026-01-20T23:59:59Z") == "vit-l/base@1.0"
    assert resolved("2026-01-21") == "vit-l/base@1.1"
    assert json.loads(bench.gitcellar("show", "--at", "2025-12-31", "--json").out)["models"] == []
    then = json.loads(bench.gitcellar("show", "--at", "2026-01-12", "--json", "--repo", str(bench.work)).out)
    assert [version["version"] for version in then["models"][0]["versions"]] == ["1.0"]


def test_a_tagger_that_dates_back_does_not_change_the_past(bench: Bench) -> None:
    live(bench)
    name, long_ago = "vit-l/base#production!#3", {**os.environ, "GIT_COMMITTER_DATE": "1767225600 +0000"}
    git(bench.work, "tag", "-a", "-m", "x", name, "vit-l/base@1.1^{}", env=long_ago)
    for then, version in (("2026-01-12", "1.0"), ("2026-01-20T12:00:00Z", "1.0")):
        done = bench.gitcellar("resolve", "vit-l/base#production", "--at", then)
        assert done.out.startswith(f"vit-l/base@{version}\t")
    assert bench.gitcellar("resolve", "vit-l/base#production", "--at", "2026-01-21").status == 3


def test_what_is_live_and_forgotten_is_listed_with_why(bench: Bench) -> None:
    live(bench)
    codes = {row["code"] for row in json.loads(bench.gitcellar("stale", "--json").out)["stale"]}
    assert codes == {"not-evaluated"}
    assert bench.gitcellar("stale", "--days", "100000").status == 0
    assert bench.gitcellar("claim", "vit-l/base@1.1", "evaluated.again", "--metric", "accuracy=0.9").status == 0
    fresh = bench.gitcellar("stale", "vit-l/base")
    assert (fresh.status, fresh.err) == (0, "Fresh: everything that is live is looked after\n")
    bench.declare("vit-l/a", "a 1", base="vit-l/base@1.1")
    bench.register("vit-l/a")
    bench.assign("vit-l/a@1.1.1", "production")
    for major in ("2.0", "3.0"):
        bench.declare("vit-l/base", f"base {major}")
        bench.register("vit-l/base", version=major)
    for act in (("withdraw", "vit-l/base@1.1"), ("deprecate", "vit-l/a"), ("withdraw", "vit-l/a@1.1.1")):
        assert bench.gitcellar(*act).status == 0
    found = bench.gitcellar("stale", "vit-l/a", "--plain")
    assert found.status == 1
    assert [line.split("\t")[0] for line in found.out.splitlines()] == [
        "no-owner",
        "no-documentation",
        "withdrawn",
        "deprecated",
        "base-withdrawn",
        "base-outlived",
    ]


def test_an_audit_says_who_signed_on_what_it_rests_and_under_which_policy(tmp_path: Path) -> None:
    peopled = make_peopled(tmp_path / "cellar")
    for name in ("ada", "ben"):
        sign_as(peopled, name)
        assert peopled.gitcellar("approve", "vit-l/base@1.0", "--for", "production", "--yes", "--push").status == 0
    sign_as(peopled, "cy")
    assert peopled.gitcellar("promote", "vit-l/base@1.0", "production", "--push").status == 0
    rows = json.loads(peopled.gitcellar("audit", "--json").out)["events"]
    assert [row["signer"] for row in rows][-3:] == ["ada@example.com", "ben@example.com", "cy@example.com"]
    assert rows[-1]["evidence"] == [
        "approved by ada@example.com: vit-l/base@1.0=approved.production#2",
        "approved by ben@example.com: vit-l/base@1.0=approved.production#3",
    ]
    assert rows[-1]["policy"] == git(peopled.work, "rev-parse", "origin/main:gitcellar.yaml")
    assert "approved by ada@example.com" in peopled.gitcellar("audit", "--format", "csv").out


def test_broken_glass_is_marked_in_an_audit(tmp_path: Path) -> None:
    peopled = make_peopled(tmp_path / "cellar")
    sign_as(peopled, "ben")
    broken = peopled.gitcellar(
        "promote", "vit-l/base@1.0", "production", "--break-glass", "--why", "Site is down.", "--push"
    )
    assert broken.status == 0, broken.err
    assert "BROKEN GLASS: without approvals" in peopled.gitcellar("audit").out
