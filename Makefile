# Everything runs in environments that this file makes: .venv (all), .venv-oldest and .venv-duckdb1 (tests).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help demo test quick lint bench docs fmt clean

help: ## Show these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

demo: .venv/.runtime ## Show a 60-day example: cost by feature, and what to try next (no account)
	@$(BIN)/whyspend demo
	@echo "Here, whyspend is $(BIN)/whyspend." >&2

test: .venv/.dev .venv-oldest/.done .venv-duckdb1/.done ## Run all tests, on both majors of DuckDB and with the oldest and newest clients
	$(BIN)/python -m pytest -n 2 --dist loadfile
	.venv-duckdb1/bin/python -m pytest -n 2 --dist loadfile -m "not slow" tests/engines tests/ledger tests/pricing tests/reports tests/workspace tests/formats

quick: .venv/.dev ## Run the tests that take no more than a few seconds each
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

lint: .venv/.dev ## Check style, types, layers and generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.build --check

bench: .venv/.dev ## Measure speed and size, as ratios in one run; writes docs/benchmarks.md
	$(BIN)/python -m bench

docs: .venv/.dev ## Write the generated parts of README and docs anew
	$(BIN)/python -m docs.build

fmt: .venv/.dev ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean: ## Remove environments and what was built
	rm -rf .venv .venv-oldest .venv-duckdb1 build .whyspend-demo

.venv/.runtime: pyproject.toml constraints.txt scripts/environment
	scripts/environment .venv -c constraints.txt -e .
	@touch $@

.venv/.dev: pyproject.toml constraints.txt scripts/environment
	scripts/environment .venv -c constraints.txt -e . --group dev
	@touch $@ .venv/.runtime

.venv-oldest/.done: tests/tagging/oldest.txt scripts/environment
	scripts/environment .venv-oldest -r tests/tagging/oldest.txt
	@touch $@

.venv-duckdb1/.done: pyproject.toml constraints.txt scripts/environment
	grep -v '^duckdb==' constraints.txt > build-constraints.tmp && echo 'duckdb==1.5.5' >> build-constraints.tmp
	scripts/environment .venv-duckdb1 -c build-constraints.tmp -e . --group tests
	rm -f build-constraints.tmp
	@touch $@
