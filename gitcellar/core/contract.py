"""Would an application that relies on the old contract go on working with the new one? Field by field.

| field | breaks | does not |
|---|---|---|
| the contract | is gone | is new |
| an input | is gone; is new and has no default; lost its default | is new with a default; has another default |
| an input's dtype | any other | with `casting: lossless`: what holds every value of the old one |
| an input's shape | takes less: another rank or number; a number, or one name for two sizes | takes more |
| an output | is gone | is new |
| an output's dtype | any other | |
| an output's shape | gives more: another rank or number, any size where a number was promised | gives less |
| columns | another order; one is gone; a new one | were not said before; a new last one, an input with a default |
| labels, preprocessing, architecture | any other; gone | were not said before |

What serves decides: ONNX Runtime and Triton refuse an input of any other dtype (tried: int32 to an int64 input,
float32 to float64, float16 to float32), and MLflow casts where nothing is lost.

A size by name is the same wherever the name stands, and `?` is any size each time. The relation is reflexive and
transitive, and not symmetric.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from gitcellar.core.dtypes import is_lossless
from gitcellar.core.manifest import Contract, Tensor

_ANY = "?"
Casting = Literal["none", "lossless"]
_Size = int | str


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two contracts differ. `field` is its path, such as `inputs.image.shape`."""

    field: str
    message: str
    breaks: bool

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def compare_contracts(old: Contract | None, new: Contract | None, *, casting: Casting) -> list[Difference]:
    """Every difference, the fields in the order of the manifest; none where both say the same.

    `casting` says what a server does to an input of another dtype than the model takes.
    """
    if old is None or new is None:
        if old is new:
            return []
        return [Difference("contract", "is new" if old is None else "is gone", breaks=new is None)]
    names = _Names({size for tensor in old.inputs.values() for size in tensor.shape if isinstance(size, str)})
    inputs = list(_compare_inputs(old.inputs, new.inputs, names, casting))
    # What the outputs' names mean follows from the inputs, so a broken input is not told again at every output.
    spelled_alike = any(difference.breaks for difference in inputs)
    return [
        *inputs,
        *_compare_outputs(old.outputs, new.outputs, names, spelled_alike=spelled_alike),
        *_compare_columns(old, new),
        *_compare_words("labels", old.labels or None, new.labels or None),
        *_compare_words("preprocessing", old.preprocessing, new.preprocessing),
        *_compare_words("architecture", old.architecture, new.architecture),
    ]


def find_breaks(old: Contract | None, new: Contract | None, *, casting: Casting) -> list[Difference]:
    """Those differences that an application would notice."""
    return [difference for difference in compare_contracts(old, new, casting=casting) if difference.breaks]


def _compare_inputs(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor], names: _Names, casting: Casting
) -> Iterator[Difference]:
    for name in dict.fromkeys([*old, *new]):
        field = f"inputs.{name}"
        if name not in new:
            yield Difference(field, "is gone", breaks=True)
        elif name not in old:
            has_default = new[name].default is not None
            message = "is new, with a default" if has_default else "is new and has no default"
            yield Difference(field, message, breaks=not has_default)
        else:
            before, after = old[name], new[name]
            if before.dtype != after.dtype:
                fits = casting == "lossless" and is_lossless(before.dtype, after.dtype)
                yield Difference(f"{field}.dtype", f"{before.dtype} became {after.dtype}", breaks=not fits)
            fault = names.find_narrowed(name, before.shape, after.shape)
            if fault or before.shape != after.shape:
                message = f"{_spell(before.shape)} became {_spell(after.shape)}" + (f": {fault}" if fault else "")
                yield Difference(f"{field}.shape", message, breaks=fault is not None)
            if before.default != after.default:
                gone = after.default is None
                message = "has no default any more" if gone else f"{before.default} became {after.default}"
                yield Difference(f"{field}.default", message, breaks=gone)


def _compare_outputs(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor], names: _Names, *, spelled_alike: bool
) -> Iterator[Difference]:
    for name in dict.fromkeys([*old, *new]):
        field = f"outputs.{name}"
        if name not in new:
            yield Difference(field, "is gone", breaks=True)
        elif name not in old:
            yield Difference(field, "is new", breaks=False)
        else:
            before, after = old[name], new[name]
            if before.dtype != after.dtype:
                yield Difference(f"{field}.dtype", f"{before.dtype} became {after.dtype}", breaks=True)
            same = spelled_alike and before.shape == after.shape
            fault = None if same else names.find_widened(before.shape, after.shape)
            if fault or before.shape != after.shape:
                message = f"{_spell(before.shape)} became {_spell(after.shape)}" + (f": {fault}" if fault else "")
                yield Difference(f"{field}.shape", message, breaks=fault is not None)


def _compare_columns(old: Contract, new: Contract) -> Iterator[Difference]:
    """A table is passed by position, so what an application sends must stand first, in its order."""
    count = len(old.columns)
    added = [new.inputs.get(column) for column in new.columns[count:]]
    kept = new.columns[:count] == old.columns and all(each and each.default is not None for each in added)
    for found in _compare_words("columns", old.columns or None, new.columns or None):
        yield replace(found, breaks=found.breaks and not kept)


def _compare_words(field: str, old: list[str] | str | None, new: list[str] | str | None) -> Iterator[Difference]:
    if old == new:
        return
    if old is None:
        yield Difference(field, "is new", breaks=False)
    elif new is None:
        yield Difference(field, "is gone", breaks=True)
    elif isinstance(old, list) and sorted(old) == sorted(new):
        yield Difference(field, "are in another order", breaks=True)
    elif isinstance(old, list):
        gone, added = [w for w in old if w not in new], [w for w in new if w not in old]
        words = [f"-{word}" for word in gone] + [f"+{word}" for word in added]
        yield Difference(field, f"differ: {' '.join(words)}" if words else "differ", breaks=True)
    else:
        yield Difference(field, f"{old} became {new}", breaks=True)


class _Names:
    """What the sizes of the old contract mean for the names of the new one.

    An application calls with the shapes that the old inputs allow. Each of them must be one that the new inputs allow,
    so each name of the new contract stands for one size of the old: a number, a name, or one place's `?`.
    """

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken  # the names that the old inputs fix
        self.meant: dict[str, _Size] = {}
        self.promised: dict[str, _Size] = {}

    def find_narrowed(self, name: str, old: list[_Size], new: list[_Size]) -> str | None:
        """Why the new input takes less than the old one did."""
        if len(old) != len(new):
            return "another rank"
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            if after == _ANY:
                continue
            if isinstance(after, int):
                if before != after:
                    return f"only {after} where {_size(before)} was taken"
                continue
            # Two `?` are two sizes, so each place's is one of its own.
            size = f"?{name}.{place}" if before == _ANY else before
            if self.meant.setdefault(after, size) != size:
                return f"{after} must be the same size as elsewhere now"
        return None

    def find_widened(self, old: list[_Size], new: list[_Size]) -> str | None:
        """Why the new output may give what the old one promised not to."""
        if len(old) != len(new):
            return "another rank"
        for before, after in zip(old, new, strict=True):
            if before == _ANY:
                continue
            given: _Size = self.meant.get(after, f"!{after}") if isinstance(after, str) and after != _ANY else after
            if isinstance(before, int):
                if given != before:
                    return f"{_size(after)} where {before} was promised"
                continue
            kept = given == before if before in self.taken else after != _ANY
            if not kept or self.promised.setdefault(before, given) != given:
                return f"{_size(after)} where the size {before} was promised"
        return None


def _spell(shape: list[_Size]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _size(size: _Size) -> str:
    return "any size" if size == _ANY else str(size)
