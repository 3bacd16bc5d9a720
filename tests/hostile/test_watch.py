"""The harness sees what it is there to see: each kind of trespass, done on purpose."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.hostile.watch import LIMITS_VARIABLE, LOG_VARIABLE, Limits
from tests.support.processes import run

TRESPASSES = {
    "reads a file": ("open('VICTIM/file').read()", "open reads VICTIM/file"),
    "reads through a link": ("open('link/file').read()", "open reads VICTIM/file"),
    "reads with Path": ("__import__('pathlib').Path('VICTIM/file').read_bytes()", "open reads VICTIM/file"),
    "lists a folder": ("os.listdir('VICTIM')", "os.listdir reads VICTIM"),
    "walks a folder": ("list(os.walk('VICTIM'))", "os.scandir reads VICTIM"),
    "opens a descriptor": ("os.open('VICTIM/file', os.O_RDONLY)", "open reads VICTIM/file"),
    "writes a file": ("open('VICTIM/new', 'w')", "open changes VICTIM/new"),
    "appends to a file": ("open('VICTIM/file', 'ab')", "open changes VICTIM/file"),
    "truncates a file": ("os.truncate('VICTIM/file', 0)", "os.truncate changes VICTIM/file"),
    "removes a file": ("os.remove('VICTIM/file')", "os.remove changes VICTIM/file"),
    "removes by a descriptor": (
        "os.unlink('file', dir_fd=os.open('VICTIM', os.O_RDONLY))",
        "os.remove changes VICTIM/file",
    ),
    "moves a file away": ("os.rename('VICTIM/file', 'mine')", "os.rename changes VICTIM/file"),
    "moves a file there": ("os.replace('own', 'VICTIM/file')", "os.rename changes VICTIM/file"),
    "links a file": ("os.link('VICTIM/file', 'mine')", "os.link changes VICTIM/file"),
    "makes a link there": ("os.symlink('own', 'VICTIM/new')", "os.symlink changes VICTIM/new"),
    "makes a folder there": ("os.makedirs('link/new')", "os.mkdir changes VICTIM/new"),
    "removes a tree": ("__import__('shutil').rmtree('VICTIM')", "os.rmdir changes VICTIM"),
    "changes a mode": ("os.chmod('VICTIM/file', 0)", "os.chmod changes VICTIM/file"),
    "changes a mode through a link": ("os.chmod('link/file', 0)", "os.chmod changes VICTIM/file"),
    "makes a database there": ("__import__('sqlite3').connect('VICTIM/db')", "sqlite3.connect changes VICTIM/db"),
    "starts a program": ("__import__('subprocess').run(['sh', '-c', ':'])", "subprocess.Popen starts sh"),
    "starts a git of its own": ("__import__('subprocess').run(['./git'])", "subprocess.Popen starts ./git"),
    "starts a shell": ("os.system(':')", "os.system starts /bin/sh"),
    "becomes a program": ("os.execv('/bin/true', ['true'])", "os.exec starts /bin/true"),
    "spawns a program": ("os.posix_spawn('/bin/true', ['true'], {})", "os.posix_spawn starts /bin/true"),
    "connects": (
        "__import__('socket').create_connection(('127.0.0.1', 9))",
        "socket.getaddrinfo reaches ('127.0.0.1',)",
    ),
    "connects to a socket": (
        "__import__('socket').socket(__import__('socket').AF_UNIX).connect('/run/x')",
        "socket.connect reaches /run/x",
    ),
    "looks up a host": (
        "__import__('socket').getaddrinfo('evil.example', 80)",
        "socket.getaddrinfo reaches ('evil.example',)",
    ),
    "does it in a thread": (
        "t = __import__('threading').Thread(target=lambda: open('VICTIM/file')); t.start(); t.join()",
        "open reads VICTIM/file",
    ),
    "does it in a child": (
        "__import__('subprocess').run([sys.executable, '-c', \"open('VICTIM/file')\"])",
        "subprocess.Popen starts PYTHON",
    ),
}


def _watched(folder: Path, program: str) -> list[str]:
    """What the watch writes down of a Python program that `sitecustomize` puts under it."""
    clone, victim, site = (folder / name for name in ("clone", "victim", "site"))
    for each in (clone, victim, site):
        each.mkdir()
    (victim / "file").write_text("x")
    (clone / "own").write_text("x")
    (clone / "link").symlink_to(victim)
    (clone / "git").write_text("#!/bin/sh\n")
    (clone / "git").chmod(0o755)
    (site / "sitecustomize.py").write_text(
        "from tests.hostile.watch import watch_by_environment\nwatch_by_environment()\n"
    )
    root = Path(__file__).parents[2]
    env = {
        **os.environ,
        "PYTHONPATH": f"{site}{os.pathsep}{root}",
        LOG_VARIABLE: str(folder / "log"),
        LIMITS_VARIABLE: Limits((str(root), str(site)), (str(clone),)).to_json(),
    }
    run(clone, sys.executable, "-c", f"import os, sys\n{program}", env=env)
    return [line[1:-1] for line in (folder / "log").read_text().splitlines()]


@pytest.mark.parametrize(("program", "line"), TRESPASSES.values(), ids=TRESPASSES.keys())
def test_a_trespass_is_written_down(program: str, line: str, tmp_path: Path) -> None:
    names = {"VICTIM": str(tmp_path / "victim"), "PYTHON": sys.executable}
    for name, value in names.items():
        program, line = program.replace(name, value), line.replace(name, value)
    assert line in [found.replace("\\'", "'").replace('"', "") for found in _watched(tmp_path, program)]


def test_what_is_allowed_is_not_written_down(tmp_path: Path) -> None:
    program = (
        "import json, subprocess, tempfile, shutil\n"
        "open('new', 'w').close(); os.rename('new', 'newer'); os.remove('newer'); os.listdir('.')\n"
        "os.mkdir('folder'); shutil.rmtree('folder'); subprocess.run(['git', '--version'])\n"
        "open(os.devnull, 'w'); print(open('/etc/passwd').readline())"
    )
    assert _watched(tmp_path, program) == []
