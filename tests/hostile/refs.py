"""Hostile repositories whose refs and objects are many, broken, contradictory or oddly named."""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.hostile.place import MODEL, VERSION, Place
from tests.support.processes import git, run

Make = Callable[[Place], None]
REF = f"{MODEL}@{VERSION}"


def _packed(*names: str | bytes, many: int = 0) -> Make:
    """Refs to the version's commit, written into packed-refs, which takes names that git refuses elsewhere."""

    def make(place: Place) -> None:
        place.land()
        head = place.git("rev-parse", "HEAD").encode()
        place.git("pack-refs", "--all")
        file = place.work / ".git/packed-refs"
        _, *lines = [line for line in file.read_bytes().split(b"\n") if line and not line.startswith(b"^")]
        wanted = [os.fsencode(name) for name in names] + [b"junk-%d" % number for number in range(many)]
        lines += [head + b" refs/tags/" + name for name in wanted]
        lines.sort(key=lambda line: line.split(b" ", 1)[1])
        file.write_bytes(b"# pack-refs with: peeled sorted \n" + b"\n".join(lines) + b"\n")

    return make


def _named(*names: str) -> Make:
    """Tags with these names, each an annotated tag of the version's commit."""

    def make(place: Place) -> None:
        place.land()
        head = place.git("rev-parse", "HEAD")
        for name in names:
            written = place.tag(name.replace("/", "-"), head, "x\n")
            place.git("update-ref", "-d", f"refs/tags/{name.replace('/', '-')}")
            place.ref(f"refs/tags/{name}", written)

    return make


def _instead(kind: str, content: str) -> Make:
    """The version's ref holds an object of another kind, or a strange tag object."""

    def make(place: Place) -> None:
        place.land()
        head = place.git("rev-parse", "HEAD")
        place.git("update-ref", "-d", f"refs/tags/{REF}")
        place.ref(f"refs/tags/{REF}", place.store(content.replace("{head}", head), kind))

    return make


def _pointing(target: str, *refs: str) -> Make:
    def make(place: Place) -> None:
        place.land()
        found = target if len(target) == 40 else place.git("rev-parse", target)
        for ref in refs:
            place.ref(ref, found)

    return make


def _symbolic(ref: str, target: str) -> Make:
    def make(place: Place) -> None:
        place.land()
        (place.work / ".git" / ref).unlink(missing_ok=True)
        place.ref(ref, f"ref: {target}")

    return make


def _damaged(revision: str, content: bytes | None) -> Make:
    """An object whose file is gone, or holds something else."""

    def make(place: Place) -> None:
        place.land()
        name = place.git("rev-parse", revision)
        file = place.work / ".git/objects" / name[:2] / name[2:]
        file.chmod(0o644)
        file.unlink()
        if content is not None:
            file.write_bytes(content)

    return make


def _told(more: str) -> Make:
    return lambda place: place.land(more=more)


def _layers(place: Place) -> None:
    place.land()
    inner, kind = place.git("rev-parse", "HEAD"), "commit"
    for number in range(200):
        inner, kind = place.store(f"object {inner}\ntype {kind}\ntag t{number}\ntagger E <e> 1 +0000\n\nx\n"), "tag"
    place.ref(f"refs/tags/{REF}", inner)


def _events(place: Place, *, claims: bool = False, count: int = 3000) -> None:
    """Thousands of events of one model, by fast-import."""
    place.land()
    head = place.git("rev-parse", "HEAD")
    names = [f"{REF}=evaluated.x#{n + 10}" if claims else f"{MODEL}#staging#{n + 10}" for n in range(count)]
    stream = "".join(
        f"tag {name}\nfrom {head}\ntagger Eve <e@e> {1_900_000_000 + number} +0000\ndata 2\nx\n\n"
        for number, name in enumerate(names)
    )
    done = run(place.work, "git", "fast-import", "--quiet", stdin=stream)
    assert done.status == 0, done.err


def _branch_of_a_tag(place: Place) -> None:
    place.land()
    first = place.git("rev-list", "--max-parents=0", "HEAD")
    for name in (REF, f"refs/tags/{REF}", f"tags/{REF}", "-x", "HEAD"):
        place.ref(f"refs/heads/{name}", first)


def _replaced(place: Place) -> None:
    place.land()
    other = place.store(
        f"tree {place.git('rev-parse', 'HEAD~1^{tree}')}\nauthor E <e> 1 +0000\ncommitter E <e> 1 +0000\n\nx\n",
        "commit",
    )
    place.ref(f"refs/replace/{place.git('rev-parse', 'HEAD')}", other)


def _gitlink(place: Place) -> None:
    """The checkpoint, the manifest of a folder and DVC's folder are submodules."""
    place.land()
    for path in ("models/vit-l-base.dvc", "vit-l", "sub"):
        place.git("rm", "-q", "-r", "--cached", "--ignore-unmatch", path)
        place.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{path}")
    place.write(".gitmodules", f'[submodule "sub"]\n\tpath = sub\n\turl = {place.victim}\n\tupdate = !{place.evil}\n')
    place.git("add", ".gitmodules")
    place.git("commit", "-q", "--no-verify", "-m", "submodules")


def _tree_of_dots(place: Place) -> None:
    """A tree with entries that no work tree can have: `..`, `.git`, and one with a slash."""
    place.land()
    blob = place.git("hash-object", "-w", "--stdin")
    entries = b"".join(
        b"100644 " + name + b"\0" + bytes.fromhex(blob) for name in (b"..", b".git", b"a/../b", b"artifacts.yaml")
    )
    file = place.folder / "tree"
    file.write_bytes(entries)
    tree = git(place.work, "hash-object", "-t", "tree", "-w", "--literally", str(file))
    commit = place.store(f"tree {tree}\nauthor E <e> 1 +0000\ncommitter E <e> 1 +0000\n\nx\n", "commit")
    place.ref("refs/heads/main", commit)
    place.tag(f"{MODEL}@1.3", commit, "x\n")


_TAG = f"object {{head}}\ntype commit\ntag {REF}\n"
_LONG = "9" * 5000

REFS: dict[str, Make] = {
    "10000-tags": _packed(many=10_000),
    "3000-events": lambda place: _events(place),
    "3000-claims": lambda place: _events(place, claims=True),
    "names-of-a-shell": _named("vit-l/$(evil)@1.0", "vit-l/`evil`@1.0", "vit-l/base@1.3;evil", "vit-l/base@1.2|evil&"),
    "names-that-are-options": _named("-x@1.0", "--upload-pack=evil@1.0", "vit-l/-x@1.0"),
    "names-of-other-alphabets": _packed(
        "vit-l/\u202ebase@1.0", "a\u2028b@1.0", "a\x85b@1.0", "vit-l/base@1.\u0663", "\u0456a@1.0"
    ),
    "names-that-are-no-utf-8": _packed(b"vit-l/\xff\xfe@1.0", b"\xc2\x9b31m@1.0", b"junk-\x9b2J", b"vit-l/base@1.\xff"),
    "names-of-escapes": _packed("junk-\x1b]0;evil\x07", "vit-l/\x1b[2Jbase@1.0"),
    "names-of-logs": _packed("::error::evil", "##[error]evil@1.0", "vit-l/::stop::@1.0"),
    "names-that-go-out": _packed("../../../victim/secret.txt", "vit-l/../../../x@1.0", "vit-l/base@1.3/../../x"),
    "names-of-5000-digits": _packed(f"{MODEL}@1.{_LONG}", f"{MODEL}#staging#{_LONG}", f"{MODEL}@1.3!#{_LONG}"),
    "names-of-100000-parts": _packed("a/" * 50_000 + "b@1.0", "a." * 50_000 + "b@1.0", f"{MODEL}@1.0-{'a.' * 50_000}1"),
    "names-that-are-folders": _packed("vit-l", "vit-l/base", "vit-l/base@1.2/x"),
    "names-of-case": _packed("VIT-L/base@1.0", "vit-l/BASE@1.0"),
    "branches-named-as-tags": _branch_of_a_tag,
    "version-is-a-tree": _pointing("HEAD^{tree}", f"refs/tags/{REF}"),
    "version-is-a-blob": _pointing("HEAD:artifacts.yaml", f"refs/tags/{REF}"),
    "version-is-a-commit": _pointing("HEAD", f"refs/tags/{REF}"),
    "version-is-missing": _pointing("1" * 40, f"refs/tags/{REF}"),
    "version-is-no-id": _pointing("zz" * 20, f"refs/tags/{REF}"),
    "version-is-symbolic": _symbolic(f"refs/tags/{REF}", "refs/heads/main"),
    "version-names-itself": _symbolic(f"refs/tags/{REF}", f"refs/tags/{REF}"),
    "version-of-200-layers": _layers,
    "version-is-damaged": _damaged(REF, b"garbage"),
    "version-is-lost": _damaged(REF, None),
    "commit-is-lost": _damaged("HEAD", None),
    "manifest-is-lost": _damaged("HEAD:models/vit-l-base.dvc", None),
    "tip-is-a-blob": _pointing("HEAD:artifacts.yaml", f"refs/gitcellar/{MODEL}@tip"),
    "tip-is-missing": _pointing("1" * 40, f"refs/gitcellar/{MODEL}@tip", f"refs/gitcellar-remotes/origin/{MODEL}@tip"),
    "tag-without-a-tagger": _instead("tag", f"{_TAG}\nx\n"),
    "tag-of-a-tree-that-says-commit": _instead(
        "tag", _TAG.replace("{head}", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
    ),
    "tag-with-a-huge-date": _instead("tag", f"{_TAG}tagger Eve <e@e> {'9' * 30} +9999\n\nx\n"),
    "tag-with-a-negative-date": _instead("tag", f"{_TAG}tagger Eve <e@e> -99999999999 -9999\n\nx\n"),
    "tag-in-the-year-292277026596": _instead("tag", f"{_TAG}tagger Eve <e@e> 9223372036854775807 +0000\n\nx\n"),
    "tag-with-a-strange-zone": _instead("tag", f"{_TAG}tagger Eve <e@e> 1 evil\n\nx\n"),
    "tag-with-an-open-address": _instead("tag", f"{_TAG}tagger Eve <e@e<<> 1 +0000\n\nx\n"),
    "tag-with-more-headers": _instead("tag", f"{_TAG}tagger Eve <e@e> 1 +0000\nevil ::error::\n\nx\n"),
    "tag-of-garbage": _instead("tag", "garbage\n"),
    "tag-of-nothing": _instead("tag", ""),
    "tag-with-a-nul": _instead("tag", f"{_TAG}tagger Eve <e@e> 1 +0000\n\nx\0y\n\nModel: a\0b\n"),
    "tag-of-5-megabytes": _instead("tag", f"{_TAG}tagger Eve <e@e> 1 +0000\n\n{'x' * 5_000_000}\n"),
    "tag-of-50000-lines": _instead("tag", f"{_TAG}tagger Eve <e@e> 1 +0000\n\n" + "x\n" * 500_000),
    "tag-of-50000-trailers": _instead("tag", f"{_TAG}tagger Eve <e@e> 1 +0000\n\nx\n\n" + "Model: x\n" * 50_000),
    "tag-of-50000-spaces": _instead("tag", f"{_TAG}tagger Eve <e@e> 1 +0000\n\nx\n\nModel:{' ' * 50_000}x\n"),
    "tag-that-seems-signed": _instead(
        "tag",
        f"{_TAG}tagger Eve <e@e> 1 +0000\n\nx\n-----BEGIN SSH SIGNATURE-----\n{'A' * 70}\n-----END SSH SIGNATURE-----\n",
    ),
    "tag-with-a-huge-signature": _instead(
        "tag", f"{_TAG}tagger Eve <e@e> 1 +0000\n\nx\n-----BEGIN PGP SIGNATURE-----\n\n" + "A" * 3_000_000 + "\n"
    ),
    "trailer-of-another-model": _told("Model: other/base\n"),
    "trailer-of-a-huge-size": _told(f"Checkpoint: sha256:{'0' * 64} {_LONG} bytes\n"),
    "trailer-of-a-negative-size": _told(f"Checkpoint: sha256:{'0' * 64} -1 bytes\n"),
    "trailer-of-no-digest": _told("Checkpoint: sha256:../../victim/secret.txt 3 bytes\n"),
    "trailer-of-a-base-by-path": _told("Base: ../../victim@1.0 ../../victim\n"),
    "trailer-before-nothing": _told(f"Previous: {'1' * 40}\n"),
    "trailer-before-a-path": _told("Previous: ../../../victim/secret.txt\n"),
    "trailer-that-is-an-option": _told("Previous: --output=evil\nBase: --batch-all-objects@1.0 --help\n"),
    "objects-are-replaced": _replaced,
    "submodules": _gitlink,
    "tree-of-dots": _tree_of_dots,
}
