# Each target is one line that calls the package; `make` alone prints them from their ## comments.
# Works with GNU make 3.81 (macOS) and later.
.DEFAULT_GOAL := help
# Without make's own rules, which make `lab-` of `lab-.o`.
MAKEFLAGS += -r
.SUFFIXES:
# To hand them on, make would run what they hold; where they are used below, nothing does.
unexport ENGINE SERVICE name

# What a target needs is installed when it is first needed: requirements/lab.txt makes .venv/.lab.
STAMPS := .venv/.lab .venv/.notebook .venv/.test .venv/.postgres
PY := .venv/bin/python
# One word for the shell, whatever it holds: what somebody calls a lab is not run.
quoted = '$(subst ','\'',$1)'
# It is told who make is, so that it ends when make is killed.
TASKYARD := TASKYARD_MAKE=$$PPID exec $(PY) -m taskyard $(if $(ENGINE),--engine $(call quoted,$(value ENGINE)))
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=60 --nbval-sanitize-with=sanitize.cfg

##@ Learn (N is the number of a chapter)

lab-%: .venv/.lab FORCE ## Run the experiment of chapter N (ENGINE=docker or local, KEEP=1 leaves it up)
	@$(TASKYARD) lab $(call quoted,$*)

check-%: .venv/.lab FORCE ## Check your files in work/labs/ against the requirements of chapter N
	@$(TASKYARD) check $(call quoted,$*)

hint-%: .venv/.lab FORCE ## Show the next hint of chapter N
	@$(TASKYARD) hint $(call quoted,$*)

solution-%: .venv/.lab FORCE ## Compare your files with the solution of chapter N
	@$(TASKYARD) solution $(call quoted,$*)

reset-%: .venv/.lab FORCE ## Put the starter of chapter N back; your files are kept beside it
	@$(TASKYARD) reset $(call quoted,$*)

ps-%: .venv/.lab FORCE ## Show what a kept lab N has running: ports and logs
	@$(TASKYARD) ps $(call quoted,$*)

logs-%: .venv/.lab FORCE ## Show the logs of a kept lab N (SERVICE=worker for one service)
	@$(TASKYARD) logs $(call quoted,$*) --service $(call quoted,$(value SERVICE))

shell-%: .venv/.lab FORCE ## Open a shell beside a service of a kept lab N (SERVICE=worker)
	@$(TASKYARD) shell $(call quoted,$*) --service $(call quoted,$(value SERVICE))

down-%: .venv/.lab FORCE ## Remove what a kept lab N left running
	@$(TASKYARD) down $(call quoted,$*)

progress: .venv/.lab FORCE ## Show what you have run and solved, and the next step
	@$(TASKYARD) progress

start: .venv/.notebook FORCE ## Open the chapters in JupyterLab (ARGS=--port=9999, or any option of its own)
	@$(TASKYARD) start $(ARGS)

doctor: .venv/.lab FORCE ## Look for what could keep a lab from running, with the cure
	@$(TASKYARD) doctor

##@ The course in containers (needs Docker)

up: FORCE ## Start JupyterLab and Redis in containers and print the address (JUPYTER_PORT=8888)
	@docker compose version >/dev/null && docker version >/dev/null || { echo 'hint: without Docker, make start opens the same chapters' >&2; exit 1; }
	@docker compose up --build --wait && docker compose exec -T jupyter jupyter server list | sed -n 's#.*:\([0-9]*/?token=[^ ]*\).*#open http://127.0.0.1:\1#p'

down: FORCE ## Stop and remove these containers; your notebooks stay in their volume
	@docker compose down

##@ Write

new: .venv/.lab FORCE ## Make the next chapter from the templates: make new name=work-queues
	@$(TASKYARD) new $(call quoted,$(value name))

notebooks: .venv/.notebook FORCE ## Build the notebooks of the chapters that changed
	@$(TASKYARD) notebooks

notebooks-fresh: .venv/.notebook FORCE ## Build all notebooks, measurements included
	@$(TASKYARD) notebooks --fresh

map: .venv/.lab FORCE ## Write the table of chapters in README.md
	@$(TASKYARD) map

picture: .venv/.lab FORCE ## Draw README.md's picture from a real run
	@$(PY) docs/picture.py >/dev/null

cards: .venv/.lab FORCE ## Build the Anki decks in dist/
	@$(TASKYARD) cards build

cards-check: .venv/.lab FORCE ## Say what is wrong with the cards
	@$(TASKYARD) cards lint

cards-lock: .venv/.lab FORCE ## Note which cards changed, before a release
	@$(TASKYARD) cards lock

cards-watch: .venv/.lab FORCE ## Check and build the decks whenever a card file is saved
	@$(TASKYARD) cards watch

##@ Maintain

test: .venv/.test .venv/.postgres FORCE ## Run every test that this machine can; this is all of CI (ARGS="-k name")
	@$(PY) -m pytest -n auto --dist loadgroup $(NBVAL) $(ARGS)

proof: .venv/.test .venv/.postgres FORCE ## Prove every variant on every engine (ARGS="--rounds 5 --busy 1 -k replicas")
	@$(PY) -m pytest -n auto --dist loadgroup $(NBVAL) --proof $(ARGS)

lint: .venv/.test FORCE ## Run the linters and the type checker alone
	@$(PY) -m pytest -q tests/test_lint.py

format: .venv/.test FORCE ## Mend what the linter can mend by itself
	@$(PY) -m ruff check --quiet --fix . ; $(PY) -m ruff format --quiet .

bench: .venv/.test FORCE ## Measure where the time of a lab goes
	@$(PY) bench $(ARGS)

requirements: FORCE ## Renew the pins in requirements/ from pyproject.toml (ARGS=--upgrade for the newest)
	@requirements/renew $(ARGS)

clean: FORCE ## Remove .venv and caches; never your work/
	@rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

help: FORCE ## Print this list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z%-]+:.*## / { sub(/%/, "N", $$1); printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Patterns cannot be .PHONY: a file named lab-7 would hide the lab, were it not for this.
FORCE:

# Where PYTHON=… names one, the script is always asked: whether .venv is of that Python, no time tells.
$(STAMPS): .venv/.%: requirements/%.txt requirements/install .venv/bin/python $(if $(PYTHON),FORCE)
	@requirements/install $*

# Gone when the Python that .venv was made with is gone; then the set is installed anew.
.venv/bin/python: ;
