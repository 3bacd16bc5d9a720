"""Coverage-guided fuzzing of everything that reads a stranger's bytes: `make fuzz`.

Each input goes to the parsers of tag names, tag objects, messages, hook lines, manifests, policies, metrics,
requirements and JSON. They return a value or raise CellarError, and a value is one of JSON; libFuzzer stops at anything
else, at 5 s and at 512 MB.
"""

import json
import sys
from collections.abc import Callable

import atheris

with atheris.instrument_imports():
    from gitcellar.core.documents import Document, parse_document
    from gitcellar.core.environments import find_unlocked
    from gitcellar.core.errors import CellarError
    from gitcellar.core.json_text import parse_json
    from gitcellar.core.manifest import parse_dvc_artifacts, read_manifest
    from gitcellar.core.metrics import parse_metrics
    from gitcellar.core.openpgp import parse_armored
    from gitcellar.core.pushes import parse_pre_push, parse_pre_receive
    from gitcellar.core.references import parse_reference
    from gitcellar.core.signatures import find_signed
    from gitcellar.core.tag_objects import find_tag_object
    from gitcellar.core.tags import find_tag_name, parse_listing
    from gitcellar.core.trailers import parse_message
    from gitcellar.policy.config import parse_policy


def read_everything(content: bytes) -> None:
    """Give one input to every parser."""
    text = content.decode("utf-8", "surrogateescape")
    find_tag_name(text)
    find_tag_object(content)
    find_signed(content)
    parse_message(text)
    parse_listing(text)
    for parse in (parse_pre_push, parse_pre_receive, parse_policy, read_manifest, parse_dvc_artifacts):
        _try(parse, content)
    _try(parse_reference, text)
    _try(parse_armored, text)
    find_unlocked("requirements.txt", content)
    for parse_values in (parse_document, parse_json):
        _try(lambda parse=parse_values: json.dumps(_value(parse(content, "f")), allow_nan=False))
    for kind in ("toml", "csv"):
        _try(parse_metrics, content, f"m.{kind}")


def _value(read: object) -> object:
    return read.value if isinstance(read, Document) else read


def _try(parse: Callable[..., object], *args: object) -> None:
    try:
        parse(*args)
    except CellarError:
        pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_everything)
    atheris.Fuzz()
