"""The house holds: a module imports only from floors below, or from its own; and each tool has one room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import gitcellar

ROOT = Path(gitcellar.__file__).parent
FLOORS = ["core", "policy", "store", "cellar", "gitops", "doors"]
# policy and store are neighbours: neither knows the other.
BELOW = {
    "core": {"core"},
    "policy": {"core", "policy"},
    "store": {"core", "store"},
    "cellar": {"core", "policy", "store", "cellar"},
    "gitops": {"core", "policy", "store", "cellar", "gitops"},
    "doors": set(FLOORS),
}
# What may be imported only in these files or folders. A folder ends with a slash.
ROOMS = {
    "git": ["store/git_runner.py"],
    "dvc": ["store/checkpoints/"],
    "click": ["doors/cli/"],
    "rich": ["doors/cli/output.py"],
    "pydantic": ["core/documents.py", "core/manifest.py", "policy/sections.py", "doors/cli/explaining.py"],
    "yaml": ["core/documents.py"],
    "ruamel": ["store/yaml_files.py"],
    "psutil": ["store/git_runner.py"],
    "requests": ["store/http.py", "store/http_deadline.py"],
    "urllib3": ["store/http.py", "store/http_deadline.py"],
    "jinja2": ["store/templates.py"],
    "semver": ["policy/schemes.py"],
}
IMPURE = {"os", "subprocess", "pathlib", "tempfile", "shutil", "time", "datetime", "random", "socket", "sys", "logging"}
MODULES = sorted(ROOT.rglob("*.py"))


def imports_of(path: Path) -> list[tuple[str, bool]]:
    """Every module that a file imports, and whether the import stands at its top."""
    tree = ast.parse(path.read_text())
    found: list[tuple[str, bool]] = []
    for node in ast.walk(tree):
        at_top = node in tree.body
        if isinstance(node, ast.Import):
            found += [(alias.name, at_top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append((node.module or "", at_top))
    return found


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_from_floors_below(path: Path) -> None:
    floor = name_of(path).split("/")[0]
    for module, _ in imports_of(path):
        parts = module.split(".")
        if floor in BELOW and parts[0] == "gitcellar" and len(parts) > 1 and parts[1] in FLOORS:
            assert parts[1] in BELOW[floor], f"{floor} may not import {module}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_tool_is_imported_only_in_its_room(path: Path) -> None:
    for module, _ in imports_of(path):
        rooms = ROOMS.get(module.split(".")[0])
        if rooms is not None:
            assert any(name_of(path).startswith(room) for room in rooms), f"{module} belongs in {rooms}"


@pytest.mark.parametrize("path", [p for p in MODULES if name_of(p).startswith(("core/", "policy/"))], ids=name_of)
def test_core_and_policy_are_pure(path: Path) -> None:
    assert not {module.split(".")[0] for module, _ in imports_of(path)} & IMPURE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_dvc_is_imported_inside_functions_alone(path: Path) -> None:
    assert not [module for module, at_top in imports_of(path) if at_top and module.split(".")[0] == "dvc"]


@pytest.mark.parametrize("path", [p for p in MODULES if not name_of(p).startswith("doors/")], ids=name_of)
def test_nothing_below_the_doors_prints_or_exits(path: Path) -> None:
    names = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not names & {"print", "exit", "input"}


WRITERS = {
    "click": {"echo", "secho", "style", "confirm", "prompt", "pause", "clear", "progressbar", "get_text_stream"},
    "sys": {"stdout", "stderr", "__stdout__", "__stderr__"},
    "error": {"show"},
}


@pytest.mark.parametrize("path", [p for p in MODULES if name_of(p) != "doors/cli/output.py"], ids=name_of)
def test_one_module_writes_to_terminals_and_logs(path: Path) -> None:
    """Whatever is printed was filtered there: no other module can print."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.attr not in WRITERS.get(node.value.id, ()), f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "echo", "Console"), f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom) and node.module in WRITERS:
            names = {alias.name for alias in node.names}
            assert not names & WRITERS[node.module], f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_answers_and_fits_on_a_few_screens(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    if path.name != "__main__.py":
        assert ast.get_docstring(ast.parse(text)), "no docstring"
