"""Which new contract breaks an old one: the table of the module, and the laws of the relation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcellar.core.contract import Casting, compare_contracts, find_breaks
from gitcellar.core.manifest import Contract


def contract(**fields: Any) -> Contract:
    return Contract.model_validate(fields)


def image(dtype: str = "float32", shape: tuple[int | str, ...] = ("batch", 3, 224), **more: Any) -> dict[str, Any]:
    return {"image": {"dtype": dtype, "shape": list(shape), **more}}


def scores(dtype: str = "float32", shape: tuple[int | str, ...] = ("batch", 10)) -> dict[str, Any]:
    return {"scores": {"dtype": dtype, "shape": list(shape)}}


OLD = contract(inputs=image(), outputs=scores(), columns=["age", "income"], labels=["cat", "dog"],
               preprocessing="sha256:1", architecture="vit-l")  # fmt: skip


def with_(**fields: Any) -> Contract:
    return Contract.model_validate(OLD.model_dump(exclude_unset=True) | fields)


BREAKS = {
    "the contract is gone": (None, "contract: is gone"),
    "an input is gone": (with_(inputs={}), "inputs.image: is gone"),
    "a new input without default": (
        with_(inputs=image() | {"mask": {"dtype": "bool"}}), "inputs.mask: is new and has no default",
    ),
    "an input is narrower": (with_(inputs=image("float16")), "inputs.image.dtype: float32 became float16"),
    "an input is wider": (with_(inputs=image("float64")), "inputs.image.dtype: float32 became float64"),
    "an input is of another kind": (with_(inputs=image("int64")), "inputs.image.dtype: float32 became int64"),
    "a fixed size changed": (
        with_(inputs=image(shape=("batch", 3, 384))),
        "inputs.image.shape: [batch, 3, 224] became [batch, 3, 384]: only 384 where 224 was taken",
    ),
    "a free size became fixed": (
        with_(inputs=image(shape=(1, 3, 224))),
        "inputs.image.shape: [batch, 3, 224] became [1, 3, 224]: only 1 where batch was taken",
    ),
    "another rank": (
        with_(inputs=image(shape=("batch", 224))), "inputs.image.shape: [batch, 3, 224] became [batch, 224]: another rank",
    ),
    "two sizes must be one": (
        with_(inputs=image(shape=("n", "n", 224))),
        "inputs.image.shape: [batch, 3, 224] became [n, n, 224]: n must be the same size as elsewhere now",
    ),
    "an output is gone": (with_(outputs={}), "outputs.scores: is gone"),
    "an output is narrower": (with_(outputs=scores("float16")), "outputs.scores.dtype: float32 became float16"),
    "an output is wider": (with_(outputs=scores("float64")), "outputs.scores.dtype: float32 became float64"),
    "an output has another size": (
        with_(outputs=scores(shape=("batch", 11))),
        "outputs.scores.shape: [batch, 10] became [batch, 11]: 11 where 10 was promised",
    ),
    "an output has any size": (
        with_(outputs=scores(shape=("batch", "?"))),
        "outputs.scores.shape: [batch, 10] became [batch, ?]: any size where 10 was promised",
    ),
    "an output is no longer as long as its input": (
        with_(outputs=scores(shape=("n", 10))),
        "outputs.scores.shape: [batch, 10] became [n, 10]: n where the size batch was promised",
    ),
    "columns in another order": (with_(columns=["income", "age"]), "columns: are in another order"),
    "a column less": (with_(columns=["age"]), "columns: differ: -income"),
    "no columns any more": (with_(columns=[]), "columns: is gone"),
    "a column more, which an application does not send": (
        with_(columns=["age", "income", "tenure"]), "columns: differ: +tenure",
    ),
    "labels in another order": (with_(labels=["dog", "cat"]), "labels: are in another order"),
    "another label": (with_(labels=["cat", "cow", "dog"]), "labels: differ: +cow"),
    "labels are gone": (with_(labels=[]), "labels: is gone"),
    "other preprocessing": (with_(preprocessing="sha256:2"), "preprocessing: sha256:1 became sha256:2"),
    "another architecture": (with_(architecture="vit-h"), "architecture: vit-l became vit-h"),
}  # fmt: skip


@pytest.mark.parametrize(("new", "difference"), BREAKS.values(), ids=BREAKS)
def test_what_an_application_would_notice_breaks(new: Contract | None, difference: str) -> None:
    assert [str(found) for found in find_breaks(OLD, new, casting="none")] == [difference]


KEEPS = {
    "the same": OLD,
    "a new input with a default": with_(inputs=image() | {"mask": {"dtype": "bool", "default": True}}),
    "a column more, at the end and with a default": with_(
        inputs=image() | {"tenure": {"dtype": "float32", "default": 0}}, columns=["age", "income", "tenure"]
    ),
    "an input of any size": with_(inputs=image(shape=("batch", 3, "?"))),
    "a size by another name": with_(inputs=image(shape=("n", 3, 224)), outputs=scores(shape=("n", 10))),
    "a new output": with_(outputs=scores() | {"features": {"dtype": "float32", "shape": ["batch", 768]}}),
}


@pytest.mark.parametrize("new", KEEPS.values(), ids=KEEPS)
def test_what_an_application_would_not_notice_does_not_break(new: Contract) -> None:
    assert find_breaks(OLD, new, casting="none") == []


def test_a_first_contract_breaks_nothing() -> None:
    assert find_breaks(None, OLD, casting="none") == []
    assert compare_contracts(None, None, casting="none") == []


def test_a_default_may_change_and_may_not_go() -> None:
    old = contract(inputs=image(default=0.0))
    assert [str(d) for d in compare_contracts(old, contract(inputs=image(default=1.0)), casting="none")] == [
        "inputs.image.default: 0.0 became 1.0"
    ]
    assert [str(d) for d in find_breaks(old, contract(inputs=image()), casting="none")] == [
        "inputs.image.default: has no default any more"
    ]


CASTS: dict[str, tuple[str, bool]] = {
    "float64": ("float32", True),
    "float16": ("float32", False),
    "int64": ("int32", True),
    "string": ("float32", False),
}


@pytest.mark.parametrize(("new", "cast"), CASTS.items(), ids=CASTS)
def test_where_the_server_casts_what_loses_nothing_passes(new: str, cast: tuple[str, bool]) -> None:
    before, lossless = cast
    old, now = contract(inputs=image(before)), contract(inputs=image(new))
    (strict,) = compare_contracts(old, now, casting="none")
    (lenient,) = compare_contracts(old, now, casting="lossless")
    assert (strict.breaks, lenient.breaks) == (True, not lossless)
    assert str(strict) == str(lenient) == f"inputs.image.dtype: {before} became {new}"


def test_an_output_is_cast_by_nobody() -> None:
    old, new = contract(outputs=scores("float32")), contract(outputs=scores("float64"))
    assert len(find_breaks(old, new, casting="lossless")) == 1


def test_a_new_column_before_the_others_breaks_whatever_default_it_has() -> None:
    tenure = {"tenure": {"dtype": "float32", "default": 0}}
    first = with_(inputs=image() | tenure, columns=["tenure", "age", "income"])
    assert [found.field for found in find_breaks(OLD, first, casting="none")] == ["columns"]


CASTING: st.SearchStrategy[Casting] = st.sampled_from(["none", "lossless"])
SIZES = st.sampled_from([1, 2, "?", "a", "b"])
TENSORS = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["int8", "uint8", "int32", "float16", "float32", "float64"]),
        "shape": st.lists(SIZES, max_size=2),
    },
    optional={"default": st.sampled_from([0, 1])},
)
CONTRACTS = st.builds(
    contract,
    inputs=st.dictionaries(st.sampled_from("xy"), TENSORS, max_size=2),
    outputs=st.dictionaries(st.sampled_from("pq"), TENSORS, max_size=2),
    columns=st.sampled_from([[], ["x"], ["x", "y"], ["y", "x"]]),
    labels=st.sampled_from([[], ["cat"], ["cat", "dog"]]),
    architecture=st.sampled_from([None, "vit"]),
)
NEAR = st.lists(CONTRACTS, min_size=3, max_size=6)


@given(CONTRACTS, CASTING)
def test_a_contract_does_not_break_itself(same: Contract, casting: Casting) -> None:
    assert compare_contracts(same, same.model_copy(deep=True), casting=casting) == []


@given(NEAR, CASTING)
def test_what_goes_on_twice_goes_on(contracts: list[Contract], casting: Casting) -> None:
    for old in contracts:
        for middle in contracts:
            if not find_breaks(old, middle, casting=casting):
                for new in contracts:
                    assert find_breaks(middle, new, casting=casting) or not find_breaks(old, new, casting=casting)


def test_a_break_one_way_need_not_be_one_the_other_way() -> None:
    less, more = contract(inputs=image("float32")), contract(inputs=image("float64"))
    assert find_breaks(less, more, casting="lossless") == []
    assert len(find_breaks(more, less, casting="lossless")) == 1
