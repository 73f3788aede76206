# Two commands do everything: make report, make test. Each sets up what it needs first.
SOURCE ?= complete_journey
JOBS ?= 2
ARGS ?=

# An active conda or virtual environment that has the package is used as it is; otherwise .venv is made.
HAS := import importlib.metadata as m; m.version("personalize")
OUTSIDE := $(filter-out $(CURDIR)/.venv,$(VIRTUAL_ENV)$(CONDA_PREFIX))
ACTIVE := $(if $(OUTSIDE),$(shell python -I -c '$(HAS)' 2>/dev/null && command -v python))
PYTHON := $(if $(ACTIVE),$(ACTIVE),.venv/bin/python)
READY := $(if $(ACTIVE),,.venv/.ready)
RUN := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PYTHON)

# The lock is complete, so nothing is ever resolved: what was published yesterday cannot matter.
UV := $(shell command -v uv 2>/dev/null)
PIP := -m pip --disable-pip-version-check install -qq --no-deps
INSTALL := $(if $(UV),uv pip install -q --no-deps --compile-bytecode --python $(PYTHON),$(PYTHON) $(PIP))
CHECK := $(if $(UV),uv pip check -q --python $(PYTHON),$(PYTHON) -m pip check)
OLDEST := import sys; sys.exit(sys.version_info < (3, 11))
NEWEST := import sys; sys.exit(sys.version_info >= (3, 14))
comma := ,
FAILED = { echo "set-up failed: $(1) Then run the same command again; it begins anew." >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup engines docs cluster lab report test lint notebooks verify bench clean
.DELETE_ON_ERROR:

help:  ## list these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12
	@echo 'Own data: make report SOURCE=shop.yml   One notebook: make report ARGS="--only 03 -p theta=1.5"'

setup: $(READY)  ## install everything into .venv (done by the other targets by themselves)

.venv/.ready: requirements.lock pyproject.toml
	@base=; for python in python3 python3.13 python3.12 python3.11 python; do \
	  $$python -c '$(OLDEST)' 2>/dev/null && { base=$$(command -v $$python); break; }; done; \
	[ -n "$$base" ] || { echo 'personalize needs Python 3.11 or newer on the path' >&2; exit 2; }; \
	echo "setting up .venv with $$($$base --version)$(if $(UV), and uv); this takes a few minutes once"; \
	$$base -c '$(NEWEST)' || echo 'this Python is newer than those tested (3.11, 3.12, 3.13): trying it'; \
	rm -rf .venv && $$base -m venv $(if $(UV),--without-pip )--prompt personalize .venv \
	  || $(call FAILED,Python could not make .venv. On Debian: apt install python3-venv.)
	@$(INSTALL) --require-hashes -r requirements.lock \
	  || $(call FAILED,requirements.lock could not be installed. See above$(comma) and whether the network is there.)
	@$(INSTALL) --no-build-isolation -e . \
	  || $(call FAILED,the package itself could not be installed. See above.)
	@$(CHECK) >.venv/check.txt 2>&1 || { cat .venv/check.txt >&2; false; } || $(call FAILED,the packages of the lock do not fit together on this Python. Try Python 3.11 to 3.13.)
	@.venv/bin/python -m compileall -q personalize
	@.venv/bin/python -c 'import matplotlib.font_manager, personalize as pz; \
	  pz.association_rules.warm(); pz.recommenders.warm()'
	@touch $@

engines: $(READY)  ## add Apache Spark and the PostgreSQL driver, which their tests need, to the environment
	@$(INSTALL) --require-hashes -r requirements-engines.lock \
	  || $(call FAILED,requirements-engines.lock could not be installed. See above$(comma) and whether the network is there.)

cluster: $(READY)  ## answers and faults on a real Spark cluster on this machine (after make engines; minutes)
	@$(RUN) tests/spark/cluster.py $(PYTHON) -m pytest -q -p no:cacheprovider tests/engine/test_conformance.py tests/engine/test_mllib.py
	@PERSONALIZE_CLUSTER=3e5 $(RUN) -m pytest -q -p no:cacheprovider tests/spark

lab: $(READY)  ## explore copies of the notebooks in JupyterLab
	@$(PYTHON) -m personalize lab $(ARGS)

report: $(READY)  ## run the notebooks on SOURCE and write reports/<name>/index.html
	@$(RUN) -m personalize report $(SOURCE) --jobs $(JOBS) $(ARGS)

test: lint  ## unit, property, published-table, doctest, notebook (nbval) and browser tests
	@$(RUN) -m pytest -q -n $(JOBS) --dist loadscope --cov=personalize --cov-report=term:skip-covered
	@$(RUN) -m pytest -q notebooks --nbval --nbval-current-env -p tests.conftest --nbval-sanitize-with tests/nbval.cfg \
	  --nbval-cell-timeout 300 --nbval-kernel-startup-timeout 120 -p no:cacheprovider -n $(JOBS) --dist loadscope

lint: $(READY)  ## style, format and types
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy

docs: $(READY)  ## write the API reference from the docstrings into docs/api
	@$(RUN) -m pdoc -d numpy --math -o docs/api personalize

notebooks: $(READY)  ## run every notebook in place with its default parameters and store the outputs
	@$(RUN) -m personalize.report.refresh

verify: $(READY)  ## rebuild the reports elsewhere and prove them byte-identical
	@$(RUN) -m personalize verify $(SOURCE) --jobs $(JOBS) $(ARGS)

bench: $(READY)  ## time against peers, as ratios within one run
	@$(RUN) -m benchmarks $(ARGS)

clean:  ## remove .venv, built reports and caches
	rm -rf .venv .bench .pytest_cache .hypothesis .ruff_cache .mypy_cache .coverage docs/api
	find reports -mindepth 1 ! -name README.md ! -name example.png -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
