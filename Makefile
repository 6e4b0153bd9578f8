# The two commands of the README, and what they share.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python -m mer_jax.main

.PHONY: quickstart test fuzz kill disks clean

$(VENV)/runtime: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/development: $(VENV)/runtime pyproject.toml setup.py
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

quickstart: $(VENV)/runtime
	$(RUN) --config=configs/quickstart.py --workdir=runs/quickstart

test: $(VENV)/development
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/python -m pytest --numprocesses=2 --dist=loadfile

# Two minutes of random files for the readers, of which `make test` takes a few seconds.
fuzz: $(VENV)/development
	$(VENV)/bin/python -m pytest tests/fuzz --hypothesis-profile=fuzz --hypothesis-show-statistics

# Trainings killed thirty times at random moments, and thirty times more with every phase aimed at;
# and extractions of features; `make test` kills one of each twice.
kill: $(VENV)/development
	MER_JAX_KILLS=30 $(VENV)/bin/python -m pytest -s tests/killing

# Full disks, mounted and by a limit, and lost permissions at every moment; `make test` tries a few.
disks: $(VENV)/development
	MER_JAX_DISKS=all $(VENV)/bin/python -m pytest -s tests/full_disk

clean:
	rm -rf runs build *.egg-info .pytest_cache .ruff_cache
