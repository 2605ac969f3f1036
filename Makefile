# Everything a person needs to do here, in one place. `make` alone prints this list.

SHELL := bash
CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help demo build web test lint fmt bench

help: ## This list
	@grep -E '^[a-z]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 14

demo: web ## Build, start a server with a sample project, and print how to talk to it
	$(CARGO) run --locked --release -p thicket -- demo

build: web ## The release binary, target/release/thicket
	$(CARGO) build --locked --release -p thicket

web: ## The web app, web/dist, which the binary embeds
	scripts/web

test: web ## All tests, on SQLite and on PostgreSQL
	scripts/test

lint: web ## Formatting, clippy, rustdoc, the web app's types, and what may be in the dependency graph
	scripts/lint

fmt: ## Format the code
	$(CARGO) fmt --all
	@if [ -d web/node_modules ]; then cd web && npm run --silent fmt; fi

bench: web ## Benchmarks, beside a bare server in the same run
	scripts/bench
