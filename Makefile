# Everything runs in a private environment, .venv; nothing needs to be installed but Python 3.11 to 3.13, make and git.
# Paths are relative, so that the checkout may lie in a folder with spaces in its name.

.DEFAULT_GOAL := help
PY := .venv/bin/python
# The package with Airflow, which is all that the demo needs; and what the other commands need besides.
INSTALLED := .venv/installed
TOOLS := .venv/tools
# Its warnings, such as of an index that is not there, help nobody here; its errors are shown.
PIP := $(PY) -m pip --quiet --quiet --disable-pip-version-check install
# Where the environment forbids to keep bytecode, as images of containers do, each process of Airflow would compile anew what
# it imports, for seconds.
unexport PYTHONDONTWRITEBYTECODE
# The first of these that runs and has the right version.
PYTHONS := $(PYTHON) python3.13 python3.12 python3.11 python3 python

.PHONY: help demo airflow test peers releases oldest matrix crash fire lint types docs faults bench build release clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Times are those of 2 cores. What runs first makes .venv: about 15 s more for demo and airflow, 30 s for the others."

demo: $(INSTALLED) ## run an example Dag on a private Airflow, and show the answers (40 s)
	@$(PY) -m airflow_provider_groq.demo

airflow: $(INSTALLED) ## start all of Airflow with the example Dags (30 s to start)
	@$(PY) -m airflow_provider_groq.demo --standalone

# In five processes, most of which often wait for Airflow, unless told what to run.
test: ARGS ?= -n 5 --dist loadgroup
test: $(TOOLS) ## run all tests (15 min)
	@$(PY) -m pytest $(ARGS)

peers: .venv/peers ## install Airflow's own batch providers, and test the pages about them (1 min)
	@$(PY) -m pytest tests/coming_from tests/docs/test_comparison.py tests/docs/test_blocks.py $(ARGS)

releases: $(TOOLS) ## test the package with each supported Airflow, and the wheel alone (6 min)
	@$(PY) tests/releases $(ARGS)
	@$(if $(ARGS),true,$(PY) tests/distribution/alone.py)

oldest: $(TOOLS) ## run the tests that depend most on Airflow, and the demo, on the oldest supported Airflow (4 min)
	@$(PY) tests/releases --short $(ARGS)

matrix: $(TOOLS) ## run the tests, except the long ones, on each supported Airflow and Python (2 h)
	@$(PY) tests/releases --suite --python 3.11 --python 3.12 --python 3.13 $(ARGS)

crash: $(TOOLS) ## kill a task at 800 random moments, and count its batches (30 min)
	@$(PY) -m pytest tests/crash --crash-rounds 500 --job-rounds 200 --thrifty-rounds 100 $(ARGS)

fire: $(TOOLS) ## run 50 Dags on Airflow while its parts are killed, three times (20 min)
	@$(PY) -m pytest tests/system/test_fire.py --fire-runs 50 --fire-seed 1 --fire-seed 2 --fire-seed 3 $(ARGS)

lint: $(TOOLS) ## check style and form (1 s)
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check

types: $(TOOLS) ## check types (20 s, then 2 s)
	@$(PY) -m mypy

docs: $(TOOLS) ## build the documentation into docs/_build (10 s)
	@$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo "docs/_build/index.html"

faults: $(TOOLS) ## regenerate docs/reference/faults.md after a change of tests/hooks/fault_table.py (1 s)
	@cd tests && ../$(PY) -m hooks.fault_page

bench: .venv/peers ## install the peers, and run the benchmarks (1 h)
	@for benchmark in imports.py memory.py whole_job.py never_twice.py triggerer.py metrics.py page.py waits; do echo "== $$benchmark"; $(PY) tests/benchmarks/$$benchmark || exit 1; done

.venv/peers: $(TOOLS)
	@$(call install,--group bench)
	@touch .venv/peers

build: $(TOOLS) ## build the sdist and the wheel into dist, and check them (5 s)
	@rm -rf dist
	@$(PY) -m build -qq --no-isolation --outdir dist
	@$(PY) -m twine check --strict dist/*

release: build ## build the distributions, and list the remaining steps of a release (5 s)
	@$(PY) tests/distribution

clean: ## remove what make created
	rm -rf .venv .demo .mypy_cache .pytest_cache .ruff_cache build dist docs/_build
	find . -name __pycache__ -prune -exec rm -r {} +

$(INSTALLED): pyproject.toml constraints.txt
	@for python in $(PYTHONS); do \
	    if $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	    then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Python 3.11, 3.12 or 3.13 with the module venv is needed, and none was found as: $(strip $(PYTHONS))." >&2; \
	    echo "Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; \
	fi; \
	echo "Making .venv with $$found, and installing Airflow into it."; \
	"$$found" -m venv --clear .venv
	@$(PIP) -c constraints.txt uv
	@$(call install,-e .)
	@touch $(INSTALLED)

$(TOOLS): $(INSTALLED)
	@echo "Installing what this needs besides."
	@$(call install,--group dev -e .)
	@touch $(TOOLS)

# With uv, which takes seconds; where it fails, with pip, which is slower and has more ways to an index. It knows groups
# from 25.1 on.
define install
$(PY) -m uv pip install --quiet --python $(PY) -c constraints.txt $(1) 2> .venv/uv.log || \
    { $(PIP) 'pip>=25.1' && $(PIP) -c constraints.txt $(1); } || { cat .venv/uv.log >&2; exit 1; }
endef
