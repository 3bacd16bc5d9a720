"""How do templates become files? Jinja2 in its sandbox, strict about names that nobody defined.

The only module that imports jinja2. May import core.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcellar.core.errors import InvalidError, NotFoundError

_EACH = "__slug__"
_SUFFIX = ".j2"
Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MadeFile:
    """What a template made; `slug` is that of the deployment that it was made for, None for a file of all."""

    content: bytes
    slug: str | None


def render_folder(folder: Path, common: Variables, each: Sequence[Variables]) -> dict[str, MadeFile]:
    """The files that a folder of templates makes, by their paths. Raise InvalidError, with the template and its line.

    `NAME.j2` is rendered as NAME, anything else is copied. A path with `__slug__` in it is made once for
    each of `each`, which adds its variables to the `common` ones.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder of templates {str(folder)!r}")
    files: dict[str, MadeFile] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        name = path.relative_to(folder).as_posix()
        for variables in each if _EACH in name else ({},):
            content = path.read_bytes()
            if name.endswith(_SUFFIX):
                content = _render(content, name, {**common, **variables}).encode()
            made = name.replace(_EACH, str(variables.get("slug"))).removesuffix(_SUFFIX)
            if made in files:
                raise InvalidError(f"two templates of {str(folder)!r} make {made!r}", hint=f"{name!r} is one of them")
            slug = variables.get("slug")
            files[made] = MadeFile(content, None if slug is None else str(slug))
    return files


def _render(content: bytes, name: str, variables: Variables) -> str:
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    # What JSON can spell YAML reads back; strings of strangers become nothing but strings.
    environment.filters["tojson"] = lambda value: json.dumps(value, sort_keys=True)
    try:
        return environment.from_string(content.decode()).render(variables)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise InvalidError(f"{name}{f', line {line}' if line else ''}: {error}") from error
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError, OverflowError) as error:
        raise InvalidError(f"{name}: {type(error).__name__}: {error}") from error
