# make demo | test | lab | readme: each sets up .venv first, where it is not up to date.
SHELL  := /bin/bash
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3,$(shell command -v $(p))))

.PHONY: demo test lab readme export setup help

help:
	@echo "make demo    train a small voice on synthetic Amharic and hear it (under 10 minutes, set-up included)"
	@echo "make lab     open the notebooks in JupyterLab"
	@echo "make test    check everything (AMHARIC_TTS_DATA=FOLDER: with the development recordings too)"
	@echo "make readme  write README.md from nbs/index.ipynb"
	@echo "make export  write amharic_tts/ from the notebooks, and clean them"

# ---- set-up: needs the network only when settings.ini, setup.py or constraints.txt are newer than the last one

setup: $(STAMP)

$(STAMP): settings.ini setup.py constraints.txt
	@[ -n "$(PYTHON)" ] || { echo "there is no python3 on this machine: install Python 3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and f"Python 3.11 is wanted, {sys.executable} is {v[0]}.{v[1]}: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	@echo "set-up: .venv with $$($(PYTHON) --version)"
	@[ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# ---- what it is for

OUT ?= runs/demo
demo: $(STAMP)
	@$(BIN)/amharic-tts demo --out $(OUT)

lab: $(STAMP)
	@$(BIN)/jupyter lab --notebook-dir=. --LabApp.default_url=/lab/tree/nbs/train.ipynb

# ---- notebooks to package and README

export: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/nbdev_export && PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/nbdev_clean
	@$(BIN)/python .ci/project.py configs

readme: $(STAMP)
	@$(BIN)/python .ci/project.py readme

# ---- every check, in the order of how fast it fails; the first that fails ends it

test: $(STAMP)
	@$(BIN)/python .ci/project.py exported clean imports configs readme --check
	@echo "ruff: undefined and unused names" && $(BIN)/ruff check --quiet --select E9,F amharic_tts tests .ci
	@echo "nbdev_test: the notebooks" && MPLBACKEND=agg $(BIN)/nbdev_test --n_workers 2 --timing
	@echo "pytest: whole processes" && $(BIN)/python -m pytest -q tests
