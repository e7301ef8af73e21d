# Every command a contributor uses; each installs what it needs into .venv and nothing elsewhere
# (docker-test and the browser tests install Debian packages where they run as root).
.DEFAULT_GOAL := help
.PHONY: install help help-pages soak test check bench docker-test browser-test format lock clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(VENV)/.runtime ## soak and what it needs, into .venv

soak: $(VENV)/.runtime ## the demo: the leaking and the fixed backend, judged and compared (about 5 minutes)
	@$(BIN)/soak demo

test: $(VENV)/.dev ## every test but those of containers and browser, which have commands of their own
	@$(BIN)/pytest -q -n 2 --dist loadgroup -m "not docker and not browser and not alone"
	@$(BIN)/pytest -q -m "alone and not docker and not browser"

check: $(VENV)/.dev ## ruff, mypy, import contracts, and that pages and layout agree with the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pytest -q tests/architecture tests/docs

bench: $(VENV)/.dev ## every benchmark, written to reports/benchmarks.md (about 30 minutes)
	@$(BIN)/python benchmarks/run_all.py

docker-test: $(VENV)/.dev ## the container tests; installs an engine where there is none (Debian, root)
	@docker/test.sh

browser-test: $(VENV)/.dev ## the report and the live page in a real Chromium (Debian, root, where there is none)
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; }
	@$(BIN)/pytest -q -m browser tests/browser

format: $(VENV)/.dev ## format and mend what ruff can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

help-pages: $(VENV)/.dev ## write docs/commands.md from what the commands say
	@$(BIN)/python -m tests.support.help_pages

lock: ## pin the newest allowed versions (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet -o requirements.txt pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet -c requirements.txt --extra dev -o requirements-dev.txt pyproject.toml
	for image in mock backend; do uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet -c requirements.txt -o docker/$$image.txt docker/$$image.in || exit; done

clean: ## remove the local environment and caches; stored runs stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

# venv is missing from some Debian Pythons; virtualenv does the same from PyPI
$(BIN)/python:
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV) && $(PYTHON) -m pip install --quiet --user virtualenv && $(PYTHON) -m virtualenv --quiet $(VENV); }

$(VENV)/.runtime: requirements.txt pyproject.toml | $(BIN)/python
	@echo "installing the pinned packages into $(VENV) (about a minute)"
	@$(PIP) --require-hashes -r requirements.txt
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "installing the pinned development packages into $(VENV)"
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@
