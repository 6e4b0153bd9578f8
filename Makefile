# The two commands of the README, and what they share.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python -m mer_jax.main

.PHONY: quickstart media test fuzz golden kill ray disks clean

$(VENV)/runtime: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/development: $(VENV)/runtime pyproject.toml setup.py
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

quickstart: $(VENV)/runtime
	$(RUN) --config=configs/quickstart.py --workdir=runs/quickstart

# From clips to predictions, as docs/from_videos_to_submission.md does it, on clips drawn here.
media: $(VENV)/runtime
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[extract]'
	$(VENV)/bin/python -m mer_jax.extraction.synthetic_clips media/clips 48
	$(RUN) --mode=extract --media=media/clips --clips=media/clips/clips.csv \
		--sets="mel-statistics, letter-pairs, image-grid" --out=media/corpus
	$(RUN) --config=base --workdir=media/run --config.data.corpus=table \
		--config.data.root=media/corpus --config.features.audio=mel-statistics-UTT \
		--config.features.text=letter-pairs-UTT --config.features.video=image-grid-UTT \
		--config.data.standardise=True --config.train.learning_rate=1e-3 --config.model.hidden=64 \
		--config.train.epochs=30 --config.repeats=1 --config.folds=3
	$(RUN) --mode=report --workdir=media/run --clip=clip_000 --media=media/clips
	$(VENV)/bin/python -m mer_jax.extraction.synthetic_clips media/new 8 1
	$(RUN) --mode=predict --workdir=media/run --media=media/new \
		--clips=media/new/clips.csv --out=media/submission.csv

# A worker that crashes ends the run: replaced, it may wait for ever (pytest-xdist's issue 784).
test: $(VENV)/development
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder \
		--max-worker-restart=0

# Two minutes of random files for the readers, of which `make test` takes a few seconds.
fuzz: $(VENV)/development
	$(VENV)/bin/python -m pytest tests/fuzz --hypothesis-profile=fuzz --hypothesis-show-statistics

# Every golden file of MERBench's release, in both precisions; `make test` takes one an algorithm.
golden: $(VENV)/development
	MER_JAX_GOLDEN=all $(VENV)/bin/python -m pytest tests/models/test_golden.py

# Trainings killed thirty times at random moments, and thirty times more with every phase aimed at;
# and extractions of features; `make test` kills one of each twice.
kill: $(VENV)/development
	MER_JAX_KILLS=30 $(VENV)/bin/python -m pytest -s tests/killing

# Extraction on a Ray cluster of two machines, with a pretrained encoder in JAX; `make test` has none.
ray: $(VENV)/development
	MER_JAX_RAY=all $(VENV)/bin/python -m pytest tests/extraction/test_ray_cluster.py

# Full disks, mounted and by a limit, and lost permissions at every moment; `make test` tries a few.
disks: $(VENV)/development
	MER_JAX_DISKS=all $(VENV)/bin/python -m pytest -s tests/full_disk

clean:
	rm -rf runs build *.egg-info .pytest_cache .ruff_cache
