"""What a server must not take, because `verify` would condemn it for ever, or because a date in it is a lie."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitcellar.cellar.hooks import judge_pre_receive
from gitcellar.cellar.proving import verify
from gitcellar.cellar.reading import open_source
from gitcellar.core.names import ModelName
from gitcellar.core.pushes import PushedRef
from gitcellar.core.state import ModelState, fold_events, replay_events
from gitcellar.core.tags import parse_listing
from gitcellar.policy.judge import Verdict
from gitcellar.store.git import GitRepository
from tests.support.cellars import Bench, make_bench
from tests.support.people import sign_as
from tests.support.processes import git, run

ROOT = Path(__file__).parents[2]
BASE = "vit-l/base"
TIP = f"refs/gitcellar/{BASE}@tip"
STAGES = """\
stages:
  staging: {from: [none, production]}
  production: {from: [staging], gates: [{age_at_least: 24h in staging}]}
"""


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A cellar with vit-l/base@1.0 and vit-l/a@1.0.1, in which staging starts a clock. No test changes it."""
    bench = make_bench(tmp_path_factory.mktemp("stand") / "cellar", policy=STAGES)
    bench.declare(BASE, "base 1")
    bench.git("push", "-q", "origin", "main")
    bench.register(BASE, version="1.0", push=True)
    bench.declare("vit-l/a", "a 1", base="vit-l/base@1.0")
    bench.git("push", "-q", "origin", "main")
    bench.register("vit-l/a", push=True)
    return bench


def store(bench: Bench, tag: str, *trailers: str, at: int | None = None, commit: str = "") -> str:
    """Store a tag object where a push would bring it, dated now."""
    commit = commit or git(bench.remote, "rev-parse", f"refs/tags/{BASE}@1.0^{{}}")
    when = int(time.time()) if at is None else at
    said = "".join(f"{line}\n" for line in trailers)
    content = f"object {commit}\ntype commit\ntag {tag}\ntagger Mal <mal@example.com> {when} +0000\n\nMine\n\n{said}"
    words = ("git", "hash-object", "-t", "tag", "-w", "--literally", "--stdin")
    return run(bench.remote, *words, stdin=content).out.strip()


def receive(bench: Bench, **refs: str) -> Verdict:
    """What the server says of a push of new refs."""
    server = GitRepository(bench.remote)
    there = server.find_refs(list(refs))
    return judge_pre_receive(server, [PushedRef(ref, there.get(ref), new) for ref, new in refs.items()])


def reasons(verdict: Verdict) -> list[str]:
    return [str(violation) for violation in verdict.violations]


def tip(bench: Bench) -> str:
    return git(bench.remote, "rev-parse", TIP)


def with_tip(bench: Bench, *trailers: str) -> dict[str, str]:
    """A staging tag that says this, and the tip moved to it."""
    made = store(bench, STAGING, *trailers)
    return {f"refs/tags/{STAGING}": made, TIP: made}


STAGING = f"{BASE}#staging#1"
TRUTH = ("Cellar-Format: 1", f"Model: {BASE}", "Stage: staging")
CONDEMNED: dict[str, tuple[Callable[[Bench], dict[str, str]], list[str]]] = {
    "a message of another model": (
        lambda b: {f"refs/tags/{STAGING}": store(b, STAGING, "Cellar-Format: 1", "Model: other/base")},
        [f"V013 {STAGING}: its message says Model: other/base (contradicts)"],
    ),
    "a message of another stage": (
        lambda b: {f"refs/tags/{STAGING}": store(b, STAGING, "Cellar-Format: 1", "Stage: production")},
        [f"V013 {STAGING}: its message says Stage: production (contradicts)"],
    ),
    "a block that only looks like a signature": (
        lambda b: {
            f"refs/tags/{STAGING}": store(
                b, STAGING, *TRUTH, "-----BEGIN SSH SIGNATURE-----", "Zm9yZ2Vk", "-----END SSH SIGNATURE-----"
            )
        },
        [f"A009 {STAGING}: it has a signature that is malformed"],
    ),
    "a link to nothing": (
        lambda b: with_tip(b, *TRUTH, f"Previous: {'ab' * 20}"),
        [
            f"V011 {TIP}: the chain of {STAGING} does not lead back to it",
            f"V013 {STAGING}: it follows {'ab' * 6}, and no tag holds that event any more (deleted)",
        ],
    ),
    "a link without its tip": (
        lambda b: {f"refs/tags/{STAGING}": store(b, STAGING, *TRUTH, f"Previous: {tip(b)}")},
        [f"V016 {STAGING}: it follows another event, and the tip of {BASE} does not lead to it"],
    ),
    "two that follow the same event": (
        lambda b: {
            **with_tip(b, *TRUTH, f"Previous: {tip(b)}"),
            f"refs/tags/{BASE}#staging!#2": store(b, f"{BASE}#staging!#2", f"Previous: {tip(b)}"),
        },
        [
            f"V016 {BASE}#staging!#2: it follows another event, and the tip of {BASE} does not lead to it",
            f"V013 {BASE}#staging!#2: it and {STAGING} follow the same event (forked)",
        ],
    ),
    "a link to another model's event": (
        lambda b: with_tip(b, *TRUTH, f"Previous: {git(b.remote, 'rev-parse', 'refs/tags/vit-l/a@1.0.1')}"),
        [
            f"V011 {TIP}: the chain of {STAGING} does not lead back to it",
            f"V013 {STAGING}: it follows FOREIGN, and no tag holds that event any more (deleted)",
        ],
    ),
    "a base under another object": (
        lambda b: {
            "refs/tags/vit-l/a#staging#1": store(
                b, "vit-l/a#staging#1", f"Base: vit-l/base@1.0 {'5e' * 20}",
                commit=git(b.remote, "rev-parse", "refs/tags/vit-l/a@1.0.1^{}"),
            )
        },
        [
            "V013 vit-l/a#staging#1: it was tuned from vit-l/base@1.0 5e5e5e5e5e5e, and that tag holds "
            "HELD now (base-swapped)"
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", CONDEMNED)
def test_what_verify_would_condemn_for_ever_is_not_taken(stand: Bench, attack: str) -> None:
    make, expected = CONDEMNED[attack]
    held = git(stand.remote, "rev-parse", f"refs/tags/{BASE}@1.0")[:12]
    found = reasons(receive(stand, **make(stand)))
    foreign = git(stand.remote, "rev-parse", "refs/tags/vit-l/a@1.0.1")[:12]
    assert [line.replace(held, "HELD").replace(foreign, "FOREIGN") for line in found] == expected


def test_a_plain_tag_that_says_nothing_of_a_chain_is_taken_and_verify_accepts_it(tmp_path: Path, stand: Bench) -> None:
    verdict = receive(stand, **{f"refs/tags/{STAGING}": store(stand, STAGING)})
    assert reasons(verdict) == []
    assert verify(open_source(stand.url)).ok


DAY = 86400
DATES = {
    "now": (0, []),
    "half an hour ahead": (1800, []),
    "two hours and a half ahead": (9000, ["V014 {}: it is dated 2 hours ahead of this server's clock"]),
    "decades ahead": (70 * 365 * DAY + 60, ["V014 {}: it is dated 25550 days ahead of this server's clock"]),
    "five days and a half ago": (
        -11 * DAY // 2,
        [
            "V014 {}: it is dated 5 days before an event of the model that came before it",
        ],
    ),
}


@pytest.mark.parametrize("when", DATES)
def test_a_server_holds_dates_against_its_own_clock(stand: Bench, when: str) -> None:
    ahead, expected = DATES[when]
    made = store(stand, STAGING, at=int(time.time()) + ahead)
    found = reasons(receive(stand, **{f"refs/tags/{STAGING}": made}))
    assert found == [line.format(STAGING) for line in expected]


def test_no_typed_date_passes_a_gate_on_age(tmp_path: Path) -> None:
    """Registered and staged in one push, both dated five days back, as if the version had waited that long."""
    bench = make_bench(tmp_path / "cellar", policy=STAGES)
    bench.declare(BASE, "base 1")
    bench.git("push", "-q", "origin", "main")
    commit, back = git(bench.remote, "rev-parse", "main"), int(time.time()) - 5 * DAY
    names = (f"{BASE}@1.0", STAGING, f"{BASE}#production#2")
    pushed = {f"refs/tags/{name}": store(bench, name, at=back, commit=commit) for name in names}
    assert f"V014 {STAGING}: it starts a clock, and is dated 5 days before it arrived" in reasons(
        receive(bench, **pushed)
    )


def test_a_push_beyond_the_limit_of_the_policy_is_refused_before_it_is_read(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar", policy="max_push: 2\n")
    names = [f"{BASE}@1.{number}" for number in range(3)]
    made = {f"refs/tags/{name}": store(bench, name, commit=git(bench.remote, "rev-parse", "main")) for name in names}
    assert reasons(receive(bench, **made)) == ["V015 push: it has 3 registry tags, and 2 are the most"]


# Chance


CONTRADICTING = ["@1.0", "@1.0.0", "@v1.0", "#staging#1", "#production#1", "@2.0", "@2.0.0", "@1.0!#1"]


def replayed() -> list[str]:
    """What each of some contradicting events meets, in a form that can be compared."""
    lines = [
        f"{n:040x} refs/tags/{BASE}{name}\n{n % 3:040x} refs/tags/{BASE}{name}^{{}}"
        for n, name in enumerate(CONTRADICTING)
    ]
    events = parse_listing("\n".join(lines))[ModelName(BASE)]

    def spell(state: ModelState) -> str:
        registered = {str(v): event.tag for v, event in sorted(state.registrations.items())}
        return f"{registered} {sorted((s, str(a.version)) for s, a in state.stages.items())}"

    met = [f"{event.tag}: {spell(state)}" for event, state in replay_events(ModelName(BASE), (), events)]
    return [*met, spell(fold_events(ModelName(BASE), events))]


def test_no_answer_depends_on_the_order_of_a_set() -> None:
    program = "from tests.cellar.test_received import replayed; print(replayed())"
    said = set()
    for seed in ("0", "1", "2", "3", "4", "5"):
        done = run(ROOT, sys.executable, "-c", program, env={**os.environ, "PYTHONHASHSEED": seed})
        assert done.status == 0, done.err
        said.add(done.out)
    assert len(said) == 1


def test_a_signature_of_an_honest_key_that_the_policy_does_not_know_is_taken(tmp_path: Path) -> None:
    """It proves nothing, and forges nothing: `verify` accepts it, so the server does."""
    bench = make_bench(tmp_path / "cellar", policy=STAGES)
    sign_as(bench, "stranger")
    bench.declare(BASE, "base 1")
    bench.git("push", "-q", "origin", "main")
    bench.register(BASE, version="1.0", push=True)
    event = git(bench.remote, "rev-parse", f"refs/tags/{BASE}@1.0")
    git(bench.remote, "update-ref", "-d", f"refs/tags/{BASE}@1.0")
    git(bench.remote, "update-ref", "-d", TIP)
    assert reasons(receive(bench, **{f"refs/tags/{BASE}@1.0": event, TIP: event})) == []
