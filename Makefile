# Two commands do everything, their own set-up included:
#   make demo   four questions answered offline, one measurement reproduced, pages to open
#   make test   all tests

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test lint bubblewrap clean
.DELETE_ON_ERROR:

demo: $(VENV)/.core bubblewrap
	$(BIN)/sovereign demo --workspace demo-workspace

test: $(VENV)/.dev bubblewrap
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy --strict

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11"; echo "remedy: make PYTHON=python3.11 (or newer)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "error: $(PYTHON) cannot make a virtual environment"; echo "remedy: sudo apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.core: $(VENV)/.python pyproject.toml constraints.txt
	@echo "installing Sovereign into $(VENV)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt
	@echo "installing Sovereign, routelab and their test tools into $(VENV)"
	@$(PIP) --editable '.[dev,lab,lab-models]'
	@touch $@ $(VENV)/.core

# The sandbox of reproductions. Installed where we may; without it everything works but reproducing.
bubblewrap:
	@command -v bwrap >/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then as=; else as='sudo -n'; fi; \
	  command -v apt-get >/dev/null && { $$as apt-get install -y -q bubblewrap || \
	    { $$as apt-get update -q && $$as apt-get install -y -q bubblewrap; }; } >/dev/null 2>&1; \
	  command -v bwrap >/dev/null || \
	    echo "note: bubblewrap is missing, so nothing can be reproduced; remedy: sudo apt-get install bubblewrap"; }

clean:
	rm -rf $(VENV) demo-workspace
