"""Hostile policies on the protected branch, where they judge."""

from __future__ import annotations

from collections.abc import Callable

from tests.hostile.place import POLICY, Place, in_turn
from tests.hostile.texts import EVERYTHING, quote

Make = Callable[[Place], None]


def _ruled(text: str, *, whole: bool = False) -> Make:
    """A policy that stands on the protected branch, here and as this clone knows the remote."""

    def make(place: Place) -> None:
        place.land({"gitcellar.yaml": text if whole else POLICY + text})
        _protect(place)

    return make


def _protect(place: Place) -> None:
    """Let the clone believe that the remote's default branch is where it is."""
    place.git("update-ref", "refs/remotes/origin/main", "HEAD")


def _beside(path: str, text: str, policy: str = "") -> Make:
    """A file beside the policy."""
    return in_turn(lambda place: place.write(path, text), _ruled(policy))


_STARS = "**a" * 30 + "**b"
_ANY = "*?" * 200 + "x"

POLICIES: dict[str, Make] = {
    "policy-with-a-glob-of-stars": _ruled(f"models: [{{match: '{'**' * 40}x'}}]\n"),
    "policy-with-a-glob-of-backtracking": _ruled(
        f"models: [{{match: '{'**-*' * 20}x'}}]\nnames: ['{'**i**' * 12}!']\n"
    ),
    "policy-with-globs-over-files": _beside(
        f"vit-l/base/{'a' * 200}.txt", "x", f"files: {{required: ['{_STARS}'], optional: ['{_ANY}']}}\n"
    ),
    "policy-with-a-freeze-of-stars": _ruled(
        f"freezes: [{{match: '{'**a' * 25}z', reason: {quote(EVERYTHING)}, until: 2099-01-01}}]\n"
    ),
    "policy-with-exceptions-of-stars": _ruled(
        f"exceptions: [{{rule: M001, match: '{'**s' * 25}z', reason: {quote(EVERYTHING)}, until: 2099-01-01}}]\n"
    ),
    "policy-of-10000-sections": _ruled(
        "models:\n" + "".join(f"- {{match: 'm{n}/**', scheme: cellar}}\n" for n in range(10_000))
    ),
    "policy-of-10000-people": _ruled(
        "people:\n"
        + "".join(
            f"  p{n}@x.example: {{keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{n:043d}]}}\n" for n in range(10_000)
        )
    ),
    "policy-of-10000-gates": _ruled(
        "stages: {staging: {}, production: {gates: ["
        + ", ".join("{metric: accuracy, at_least: 0.1}" for _ in range(10_000))
        + "]}}\n",
        whole=True,
    ),
    "policy-of-2000-stages": _ruled(
        "stages: {" + ", ".join(f"s{n}: {{from: [none]}}" for n in range(2_000)) + "}\n", whole=True
    ),
    "policy-of-aliases": _ruled("a: &a [1]\nb: [*a, *a]\n", whole=True),
    "policy-of-base-60": _ruled(f"max_size: {'1:' * 250_000}1\n"),
    "policy-with-a-huge-size": _ruled(f"max_size: {'9' * 6000}TB\n"),
    "policy-with-a-huge-number": _ruled(
        "stages: {production: {gates: [{metric: accuracy, at_least: 1.0e+999}]}}\n", whole=True
    ),
    "policy-with-a-command": _ruled("stages: {production: {gates: [{command: [evil]}]}}\n", whole=True),
    "policy-of-escapes": _ruled(f"{quote(EVERYTHING)}: {quote(EVERYTHING)}\ncellar: {quote(EVERYTHING)}\n", whole=True),
    "policy-with-names-of-escapes": _ruled(
        f"names: [{quote('vit-l/**' + EVERYTHING)}]\nprotected: [{quote(EVERYTHING)}]\n"
    ),
    "policy-of-another-kind": _ruled("- 1\n", whole=True),
    "policy-that-is-a-link": in_turn(
        lambda place: place.link("gitcellar.yaml", "../victim/secret.yaml"), Place.land, _protect
    ),
    "signers-of-100000-lines": _beside(".gitcellar/allowed_signers", "a@x ssh-ed25519 AAAA\n" * 100_000),
    "signers-with-options": _beside(
        ".gitcellar/allowed_signers",
        f"* ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43}\u2028\x0c\x1b[2J::error::evil\n",
    ),
}
