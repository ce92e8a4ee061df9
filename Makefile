# Everything here starts from a bare Python 3.11+: each target makes the environment it needs, once.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench lock clean

# The first Python that is new enough; `make PYTHON=/path/to/python setup` overrides it.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# uv when it is there (faster), plain pip otherwise; both check every hash of the lock file.
UV := $(shell command -v uv 2>/dev/null)
INSTALL := $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet --disable-pip-version-check)
# Test processes; `make test WORKERS=0` runs them in one, `make test TESTS=tests/cli` runs a part.
WORKERS ?= auto
TESTS ?= tests

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with the locked dependencies and stresstest in it

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "stresstest needs Python 3.11 or later; none was found. Install one, or: make PYTHON=/path/to/python setup" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(STAMP): requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing the locked dependencies into $(VENV) (once)" >&2
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## run the shipped sample book and say where the report is
	@$(BIN)/stresstest demo

test: setup  ## run all tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

check: setup  ## format, lint, types and tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(MAKE) --no-print-directory test

format: setup  ## format the code and mend what the linter can
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: setup  ## measure speed side by side with the alternatives (ARGS=--quick: smaller)
	@$(BIN)/python -m benchmarks $(ARGS)

lock:  ## renew requirements.lock (needs uv); UPGRADE=1 takes the newest versions
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --all-extras --group dev --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade,) --output-file requirements.lock pyproject.toml

clean:  ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
