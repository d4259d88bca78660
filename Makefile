# `make demo` and `make test` set up what they need; everything lands in .venv and in the user's cache.
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TRITON ?= .triton
COMPOSE ?= .cache/compose
TRAIN_VENV ?= .venv-train
TRAIN_STAMP := $(TRAIN_VENV)/.installed
EDITORS ?= .editors

.PHONY: setup demo triton compose editors test test-train test-editors vsix screenshots check format bench picture settings clean

setup: $(STAMP)

$(STAMP): pyproject.toml scripts/setup.sh
	sh scripts/setup.sh $(VENV)
	@touch $(STAMP)

demo: setup
	@$(BIN)/pilotfish demo $(FILE)

# A real Triton server for the tests, where one can be had; elsewhere those that need it are skipped and say why.
triton:
	sh scripts/triton.sh $(TRITON)

# A Docker Compose that judges the compose files; the tests that need it are skipped without.
compose:
	sh scripts/compose.sh $(COMPOSE)

test: setup
	@sh scripts/triton.sh $(TRITON) || echo "continuing without Triton" >&2
	@sh scripts/compose.sh $(COMPOSE) || echo "continuing without Docker Compose" >&2
	$(BIN)/pytest $(ARGS)

# What needs torch and transformers; pinned and heavy, so in an environment of its own.
test-train: $(TRAIN_STAMP)
	$(TRAIN_VENV)/bin/python -m pytest tests/train $(ARGS)

$(TRAIN_STAMP): pyproject.toml scripts/setup-train.sh
	sh scripts/setup-train.sh $(TRAIN_VENV)
	@touch $(TRAIN_STAMP)

# The editors that the tests drive, what drives them, and what a user of them has installed.
editors:
	@sh scripts/editors/install.sh $(EDITORS)

# Real editors, with the real programs and model; ARGS='-k neovim' for one of them.
test-editors: setup
	@sh scripts/editors/install.sh $(EDITORS) || echo "continuing without" >&2
	EDITORS=$(EDITORS) $(BIN)/pytest tests/editors $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	PYTHONPATH=tests:bench $(BIN)/python -P bench/run.py $(ARGS)

# docs/ghost-text.svg, out of a real run of the demonstration.
picture: setup
	$(BIN)/python scripts/picture.py docs/ghost-text.svg

# The tables of docs/settings.md, out of lsp/settings.py.
settings: setup
	$(BIN)/python scripts/settings_reference.py

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache
