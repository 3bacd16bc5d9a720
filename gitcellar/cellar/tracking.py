"""How does a model get into the cellar? Sets a cellar up, tracks checkpoints and declares models.

May import core, policy, store and cellar.reading and cellar.judging. Writes to the work tree alone, never to Git.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from gitcellar.cellar.policies import read_policy
from gitcellar.cellar.reading import project_root
from gitcellar.core.declared import DVC_FILE, FILE, manifest_files
from gitcellar.core.documents import as_document, validate
from gitcellar.core.errors import InvalidError, NotFoundError, did_you_mean
from gitcellar.core.events import Assigned
from gitcellar.core.manifest import Entry, parse_manifest
from gitcellar.core.names import ModelName
from gitcellar.core.tags import Dialect, format_tag
from gitcellar.policy.config import FILE as POLICY_FILE
from gitcellar.policy.config import parse_policy
from gitcellar.store.checkpoints import init_dvc, track, track_url
from gitcellar.store.git import GitRepository
from gitcellar.store.yaml_files import merge_entry, read_file, write_file

POLICY = """\
# The rules of this cellar. What counts is this file on the remote's default branch.
# gitcellar schema gitcellar prints its JSON Schema for editors.

# This cellar's own id, however its repository is reached. Claims, events, indexes and targets repeat it: keep it.
cellar: {cellar}

# How tags are spelled: cellar (vit-l/base@1.2), or gto (vit-l/base@v1.2.0), which GTO and dvc artifacts get read.
dialect: {dialect}

# Set this to off where the Git host refuses refs below refs/gitcellar/.
coordination: on

# The stages that a version may be put into, and where each is entered from; none is that of a new version.
# A plain list, stages: [staging, production], allows every way.
stages:
  staging: {{from: [none, production, archived]}}
  production: {{from: [staging, archived]}}
  archived: {{from: [staging, production]}}

# What every manifest entry says, and what it says before its version enters a stage.
# required: [owner]
# required_for: {{production: [data, sensitivity, hardware]}}

# What holds for some models alone, by glob over their names; a later section refines an earlier one.
# models:
#   - match: "tools/**"
#     scheme: semver        # plain SemVer 2.0; the default, cellar, counts X.Y for a base and X.Y.Z for a project
#   - match: "vit-l/*"
#     contract: required    # from X = 1 on

# gitcellar.yaml.example shows everything that a policy may say, and gitcellar policy what applies.
"""

_MANIFEST = """\
# What this commit declares about its models: a flat map from names to entries. gitcellar add writes it.
# gitcellar schema artifacts prints its JSON Schema for editors.
{}
"""


# The keys of an entry whose text is a path.
_PATHS = ("path", "metrics", "params", "environment")


@dataclass(frozen=True, slots=True)
class Declared:
    """What was written: the model's entry, and the files to commit."""

    model: ModelName
    entry: Entry
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What somebody says of a model with `add`. What is left out stays as the manifest has it."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    data: Sequence[Mapping[str, str]] = ()


def init_cellar(repository: GitRepository, *, dialect: Dialect = "cellar") -> list[str]:
    """Set up a cellar: policy, manifest and DVC, each where it is missing. Return the files that are new."""
    root = project_root(repository)
    created: list[str] = []
    for name, content in ((POLICY_FILE, POLICY.format(cellar=uuid4(), dialect=dialect)), (FILE, _MANIFEST)):
        if not (root / name).exists():
            write_file(root / name, content.encode())
            created.append(name)
    if init_dvc(root):
        created.append(".dvc/")
    return created


def add_model(repository: GitRepository, model: ModelName, path: str, declaration: Declaration) -> Declared:
    """Track a checkpoint and write the model's entry. `path` is a file or folder, or the URL of one in a cloud.

    Raise InvalidError for a declaration that does not fit, before anything is tracked or written.
    """
    root = project_root(repository)
    policy = parse_policy(read_file(root / POLICY_FILE)) if (root / POLICY_FILE).exists() else read_policy(repository)
    format_tag(model, Assigned("staging", 1), dialect=policy.dialect)  # raises for a name that GTO cannot read
    is_url = "://" in path
    place = f"{model.text}/{posixpath.basename(path.rstrip('/'))}" if is_url else _inside(root, repository.path, path)
    manifest, before = _find_declared(root, model)
    fields = {"path": place, **_with_paths(root, repository.path, declaration.fields)}
    if declaration.data:
        fields["data"] = [_with_paths(root, repository.path, item) for item in declaration.data]
    entry = _merged(model, before, fields)
    folder = posixpath.dirname(manifest)
    written = _relative_to(folder, fields)
    files = track_url(root, path, place) if is_url else track(root, place)
    merge_entry(root / manifest, (model.text.removeprefix(f"{folder}/"),), written)
    files = [manifest, *files]
    if policy.dialect == "gto":
        mirrored = {"path": entry.path, "type": entry.type, "desc": entry.description, "labels": entry.labels}
        merge_entry(
            root / DVC_FILE, ("artifacts", model.text), {key: value for key, value in mirrored.items() if value}
        )
        files.append(DVC_FILE)
    return Declared(model, entry, tuple(dict.fromkeys(files)))


def _find_declared(root: Path, model: ModelName) -> tuple[str, Entry | None]:
    """The manifest that declares a model, and its entry there; the root's where none does yet."""
    for file in manifest_files(model):
        if posixpath.basename(file) == FILE:
            entry = parse_manifest(read_file(root / file), file).get(model)
            if entry is not None:
                return file, entry
    return FILE, None


def _with_paths(root: Path, where: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a declaration, with the files that it names as paths from the root."""
    return {k: _inside(root, where, v) if k in _PATHS and isinstance(v, str) else v for k, v in values.items()}


def _relative_to(folder: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same fields as they stand in the manifest of a folder. Raise InvalidError for a path outside it."""

    def strip(path: str) -> str:
        if folder and not path.startswith(f"{folder}/"):
            hint = f"move it there, or move the entry to the root's {FILE}"
            raise InvalidError(f"{path} is outside {folder}/, whose {FILE} declares the model", hint=hint)
        return path.removeprefix(f"{folder}/")

    written: dict[str, Any] = {k: strip(v) if k in _PATHS and isinstance(v, str) else v for k, v in fields.items()}
    if "data" in written:
        written["data"] = [{k: strip(v) if k == "path" else v for k, v in item.items()} for item in written["data"]]
    return written


def _merged(model: ModelName, before: Entry | None, fields: Mapping[str, Any]) -> Entry:
    """The entry as it will be read back. Raise InvalidError, with every fault, where it would not be."""
    kept = before.model_dump(exclude_unset=True) if before else {}
    values = {**kept, **fields}
    entry, faults = validate(Entry, as_document({model.text: values}, FILE), values, (model.text,))
    if entry is None:
        messages = "\n".join(f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in faults)
        raise InvalidError(messages, hint="gitcellar schema artifacts shows what an entry may hold")
    return entry


def _inside(root: Path, where: Path, path: str) -> str:
    """A path as typed, as one from the root. Raise for what is not there, or outside."""
    full = where / path
    if not full.exists() and not full.with_name(f"{full.name}.dvc").exists():
        names = [each.name for each in full.parent.iterdir()] if full.parent.is_dir() else []
        beside = [f"{path.removesuffix(full.name)}{name}" for name in names]
        hint = did_you_mean(path, beside) or "a path is one from the current folder"
        raise NotFoundError(f"there is no file or folder {path!r}", hint=hint)
    if any(part.is_symlink() for part in [full, *full.parents] if root.resolve() in part.absolute().parents):
        raise InvalidError(f"{path!r} is or goes through a symbolic link", hint="give the path of the real file")
    try:
        return full.resolve().relative_to(root.resolve()).as_posix()
    except ValueError as error:
        raise InvalidError(
            f"{path!r} is outside the repository {str(root)!r}", hint="move it into the work tree"
        ) from error
