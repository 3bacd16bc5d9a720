"""In which form is it said what should run? As JSON, by templates that come along, or by a team's own.

May import core and store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
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
    ".bst": ("xgboost", "fil"),
    ".pb": ("tensorflow", "tensorflow"),
    ".safetensors": ("huggingface", "python"),
}
_OTHER = ("custom", "python")


def render(form: str, deployments: Iterable[Deployment], source: str | None) -> dict[str, bytes]:
    """The files that say what should run: the same bytes for the same deployments.

    `form` is one of FORMS, or a folder of templates. Raise InvalidError for a template that fails.
    """
    variables = [_find_variables(each) for each in sorted(deployments, key=lambda each: each.slot)]
    if form == "json":
        document = {"schema": 1, "source": source, "deployments": variables}
        return {"deployments.json": (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()}
    folder = _FOLDER / form if form in FORMS else Path(form)
    files = render_folder(folder, {"deployments": variables, "source": source}, variables)
    for path in files:
        _require_target_path(path, form)
    return files


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
    suffix = PurePosixPath(deployment.path or "").suffix.lower()
    form, backend = _FORMATS.get(suffix, _OTHER)
    return {**asdict(deployment), "slug": deployment.slug, "format": form, "backend": backend}
