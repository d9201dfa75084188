# Every target works on a fresh checkout: the environment is made when it is missing.
# PYTHON chooses the interpreter; ARGS goes to the command, e.g. make evaluate ARGS="--seeds 2".

PYTHON ?= python3
BIN := .venv/bin
AXE := tests/report/site/node_modules

.PHONY: help evaluate test house tests slow golden forging mutants fuzz bench gpu site docs cifar

help:
	@echo "make evaluate   train the built-in methods on embedded data and print the leaderboard"
	@echo "make test       format, lint, types, the house and tests"
	@echo "make slow       tests that take long: clusters, browsers, simulations, whole trainings"
	@echo "make golden     every published trial again, bit for bit"
	@echo "make forging    what is left to gain by altering trials of a submission"
	@echo "make mutants    wrong edits of the engine that no test notices; goes on where it was stopped"
	@echo "make fuzz       a million hostile files against every reader of strangers' files"
	@echo "make bench      what things cost: ratios, measured side by side"
	@echo "make gpu        tests and ratios that need a GPU"
	@echo "make cifar      the paper's CIFAR-10 tasks on a GPU; goes on where it was stopped"
	@echo "make docs       the API reference and the pages of docs/ as HTML, in build/docs/"
	@echo "make site       the published boards from the records in leaderboard/"

evaluate: $(BIN)/ready
	$(BIN)/weightbench evaluate $(ARGS)

test: $(BIN)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(MAKE) --no-print-directory --jobs 2 house tests

house: $(BIN)/ready
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

# Two workers a core: tests wait now and then, for processes that are killed, end or hang.
# A thread each: libraries that take all cores in every process wait for each other.
WORKERS := $(shell $(PYTHON) -c "import os; print(2 * os.cpu_count())")

tests slow: export OMP_NUM_THREADS := 1
tests slow: PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadgroup -p no:benchmark --ignore tests/benchmarks
tests: $(BIN)/ready
	$(PYTEST) -m "not slow" $(ARGS)

slow: $(BIN)/ready $(AXE)
	$(PYTEST) -m slow $(ARGS)

# What the browser tests check accessibility with; without npm they leave that out.
$(AXE): tests/report/site/package-lock.json
	-npm ci --silent --prefix tests/report/site

# Every published trial whose data are at hand (docs/data.md), trained again and compared bit for bit:
# two minutes for the embedded data, three hours on two cores with MNIST. ARGS="-k digits49" is a part.
golden: $(BIN)/ready
	GOLDEN=all $(BIN)/pytest -n auto -p no:benchmark tests/golden $(ARGS)

# What a forger who sees all but the draw of re-runs gains; docs/submit.md has the figures. Minutes.
forging: $(BIN)/ready
	$(BIN)/python -m tests.submission.forging

# ARGS="scoring --seconds 600" is a slice of one target; tests/mutants/targets.py has them all.
mutants: $(BIN)/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[mutants]'
	$(BIN)/python -m tests.mutants $(ARGS)

# Mutations of honest archives, JSON and records, bounded in time and memory, in about five minutes;
# COUNT=100000 is fewer, ARGS="--seed 7" others. What breaks a reader is kept in build/fuzz/.
COUNT := 1000000

fuzz: $(BIN)/ready
	$(BIN)/python -m tests.fuzz $(COUNT) $(ARGS)

bench: $(BIN)/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/pytest tests/benchmarks $(ARGS)

gpu: $(BIN)/ready
	$(BIN)/pytest -rs tests/training/test_gpu.py tests/benchmarks/test_gpu.py $(ARGS)

# The published boards, one for each of these suites, from the raw records in leaderboard/. The
# records come from
#   .venv/bin/weightbench evaluate --suite quick --out leaderboard      (and so on)
# and the anchors, made once for each version of a task, from
#   .venv/bin/weightbench anchors leaderboard --out leaderboard/anchors.json
# The page describes a task in full where its data set is at hand (docs/data.md). The last picture
# is of the pilot that leaderboard/README.md speaks of.
SUITES := rivals cifar-small bias clean-set paper-digits fig2 mnist-flips

site: $(BIN)/ready
	$(BIN)/weightbench leaderboard leaderboard $(SUITES:%=--suite %) --format markdown --out leaderboard/README.md
	$(BIN)/weightbench leaderboard leaderboard $(SUITES:%=--suite %) --format json --out leaderboard/board.json
	$(BIN)/weightbench leaderboard leaderboard $(SUITES:%=--suite %) --format html --out leaderboard/index.html
	$(BIN)/python -m weightbench.leaderboard.papers
	$(BIN)/weightbench plot skill leaderboard --suite rivals --out leaderboard/figures
	$(BIN)/weightbench plot imbalance leaderboard --out leaderboard/figures
	$(BIN)/weightbench plot curves leaderboard --task mnist49-imbalance-v0 --out leaderboard/figures

docs: $(BIN)/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python docs/build.py build/docs

# Hours of training. In slices: timeout --signal=INT 590 make cifar, again and again.
cifar: $(BIN)/ready
	$(BIN)/weightbench evaluate --suite cifar-short --device cuda --workers 4 --time-limit 86400 --out runs/cifar $(ARGS)
	$(BIN)/weightbench evaluate --suite cifar --device cuda --workers 4 --time-limit 86400 --out runs/cifar $(ARGS)

$(BIN)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@
