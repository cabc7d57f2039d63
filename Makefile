.PHONY: app test check audit fix examples teacher screenshots page
app:       ## open the page
	python app.py
test:      ## what CI runs
	python -m pytest
check:     ## lint, format and types, without changing anything
	ruff check . && ruff format --check . && mypy
audit:     ## compare the installed packages with known advisories
	pip-audit --progress-spinner off
fix:       ## lint and format
	ruff check --fix . && ruff format .
examples:  ## make runs.db.example anew, from real runs
	python scripts/make_examples.py
teacher:   ## make the built-in teacher anew
	python -m scripts.make_teacher
screenshots: ## every page as a picture, in ./screenshots
	python -m scripts.screenshots screenshots
page:      ## measure what the page costs and how fast it answers
	python -m benchmarks.page --check
