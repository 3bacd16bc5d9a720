"""How long does a whole process take, and how much memory? The operating system's own account of each run."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    """Medians over all runs: wall-clock seconds, and the peak memory of the process in MB."""

    seconds: float
    megabytes: float


def measure(
    commands: Mapping[str, Sequence[str]],
    folder: Path,
    *,
    runs: int,
    warm_up: bool = True,
    before: Callable[[], None] = lambda: None,
    stdin: Mapping[str, Path] | None = None,
) -> dict[str, Measured]:
    """Run the commands in turn, A B C A B C …, so that a machine that slows down slows all of them; after a warm-up.

    `stdin` names the file that a command reads.
    """
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(0 if warm_up else 1, runs + 1):
        for name, command in commands.items():
            before()
            sample = _run(command, folder, (stdin or {}).get(name, Path(os.devnull)))
            if number:
                samples[name].append(sample)
    return {
        name: Measured(statistics.median(s for s, _ in taken), max(m for _, m in taken))
        for name, taken in samples.items()
    }


def _run(command: Sequence[str], folder: Path, stdin: Path) -> tuple[float, float]:
    began = time.perf_counter()
    with open(os.devnull, "wb") as nowhere, open(stdin, "rb") as source:
        process = subprocess.Popen(command, cwd=folder, stdin=source, stdout=nowhere, stderr=subprocess.PIPE)
        assert process.stderr is not None
        errors = process.stderr.read()
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {errors.decode()}")
    return seconds, usage.ru_maxrss / 1024
