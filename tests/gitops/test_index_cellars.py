"""An index is one cellar's: another one's is not served, though the same key signed it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gitcellar.cellar.reading import open_source
from gitcellar.core.errors import InvalidError
from gitcellar.core.index import NAMESPACE, Offer, format_list, format_offer, offer_file, parse_list, parse_offer
from gitcellar.gitops.agents import Agent, Orders
from gitcellar.gitops.identity import identify
from gitcellar.gitops.indexing import write_index
from gitcellar.gitops.origins import IndexOrigin
from gitcellar.store.signatures import SigningKey, find_signing_key, sign
from tests.support.cellars import ANY_WAY, Bench, make_bench
from tests.support.people import key_of, public_key

MODEL = "vit-l/base"
SLOT = "vit-l/base#production"
OFFER = Offer("acme/models", SLOT, 3, 2**33, None, {})


def make_cellar(folder: Path, content: str, policy: str = ANY_WAY) -> Bench:
    """A cellar with one version in production."""
    bench = make_bench(folder, policy=policy)
    bench.declare(MODEL, content)
    bench.git("push", "-q", "origin", "main")
    bench.register(MODEL, version="1.0", push=True)
    bench.assign("vit-l/base@1.0", "production", push=True)
    return bench


def key(bench: Bench) -> SigningKey:
    found = find_signing_key({"gpg.format": "ssh", "user.signingkey": str(key_of(bench, "ada"))})
    assert found is not None
    return found


def signed(where: Path, path: str, content: bytes, by: SigningKey) -> None:
    place = where / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    Path(f"{place}.sig").write_bytes(sign(content, by, NAMESPACE))


def agent(bench: Bench, where: Path, *, cellar: str | None = None, models: str = MODEL) -> Agent:
    signers = bench.folder / "signers"
    signers.write_text(f"ada@example.com {public_key(bench, 'ada')}\n")
    orders = Orders("production", models, bench.folder / "site", "here")
    return Agent(IndexOrigin(str(where), signers, orders.into, cellar), orders)


@pytest.mark.parametrize("models", [MODEL, "**"])
def test_another_cellars_index_is_not_served_though_the_same_key_signed_it(tmp_path: Path, models: str) -> None:
    mine, other = make_cellar(tmp_path / "mine", "mine"), make_cellar(tmp_path / "other", "theirs")
    # The other one's history is longer, so that no sequence keeps it out.
    other.assign("vit-l/base@1.0", "archived", push=True)
    other.assign("vit-l/base@1.0", "production", push=True)
    where = tmp_path / "index"
    write_index(open_source(mine.url), where, key(mine), valid=3600)
    keeper = agent(mine, where, models=models)
    assert keeper.look().cellar == mine.url
    assert keeper.look().cellar is None
    shutil.rmtree(where)
    write_index(open_source(other.url), where, key(mine), valid=3600)
    for each in (keeper, agent(mine, where, models=models), agent(mine, where, models=models, cellar=mine.url)):
        try:
            told = [str(step.reason) for step in each.look().steps]
        except InvalidError as error:
            told = [str(error)]
        assert [
            f"is of the cellar {other.url!r}, and this folder is kept for {mine.url!r}" in line for line in told
        ] == [True]
    (file,) = (mine.folder / "site" / MODEL / "production/current").iterdir()
    assert file.read_text() == "mine"


def test_the_policys_name_is_the_cellars_wherever_it_is_read(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "cellar", policy=f"cellar: acme/models\n{ANY_WAY}")
    assert identify(bench.repository).name == identify(open_source(bench.url)).name == "acme/models"
    unnamed = make_bench(tmp_path / "unnamed")
    assert identify(open_source(unnamed.url)).name == unnamed.url
    unnamed.git("remote", "set-url", "origin", "https://me:secret@example.com/x.git")
    assert identify(unnamed.repository).name == "https://example.com/x.git"


def test_an_index_folder_belongs_to_one_cellar(bench: Bench) -> None:
    by = key(bench)
    write_index(bench.repository, bench.folder / "index", by, valid=60)
    bench.git("remote", "set-url", "origin", "https://example.com/x.git")
    with pytest.raises(InvalidError, match="is kept for the cellar"):
        write_index(bench.repository, bench.folder / "index", by, valid=60)


def test_an_agent_takes_the_cellar_that_it_is_told_and_no_other(bench: Bench) -> None:
    where, by = bench.folder / "index", key(bench)
    signed(where, offer_file(SLOT), format_offer(OFFER), by)
    (step,) = agent(bench, where, cellar="acme/other").look().steps
    assert "is of the cellar 'acme/models', and this folder is kept for 'acme/other'" in str(step.reason)
    assert agent(bench, where, cellar="acme/models").look().cellar == "acme/models"
    with pytest.raises(InvalidError, match="is kept for the cellar 'acme/models', and this is 'acme/other'"):
        agent(bench, where, cellar="acme/other").look()
    usage = bench.gitcellar("agent", "--repo", bench.url, "--cellar", "x", "--stage", "s", "--into", "m", "--once")
    assert usage.status == 2


def test_an_index_of_an_earlier_schema_is_refused_with_what_to_do(bench: Bench) -> None:
    where, by = bench.folder / "index", key(bench)
    earlier = {**json.loads(format_offer(OFFER)), "schema": 1}
    del earlier["cellar"]
    signed(where, offer_file(SLOT), json.dumps(earlier).encode(), by)
    with pytest.raises(InvalidError, match="an index of schema 1 is not read, only one of schema 2") as raised:
        parse_offer((where / offer_file(SLOT)).read_bytes(), SLOT)
    assert raised.value.hint is not None
    assert "gitcellar index" in raised.value.hint
    assert not agent(bench, where).look().ok


def test_a_model_cannot_put_its_folder_where_anothers_file_stands() -> None:
    slots = ["a#b", "a/b#c", "a/b.json#c", "a/b.json.sig#c", "a/b.json/c#d", "a:b.json#c", "a/b=.json#c", "a.json#b"]
    files = [offer_file(slot) for slot in slots] + [f"{offer_file(slot)}.sig" for slot in slots]
    assert len(set(files)) == len(files)
    assert not [(one, two) for one in files for two in files if two.startswith(f"{one}/")]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cellar", None),
        ("cellar", ""),
        ("cellar", "a\nb"),
        ("cellar", "x" * 1001),
        ("slot", "vit-l/other#production"),
        ("sequence", "3"),
        ("sequence", -1),
        ("until", 1.5),
        ("until", True),
        ("tracking", {".dvc/config": 7}),
        ("tracking", []),
        ("schema", "2"),
    ],
)
def test_an_offer_with_a_word_of_another_form_is_refused(key: str, value: object) -> None:
    document = json.loads(format_offer(OFFER))
    assert parse_offer(json.dumps(document).encode(), SLOT) == OFFER
    with pytest.raises(InvalidError):
        parse_offer(json.dumps({**document, key: value}).encode(), SLOT)


@pytest.mark.parametrize("slot", ["../x#production", "vit-l/base", "folder=name#production", "a#b/c"])
def test_a_list_with_a_slot_that_is_none_is_refused(slot: str) -> None:
    assert parse_list(format_list("c", {SLOT: 1}, 5)).slots == (SLOT,)
    with pytest.raises(InvalidError):
        parse_list(format_list("c", {slot: 1}, 5))


def test_an_index_brings_no_file_but_those_that_say_how_dvc_tracks(bench: Bench) -> None:
    cellar = make_cellar(bench.folder / "more", "x")
    where, by = bench.folder / "index", key(bench)
    write_index(open_source(cellar.url), where, by, valid=3600)
    offer = parse_offer((where / offer_file(SLOT)).read_bytes(), SLOT)
    tracking = {**offer.tracking, "../../evil": "x", ".dvc/config.local": "x"}
    signed(where, offer_file(SLOT), format_offer(replace(offer, tracking=tracking)), by)
    keeper = agent(bench, where)
    assert keeper.look().ok
    assert offer.deployment is not None
    assert set(keeper.origin.find_tracking(offer.deployment).files) == set(offer.tracking)
