# `make demo` and `make test` set up what they need; everything lands in .venv and in the user's cache.
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TRITON ?= .triton
COMPOSE ?= .cache/compose
TRAIN_VENV ?= .venv-train
TRAIN_STAMP := $(TRAIN_VENV)/.installed
EDITORS ?= .editors
# Where the system's Node is too old, `make editors` brings one.
WITH_NODE := PATH="$(abspath $(EDITORS))/node/bin:$$PATH"

.PHONY: setup demo demo-finetune triton compose editors test test-train test-editors vsix screenshots check check-editors format format-editors bench picture settings clean

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

# What needs torch, transformers and DeepSpeed; pinned and heavy, so in an environment of its own.
test-train: $(TRAIN_STAMP)
	@sh scripts/triton.sh $(TRITON) || echo "continuing without Triton" >&2
	$(TRAIN_VENV)/bin/python -m pytest tests/train $(ARGS)

# Fine-tuning, seen: ghost text that knows a library that exists nowhere else. Minutes, on two cores; needs Triton.
demo-finetune: $(TRAIN_STAMP)
	@sh scripts/triton.sh $(TRITON)
	@PYTHONPATH=tests:demos $(TRAIN_VENV)/bin/python -P -m finetune $(ARGS)

$(TRAIN_STAMP): pyproject.toml scripts/setup-train.sh
	sh scripts/setup-train.sh $(TRAIN_VENV)
	@touch $(TRAIN_STAMP)

# The editors that the tests drive, what drives them, and what a user of them has installed.
editors:
	@sh scripts/editors/install.sh $(EDITORS)

# The extension for Visual Studio Code, as its users install it.
vsix:
	@$(WITH_NODE) sh scripts/vsix.sh

# Types, lint, format, and the tests that need no editor, of what is not Python.
check-editors: vsix
	@for part in tools lint emacs; do sh scripts/editors/$$part.sh $(EDITORS) || exit 1; done
	@$(WITH_NODE) sh scripts/editors/check.sh $(EDITORS)

# Real editors, with the real programs and model; make test-editors ARGS='-k neovim' for one of them.
test-editors: setup
	@sh scripts/editors/install.sh $(EDITORS) || echo "continuing without what is missing" >&2
	@$(WITH_NODE) sh scripts/vsix.sh || echo "continuing without the extension" >&2
	@$(WITH_NODE) sh scripts/editors/check.sh $(EDITORS)
	@echo "a test that fails is run once more, and counted below"
	EDITORS=$(EDITORS) $(BIN)/pytest tests/editors --reruns 1 -rR $(ARGS)

# docs/images, out of the real editors with the real model; make screenshots ARGS=neovim for one of them.
screenshots: setup
	@sh scripts/editors/install.sh $(EDITORS)
	@$(WITH_NODE) sh scripts/vsix.sh
	EDITORS=$(EDITORS) $(BIN)/python scripts/screenshots.py $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What check-editors complains of, as far as programs can mend it.
format-editors:
	@sh scripts/editors/lint.sh $(EDITORS)
	@$(WITH_NODE) node scripts/editors/stylua.mjs $(EDITORS)/stylua/node_modules editors/neovim
	@$(WITH_NODE) npm --prefix editors/vscode run --silent format

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
