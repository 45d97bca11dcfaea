# Thin: each target does its own set-up in .venv, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
JOBS ?= 4

.PHONY: run test check bench lock clean

run: $(VENV)/.ready
	$(BIN)/portal demo $(ARGS)

test: $(VENV)/.ready
	$(BIN)/pytest -n $(JOBS) $(ARGS)

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.check_migrations

bench: $(VENV)/.ready
	$(BIN)/python -m tests.benchmarks $(ARGS)

lock: $(VENV)/.ready
	$(BIN)/python -m piptools compile --quiet --generate-hashes --all-extras --strip-extras \
	  --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-options --output-file requirements.lock pyproject.toml

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "portal needs Python 3.11 or newer: make run PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

clean:
	rm -rf $(VENV) .cache dist build
