"""Hostile repositories whose text is slow, huge, broken, or made for a terminal, a log, a shell or a browser."""

from __future__ import annotations

from collections.abc import Callable

from tests.hostile.place import MODEL, Place

Make = Callable[[Place], None]
# What a terminal, GitHub's and Azure's logs, a shell, a spreadsheet and a Markdown page would each act on.
ESCAPES = "\x1b]0;evil\x07\x1b[2J\x9b31m\u202eevil\u2066\u2028\x85::error::evil"
LINES = "\n::error::evil\r::stop-commands::evil"
# GitHub's runner and Azure's look for these anywhere in a line.
INSIDE = "a ##[error]evil ##vso[task.setvariable variable=PATH]evil"
SHELL = "$(evil)`evil`;evil|evil&evil'\";evil"
MARKUP = "<img src=x onerror=evil()>[evil](https://evil.example)https://evil.example @evil |evil"
FORMULA = "=HYPERLINK(evil)"
EVERYTHING = ESCAPES + LINES + SHELL + MARKUP


def _manifest(text: str | bytes, *, file: str = "artifacts.yaml") -> Make:
    return lambda place: place.land({file: text})


def _entry(more: str) -> Make:
    """A manifest whose entry says more than its path."""
    return _manifest(f"{MODEL}:\n  path: models/vit-l-base\n  {more}\n")


def _metrics(file: str, text: str | bytes) -> Make:
    manifest = f"{MODEL}: {{path: models/vit-l-base, metrics: {file}, params: {file}, environment: requirements.txt}}\n"
    return lambda place: place.land({"artifacts.yaml": manifest, file: text})


def quote(text: str) -> str:
    """A YAML scalar of any text."""
    special = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r"}
    return '"' + "".join(special.get(c) or (c if " " <= c <= "~" else f"\\u{ord(c):04x}") for c in text) + '"'


def _linked(path: str, target: str) -> Make:
    def make(place: Place) -> None:
        place.link(path, target)
        place.land()

    return make


_BOMB = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
_LONG = "1:" + ":".join(["1"] * 250_000)

MANIFESTS: dict[str, Make] = {
    "yaml-base-60": _entry(f"custom: {_LONG}"),
    "yaml-base-60-as-a-key": _entry(f"custom: {{? {_LONG} : 1}}"),
    "yaml-base-60-as-a-float": _entry(f"custom: {_LONG}.5"),
    "yaml-integer-of-6000-digits": _entry(f"custom: {'9' * 6000}"),
    "yaml-metric-of-6000-digits": _entry(f"metrics: {{accuracy: {'9' * 6000}}}"),
    "yaml-octal-of-6000-digits": _entry(f"custom: 0{'7' * 6000}"),
    "yaml-empty-integer": _entry('custom: !!int ""'),
    "yaml-broken-float": _entry("custom: !!float abc"),
    "yaml-broken-timestamp": _entry("custom: !!timestamp abc"),
    "yaml-timestamp-out-of-range": _entry("custom: 2001-13-45 99:99:99"),
    "yaml-date": _entry("custom: 2001-01-01"),
    "yaml-date-as-a-key": _entry("custom: {2001-01-01: 1}"),
    "yaml-binary": _entry("custom: !!binary aGVsbG8="),
    "yaml-binary-as-a-key": _entry("custom: {!!binary aGVsbG8=: 1}"),
    "yaml-broken-binary": _entry("custom: !!binary ====x"),
    "yaml-set": _entry("custom: !!set {a, b}"),
    "yaml-python-object": _entry("custom: !!python/object/apply:os.system [evil]"),
    "yaml-null-as-a-key": _entry("custom: {~: 1}"),
    "yaml-keys-of-two-kinds": _entry("custom: {1: a, true: b, x: c, 1.5: d}"),
    "yaml-infinity": _entry("metrics: {accuracy: .inf, loss: .nan, x: -.inf}"),
    "yaml-huge-float": _entry("metrics: {accuracy: 1.0e+400}"),
    "yaml-aliases": _manifest(_BOMB),
    "yaml-merge-keys": _entry("<<: {a: 1}"),
    "yaml-depth": _entry(f"custom: {'[' * 100_000}"),
    "yaml-depth-of-maps": _entry("custom: " + "{a: " * 50_000),
    "yaml-duplicate-keys": _manifest(f"{MODEL}: {{path: a}}\n{MODEL}: {{path: b}}\n"),
    "yaml-many-duplicate-keys": _entry(f"custom: {{{'a: 1, ' * 60_000}}}"),
    "yaml-199000-values": _entry("custom: [" + "1, " * 199_000 + "]"),
    "yaml-100000-models": _manifest("".join(f"r/m{n}: {{path: models/vit-l-base}}\n" for n in range(60_000))),
    "yaml-60000-faults": _manifest("".join(f"r/m{n}: {{pth: 1}}\n" for n in range(60_000))),
    "yaml-too-large": _manifest("# " + "x" * 6_000_000),
    "yaml-key-of-a-megabyte": _entry(f"custom: {{? {'k' * 1_000_000} : 1}}"),
    "yaml-value-of-a-megabyte": _entry(f"description: {'d' * 1_000_000}"),
    "yaml-is-not-utf-8": _manifest(f"{MODEL}: {{path: m, description: \xff}}\n".encode("latin-1")),
    "yaml-is-utf-16": _manifest(f"{MODEL}: {{path: models/vit-l-base}}\n".encode("utf-16")),
    "yaml-with-a-nul": _manifest(f"{MODEL}: {{path: a}}\n\0\n"),
    "yaml-two-documents": _manifest(f"{MODEL}: {{path: a}}\n---\n{MODEL}: {{path: b}}\n"),
    "yaml-is-a-list": _manifest("- a\n- b\n"),
    "yaml-is-a-word": _manifest("hello\n"),
    "yaml-lone-surrogate": _entry('description: "\\ud800"'),
    "shape-is-huge": _entry(f"contract: {{inputs: {{a: {{dtype: x, shape: [{'9' * 4000}]}}}}}}"),
    "contract-of-5000-tensors": _entry(
        "contract: {inputs: {" + ", ".join(f"t{n}: {{dtype: x, shape: [1]}}" for n in range(5000)) + "}}"
    ),
    "labels-of-100000-words": _entry(f"labels: [{', '.join(f'l{n}' for n in range(100_000))}]"),
    "base-is-huge": _entry(f"base: vit-l/base@1.{'9' * 5000}"),
    "version-is-huge": lambda place: place.land(more=f"Base: vit-l/base@1.{'9' * 5000} {'0' * 40}\n"),
    "metrics-json-depth": _metrics("m.json", "[" * 200_000),
    "metrics-json-digits": _metrics("m.json", f'{{"accuracy": {"9" * 6000}}}'),
    "metrics-json-nan": _metrics("m.json", '{"accuracy": NaN, "loss": Infinity}'),
    "metrics-json-surrogate": _metrics("m.json", '{"accuracy": 0.9, "\\ud800": 1}'),
    "metrics-json-wide": _metrics("m.json", "{" + ",".join(f'"k{n}": 1' for n in range(200_000)) + ', "accuracy": 1}'),
    "metrics-json-of-utf-16": _metrics("m.json", '{"accuracy": 0.9}'.encode("utf-16")),
    "metrics-toml-dots": _metrics("m.toml", "a" + ".a" * 200_000 + " = 1\n"),
    "metrics-toml-date": _metrics("m.toml", "accuracy = 2001-01-01\n"),
    "metrics-toml-digits": _metrics("m.toml", f"accuracy = {'9' * 6000}\n"),
    "metrics-toml-depth": _metrics("m.toml", "a = " + "[" * 100_000),
    "metrics-toml-tables": _metrics("m.toml", "".join(f"[a{'.a' * (n % 90)}.b{n}]\n" for n in range(20_000))),
    "metrics-csv-wide": _metrics("m.csv", ",".join(f"c{n}" for n in range(200_000)) + "\n" + "1," * 199_999 + "1\n"),
    "metrics-csv-field": _metrics("m.csv", "accuracy\n" + "9" * 500_000 + "\n"),
    "metrics-csv-quote": _metrics("m.csv", 'accuracy\n"' + "1\n" * 500_000),
    "metrics-csv-ragged": _metrics("m.csv", "accuracy\n1,2,3\n"),
    "metrics-yaml-base-60": _metrics("m.yaml", f"accuracy: {_LONG}\n"),
    "metrics-is-a-binary": _metrics("m.json", b"\x80\x03cos\nsystem\n"),
    "metrics-is-a-git-file": _entry("metrics: .git/config"),
    "requirements-of-one-line": lambda place: place.land({"requirements.txt": "a@" + "@" * 3_000 + "#" * 3_000 + "\n"}),
    "requirements-of-references": lambda place: place.land({"requirements.txt": "a @ " + "#sha256" * 6_000 + "\n"}),
    "requirements-of-spaces": lambda place: place.land({"requirements.txt": "a==1" + " " * 60_000 + "x\n"}),
    "dvc-yaml-artifacts": lambda place: place.land(
        {"dvc.yaml": "artifacts:\n  1:1: {path: ../victim/secret.txt}\n  vit-l/base: [3]\n"}
    ),
    "manifest-path-goes-out": _entry("metrics: ../victim/secret.json"),
    "manifest-path-is-an-option": _entry("metrics: --output=evil"),
    "manifest-path-is-the-git-folder": _manifest(f"{MODEL}: {{path: .git, metrics: .git/config, params: .git/HEAD}}\n"),
    "manifest-path-of-dots": _manifest(f"{MODEL}: {{path: ., metrics: ./././metrics.json, params: a//b}}\n"),
    "manifest-is-a-link": _linked("artifacts.yaml", "../victim/secret.yaml"),
    "policy-is-a-link": _linked("gitcellar.yaml", "../victim/secret.yaml"),
    "metrics-are-a-link": _linked("metrics.json", "../victim/secret.json"),
    "params-are-a-link": _linked("params.yaml", "../victim/secret.yaml"),
    "lock-file-is-a-link": _linked("requirements.txt", "../victim/secret.txt"),
    "signers-are-a-link": _linked(".gitcellar", "../victim"),
    "model-folder-is-a-link": _linked("vit-l/base", "../../victim"),
}

SAID: dict[str, Make] = {
    "said-by-values": _entry(
        f"description: {quote(EVERYTHING)}\n  owner: {quote(EVERYTHING)}\n  labels: [{quote(EVERYTHING)}]"
    ),
    "said-by-keys": _entry(
        f"custom: {{{quote(EVERYTHING)}: 1}}\n  params: {{{quote(EVERYTHING)}: {{{quote(EVERYTHING)}: 2}}}}"
    ),
    "said-by-metrics": _entry(f"metrics: {{accuracy: 0.9, {quote(EVERYTHING)}: 1}}"),
    "said-by-metrics-in-a-file": lambda place: place.land(
        {"metrics.json": f'{{"accuracy": 0.9, {quote(EVERYTHING)}: 1}}'}
    ),
    "said-by-a-contract": _entry(
        f"contract: {{labels: [{quote(EVERYTHING)}], architecture: {quote(EVERYTHING)}, outputs: {{{quote(EVERYTHING)}: "
        f"{{dtype: {quote(EVERYTHING)}, shape: [1]}}}}}}"
    ),
    "said-by-an-unknown-key": _manifest(f"{MODEL}: {{path: m, {quote(EVERYTHING)}: {quote(EVERYTHING)}}}\n"),
    "said-by-a-model-name": _manifest(f"{quote(EVERYTHING)}: {{path: m}}\n{MODEL}: {{path: models/vit-l-base}}\n"),
    "said-by-a-path": _manifest(f"{MODEL}: {{path: {quote('models/' + ESCAPES + SHELL + MARKUP)}}}\n"),
    "said-by-a-base": _entry(f"base: {quote(EVERYTHING)}"),
    "said-by-a-broken-value": _entry(f"metrics: {quote(EVERYTHING)}\n  carbon_kg_co2e: {quote(EVERYTHING)}"),
    "said-by-a-tag": _entry(f"custom: !<{ESCAPES.encode().hex()}> x"),
    "said-by-requirements": lambda place: place.land({"requirements.txt": f"{ESCAPES}{SHELL}{MARKUP}\n"}),
    "said-by-a-file-name": lambda place: place.land(
        {f"vit-l/base/\x1b]0;evil\x07{LINES.replace('/', '')}\u202e.yaml": "x"}
    ),
    "said-inside-a-line": _manifest(
        f"{MODEL}: {{path: models/vit-l-base, description: '{INSIDE}', '{INSIDE}': 1, base: '{INSIDE}', custom: {{'{INSIDE}': 1}}}}\n"
    ),
    "said-inside-a-line-of-an-entry": _entry(f"description: '{INSIDE}'\n  custom: {{'{INSIDE}': '{INSIDE}'}}"),
    "said-by-a-manifest-folder": lambda place: place.land({"\x1b[2Jevil\n::error::evil/artifacts.yaml": "m: [1"}),
}

TOLD: dict[str, Make] = {
    "said-by-a-tagger": lambda place: place.land(tagger=f"{ESCAPES}{SHELL}@evil <{ESCAPES}@x>"),
    "said-by-a-tagger-to-a-spreadsheet": lambda place: place.land(tagger=f"{FORMULA} <eve@example.com>"),
    "said-by-a-subject": lambda place: place.land(subject=(ESCAPES + SHELL + MARKUP)),
    "said-by-a-message": lambda place: place.land(subject=f"Register\n\n{EVERYTHING}\n{FORMULA}"),
    "said-inside-a-line-of-a-tag": lambda place: place.land(
        tagger=f"{INSIDE} <e@e>", subject=INSIDE, more=f"Note: {INSIDE}\n"
    ),
    "said-by-trailers": lambda place: place.land(more=f"Note: {ESCAPES}{SHELL}\n{ESCAPES}: x\n"),
}
