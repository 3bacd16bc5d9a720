"""What does a commit declare about its models? `artifacts.yaml`, and `dvc.yaml`'s `artifacts:` where there is none."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from gitcellar.core.declared import DVC_FILE, FILE, check_key, find_written
from gitcellar.core.documents import MAX_FAULTS, DocumentError, Fault, parse_document, validate
from gitcellar.core.errors import CellarError
from gitcellar.core.names import ModelName, parse_model_name
from gitcellar.core.path_lengths import MAX_PATH, find_length_fault


def _check_path(path: str) -> str:
    if "\\" in path or any(unicodedata.category(character) == "Cc" for character in path):
        raise ValueError("a path has '/' between its parts and no control characters")
    if path.startswith(("/", "-")) or ".." in path.split("/"):
        raise ValueError("a path is relative to its file's folder and stays inside the repository")
    fault = find_length_fault(path)
    if fault is not None:
        raise ValueError(f"no file has such a path: {fault}")
    return path


def _check_model(text: str) -> str:
    try:
        parse_model_name(text)
    except CellarError as error:
        raise ValueError(error.message) from error
    return text


RepositoryPath = Annotated[str, Field(min_length=1, max_length=MAX_PATH), AfterValidator(_check_path)]
Value = str | int | float | bool | None
# A number, a name for a size that repeats, or ? for any size.
Shape = list[Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^(\?|[A-Za-z_][A-Za-z0-9_]*)$")]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tensor(_Strict):
    """One input or output of a model."""

    dtype: str = Field(description="such as float32, int64 or string")
    shape: Shape = Field(default=[], description="a number, a name for a size that repeats, or ? for any size")
    default: Value = Field(default=None, description="what an application that leaves the input out gets")


class Contract(_Strict):
    """What an application relies on. A change that breaks it raises X."""

    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    columns: list[str] = Field(default=[], description="of the table that the model takes, in its order")
    labels: list[str] = Field(default=[], description="class names in the order of the output")
    preprocessing: str | None = Field(default=None, description="digest of the preprocessing")
    architecture: str | None = Field(default=None, description="digest or name of the architecture")


class Dataset(_Strict):
    """Data that a version was trained on: where it stands in the repository, or which version of it was used."""

    name: str
    path: RepositoryPath | None = None
    version: str | None = None
    description: str | None = None


class Entry(_Strict):
    """What the manifest says of one model."""

    path: RepositoryPath = Field(description="the checkpoint, a file or folder that DVC tracks")
    type: str = Field(default="model", description="as in GTO: model, dataset, …")
    description: str | None = None
    labels: list[str] = []
    owner: str | None = Field(default=None, description="a team or a person, best with an address")
    base: str | None = Field(default=None, description="the base version that it was tuned from: vit-l/base@1.2")
    trained_from: str | None = Field(default=None, description="what the weights were initialised from")
    framework: str | None = None
    data: list[Dataset] = []
    params: dict[str, JsonValue] | RepositoryPath = Field(default={}, description="inline, or the path of a file")
    metrics: dict[str, float] | RepositoryPath = Field(default={}, description="inline, or the path of a file")
    contract: Contract | None = None
    environment: RepositoryPath | dict[str, Value] | None = Field(
        default=None, description="the path of a lock file, or what was installed"
    )
    hardware: str | dict[str, Value] | None = None
    sensitivity: str | None = Field(default=None, description="such as public, internal or confidential")
    license: str | None = None
    cost_per_inference: float | str | None = Field(default=None, description="a number, or one with its currency")
    carbon_kg_co2e: float | None = Field(default=None, ge=0, description="of the training, in kg CO2 equivalent")
    custom: JsonValue = Field(default=None, description="a team's own keys")


class _DvcArtifact(BaseModel):
    """An entry of dvc.yaml's `artifacts:`; DVC allows these keys alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    path: RepositoryPath
    desc: str | None = None
    type: str = "model"
    labels: list[str] = []
    meta: JsonValue = None


def parse_manifest(content: bytes, file: str = FILE) -> dict[ModelName, Entry]:
    """All entries of one manifest; names and paths are relative to its folder. Raise DocumentError with every fault."""
    entries, faults = read_manifest(content, file)
    if faults:
        raise DocumentError(faults)
    return entries


def read_manifest(content: bytes, file: str = FILE) -> tuple[dict[ModelName, Entry], list[Fault]]:
    """The entries of one manifest that can be read, and every fault of the others.

    Raise DocumentError for no YAML, and for more than a hundred faults.
    """
    document = parse_document(content, file)
    folder = posixpath.dirname(file)
    value = {} if document.value is None else document.value
    if not isinstance(value, dict):
        raise DocumentError([document.fault((), "a manifest maps the names of models to their entries")])
    entries: dict[ModelName, Entry] = {}
    faults: list[Fault] = []
    for key, written in value.items():
        if len(faults) > MAX_FAULTS:
            raise DocumentError(faults)  # to explain each of 50,000 takes minutes
        try:
            check_key(document, key)
            name = parse_model_name(f"{folder}/{key}" if folder else key)
        except DocumentError as error:
            faults += error.faults
            continue
        except CellarError as error:
            faults.append(document.fault((key,), error.message))
            continue
        entry, found = validate(Entry, document, written, (key,))
        faults += found
        if entry is not None:
            entries[name] = _rooted(entry, folder)
    return entries, sorted(faults, key=lambda fault: fault.line)


def parse_dvc_artifacts(content: bytes, file: str = DVC_FILE) -> dict[ModelName, Entry]:
    """The entries of dvc.yaml's `artifacts:`. In a folder below the root a name is GTO's `folder:name`."""
    document = parse_document(content, file)
    folder = posixpath.dirname(file)
    section = (document.value or {}).get("artifacts") if isinstance(document.value, Mapping | None) else None
    entries: dict[ModelName, Entry] = {}
    for key, written in (section or {}).items() if isinstance(section, Mapping | None) else ():
        artifact, faults = validate(_DvcArtifact, document, written, ("artifacts", key))
        if artifact is None:
            raise DocumentError(faults)
        entry = Entry(
            path=artifact.path,
            type=artifact.type,
            description=artifact.desc,
            labels=artifact.labels,
            custom=artifact.meta,
        )
        entries[parse_model_name(f"{folder}:{key}" if folder else key)] = _rooted(entry, folder)
    return entries


@dataclass(frozen=True, slots=True)
class Located:
    """An entry, and where it stands. `line` counts from 1."""

    entry: Entry
    file: str
    line: int


def find_located(model: ModelName, files: Mapping[str, bytes]) -> Located | None:
    """The entry of `model` among the contents of `manifest_files(model)`; None where none declares it.

    Only that entry is held against the format, for what is wrong with another model is not this one's fault. Raise
    DocumentError, also where two files declare it. `dvc.yaml` counts where no `artifacts.yaml` names the model.
    """
    found: list[Located] = []
    for file, content in files.items():
        if posixpath.basename(file) == FILE:
            located = _find_in_manifest(model, content, file)
            found += [located] if located else []
    if len(found) > 1:
        message = f"{model} is declared in {' and '.join(located.file for located in found)}"
        raise DocumentError([Fault(found[1].file, found[1].line, (model.text,), message)])
    if found:
        return found[0]
    for file, content in files.items():
        if posixpath.basename(file) == DVC_FILE:
            entry = parse_dvc_artifacts(content, file).get(model)
            line = parse_document(content, file).lines.get(("artifacts", model.text.rpartition(":")[2]), 1)
            return Located(entry, file, line) if entry else None
    return None


def find_entry(model: ModelName, files: Mapping[str, bytes]) -> Entry | None:
    """The entry alone that `find_located` finds."""
    located = find_located(model, files)
    return located.entry if located else None


def _find_in_manifest(model: ModelName, content: bytes, file: str) -> Located | None:
    document = parse_document(content, file)
    written = find_written(model, document, file)
    if written is None:
        return None
    key, value = written
    entry, faults = validate(Entry, document, value, (key,))
    if entry is None:
        raise DocumentError(sorted(faults, key=lambda fault: fault.line))
    return Located(_rooted(entry, posixpath.dirname(file)), file, document.lines.get((key,), 1))


def _rooted(entry: Entry, folder: str) -> Entry:
    """The entry with its paths relative to the repository's root."""
    if not folder:
        return entry
    moved: dict[str, Any] = {"path": f"{folder}/{entry.path}"}
    for key in ("params", "metrics", "environment"):
        value = getattr(entry, key)
        if isinstance(value, str):
            moved[key] = f"{folder}/{value}"
    moved["data"] = [
        data.model_copy(update={"path": f"{folder}/{data.path}"}) if data.path else data for data in entry.data
    ]
    return entry.model_copy(update=moved)
