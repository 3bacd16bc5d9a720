"""How is one version described? As a document, and as lines of label and value. May import cellar."""

from __future__ import annotations

from typing import Any

from gitcellar.cellar.describing import Description
from gitcellar.cellar.rows import SCHEMA, CheckpointRow, DescribeDocument, event_row, format_time, without_empty
from gitcellar.core.digests import Digest
from gitcellar.doors.cli.output import human_size


def checkpoint_row(digest: Digest | None) -> CheckpointRow | None:
    """A digest as data."""
    return {"sha256": digest.sha256, "size": digest.size} if digest else None


def describe_document(description: Description) -> DescribeDocument:
    """The document of `gitcellar describe --json`."""
    version, details, base = description.version, description.details, description.base
    return {
        "schema": SCHEMA,
        "model": description.state.name.text,
        "version": str(version.version),
        "tag": version.tag,
        "commit": version.commit,
        "withdrawn": version.withdrawn,
        "deprecated": description.state.deprecated,
        "stages": list(version.stages),
        "state": version.stage,
        "author": details.author if details else None,
        "email": details.email if details else None,
        "at": format_time(details) if details else None,
        "message": description.message.text if description.message else None,
        "base": {"model": base.model.text, "version": str(base.version), "tag_object": base.object_id}
        if base
        else None,
        "checkpoint": checkpoint_row(description.checkpoint),
        "entry": without_empty(description.entry.model_dump(mode="json")) if description.entry else None,
        "metrics": dict(description.metrics),
        "params": dict(description.params),
        "history": [event_row(description.state, e.event, e.details) for e in description.history],
    }


def describe_lines(document: DescribeDocument) -> list[tuple[str, str]]:
    """The same for a person: label and value, the most asked-for first, empty ones left out."""
    entry = document["entry"] or {}
    checkpoint, base = document["checkpoint"], document["base"]
    digest = f"sha256:{checkpoint['sha256']}, {human_size(checkpoint['size'])}" if checkpoint else ""
    lines = [
        ("version", f"{document['model']}@{document['version']}"),
        ("stages", ", ".join(document["stages"])),
        ("withdrawn", "yes" if document["withdrawn"] else ""),
        ("deprecated", "yes, the whole model" if document["deprecated"] else ""),
        ("registered", f"{document['at']} by {document['author']} <{document['email']}>" if document["at"] else ""),
        ("commit", document["commit"]),
        ("tag", document["tag"]),
        ("base", f"{base['model']}@{base['version']}" if base else str(entry.get("base", ""))),
        ("checkpoint", str(entry.get("path", ""))),
        ("digest", digest),
    ]
    for key, value in entry.items():
        if key not in ("path", "base", "metrics", "params"):
            lines += _spread(key, value)
    lines += _spread("metrics", document["metrics"]) + _spread("params", document["params"])
    subject, _, body = (document["message"] or "").partition("\n\n")
    lines.append(("message", (body or subject).replace("\n", " ")))
    for event in document["history"]:
        stage = f" {event['stage']}" if event["stage"] else ""
        lines.append(("event", f"{event['at']} {event['event']}{stage} by {event['author']}"))
    return [(label, value) for label, value in lines if value]


def _spread(key: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [line for inner, held in value.items() for line in _spread(f"{key}.{inner}", held)]
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [line for number, item in enumerate(value) for line in _spread(f"{key}.{number}", item)]
    if isinstance(value, list):
        return [(key, ", ".join(map(str, value)))]
    return [(key, str(value))] if value is not None else []
