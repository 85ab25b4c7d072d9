# Outdial. `make help` lists what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# Servers and commands are started again and again, by tests and benchmarks above all. Where nothing
# compiled is kept, each of them compiles all of Outdial first, which takes it as long as the rest.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PROTOS := .protos/.ready
# Options for pytest: make test PYTEST="-k watch -x"
PYTEST ?=
# Test processes, two to a core: a test waits for other processes half of its time. 0 runs all in
# one.
WORKERS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
# Options for the server: make serve SERVE="--simulate"
SERVE ?=
# Options for the demo
DEMO ?=
# Simulated worlds: make sim SEEDS=10000 FIRST=200, or make sim SEED=17 for the story of one
SEEDS ?= 200
FIRST ?= 0
SEED ?=
# A run of real processes: make chaos CALLS=20000 KILLS=300 STOPS=300 SEED=7 DATABASE=sqlite
CALLS ?= 2000
KILLS ?= 40
STOPS ?= 40
DATABASE ?= postgres
# Words in the names of faults
MUTANTS ?=
# Rows and options for the benchmarks: make bench BENCH="dispatch watch --quick". The
# figures go to bench.json, too.
BENCH ?=

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Make .venv from the lock files (every other target does so when needed)

$(READY): requirements/dev.txt pyproject.toml src/client/pyproject.toml src/client/hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Outdial needs Python 3.11 or later (make PYTHON=...)")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable src/client --editable .
	@touch $@

.PHONY: protos
protos: $(PROTOS) ## Copy the google/api protos out of their package, for buf and protoc

$(PROTOS): $(READY)
	@rm -rf .protos
	@mkdir -p .protos/google
	@site="$$($(BIN)/python -c 'import google.api, pathlib; print(pathlib.Path(list(google.api.__path__)[0]).parent)')"; \
	for name in api rpc type; do \
		mkdir -p ".protos/google/$$name"; \
		cp "$$site/$$name"/*.proto ".protos/google/$$name/"; \
	done
	@touch $@

.PHONY: generate
generate: $(PROTOS) ## Generate generated/ and docs/errors.md from proto/, the sync client from the async
	$(BIN)/python .ci/generate.py
	$(BIN)/python .ci/generate_sync.py
	$(BIN)/python .ci/errors_page.py
	$(BIN)/python .ci/openapi.py

.PHONY: openapi
openapi: $(PROTOS) ## Generate generated/openapi/ from proto/ and the dialects
	$(BIN)/python .ci/openapi.py

.PHONY: check-generated
check-generated: $(PROTOS) ## Fail if what is generated is not current
	$(BIN)/python .ci/generate.py --check
	$(BIN)/python .ci/generate_sync.py --check
	$(BIN)/python .ci/errors_page.py --check
	$(BIN)/python .ci/openapi.py --check

.PHONY: format
format: $(PROTOS) ## Format Python and protos
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format
	$(BIN)/buf format --write proto

.PHONY: lint
lint: lint-python lint-proto check-generated ## Check style, types, import rules, protos and generated code

.PHONY: lint-python
lint-python: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: lint-proto
lint-proto: $(PROTOS)
	$(BIN)/buf format --diff --exit-code proto
	$(BIN)/buf lint

.PHONY: test
test: $(READY) ## Run the tests (PYTEST="-k name", WORKERS=0)
	@# Else each test process, and each server that it starts, would compile all of it.
	@$(BIN)/python -m compileall -q -j 0 src generated
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal $(PYTEST)

.PHONY: sim
sim: $(READY) ## Try to break the promises in simulated worlds (SEEDS=10000), or replay one (SEED=17)
	@PYTHONPATH=tests $(BIN)/python -m simulation --seeds $(SEEDS) --first $(FIRST) $(if $(SEED),--seed $(SEED))

.PHONY: chaos
chaos: $(READY) ## Kill and stop real servers, and judge by what rang (CALLS=20000 KILLS=300 STOPS=300 SEED=7 DATABASE=sqlite)
	@PYTHONPATH=tests GRPC_VERBOSITY=ERROR $(BIN)/python -m chaos --calls $(CALLS) --kills $(KILLS) --stops $(STOPS) --database $(DATABASE) $(if $(SEED),--seed $(SEED))

.PHONY: mutants
mutants: $(READY) ## Plant faults and show which tests catch each (MUTANTS="pause fence")
	@PYTHONPATH=tests $(BIN)/python -m mutants $(MUTANTS)

.PHONY: serve
serve: $(READY) ## Start the server on SQLite in this folder (SERVE="--simulate")
	$(BIN)/outdial-server serve $(SERVE)

.PHONY: demo
demo: $(READY) ## Dial a list of people through the simulated carrier, with live progress
	@$(BIN)/python examples/demo.py $(DEMO)

.PHONY: replicas
replicas: $(READY) ## Three servers on one PostgreSQL, killed while a client watches (REPLICAS="--kills 9")
	@$(BIN)/python examples/replicas/run.py $(REPLICAS)

.PHONY: bench
bench: $(READY) ## Measure this machine, each figure beside its raw limit (BENCH="--help")
	@PYTHONPATH=tests $(BIN)/python -m benchmarks --json bench.json $(BENCH)

.PHONY: build
build: $(READY) ## Build the wheels and source distributions into dist/
	rm -rf dist
	cd src/client && ../../$(BIN)/hatchling build --directory ../../dist
	$(BIN)/hatchling build --directory dist

.PHONY: lock
lock: $(READY) ## Resolve the dependencies anew into requirements/*.txt (LOCK="--upgrade")
	$(BIN)/uv pip compile $(LOCK_OPTIONS) $(LOCK) requirements/runtime.in --output-file requirements/runtime.txt
	$(BIN)/uv pip compile $(LOCK_OPTIONS) $(LOCK) --no-emit-package grpc-stubs requirements/dev.in --output-file requirements/dev.txt

# No header and no index: the files name packages and hashes, nothing about the
# machine that made them. googleapis-common-protos-stubs asks for grpc-stubs,
# which types-grpcio replaces, file by file; so it is left out, and setup
# installs with --no-deps.
LOCK ?=
LOCK_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes --no-header --annotation-style line

.PHONY: clean
clean: ## Remove the environment, caches and builds
	rm -rf $(VENV) .protos build dist .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests generated examples -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
