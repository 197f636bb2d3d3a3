# edrelay: `make demo` runs the main job, `make test` passes all tests; both install what is missing.
SHELL := /bin/bash
GO ?= go

# Packages tested at a time: each may run a Postgres and NATS servers of its own.
TEST_PACKAGES ?= 2
TEST_TIMEOUT ?= 15m
SOAK_TIME ?= 10m

.DEFAULT_GOAL := build

.PHONY: build
build: needs-go
	@deploy/install certificates
	CGO_ENABLED=0 $(GO) build -o bin/edrelay ./services/edrelay

# demo sends real signed webhooks through all of edrelay to a simulated Open edX; DEMO="--once" ends by itself.
.PHONY: demo
demo: needs-postgres build
	@bin/edrelay demo $(DEMO)

.PHONY: test
test: needs-go
	@deploy/install postgres redis node chromium nginx strace
	$(GO) test -count=1 -p $(TEST_PACKAGES) -timeout $(TEST_TIMEOUT) work

.PHONY: lint
lint: .tools/staticcheck .tools/composecheck .tools/alertcheck .tools/helm .tools/kubeconform .tools/chartcheck .tools/schemas .tools/migrationcheck
	$(GO) vet -tags soak work
	.tools/staticcheck -tags soak work
	.tools/migrationcheck sql/migrations
	CGO_ENABLED=0 GOWORK=off $(GO) -C deploy/tools test ./migrationcheck
	.tools/composecheck docker-compose.yml
	deploy/checkchart
	.tools/alertcheck docs/metrics.md deploy/prometheus/alerts.yml docs/alerts.md deploy/grafana/edrelay.json

# bench prints every budget of the design, both sides of each ratio in one run, with the product's GOGC.
.PHONY: bench
bench: needs-go
	@deploy/install postgres redis
	GOGC=200 $(GO) test -count=1 -p 1 -timeout 60m -run '^$$' -bench 'Budget|Bridge|AddedTime|Scaling' -benchmem work

# soak keeps edrelay busy and kills parts of it for SOAK_TIME, with the product's GOGC.
.PHONY: soak
soak: needs-go
	@deploy/install postgres redis nginx strace
	GOGC=200 EDRELAY_SOAK=$(SOAK_TIME) $(GO) test -count=1 -p 1 -timeout 0 -tags soak -run '^TestSoak' -v ./services/...

# release builds dist/ for Linux and macOS, with bills of materials and checksums; VERSION=v1.2.3 names it.
.PHONY: release
release: needs-go .tools/cyclonedx-gomod
	deploy/release

.PHONY: generate
generate: .tools/sqlc
	cd sql && ../.tools/sqlc generate
	cp deploy/prometheus/alerts.yml deploy/chart/files/alerts.yml
	cp deploy/grafana/edrelay.json deploy/chart/files/dashboard.json

# Tools are pinned in deploy/tools and built into .tools.
.tools/sqlc: package := github.com/sqlc-dev/sqlc/cmd/sqlc
.tools/staticcheck: package := honnef.co/go/tools/cmd/staticcheck
.tools/composecheck: package := ./composecheck
.tools/composecheck: deploy/tools/composecheck/main.go
.tools/migrationcheck: package := ./migrationcheck
.tools/migrationcheck: $(wildcard deploy/tools/migrationcheck/*.go)
.tools/cyclonedx-gomod: package := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
.tools/sqlc .tools/staticcheck .tools/composecheck .tools/migrationcheck .tools/cyclonedx-gomod: deploy/tools/go.mod deploy/tools/go.sum | needs-go
	CGO_ENABLED=0 GOWORK=off $(GO) -C deploy/tools build -o "$(CURDIR)/.tools/" $(package)
	@touch $@

# What checks the chart is a module of its own: helm and Kubernetes want other versions than the other tools.
.tools/helm: package := helm.sh/helm/v4/cmd/helm
.tools/kubeconform: package := github.com/yannh/kubeconform/cmd/kubeconform
.tools/chartcheck: package := ./chartcheck
.tools/chartcheck: deploy/tools/chart/chartcheck/main.go
.tools/kubeschemas: package := ./kubeschemas
.tools/kubeschemas: $(wildcard deploy/tools/chart/kubeschemas/*.go)
.tools/helm .tools/kubeconform .tools/chartcheck .tools/kubeschemas: deploy/tools/chart/go.mod deploy/tools/chart/go.sum | needs-go
	CGO_ENABLED=0 GOWORK=off $(GO) -C deploy/tools/chart build -o "$(CURDIR)/.tools/" $(package)
	@touch $@

.tools/schemas: .tools/kubeschemas
	rm -rf $@
	.tools/kubeschemas $@

# alertcheck is a module of its own: Prometheus' parser wants newer versions of what the other tools use.
.tools/alertcheck: deploy/tools/alertcheck/main.go deploy/tools/alertcheck/go.mod deploy/tools/alertcheck/go.sum | needs-go
	CGO_ENABLED=0 GOWORK=off $(GO) -C deploy/tools/alertcheck build -o "$(CURDIR)/.tools/" .
	@touch $@

.PHONY: needs-go
needs-go:
	@command -v $(GO) >/dev/null || { echo "make: Go 1.26 or newer is needed: https://go.dev/dl" >&2; exit 1; }

# Asked for before the build, which takes minutes on a fresh machine.
.PHONY: needs-postgres
needs-postgres: needs-go
	@[ -n "$$EDRELAY_DATABASE_URL" ] || deploy/install postgres

.PHONY: clean
clean:
	rm -rf bin dist .tools
