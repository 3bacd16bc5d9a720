# Two commands for a fresh machine with Python 3.10+, git and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FUZZ_SECONDS ?= 120

# A company's own certificates are in the system's store, and uv brings its own unless told otherwise.
export UV_SYSTEM_CERTS ?= 1

.PHONY: demo gitops-demo test check bench fuzz hostile clean

demo: $(VENV)/demo ## build a real cellar, from training to a prediction with what is in production
	$(BIN)/python examples/demo.py

gitops-demo: $(VENV)/demo ## from a tag to a running model, on loopback: hooks, loops, an agent, a server, and what goes wrong
	PYTHONPATH=examples $(BIN)/python examples/gitops/run.py

# Four workers on two cores: a test waits for processes more than it computes.
test: check ## style, types and all tests
	$(BIN)/python -m pytest -n 4 --dist worksteal

check: $(VENV)/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy

bench: $(VENV)/test ## the numbers of docs/performance.md, side by side with git, gto and dvc
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/fleet.py

fuzz: $(VENV)/test $(VENV)/fuzz ## the properties of the pure core, for longer, and its parsers by coverage
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n 2 tests/core tests/cellar/test_crashes.py tests/cellar/test_machine.py tests/cellar/test_laws.py
	$(BIN)/python fuzz/parsers.py -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=512 -max_len=4096 -verbosity=0

hostile: $(VENV)/test ## every hostile repository of tests/hostile, read by every command: half an hour
	HOSTILE=all $(BIN)/python -m pytest -n 4 --dist worksteal tests/hostile

clean:
	rm -rf $(VENV)

# uv resolves and installs in seconds what takes pip minutes. Compiled once, for a test starts hundreds of processes, and
# DVC takes twice as long where PYTHONDONTWRITEBYTECODE keeps Python from doing it.
$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv

$(VENV)/test $(VENV)/demo $(VENV)/fuzz: $(VENV)/%: $(BIN)/uv pyproject.toml
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --group $* --editable .
	touch $@
