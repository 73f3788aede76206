# Two commands do everything: make report, make test. Each sets up what it needs first.
SOURCE ?= complete_journey
JOBS ?= 2
ARGS ?=

# An active conda or virtual environment that has the package is used as it is; otherwise .venv is made.
HAS := import importlib.metadata as m; m.version("personalize")
ACTIVE := $(if $(VIRTUAL_ENV)$(CONDA_PREFIX),$(shell python -I -c '$(HAS)' 2>/dev/null && command -v python))
PYTHON := $(if $(ACTIVE),$(ACTIVE),.venv/bin/python)
READY := $(if $(ACTIVE),,.venv/.ready)
RUN := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PYTHON)
UV := $(shell command -v uv 2>/dev/null)
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))

.DEFAULT_GOAL := help
.PHONY: help setup engines cluster lab report test lint notebooks verify bench clean
.DELETE_ON_ERROR:

help:  ## list these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12
	@echo 'Own data: make report SOURCE=shop.yml   One notebook: make report ARGS="--only 03 -p theta=1.5"'

setup: $(READY)  ## install everything into .venv (done by the other targets by themselves)

.venv/.ready: requirements.lock pyproject.toml
	@base=; for python in python3 python3.13 python3.12 python3.11 python; do \
	  $$python -c '$(FITS)' 2>/dev/null && { base=$$(command -v $$python); break; }; done; \
	[ -n "$$base" ] || { echo 'personalize needs Python 3.11, 3.12 or 3.13 on the path' >&2; exit 2; }; \
	echo "setting up .venv with $$($$base --version)$(if $(UV), and uv)"; \
	rm -rf .venv && $$base -m venv $(if $(UV),--without-pip )--prompt personalize .venv
ifneq ($(UV),)
	@uv pip install -q --python .venv/bin/python --compile-bytecode --no-deps --require-hashes -r requirements.lock
	@uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
else
	@.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
endif
	@.venv/bin/python -m compileall -q personalize
	@.venv/bin/python -c 'import matplotlib.font_manager, personalize as pz; from personalize.recommenders import kernels; \
	  pz.association_rules.warm(); pz.segmentation.warm(); kernels.warm()'
	@touch $@

engines: $(READY)  ## add Apache Spark and the PostgreSQL driver, which their tests need, to the environment
ifneq ($(UV),)
	@uv pip install -q --python $(PYTHON) --no-deps --require-hashes -r requirements-engines.lock
else
	@$(PYTHON) -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-engines.lock
endif

cluster: $(READY)  ## answers and faults on a real Spark cluster on this machine (after make engines; minutes)
	@$(RUN) tests/spark/cluster.py $(PYTHON) -m pytest -q -p no:cacheprovider tests/test_conformance.py tests/test_mllib.py
	@PERSONALIZE_CLUSTER=3e5 $(RUN) -m pytest -q -p no:cacheprovider tests/spark

lab: $(READY)  ## explore in JupyterLab
	$(PYTHON) -m jupyter lab --notebook-dir=notebooks

report: $(READY)  ## run the notebooks on SOURCE and write reports/<name>/index.html
	@$(RUN) -m personalize report $(SOURCE) --jobs $(JOBS) $(ARGS)

test: lint  ## unit, property, published-table, doctest, notebook (nbval) and browser tests
	@$(RUN) -m pytest -q -n $(JOBS) --dist loadscope --cov=personalize --cov-report=term:skip-covered
	@$(RUN) -m pytest -q notebooks --nbval --nbval-current-env -p tests.conftest --nbval-sanitize-with tests/nbval.cfg \
	  --nbval-cell-timeout 300 --nbval-kernel-startup-timeout 120 -p no:cacheprovider -n $(JOBS) --dist loadscope

lint: $(READY)  ## style and format
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .

notebooks: $(READY)  ## run every notebook in place with its default parameters and store the outputs
	@$(RUN) -m personalize.report.refresh

verify: $(READY)  ## rebuild the reports elsewhere and prove them byte-identical
	@$(RUN) -m personalize verify $(SOURCE) --jobs $(JOBS) $(ARGS)

bench: $(READY)  ## time against peers, as ratios within one run
	@$(RUN) -m benchmarks $(ARGS)

clean:  ## remove .venv, built reports and caches
	rm -rf .venv .bench .pytest_cache .hypothesis .ruff_cache .coverage
	find reports -mindepth 1 ! -name README.md ! -name example.png -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
