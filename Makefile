# `make demo` and `make test` do all the set-up: a virtual environment in .venv, no root, no GPU.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST ?= $(BIN)/pytest

.PHONY: install model demo test check bench evidence format docs clean

install: $(STAMP)

# torch goes first and alone: with it in place the rest does not ask for another build of it
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ttrl needs Python 3.11 or newer (found $(PYTHON)); try: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

model: $(STAMP)
	$(BIN)/ttrl model pull smollm2-135m

demo: model
	$(BIN)/ttrl solve problems/erdos_overlap_16

test: model
	$(PYTEST)

check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# each against an alternative in the same run; writes docs/benchmarks.json and docs/benchmarks.md
bench: model
	$(BIN)/python tests/benchmarks/run.py

# the runs, statistics and plots of docs/evidence.md, which take hours; goes on where it stopped.
# EVIDENCE=--list says how far it is, EVIDENCE="--jobs 1 --only erdos" makes some
evidence: model
	$(BIN)/python -m tests.evidence $(EVIDENCE)

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# the pages that tests compare with the code
docs: $(STAMP)
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) build dist
