# The reports as one would make them without this kit: the papermill and nbconvert command lines, a cold kernel each.
# Called by wall.py as: make -j2 -f peer.mk PYTHON=... FROM=<folder of the notebooks>, in an empty folder.
HTML := $(patsubst $(FROM)/%.ipynb,%.html,$(wildcard $(FROM)/*.ipynb))

all: $(HTML)

executed/%.ipynb: $(FROM)/%.ipynb
	@mkdir -p executed
	@$(PYTHON) -m papermill --no-progress-bar --cwd $(FROM) $< $@

%.html: executed/%.ipynb
	@$(PYTHON) -m nbconvert --to html --output-dir . $<

.SECONDARY:
.PHONY: all
