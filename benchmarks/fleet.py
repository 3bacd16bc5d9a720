"""What does a fleet cost its servers? Measured for one look, then played through for a million devices.

A device looks, pauses as `gitcellar agent` does (a tenth of jitter; where nobody answers, pauses double up to a minute)
and looks again. Played with a sample, for the counts are sums of independent devices.
"""

from __future__ import annotations

import math
import random
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cellars import MODEL, git, make_cellar

DEVICES, SAMPLE = 1_000_000, 50_000
EVERY, LONGEST = 60.0, 60.0
OUTAGE = (600.0, 900.0)  # seconds from the start, between which nobody answers
UNTIL = 1800.0
INDEX_BYTES = 721 + 310  # a slot's file and its signature, as `gitcellar index` wrote them for vit-l/base


@dataclass(frozen=True)
class Look:
    """One look: bytes that the server sends, and its seconds of processor."""

    size: int
    seconds: float


def main() -> None:
    """Measure one look at cellars of growing size, then play a fleet through an outage."""
    print("one look at Git (git ls-remote), by the cellar's size")
    looks = {}
    with tempfile.TemporaryDirectory(prefix="gitcellar-bench-") as name:
        for tags in (100, 10_000, 100_000):
            cellar = Path(name, f"cellar{tags}")
            make_cellar(cellar, tags)
            looks[tags] = _measure(cellar)
            print(f"  {tags:>7,} tags {looks[tags].size:>12,} bytes {looks[tags].seconds * 1000:9.1f} ms of processor")
    print(f"\n{DEVICES:,} devices that look every {EVERY:g} s")
    rate = DEVICES / EVERY
    for tags, look in looks.items():
        cores, width = rate * look.seconds, rate * look.size * 8 / 1e9
        print(f"  Git, {tags:>7,} tags: {cores:10,.0f} cores {width:10.2f} Gbit/s")
    print(
        f"  an index:           {rate * 2:10,.0f} requests/s for static files {rate * INDEX_BYTES * 8 / 1e9:.2f} Gbit/s"
    )
    calm, worst, after = _play()
    print(
        f"\nrequests in a second: {calm:,.0f} on average, at most {worst:,.0f}, after an outage of 5 min {after:,.0f}"
    )


def _measure(cellar: Path) -> Look:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    runs = 5
    for _ in range(runs):
        listing = git(cellar.parent, "ls-remote", "--tags", cellar.as_uri())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    assert MODEL in listing
    return Look(len(listing.encode()), seconds / runs)


def _play() -> tuple[float, float, float]:
    """The requests in an average second before the outage, in the worst one, and in the worst one after it."""
    dice = random.Random(1)
    seconds = [0] * (int(UNTIL) + 1)
    for _ in range(SAMPLE):
        at, failed = dice.uniform(0, EVERY), 0
        while at < UNTIL:
            seconds[int(at)] += 1
            failed = failed + 1 if OUTAGE[0] <= at < OUTAGE[1] else 0
            at += min(max(LONGEST, EVERY), EVERY * 2 ** min(failed, 10)) * dice.uniform(0.9, 1.1)
    scale = DEVICES / SAMPLE
    first, last = (math.floor(edge) for edge in OUTAGE)
    calm = seconds[60:first]
    return sum(calm) / len(calm) * scale, max(calm) * scale, max(seconds[last : last + 120]) * scale


if __name__ == "__main__":
    main()
