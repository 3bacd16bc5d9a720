"""A withdrawn version enters no stage anew, and wherever it is live every reader says so."""

from __future__ import annotations

import json

import pytest

from gitcellar.cellar import writing
from gitcellar.core.errors import NotFoundError
from gitcellar.core.names import ModelName
from gitcellar.core.references import parse_reference
from gitcellar.core.versions import parse_version
from gitcellar.policy.judge import RefusedError
from tests.support.cellars import Bench
from tests.support.terminals import run_here

BASE, REF = ModelName("vit-l/base"), "vit-l/base@1.0"
LIVE = "Warning: production of vit-l/base holds 1.0, which was withdrawn\n"
TOLD = "Warning: vit-l/base 1.0 was withdrawn\n"


@pytest.fixture
def live(stocked: Bench) -> Bench:
    """A base version that is live, and was withdrawn."""
    stocked.assign(REF, "production")
    writing.withdraw(stocked.repository, parse_reference(REF))
    return stocked


@pytest.mark.parametrize("stage", ["production", "staging"], ids=["where it stands", "elsewhere"])
def test_a_withdrawn_version_enters_no_stage_anew(live: Bench, stage: str) -> None:
    with pytest.raises(RefusedError, match=f"S002 vit-l/base#{stage}#3: 1.0 was withdrawn"):
        live.assign(REF, stage)


def test_a_rollback_to_a_withdrawn_version_that_is_live_is_refused(live: Bench) -> None:
    with pytest.raises(NotFoundError, match="1.0 never held production, or was withdrawn"):
        writing.rollback(live.repository, BASE, "production", to=parse_version("1.0"))


def test_a_withdrawn_version_can_be_archived(live: Bench) -> None:
    assert live.assign(REF, "archived").tags == ("vit-l/base#archived#3",)


READERS = {
    "show": (("show",), 0, LIVE),
    "show plain": (("show", "--plain"), 0, LIVE),
    "show model": (("show", "vit-l/base"), 0, LIVE),
    "show model plain": (("show", "vit-l/base", "--plain"), 0, LIVE),
    "describe": (("describe", REF), 0, "Warning: vit-l/base 1.0 was withdrawn and is live in production\n"),
    "resolve version": (("resolve", REF), 0, TOLD),
    "resolve stage": (("resolve", "vit-l/base#production"), 0, TOLD),
    "resolve json": (("resolve", "vit-l/base#production", "--json"), 0, TOLD),
    "get json": (("get", "vit-l/base#production", "--json", "-o", "model"), 0, TOLD),
    "audit": (("audit",), 0, LIVE),
    "withdraw again": (("withdraw", REF), 0, f"Nothing to do: vit-l/base 1.0 is withdrawn already\n{LIVE}"),
}


@pytest.mark.parametrize(("words", "status", "err"), READERS.values(), ids=READERS)
def test_every_reader_says_where_a_withdrawn_version_is_live(
    live: Bench, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, err: str
) -> None:
    told = run_here(capfd, live.work, *words)
    assert (told.status, told.err) == (status, err)


def test_documents_and_plain_lines_say_it_too(live: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    shown = json.loads(run_here(capfd, live.work, "show", "--json").out)
    assert shown["models"][0]["stages"]["production"]["withdrawn"] is True
    plain = run_here(capfd, live.work, "show", "--plain").out.splitlines()[0]
    assert plain == "vit-l/base\t-\tproduction=1.0\t1\twithdrawn=production"
    audited = json.loads(run_here(capfd, live.work, "audit", "--json").out)
    assert audited["live_withdrawn"] == [{"model": "vit-l/base", "version": "1.0", "stage": "production"}]
    resolved = json.loads(run_here(capfd, live.work, "resolve", "vit-l/base#production", "--json").out)
    assert resolved["withdrawn"] is True
    stale = json.loads(run_here(capfd, live.work, "stale", "--json").out)
    assert "withdrawn" in [row["code"] for row in stale["stale"]]
