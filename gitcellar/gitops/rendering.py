"""In which form is it said what should run? As JSON, by templates that come along, or by a team's own.

May import core and store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gitcellar.core.deployments import Deployment
from gitcellar.core.errors import InvalidError, NotFoundError, did_you_mean
from gitcellar.core.target_paths import parse_target_path
from gitcellar.store.templates import render_folder

_FOLDER = Path(__file__).parent / "templates"
FORMS = ("json", "kserve", "kustomize", "compose", "triton")
# By the end of a checkpoint's name: what KServe calls its format, and Triton its backend.
_FORMATS = {
    ".onnx": ("onnx", "onnxruntime"),
    ".pt": ("pytorch", "pytorch"),
    ".pth": ("pytorch", "pytorch"),
    ".joblib": ("sklearn", "python"),
    ".json": ("xgboost", "fil"),
    ".ubj": ("xgboost", "fil"),
    ".bst": ("xgboost", "fil"),
    ".pb": ("tensorflow", "tensorflow"),
    ".safetensors": ("huggingface", "python"),
}
_OTHER = ("custom", "python")


@dataclass(frozen=True, slots=True)
class Rendering:
    """The files that say what should run, by their paths; `owners` says of each file of one slot alone which it is."""

    files: Mapping[str, bytes]
    owners: Mapping[str, str]


def render(form: str, deployments: Iterable[Deployment], source: str | None) -> Rendering:
    """The files that say what should run: the same bytes for the same deployments.

    `form` is one of FORMS, or a folder of templates. Raise InvalidError for a template that fails.
    """
    ordered = sorted(deployments, key=lambda each: each.slot)
    variables = [_find_variables(each) for each in ordered]
    if form == "json":
        document = {"schema": 1, "source": source, "deployments": variables}
        return Rendering({"deployments.json": (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()}, {})
    folder = _FOLDER / form if form in FORMS else Path(form)
    made = render_folder(folder, {"deployments": variables, "source": source}, variables)
    for path in made:
        _require_target_path(path, form)
    slots = {each.slug: each.slot for each in ordered}
    owners = {path: slots[file.slug] for path, file in made.items() if file.slug is not None}
    return Rendering({path: file.content for path, file in made.items()}, owners)


def _require_target_path(path: str, form: str) -> None:
    try:
        parse_target_path(path)
    except InvalidError as error:
        hint = f"keep in {form} the templates and nothing else, not git's files either"
        raise InvalidError(str(error), hint=hint) from error


def require_form(form: str) -> None:
    """Raise NotFoundError, with the nearest name, for what is neither one of FORMS nor a folder."""
    if form not in FORMS and not Path(form).is_dir():
        hint = did_you_mean(form, FORMS) or f"there are: {', '.join(FORMS)}, or the path of a folder"
        raise NotFoundError(f"{form!r} is no form, and no folder of templates", hint=hint)


def name_form(form: str) -> str:
    """The form's name in a target, the same wherever a folder of templates stands."""
    return form if form in FORMS else f"templates:{Path(form).resolve().name}"


def _find_variables(deployment: Deployment) -> dict[str, Any]:
    suffix = PurePosixPath(deployment.path or "").suffix
    form, backend = _FORMATS.get(suffix.lower(), _OTHER)
    return {**asdict(deployment), "slug": deployment.slug, "suffix": suffix, "format": form, "backend": backend}
