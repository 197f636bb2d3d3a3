package command

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
	"github.com/edrelay/edrelay/services/console/desk"
)

// here is what a command does without asking a running edrelay: it runs a service, or works on files and connections of
// this machine.
const here = "here"

// verbs says of each command which operations of the REST API do the same, below /api/v1.
var verbs = map[string]string{
	"up": here, "demo": here, "ingress": here, "enroller": here, "notifier": here, "bridge": here, "console": here, "lms-sim": here,
	"config check": here, "config show": here, "doctor": here, "ready": here, "migrate up": here, "migrate status": here, "man": here, "version": here,
	"backup": here, "backup ls": here, "backup verify": here, "restore": here, "nats-user server-config": here,
	"completion bash": here, "completion fish": here, "completion powershell": here, "completion zsh": here,

	"source ls": "GET /sources", "source test": "POST /sources/{name}/test",
	"subscription ls": "GET /subscriptions", "subscription show": "GET /subscriptions/{name}", "subscription add": "POST /subscriptions",
	"subscription edit": "PATCH /subscriptions/{name}", "subscription rm": "DELETE /subscriptions/{name}",
	"subscription pause": "POST /subscriptions/{name}/pause", "subscription resume": "POST /subscriptions/{name}/resume",
	"subscription test": "POST /subscriptions/{name}/test", "subscription rotate-secret": "POST /subscriptions/{name}/rotate-secret",
	"subscription apply": "POST /subscriptions/apply",
	"filter ls":          "GET /filters", "filter show": "GET /filters/{name}", "filter add": "POST /filters", "filter edit": "PATCH /filters/{name}",
	"filter rm": "DELETE /filters/{name}", "filter pause": "POST /filters/{name}/pause", "filter resume": "POST /filters/{name}/resume",
	"filter test": "POST /filters/{name}/test", "filter calls": "GET /filter-calls", "filter apply": "POST /filters/apply",
	"key ls": "GET /keys", "key create": "POST /keys", "key revoke": "DELETE /keys/{id}",
	"nats-user ls": "GET /nats-users", "nats-user add": "POST /nats-users", "nats-user revoke": "DELETE /nats-users/{name}",
	"token ls": "GET /tokens", "token create": "POST /tokens", "token revoke": "DELETE /tokens/{id}",
	"client ls": "GET /clients", "client create": "POST /clients", "client rotate": "POST /clients/{id}/rotate", "client disable": "POST /clients/{id}/disable",
	"roster ls": "GET /roster", "roster pending": "GET /roster/pending", "roster import": "POST /roster/people, POST /roster/courses",
	"roster sync": "POST /roster/sync", "roster deactivate": "POST /roster/{id}/deactivate",

	"find": "GET /search", "webhook ls": "GET /webhooks", "webhook show": "GET /webhooks/{id}", "webhook reverify": "POST /webhooks/reverify",
	"enrollment ls": "GET /enrollments", "enrollment show": "GET /enrollments/{id}",
	"enrollment retry": "POST /enrollments/{id}/retry, POST /enrollments/retry",
	"event ls":         "GET /events", "event show": "GET /events/{sequence}", "event tail": "GET /events/stream", "event publish": "POST /events",
	"delivery ls": "GET /deliveries", "delivery show": "GET /deliveries/{id}", "delivery retry": "POST /deliveries/{id}/retry",
	"replay start": "POST /replays, POST /replays/plan", "replay ls": "GET /replays", "replay show": "GET /replays/{id}",
	"replay pause": "POST /replays/{id}/pause", "replay resume": "POST /replays/{id}/resume", "replay cancel": "POST /replays/{id}/cancel",
	"listen": "GET /events/stream", "audit": "POST /audit", "audit trail": "GET /audit-trail",
	"learner show": "POST /learners/show", "learner forget": "POST /learners/forget, GET /erasures/{id}",
	"learner erasures": "GET /erasures", "learner erasure": "GET /erasures/{id}",
}

// shown is what the API alone does.
var shown = []string{"GET /overview"}

func TestTheAPIDoesAllThatTheCommandsDo(t *testing.T) {
	t.Parallel()
	operations := everyOperation(t)
	used := map[string]bool{}
	for _, operation := range shown {
		used[operation] = true
	}
	for _, path := range everyVerb((&App{}).root()) {
		does, known := verbs[path]
		if !known {
			t.Errorf("edrelay %s is new: say in verbs which operation of the REST API does the same, and make it if there is none", path)
		}
		if does == here {
			continue
		}
		for operation := range strings.SplitSeq(does, ", ") {
			used[operation] = true
			if !operations[operation] {
				t.Errorf("edrelay %s: the API has no %s", path, operation)
			}
		}
	}
	for _, operation := range slices.Sorted(maps.Keys(operations)) {
		if !used[operation] {
			t.Errorf("%s is done by no command", operation)
		}
	}
}

// everyVerb gives the paths of the commands that do something, without the program's name.
func everyVerb(root *cobra.Command) (paths []string) {
	root.InitDefaultCompletionCmd("bash")
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		family := cmd.HasSubCommands() && verbs[pathOf(cmd)] == ""
		if cmd.HasParent() && cmd.Runnable() && !family {
			paths = append(paths, pathOf(cmd))
		}
		for _, sub := range cmd.Commands() {
			if sub.Name() != "help" {
				walk(sub)
			}
		}
	}
	walk(root)
	return paths
}

func pathOf(cmd *cobra.Command) string { return strings.TrimPrefix(cmd.CommandPath(), "edrelay ") }

// everyOperation reads the document of a console that has all its parts.
func everyOperation(t *testing.T) map[string]bool {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service, err := console.New(console.Options{Listener: listener, Token: testToken, Log: slog.New(slog.DiscardHandler), Ports: everyPort()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	answer, err := http.Get("http://" + listener.Addr().String() + "/api/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var document struct{ Paths map[string]map[string]any }
	if err := json.NewDecoder(answer.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	operations := map[string]bool{}
	for path, methods := range document.Paths {
		for method := range methods {
			operations[strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/api/v1")] = true
		}
	}
	return operations
}

// Other names for ports, so that they can be fields beside methods of the same name.
type (
	webhookPort      = desk.Webhooks
	enrollmentPort   = desk.Enrollments
	sourcePort       = desk.Sources
	retryPort        = desk.Retry
	reverifyPort     = desk.Reverify
	reconcilePort    = desk.Reconcile
	replayPort       = desk.Replays
	publishPort      = desk.Publish
	filterPort       = desk.Filters
	subscriptionPort = desk.Subscriptions
	deliveryPort     = desk.Deliveries
	tokenPort        = desk.Tokens
	rosterPort       = desk.Roster
	learnerPort      = desk.Learners
)

// away are figures that can't be counted.
type away struct{ desk.Figures }

func (away) WebhookFlow(context.Context, time.Time, time.Duration) ([]relay.Slot, error) {
	return nil, relay.Errorf(relay.CodeUnavailable, "away")
}

// everyPort gives ports that are there and never asked.
func everyPort() desk.Ports {
	return desk.Ports{
		Webhooks: struct{ webhookPort }{}, Enrollments: struct{ enrollmentPort }{}, Sources: struct{ sourcePort }{}, Log: struct{ desk.Log }{},
		Figures: away{}, Keys: struct{ desk.Keys }{}, Audit: struct{ desk.Audit }{}, Retry: struct{ retryPort }{},
		Reverify: struct{ reverifyPort }{}, Reconcile: struct{ reconcilePort }{}, Replays: struct{ replayPort }{}, Publish: struct{ publishPort }{},
		NATSUsers: struct{ desk.NATSUsers }{}, Filters: struct{ filterPort }{}, Subscriptions: struct{ subscriptionPort }{},
		Deliveries: struct{ deliveryPort }{}, Tokens: struct{ tokenPort }{}, Roster: struct{ rosterPort }{}, Learners: struct{ learnerPort }{},
		SyncRoster: func(context.Context) (relay.RosterSync, error) { return relay.RosterSync{}, nil },
	}
}
