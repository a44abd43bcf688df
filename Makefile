# Every target is one command; what it does lives in Python.
# Variables: VIDEO, OUT, TORCH_BACKEND=cpu|cuda, PYTHON, PYTEST, ARGS (passed on).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

RUN := PYTHONPATH=$(CURDIR) .venv/bin/python
# On the data of the platform that `make up` starts, unless FEX_* variables name another.
WITHIN := $(RUN) -m include.platform.within
PYTEST ?= -q --durations=10
# A file's tests stay in one process; a platform that runs whole gets the machine to itself.
# The files with few tests are those that take long: they start first, not last.
SIDE_BY_SIDE := -n auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
# What costs minutes and seldom fails alone has a target of its own: `make thorough`.
EVERYDAY := -m 'not thorough'
SOURCES := dags include ml plugins scripts tests benchmarks
# Rooms are built over time: name to the tools only those that exist.
PRESENT = $(wildcard $(SOURCES))

export TORCH_BACKEND ?= cpu
# Airflow starts a process for each task: without cached bytecode every one of
# them would compile thousands of modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: ## Install everything into .venv (near-instant when nothing changed)
	@PYTHON="$(PYTHON)" scripts/setup.sh

# -- the platform

.PHONY: demo
demo: setup ## Watch a video become a report (VIDEO=file or folder, else one is made)
	@$(RUN) -m include.demo recording $(if $(VIDEO),--video "$(VIDEO)") $(ARGS)

.PHONY: demo-loop
demo-loop: setup ## Watch a model degrade, be retrained, approved and rolled back, on made data (ARGS=--stop)
	@$(RUN) -m include.demo loop $(ARGS)

.PHONY: up
up: setup ## Start the platform and leave it running
	@$(RUN) -m include.platform up $(ARGS)

.PHONY: down
down: setup ## Stop the platform; data and history stay
	@$(RUN) -m include.platform down $(ARGS)

.PHONY: status
status: setup ## Show components, health and recordings (fails unless all is healthy)
	@$(RUN) -m include.platform status $(ARGS)

.PHONY: production
production: setup ## Run docker-compose.yaml without an engine: start, analyse a study, check, stop (ARGS=--stay, ARGS=down; root on Debian)
	@scripts/production_packages.sh
	@$(RUN) -m include.platform.stack $(ARGS)

.PHONY: image
image: setup ## Build docker/Dockerfile step by step without an engine and use the result (root on Debian with mmdebstrap)
	@nice -n 5 env PYTHONPATH=$(CURDIR) .venv/bin/python -m scripts.image $(ARGS)

.PHONY: backup
backup: setup ## Copy databases and lake into TO=folder while work goes on (ARGS=--from-environment)
	@[ -n "$(TO)" ] || { echo 'usage: make backup TO=folder' >&2; exit 2; }
	@$(RUN) -m include.platform.backup save "$(TO)" $(ARGS)

.PHONY: restore
restore: setup ## Put BACKUP=folder/time back into a stopped platform (ARGS='--replace')
	@[ -n "$(BACKUP)" ] || { echo 'usage: make restore BACKUP=folder/time' >&2; exit 2; }
	@$(RUN) -m include.platform.backup restore "$(BACKUP)" $(ARGS)

.PHONY: analyze
analyze: setup ## Analyse VIDEO=path into OUT=dir in one process, without Airflow
	@[ -n "$(VIDEO)" ] && [ -n "$(OUT)" ] || { echo 'usage: make analyze VIDEO=path OUT=dir' >&2; exit 2; }
	@$(RUN) -m include.pipeline.analyze "$(VIDEO)" "$(OUT)" $(ARGS)

# -- the model

.PHONY: eda
eda: setup ## Report on the training data: classes, agreement, quality, copies (ARGS=--set rafdb=path)
	@$(RUN) -m ml.data.eda $(ARGS)

.PHONY: train
train: setup ## Train the expression model (ARGS= goes to ml.training)
	@$(RUN) -m ml.training $(ARGS)

.PHONY: ablations
ablations: setup ## Train variants of a recipe side by side (ARGS='--vary loss.balancing=none,smote --epochs 6')
	@$(RUN) -m ml.training.ablations $(ARGS)

.PHONY: package
package: setup ## Pack the trained model into dist/model.tar.gz
	@$(RUN) -m ml.packaging $(ARGS)

.PHONY: registry
registry: setup ## List, show, register, promote, roll back models (ARGS='promote 2 --approved-by NAME')
	@$(WITHIN) include.pipeline.registry $(or $(ARGS),list)

.PHONY: access
access: setup ## Ask every route of a running server as every role (ARGS='--url URL --passwords docker/secrets')
	@$(RUN) -m plugins.access routes $(ARGS)

.PHONY: audit-log
audit-log: setup ## Check or read who looked at what and decided what (ARGS=verify|list)
	@$(WITHIN) include.pipeline.audit_log $(or $(ARGS),verify)

.PHONY: erase
erase: setup ## Erase a respondent without Airflow (ARGS='STUDY --respondent ID --asked-by NAME')
	@$(WITHIN) include.pipeline.erasure $(ARGS)

.PHONY: sign-model
sign-model: setup ## Stand for a model version (ARGS='new-key FILE', 'version 3 --key FILE --name NAME')
	@$(WITHIN) include.pipeline.sign_model $(ARGS)

.PHONY: evaluate
evaluate: setup ## Evaluate the packed model on its held-out split
	@$(RUN) -m ml.evaluation $(if $(MODEL),--model "$(MODEL)") $(if $(DATA),--data "$(DATA)") $(if $(SET),--set "$(SET)") $(if $(OUT),--out "$(OUT)") $(ARGS)

.PHONY: end-to-end
end-to-end: setup ## Measure held-out faces pasted into frames, detected, cut out, classified (MODEL=, DATA=)
	@$(RUN) -m benchmarks.end_to_end $(if $(MODEL),--model "$(MODEL)") $(if $(DATA),--data "$(DATA)") $(ARGS)

.PHONY: compare-fer
compare-fer: setup ## Compare the packed model with `fer` on held-out faces (MODEL=, DATA=)
	@$(RUN) -m benchmarks.fer_baseline $(if $(MODEL),--model "$(MODEL)") $(if $(DATA),--data "$(DATA)") $(ARGS)

.PHONY: audit
audit: setup ## Audit the packed model for bias on SET=zip into OUT=dir (ARGS='--people 400')
	@[ -n "$(SET)" ] && [ -n "$(OUT)" ] || { echo 'usage: make audit SET=zip OUT=dir' >&2; exit 2; }
	@$(WITHIN) include.pipeline.bias_audit "$(OUT)" --set "$(SET)" $(if $(MODEL),--package "$(MODEL)") $(ARGS)

.PHONY: compare
compare: setup ## Train and measure every architecture alike (ARGS= goes to ml.comparison)
	@$(RUN) -m ml.comparison $(ARGS)

# -- checks

.PHONY: test
test: setup ## Check style and types and run the tests but those of `thorough` and `chaos` (PYTEST= options, ARGS= paths)
ifdef ARGS
	@$(RUN) -m pytest $(PYTEST) $(ARGS)
else
	@$(RUN) -m pytest $(PYTEST) $(SIDE_BY_SIDE) $(EVERYDAY) --ignore=tests/chaos --ignore=tests/e2e --ignore=tests/production tests
# Whole platforms mostly wait: types are checked beside them.
	@.venv/bin/ruff check --quiet && .venv/bin/ruff format --check --quiet
	@.venv/bin/mypy & types=$$!; $(RUN) -m pytest $(PYTEST) $(EVERYDAY) tests/e2e tests/production; \
	  ended=$$?; wait $$types || exit 1; exit $$ended
endif

.PHONY: thorough
thorough: setup ## Run what `make test` leaves out for its length: every format, long searches, repeated kills (about five minutes)
	@$(RUN) -m pytest $(PYTEST) $(SIDE_BY_SIDE) -m thorough --ignore=tests/chaos --ignore=tests/e2e tests
	@$(RUN) -m pytest $(PYTEST) -m thorough tests/e2e

.PHONY: chaos
chaos: setup ## Kill trainings, releases and re-analyses at every step; a retraining in a real Airflow (about half an hour)
# A process for each file: tests that fork must be the first of theirs to use the lake.
	@failed=0; for file in $(or $(ARGS),tests/chaos/test_*.py); do \
	  echo "$$file"; $(RUN) -m pytest $(PYTEST) $$file || failed=1; \
	done; exit $$failed

.PHONY: soak
soak: setup ## 2,000 recordings through the stack while faults strike (ARGS='--recordings 60 --fault-every 60'; docs/faults.md)
	@scripts/production_packages.sh
	@$(RUN) -m benchmarks.faults soak $(ARGS)
	@$(RUN) -m benchmarks.faults page

.PHONY: scale-out
scale-out: setup ## What a second worker is worth: a batch of forty with one and with two (ARGS='--rounds 5 --share 0.5')
	@scripts/production_packages.sh
	@$(RUN) -m benchmarks.faults scale-out $(ARGS)

.PHONY: bench
bench: setup ## Measure what performance is claimed
	@$(RUN) -m benchmarks $(ARGS)

.PHONY: capacity
capacity: setup ## Write docs/capacity.md anew: what 10, 1,000, 1,000,000 hours of video a month need
	@$(RUN) -m benchmarks.capacity $(ARGS)

.PHONY: fuzz
fuzz: setup ## Put 2,048 damaged recordings through the confined decoder (ARGS='--files 200 --seed 7')
	@nice -n 5 env PYTHONPATH=$(CURDIR) .venv/bin/python -m benchmarks.fuzz $(ARGS)

.PHONY: parsers
parsers: setup ## Put 600 inputs, most of them damaged, through each reader of outside text (ARGS='--only study')
	@nice -n 5 env PYTHONPATH=$(CURDIR) .venv/bin/python -W ignore -m benchmarks.parsers $(ARGS)

.PHONY: same-results
same-results: setup ## Compare what this build publishes with what an earlier one did (ARGS='78251cd --page')
	@nice -n 5 env PYTHONPATH=$(CURDIR) .venv/bin/python -m benchmarks.same_results $(ARGS)

.PHONY: bench-identity
bench-identity: setup ## Measure who is who and who is the respondent on made recordings (ARGS='--half dev --faults')
	@$(RUN) -m benchmarks.identity $(ARGS)

.PHONY: recordings-page
recordings-page: setup ## Write docs/recordings.md anew: what recorders write, what is read (about ten minutes)
	@nice -n 5 env PYTHONPATH=$(CURDIR) .venv/bin/python -m benchmarks.recordings

.PHONY: pictures
pictures: setup ## Take the README's pictures from the running platform
	@$(RUN) scripts/make_pictures.py

.PHONY: lint
lint: setup ## Check style and common mistakes
	@.venv/bin/ruff check $(PRESENT)
	@.venv/bin/ruff format --check $(PRESENT)

.PHONY: format
format: setup ## Rewrite the sources in the project's style
	@.venv/bin/ruff check --fix-only $(PRESENT)
	@.venv/bin/ruff format $(PRESENT)

.PHONY: typecheck
typecheck: setup ## Check types (strict on include, ml, plugins and dags)
	@.venv/bin/mypy

.PHONY: settings-page
settings-page: setup ## Write docs/settings.md from the settings
	@$(RUN) -m include.settings.page

.PHONY: outputs-page
outputs-page: setup ## Write docs/outputs.md from the columns that are published
	@$(RUN) -m include.insights.outputs_page

.PHONY: helm
helm: setup ## Write deploy/helm (values of Airflow's chart, pod templates) from docker-compose.yaml
	@$(RUN) -m include.platform.kubernetes

.PHONY: access-page
access-page: setup ## Write docs/access.md from the access matrix
	@$(RUN) -m include.governance.access.page

.PHONY: lock
lock: ## Resolve the short requirement lists into the full lock (ARGS=--upgrade)
	@PYTHON="$(PYTHON)" scripts/setup.sh --lock $(ARGS)

.PHONY: pin-images
pin-images: setup ## Write the digests of images behind their tags (ARGS='--check', '--registry docker.io=https://MIRROR')
	@$(RUN) scripts/pin_images.py $(ARGS)

.PHONY: sbom
sbom: setup ## List what the platform consists of, with hashes and licences (CycloneDX) in dist/sbom.cdx.json
	@$(RUN) scripts/make_sbom.py $(ARGS)

.PHONY: pip-audit
pip-audit: setup ## Ask for known vulnerabilities of the lock (status 1: some; 3: advisories out of reach)
	@$(RUN) scripts/audit_packages.py $(ARGS)

.PHONY: hooks
hooks: setup ## Install the checks that run before each commit
	@.venv/bin/pre-commit install
