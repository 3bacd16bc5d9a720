"""What a commit may declare about its models."""

from __future__ import annotations

import json
from datetime import date

import pytest
from pydantic import ValidationError

from gitcellar.core.declared import find_path, manifest_files
from gitcellar.core.documents import DocumentError
from gitcellar.core.manifest import Entry, find_entry, parse_dvc_artifacts, parse_manifest
from gitcellar.core.names import ModelName

BASE = ModelName("vit-l/base")


def test_an_empty_manifest_declares_nothing() -> None:
    assert parse_manifest(b"") == {}
    assert parse_manifest(b"# only words\n") == {}


def test_every_fault_of_a_manifest_is_told_at_once_with_its_line_and_key() -> None:
    content = b"""\
vit-l/base:
  path: ../x
  metrics: {accuracy: high}
  owne: me
vit-l/projectA:
  path: ok
  base: 1.10
  data: [{nam: photos}]
bad name:
  path: x
vit-l/b: {}
"""
    with pytest.raises(DocumentError) as caught:
        parse_manifest(content)
    assert caught.value.message.splitlines() == [
        "artifacts.yaml:2: vit-l/base.path: a path is relative to its file's folder and stays inside the repository, not '../x'",
        "artifacts.yaml:3: vit-l/base.metrics.accuracy: input should be a valid number, unable to parse string as a number, not 'high'",
        "artifacts.yaml:4: vit-l/base.owne: unknown key 'owne'; did you mean owner?",
        "artifacts.yaml:7: vit-l/projectA.base: 1.1 is a number here; put it in quotes, since YAML reads 1.10 as the number 1.1",
        "artifacts.yaml:8: vit-l/projectA.data.0.name: field required",
        "artifacts.yaml:8: vit-l/projectA.data.0.nam: unknown key 'nam'; did you mean name?",
        "artifacts.yaml:9: bad name: 'bad name' is no model name: every part begins and ends with a letter or digit, with only . _ - between them",
        "artifacts.yaml:11: vit-l/b.path: field required",
    ]


@pytest.mark.parametrize("content", [b"[1]", b"word", b"3"])
def test_a_manifest_is_a_mapping(content: bytes) -> None:
    with pytest.raises(DocumentError, match="a manifest maps the names of models to their entries"):
        parse_manifest(content)


@pytest.mark.parametrize("key", ["1.2", "1.10", "010", "0x1f", "1_0", "yes", "on", "null", "2024-08"])
def test_a_name_that_gto_reads_otherwise_is_refused(key: str) -> None:
    with pytest.raises(
        DocumentError, match=f"^artifacts.yaml:1: {key}: {key} is not text for every reader of YAML; put"
    ):
        parse_manifest(f"{key}: {{path: x}}".encode())
    with pytest.raises(DocumentError, match="put the model's name in quotes"):
        find_entry(ModelName(key), {"artifacts.yaml": f"{key}: {{path: x}}".encode()})
    assert list(parse_manifest(f"'{key}': {{path: x}}".encode())) == [ModelName(key)]


def test_values_that_yaml_1_1_takes_for_something_else_are_text() -> None:
    content = b"""\
a/b:
  path: 1:30
  description: yes
  owner: on
  license: 2001-01-01
  data: [{name: 010, version: 0x1f}]
  params: {0: cat, 1.10: dog, on: off, lr: 1e-4, day: 2001-01-01, worst: .nan}
"""
    entry = parse_manifest(content)[ModelName("a/b")]
    assert (entry.path, entry.description, entry.owner, entry.license) == ("1:30", "yes", "on", "2001-01-01")
    assert (entry.data[0].name, entry.data[0].version) == ("010", "0x1f")
    assert entry.params == {"0": "cat", "1.10": "dog", "on": "off", "lr": 1e-4, "day": "2001-01-01", "worst": ".nan"}


@pytest.mark.parametrize("number", ["nan", "inf", ".nan", "-.inf", "'1e999'"])
def test_a_number_of_a_manifest_is_finite(number: str) -> None:
    with pytest.raises(DocumentError, match="number"):
        parse_manifest(f"a/b: {{path: x, metrics: {{accuracy: {number}}}}}".encode())


def test_what_a_program_declares_is_a_value_of_json_too() -> None:
    with pytest.raises(ValidationError):
        Entry.model_validate({"path": "x", "custom": {"day": date(2001, 1, 1)}})


@pytest.mark.parametrize("path", ["/etc/passwd", "-rf", "a/../../b", "a\\b", "a\nb", "a\0b", "a\x1b[2J", "a\x85b"])
def test_a_path_stays_inside_the_repository(path: str) -> None:
    with pytest.raises(DocumentError):
        parse_manifest(f"vit-l/base: {{path: {json.dumps(path)}}}".encode())


def test_names_and_paths_of_a_manifest_below_the_root_are_relative_to_it() -> None:
    entries = parse_manifest(
        b"base: {path: w.bin, metrics: m.json, data: [{name: d, path: raw}]}", "vit-l/artifacts.yaml"
    )
    entry = entries[BASE]
    assert (entry.path, entry.metrics, entry.data[0].path) == ("vit-l/w.bin", "vit-l/m.json", "vit-l/raw")


def test_a_model_is_looked_for_in_every_folder_of_its_name() -> None:
    assert manifest_files(ModelName("vit/vit-l/base")) == [
        "artifacts.yaml", "vit/artifacts.yaml", "vit/vit-l/artifacts.yaml", "dvc.yaml",
    ]  # fmt: skip
    assert manifest_files(ModelName("models:churn")) == ["models/artifacts.yaml", "models/dvc.yaml"]


def test_an_entry_is_found_where_it_stands() -> None:
    files = {"artifacts.yaml": b"other/base: {path: o}", "vit-l/artifacts.yaml": b"base: {path: w}"}
    entry = find_entry(BASE, files)
    assert entry is not None
    assert entry.path == "vit-l/w"
    assert find_entry(ModelName("vit-l/projectA"), files) is None
    assert find_entry(BASE, {}) is None


def test_two_manifests_that_name_one_model_contradict() -> None:
    files = {"artifacts.yaml": b"vit-l/base: {path: o}", "vit-l/artifacts.yaml": b"base: {path: w}"}
    with pytest.raises(DocumentError, match=r"vit-l/base is declared in artifacts.yaml and vit-l/artifacts.yaml"):
        find_entry(BASE, files)


def test_dvc_yaml_serves_where_no_manifest_names_the_model() -> None:
    dvc = b"stages: {train: {cmd: x}}\nartifacts:\n  churn: {path: m.bin, type: model, desc: Churn, labels: [a], meta: {k: 1}}\n"
    entry = find_entry(ModelName("churn"), {"artifacts.yaml": b"", "dvc.yaml": dvc})
    assert entry is not None
    assert (entry.path, entry.description, entry.labels, entry.custom) == ("m.bin", "Churn", ["a"], {"k": 1})
    below = find_entry(ModelName("models:churn"), {"models/dvc.yaml": dvc})
    assert below is not None
    assert below.path == "models/m.bin"
    own = find_entry(ModelName("churn"), {"artifacts.yaml": b"churn: {path: other}", "dvc.yaml": dvc})
    assert own is not None
    assert own.path == "other"


@pytest.mark.parametrize("content", [b"", b"stages: {}", b"artifacts:", b"[]", b"artifacts: []"])
def test_a_dvc_yaml_without_artifacts_declares_nothing(content: bytes) -> None:
    assert parse_dvc_artifacts(content) == {}


@pytest.mark.parametrize(
    ("model", "files"),
    [
        ("vit-l/base", {"artifacts.yaml": b"vit-l/base: {path: m/a.bin}\n"}),
        ("vit-l/base", {"artifacts.yaml": b"", "vit-l/artifacts.yaml": b"base: {path: a.bin}\n"}),
        ("churn", {"artifacts.yaml": b"", "dvc.yaml": b"artifacts: {churn: {path: c.pkl}}\n"}),
        ("models:churn", {"models/dvc.yaml": b"artifacts: {churn: {path: c.pkl}}\n"}),
        ("vit-l/base", {"artifacts.yaml": b"other: {path: x}\n"}),
        ("vit-l/base", {}),
    ],
)
def test_who_asks_for_the_path_alone_gets_the_same(model: str, files: dict[str, bytes]) -> None:
    entry = find_entry(ModelName(model), files)
    assert find_path(ModelName(model), files) == (entry.path if entry else None)
