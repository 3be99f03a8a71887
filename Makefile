# Everything runs in a private environment, .venv; nothing needs to be installed but Python 3.11 to 3.13, make and git.
# Paths are relative, so that the checkout may lie in a folder with spaces in its name.

.DEFAULT_GOAL := help
PY := .venv/bin/python
INSTALLED := .venv/installed
# Its warnings, such as of an index that is not there, help nobody here; its errors are shown.
PIP := $(PY) -m pip --quiet --quiet --disable-pip-version-check install
# The first of these that runs and has the right version.
PYTHONS := $(PYTHON) python3.13 python3.12 python3.11 python3 python

.PHONY: help demo airflow test releases oldest matrix crash fire lint types docs faults bench build clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## run an example Dag on a private Airflow, and see the answers
	@$(PY) -m airflow_provider_groq.demo

airflow: $(INSTALLED) ## start the whole of Airflow with the example Dags, to look around in
	@$(PY) -m airflow_provider_groq.demo --standalone

# In three processes, of which two mostly wait for Airflow, unless told what to run.
test: ARGS ?= -n 3 --dist loadgroup
test: $(INSTALLED) ## run all tests
	@$(PY) -m pytest $(ARGS)

releases: $(INSTALLED) ## try the package beside what each supported Airflow came with
	@$(PY) tests/releases $(ARGS)

oldest: $(INSTALLED) ## run the tests that depend most on Airflow, and the demo, on the oldest that is supported
	@$(PY) tests/releases --short $(ARGS)

matrix: $(INSTALLED) ## run the tests, but for the long ones, on each supported Airflow and Python; takes two hours
	@$(PY) tests/releases --suite --python 3.11 --python 3.12 --python 3.13 $(ARGS)

crash: $(INSTALLED) ## kill a task at 700 random moments, and count its batches; takes 30 minutes
	@$(PY) -m pytest tests/crash --crash-rounds 500 --job-rounds 200 $(ARGS)

fire: $(INSTALLED) ## run 50 Dags on Airflow while its parts are killed, three times; takes 20 minutes
	@$(PY) -m pytest tests/system/test_fire.py --fire-runs 50 --fire-seed 1 --fire-seed 2 --fire-seed 3 $(ARGS)

lint: $(INSTALLED) ## check style and form
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check

types: $(INSTALLED) ## check types
	@$(PY) -m mypy

docs: $(INSTALLED) ## build the documentation into docs/_build
	@$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo "docs/_build/index.html"

faults: $(INSTALLED) ## write docs/faults.md anew, after a change of tests/hooks/fault_table.py
	@cd tests && ../$(PY) -m hooks.fault_page

bench: .venv/peers ## install the peers, and run the benchmarks; takes an hour
	@for benchmark in imports.py memory.py whole_job.py never_twice.py triggerer.py metrics.py waits; do echo "== $$benchmark"; $(PY) tests/benchmarks/$$benchmark || exit 1; done

.venv/peers: $(INSTALLED)
	@$(PIP) -c constraints.txt --group bench
	@touch .venv/peers

build: $(INSTALLED) ## build the sdist and the wheel into dist
	@$(PY) -m build -q --outdir dist
	@ls dist

clean: ## remove what was made
	rm -rf .venv .demo .mypy_cache .pytest_cache .ruff_cache build dist docs/_build

$(INSTALLED): pyproject.toml constraints.txt
	@for python in $(PYTHONS); do \
	    if $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	    then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Python 3.11, 3.12 or 3.13 with the module venv is needed, and none was found as: $(strip $(PYTHONS))." >&2; \
	    echo "Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; \
	fi; \
	echo "Making .venv with $$found; this takes as long as installing Airflow does."; \
	"$$found" -m venv --clear .venv
	@$(PIP) -c constraints.txt pip uv
	@$(PY) -m uv pip install --quiet --python $(PY) -c constraints.txt --group dev -e . 2> .venv/uv.log || \
	    $(PIP) -c constraints.txt --group dev -e . || { cat .venv/uv.log >&2; exit 1; }
	@touch $(INSTALLED)
