# Needs git, make and Python 3.11 or newer; everything else goes into .venv.

# First Python that is new enough; `make PYTHON=/path/to/python3.12 …` names another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# On Linux, https://download.pytorch.org/whl/cpu spares several GB of CUDA libraries.
TORCH_INDEX ?=
RECIPE ?= default
HOME_DIR ?= .cladeflow
SEED_DIR ?= runs/seed-reasoning
# Further options of the command that a target runs, e.g. `make test ARGS=tests/unit`.
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--constraint constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@echo "Installing into $(VENV) (once, a few minutes) …"
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing the test tools into $(VENV) (once) …"
	$(INSTALL) --editable '.[dev]'
	@touch $@

.PHONY: install install-dev
install: $(VENV)/.installed ## install what running needs
install-dev: $(VENV)/.installed-dev ## install what testing needs as well

.PHONY: evolve
evolve: install ## let an agent improve itself (RECIPE, HOME_DIR, ARGS)
	$(BIN)/cladeflow evolve $(RECIPE) --home $(HOME_DIR) $(ARGS)

.PHONY: monitoring
monitoring: install ## Prometheus with rules and alerts on HOME_DIR's evolution (ARGS: --port N)
	$(BIN)/python -m dashboards.monitor $(HOME_DIR) $(ARGS)

.PHONY: test lint typecheck check
test: install-dev ## run every test, a process per core (ARGS goes to pytest)
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder $(ARGS)

lint: install-dev ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: install-dev ## check types
	$(BIN)/mypy

check: lint typecheck test ## all of the above

.PHONY: crash seed-model definitions evidence recipes bench
crash: install-dev ## kill 50 runs at random moments, compare what they resume to
	$(BIN)/python -m benchmarks.crash --kills 50 $(ARGS)

seed-model: install ## train the embedded seed model anew, into SEED_DIR: what ships stays as it is
	$(BIN)/python -m cladeflow.models.seed $(SEED_DIR) $(ARGS)

definitions: install-dev ## write what is generated from components/, pipelines/ and dashboards/
	$(BIN)/python -m tools.definitions
	$(BIN)/python -m dashboards.src

evidence: install ## measure the learning claims of docs/evidence.md
	$(BIN)/python -m benchmarks.evidence run $(ARGS)
	$(BIN)/python -m benchmarks.evidence report

recipes: install ## measure every recipe of docs/recipes against the control
	$(BIN)/python -m benchmarks.recipes run $(ARGS)
	$(BIN)/python -m benchmarks.recipes report

bench: export OMP_WAIT_POLICY = PASSIVE
bench: install-dev ## measure the speed claims of docs/evidence.md
	$(BIN)/python -m benchmarks.decode $(ARGS)
	$(BIN)/python -m benchmarks.training --threads 2 $(ARGS)
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.kubeflow_local
	$(BIN)/python -m benchmarks.exporter

.PHONY: pictures
pictures: install-dev ## take the README's pictures from the evolution in HOME_DIR, with chromium
	$(BIN)/python -m benchmarks.pictures $(HOME_DIR)

.PHONY: clean
clean: ## remove the environment and caches; homes stay
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
