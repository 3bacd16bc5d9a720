"""The unit and the container file do what they say: known options, nobody's privileges, and versions that stay."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from gitcellar.doors.cli.serving import agent

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = (DEPLOY / "gitcellar-agent@.service").read_text()
CONTAINER = (DEPLOY / "Containerfile").read_text()


def settings() -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z]+)=(.*)$", UNIT, re.MULTILINE))


def test_the_units_command_is_one_that_gitcellar_knows() -> None:
    program, verb, *words = shlex.split(settings()["ExecStart"])
    assert (Path(program).name, verb) == ("gitcellar", "agent")
    context = agent.make_context(
        "agent", [word for word in words if word != "$GITCELLAR_OPTIONS"], resilient_parsing=True
    )
    assert (context.params["stage"], context.params["into"]) == ("${GITCELLAR_STAGE}", "%S/gitcellar-agent/%i")


def test_the_unit_is_watched_started_again_and_shut_in() -> None:
    found = settings()
    assert (found["Type"], found["WatchdogSec"], found["Restart"]) == ("notify", "30min", "on-failure")
    # What is wrong in the request stays wrong; 4 is the world, which may be better in half a minute.
    assert found["RestartPreventExitStatus"] == "2 3"
    assert (found["User"], found["CapabilityBoundingSet"], found["ProtectSystem"]) == ("gitcellar", "", "strict")
    assert found["NoNewPrivileges"] == "yes"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "gitcellar-agent@x.service"
    unit.write_text(UNIT.replace("/usr/local/bin/gitcellar", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_container_is_nobody_in_particular_and_pinned() -> None:
    assert re.findall(r"^USER (.*)$", CONTAINER, re.MULTILINE) == ["65532:65532"]
    (base,) = re.findall(r"^ARG BASE=(.*)$", CONTAINER, re.MULTILINE)
    assert re.fullmatch(r"[a-z./]+:[0-9]+\.[0-9]+\.[0-9]+-[a-z-]+", base)
    assert re.findall(r"^FROM (\S+)", CONTAINER, re.MULTILINE) == ["${BASE}", "${BASE}"]
    assert "--require-hashes" in CONTAINER


def test_every_requirement_of_the_container_has_one_version_and_its_hashes() -> None:
    text = (DEPLOY / "requirements.txt").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) > 20
    pinned = r"[a-z0-9._-]+(\[[a-z0-9,._-]+\])?==[^\s;]+( ; [^-]*)?(\s+--hash=sha256:[0-9a-f]{64})+"
    assert [line for line in lines if not re.fullmatch(pinned, line.strip())] == []
