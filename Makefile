# Thin: each target does its own set-up in .venv, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
JOBS ?= 4
UV := $(shell command -v uv)

.PHONY: run test check bench wheel lock clean

# From the folder itself: what runs the product needs no build.
run: $(VENV)/.run
	$(BIN)/python -m portal demo $(ARGS)

test: $(VENV)/.prove
	$(BIN)/pytest -n $(JOBS) $(ARGS)

check: $(VENV)/.prove
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.check_migrations
	$(BIN)/python -m tests.check_advisories

bench: $(VENV)/.prove
	$(BIN)/python -m tests.benchmarks $(ARGS)

# Into dist/; what it needs comes from its own list, at whatever newer versions there are.
wheel: $(VENV)/.prove
	$(BIN)/python -m hatchling build --target wheel

COMPILE = $(BIN)/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe \
  --no-emit-index-url --no-emit-find-links --no-emit-options

lock: $(VENV)/.prove
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

ifdef UV
INSTALL = VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet
else
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "portal needs Python 3.11 or newer: make run PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock | $(BIN)/python
	$(INSTALL) --require-hashes --requirement requirements.lock
	touch $@

# All that running needs, and what proving adds, at the same versions.
$(VENV)/.prove: requirements.lock requirements-dev.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes --requirement requirements-dev.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .cache dist build
