"""A cellar from training to production, on real models: run it with `make demo`.

It trains, tracks, registers, promotes and rolls back in a folder of its own, with the commands that a person would
type, and at the end downloads what is in production from the bare remote and predicts with it.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import digits

GITCELLAR = str(Path(sys.executable).with_name("gitcellar"))
DVC = str(Path(sys.executable).with_name("dvc"))


@dataclass(frozen=True)
class Demo:
    """The demo's folder: a clone to work in, a bare remote, and DVC's storage, all local."""

    folder: Path

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    def say(self, text: str) -> None:
        """A line of narration."""
        print(f"\n# {text}", flush=True)

    def run(self, *command: str, inside: Path | None = None, refused: bool = False) -> str:
        """Show a command, run it, show what it prints, and stop the demo where it ends otherwise than expected."""
        print(f"$ {shlex.join(command)}", flush=True)
        program = {"gitcellar": GITCELLAR, "dvc": DVC}.get(command[0], command[0])
        done = subprocess.run(
            [program, *command[1:]], cwd=inside or self.work, capture_output=True, text=True, check=False
        )
        for line in (done.stdout + done.stderr).splitlines():
            print(f"  {line}")
        if done.returncode != (1 if refused else 0):
            sys.exit(f"demo: this was to {'be refused' if refused else 'succeed'}, and ended with {done.returncode}")
        return done.stdout

    def train(
        self, model: str, customer: str, *, base: str | None = None, epochs: int, rate: float, samples: int
    ) -> None:
        """Train a version of a model, from the checkpoint of its base where there is one, and commit it."""
        path = self.work / "models" / f"{model.replace('/', '-')}.safetensors"
        start = None
        if base is not None:
            start = self.folder / "base.safetensors"
            self.run("gitcellar", "get", base, "-o", str(start), "--force")
        digits.save(digits.train(customer, start=start, epochs=epochs, rate=rate, samples=samples), path)
        metrics = {"accuracy": digits.accuracy(path, customer)}
        if base is not None and start is not None:
            metrics["accuracy_of_base"] = digits.accuracy(start, customer)
        name = path.stem
        (self.work / "metrics").mkdir(exist_ok=True)
        (self.work / f"metrics/{name}.json").write_text(json.dumps(metrics) + "\n")
        print(f"  trained {model} on {samples} {customer} pictures: {metrics}")
        words = ["--base", base] if base else ["--description", f"Digits, {digits.HIDDEN} hidden units"]
        self.run(
            *("gitcellar", "add", model, f"models/{name}.safetensors", *words),
            *("--metrics", f"metrics/{name}.json", "--param", f"epochs={epochs}", "--param", f"rate={rate}"),
            *("--data", f"{customer}=sklearn-digits-{samples}", "--set", "framework=scikit-learn"),
        )
        self.run("git", "add", "-A")
        self.run("git", "commit", "-q", "-m", f"Train {model}")


def main() -> None:
    """Run the demo in the folder that was named, or in a fresh one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="gitcellar-demo-"))
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"demo: {folder} is not empty; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    # Nobody's own git or DVC configuration takes part, and none is changed; least of all a running hook's repository.
    for variable in [name for name in os.environ if name.startswith(("GIT_", "DVC_", "XDG_"))]:
        del os.environ[variable]
    os.environ.update(HOME=str(folder / "home"), GIT_CONFIG_GLOBAL=str(folder / "gitconfig"), GIT_CONFIG_NOSYSTEM="1")
    os.environ.update(DVC_NO_ANALYTICS="1", NO_COLOR="1")
    (folder / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.com\n[init]\ndefaultBranch = main\n")
    began = time.monotonic()
    print(f"The demo builds a cellar in {folder}. Look at it afterwards; remove it when you like.")
    demo = Demo(folder)
    set_up(demo)
    register_models(demo)
    promote(demo)
    ask(demo)
    use(demo)
    print(f"\nDone in {time.monotonic() - began:.0f} s. The cellar: {demo.work}")


def set_up(demo: Demo) -> None:
    """A clone with a bare remote, and DVC with a local folder as its default remote."""
    demo.say("A repository with a bare remote, and a cellar in it.")
    demo.run("git", "init", "-q", "--bare", str(demo.remote), inside=demo.folder)
    demo.run("git", "init", "-q", str(demo.work), inside=demo.folder)
    demo.run("git", "remote", "add", "origin", str(demo.remote))
    demo.run("gitcellar", "init")
    demo.run("dvc", "remote", "add", "-q", "-d", "storage", str(demo.folder / "storage"))
    demo.run("git", "add", "-A")
    demo.run("git", "commit", "-q", "-m", "A cellar")
    demo.run("git", "push", "-q", "-u", "origin", "main")
    demo.say("Hooks judge what is committed, pushed and, on the server, received.")
    demo.run("gitcellar", "hook", "install")
    demo.run("gitcellar", "hook", "install", "--server", "-C", str(demo.remote))


def register_models(demo: Demo) -> None:
    """A base model in two versions, and two customers' models tuned from it."""
    demo.say("A base model. Its first version is 1.0: applications may rely on it.")
    demo.train("digits/base", "factory", epochs=6, rate=0.003, samples=600)
    demo.run("gitcellar", "register", "digits/base", "--version", "1.0", "--push")
    demo.say("A customer with a noisy scanner: tuned from the base, so 1.0.1.")
    demo.train("digits/noisy", "noisy", base="digits/base@1.0", epochs=8, rate=0.002, samples=600)
    demo.run("gitcellar", "register", "digits/noisy", "--push")
    demo.say("More data for the customer: trained again from the base, never topped up. 1.0.2.")
    demo.train("digits/noisy", "noisy", base="digits/base@1.0", epochs=10, rate=0.002, samples=1300)
    demo.run("gitcellar", "register", "digits/noisy", "-m", "All of the customer's pictures.", "--push")
    demo.say("A better base: the same contract, more training, so Y rises by itself.")
    demo.train("digits/base", "factory", epochs=25, rate=0.003, samples=1300)
    demo.run("gitcellar", "register", "digits/base", "--push")
    demo.say("Models tuned from the new base say so in their number.")
    demo.train("digits/noisy", "noisy", base="digits/base@1.1", epochs=12, rate=0.002, samples=1300)
    demo.run("gitcellar", "register", "digits/noisy", "--push")
    demo.train("digits/inverted", "inverted", base="digits/base@1.1", epochs=20, rate=0.003, samples=1300)
    demo.run("gitcellar", "register", "digits/inverted", "--push")


def promote(demo: Demo) -> None:
    """What the rules refuse, what goes live, and the way back."""
    demo.say("A number that would leave a gap is refused, and so is the same checkpoint under a second number.")
    demo.run("gitcellar", "register", "digits/inverted", "--version", "1.1.3", refused=True)
    demo.say("Plain git is judged too: the server refuses the tag, whatever the clone skips.")
    demo.run("git", "tag", "-a", "-m", "mine", "digits/inverted@1.1.3")
    demo.run("git", "push", "-q", "--no-verify", "origin", "digits/inverted@1.1.3", refused=True)
    demo.run("git", "tag", "-d", "digits/inverted@1.1.3")
    demo.say("Into staging, then production. The second promotion displaces the first.")
    demo.run("gitcellar", "assign", "digits/inverted", "production", "--push", refused=True)
    for version in ("inverted@latest", "noisy@1.0.2"):
        demo.run("gitcellar", "assign", f"digits/{version}", "staging", "--push")
        demo.run("gitcellar", "assign", f"digits/{version}", "production", "--push")
    demo.run("gitcellar", "assign", "digits/noisy@latest", "staging", "--push", "-m", "Tuned from the new base.")
    demo.run("gitcellar", "assign", "digits/noisy@latest", "production", "--push")
    demo.say("Something is wrong with it in the field: back to what was there before.")
    demo.run("gitcellar", "rollback", "digits/noisy", "production", "--push", "-m", "Latency alarm.")


def ask(demo: Demo) -> None:
    """The questions that a registry is for."""
    demo.say("What is there, and what is live?")
    demo.run("gitcellar", "show")
    demo.run("gitcellar", "show", "digits/noisy")
    demo.say("What happened?")
    demo.run("gitcellar", "history", "digits/noisy")
    demo.say("What exactly is in production, and where does it come from?")
    demo.run("gitcellar", "describe", "digits/noisy#production")


def use(demo: Demo) -> None:
    """What a serving machine does: no clone, only the URL of the bare remote."""
    demo.say("On a machine that serves: from the bare URL, by stage, verified.")
    serving = demo.folder / "serving"
    serving.mkdir()
    url = demo.remote.as_uri()
    demo.run("gitcellar", "resolve", "digits/noisy#production", "--repo", url, inside=serving)
    demo.run(*("gitcellar", "get", "digits/noisy#production", "--repo", url, "-o", "model.safetensors"), inside=serving)
    _, _, pixels, labels = digits.load_data("noisy")
    seen = digits.predict(serving / "model.safetensors", pixels)
    print(f"  pictures: {' '.join(map(str, labels[:20]))}\n  it sees:  {' '.join(map(str, seen[:20]))}")
    print(f"  accuracy: {(seen == labels).mean():.3f} of {len(labels)} held-out pictures")


if __name__ == "__main__":
    main()
