# Two commands: `make run` opens the workbench, `make test` checks everything.
# Variables: ARGS are handed to vmbench (make run ARGS="run tag:http"), TESTS to pytest.

SHELL := /bin/sh
BIN := .venv/bin
ARGS ?=
TESTS ?=

.DEFAULT_GOAL := help
.PHONY: help run test setup lint format bench screenshots docs lock

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Open the workbench; without a terminal, run the bundled registry
	@$(BIN)/vmbench $(ARGS)

setup: environment ## Install what is missing, make .venv, build the tiny guest
	@$(BIN)/vmbench image build tiny --if-missing

.PHONY: environment
environment:
	@tools/setup.sh

.PHONY: test-programs
test-programs:
	@tools/test_programs.sh

test: lint test-programs ## Check everything: format, lint, types, imports, tests
	@$(BIN)/pytest -n logical --maxprocesses 4 --dist worksteal $(TESTS)

lint: environment ## Check format, lint, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: environment ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## Measure: ratios to a floor taken in the same run
	@for bench in tests/bench/bench_*.py; do PYTHONPATH=. $(BIN)/python "$$bench" || exit 1; done

screenshots: environment ## Make screenshots/*.svg from the real app
	@$(BIN)/python -m app.tui.screenshots

docs: environment ## Write docs/cli.md from the commands' help
	@$(BIN)/python -m app.cli.main man --format md > docs/cli.md

lock: ## Write requirements.lock anew (needs uv)
	@tools/lock.sh
