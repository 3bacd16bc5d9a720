"""Which requirements name exact versions, as pip reads them."""

from __future__ import annotations

import time

import pytest

from gitcellar.core.environments import find_unlocked

COMMIT, DIGEST = "a" * 40, "b" * 64


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # pip ends a line at each of these, so what stands behind it is a requirement and no comment.
        ("a==1.0 # pinned\u2028evil", ["a==1.0 # pinned\u2028evil"]),
        ("a==1.0 # pinned\x0cevil", ["a==1.0 # pinned\x0cevil"]),
        ("a==1.0 # pinned\x85evil", ["a==1.0 # pinned\x85evil"]),
        ("a==1.0 # pinned\revil", ["a==1.0 # pinned\revil"]),
        # A comment does not go on in the next line.
        ("# pinned \\\nevil", ["evil"]),
        ("   # pinned \\\nevil", ["evil"]),
        ("a==1.0 \\\n# pinned \\\nevil", ["evil"]),
        ("evil \\", ["evil"]),
        ("a==1.*", ["a==1.*"]),
        ("a==${VERSION}", ["a==${VERSION}"]),
        ("a>=1", ["a>=1"]),
        ("a==1.0,>0", ["a==1.0,>0"]),
        ("a @ https://x/a.whl", ["a @ https://x/a.whl"]),
        ("a @ https://x/a.whl#sha256=abc", ["a @ https://x/a.whl#sha256=abc"]),
        (f"a @ git+https://x/a@{COMMIT}-branch", [f"a @ git+https://x/a@{COMMIT}-branch"]),
        ("-r other.txt", ["-r other.txt"]),
        ("-e .", ["-e ."]),
        ("\ufeffa==1.0", ["\ufeffa==1.0"]),
        ("x" * 300, ["x" * 200]),
        ("", []),
        ("# words\n\n--index-url https://x\n--require-hashes\n", []),
        ("a==1.0\r\nb === 2.0 # c\r\nC-d.e_f[x, y]==3!1.0.post1+local ; python_version > '3'\n", []),
        (f"a==1.0 \\\n    --hash=sha256:{DIGEST} \\\n    --hash=sha256:{DIGEST}\n", []),
        (f"a @ https://x/a.whl#sha256={DIGEST}\nb@git+https://x/b@{COMMIT} ; os_name == 'nt'", []),
        (f"a @ git+https://x/a@{COMMIT}#egg=a", []),
    ],
    ids=ascii,
)
def test_a_requirement_is_locked_where_pip_can_take_one_version_only(content: str, expected: list[str]) -> None:
    assert find_unlocked("requirements.txt", content.encode()) == expected


@pytest.mark.parametrize(
    "line",
    ["a" + "@" * 9990, "a" + " " * 9990 + "x", " " * 9990 + "x", "=" * 9990, "a[" * 4990, "a@" + ";" * 9900 + " x",
     " --hash=" * 1200, "a ==" + " " * 9900 + "#x", "a@" * 2_000_000, "a\\", "a"],
    ids=lambda line: f"{line[:8]}…",
)  # fmt: skip
def test_time_grows_with_the_length_of_a_file_and_no_faster(line: str) -> None:
    begun = time.process_time()
    assert find_unlocked("requirements.txt", f"{line}\n".encode() * (4 * 1024 * 1024 // (len(line) + 1)))
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(("file", "expected"), [("uv.lock", []), ("a/pylock.x.toml", []), ("environment.yml", ["environment.yml"])])  # fmt: skip
def test_a_lock_is_known_by_its_name(file: str, expected: list[str]) -> None:
    assert find_unlocked(file, b"x") == expected
