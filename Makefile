# `make` lists the targets. Each makes what it needs, the virtual environment first.

VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.setup-done
DOCS    := $(VENV)/.docs-done
PIP     := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
# Where pip finds torch, if not in its usual index; on a machine without a GPU for instance
# `make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu`, which is ten times smaller.
TORCH_INDEX ?=
# The first interpreter that is new enough; `make PYTHON=…` names another.
PYTHON  ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
RUN     := runs/demo

.PHONY: help setup system demo test fast check format bench peers editors docs wheel clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: $(READY)  ## make .venv with everything that the others need

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "dlspec needs Python 3.11 or newer: install it, or name one with make PYTHON=…"; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment (on Debian: apt-get install python3-venv)"; exit 1; }

# torch comes first, so that nothing else chooses its build.
$(READY): pyproject.toml constraints.txt | $(BIN)/python
	@$(MAKE) --no-print-directory system
	@echo "installing torch, then dlspec with its tools, into $(VENV)"
	@$(PIP) torch $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	@$(PIP) -e '.[dev]'
	@touch $@

$(DOCS): pyproject.toml constraints.txt $(READY)
	@$(PIP) -e '.[docs]'
	@touch $@

# Both are wanted and neither is needed: `dot` lays out graphs (`dlspec draw x.svg`), chromium turns the page and the figure into pixels.
system:  ## install graphviz and chromium where apt can, else say how
	@if command -v dot >/dev/null && { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing graphviz and chromium"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends graphviz chromium >/dev/null; } \
			|| echo "apt could not install graphviz and chromium; going on without: some pictures will not be drawn"; \
	else \
		echo "graphviz (dot) or chromium is missing; going on without: some pictures will not be drawn."; \
		echo "  Debian, Ubuntu: sudo apt-get install graphviz chromium      macOS: brew install graphviz chromium"; \
	fi

demo: $(READY)  ## check, summarise, explain, draw, compile and train LeNet on handwritten digits
	@rm -rf $(RUN) && mkdir -p $(RUN)
	$(BIN)/dlspec check lenet
	$(BIN)/dlspec summary lenet
	$(BIN)/dlspec explain lenet:features.0
	$(BIN)/dlspec draw lenet -o $(RUN)/lenet.svg
	$(BIN)/dlspec compile lenet -o $(RUN)/lenet.py
	$(BIN)/dlspec train lenet --out $(RUN)/run
	@echo; echo "written:"; find $(RUN) -type f | sort | sed 's/^/  /'

test: $(READY)  ## every test
	$(BIN)/pytest -n 2 --dist worksteal

fast: $(READY)  ## the tests that take less than a second each
	$(BIN)/pytest -n 2 --dist worksteal -m 'not slow'

check: $(READY)  ## format, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(READY)  ## format the code and repair what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## every benchmark: start-up, deep specs, a warm process, eager speed, steps of training, accuracy on digits
	$(BIN)/python benchmarks/cold_start.py
	$(BIN)/python benchmarks/deep_spec.py
	$(BIN)/python benchmarks/warm.py
	$(BIN)/python benchmarks/eager.py
	$(BIN)/python benchmarks/steps.py
	$(BIN)/python benchmarks/drawing.py
	$(BIN)/python benchmarks/editor.py
	$(BIN)/python benchmarks/lenet_accuracy.py
	$(BIN)/python benchmarks/lenet_accuracy.py --spec digits_cnn --aim 0.995

peers: $(READY)  ## summary of ResNet-50 against other tools, each in an environment of its own
	$(BIN)/python benchmarks/peers.py --install

EXTENSION := editors/vscode

editors: $(READY)  ## the extension for VS Code, as editors/vscode/dlspec.vsix, and the tests that need node
	@command -v npm >/dev/null || { echo "building the extension needs node: https://nodejs.org"; exit 1; }
	cd $(EXTENSION) && npm ci --no-audit --no-fund && npm test && npm run package
	$(BIN)/pytest tests/editor

docs: $(DOCS)  ## the course run in full, and the documentation, as docs/_build/html/index.html
	$(BIN)/python docs/refresh.py --course
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

wheel: $(READY)  ## the wheel, in dist/
	$(BIN)/python -m build --wheel --no-isolation

clean:  ## remove what was built, the environment and the runs of the demo
	rm -rf $(VENV) $(RUN) build dist docs/_build $(EXTENSION)/node_modules $(EXTENSION)/dist $(EXTENSION)/dlspec.vsix .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
