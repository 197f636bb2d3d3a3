package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/assembly"
)

const (
	consoleName  = "console"  // the service that has the admin listener to itself
	ingressName  = "ingress"  // the service that answers senders without the ledger
	enrollerName = "enroller" // the service that looks after the ledger
)

// single makes the command of one service on a log and a ledger elsewhere.
func single(name, short string, ledger bool, make func(context.Context, *assembly.Ground) (assembly.Runner, error)) func(*App) *cobra.Command {
	return func(a *App) *cobra.Command {
		return &cobra.Command{
			Use: name, Short: short,
			Long: short + ".\n\nNeeds nats.url" + map[bool]string{true: " and database.url"}[ledger] +
				"; `edrelay up` runs all services in one process without either.",
			Example: "  edrelay " + name + " --config edrelay.yaml",
			RunE: func(cmd *cobra.Command, _ []string) error {
				return a.serve(cmd.Context(), name, assembly.Needs{Ledger: ledger, Late: name == ingressName}, make)
			},
		}
	}
}

func (a *App) serve(
	ctx context.Context, name string, needs assembly.Needs, make func(context.Context, *assembly.Ground) (assembly.Runner, error),
) error {
	loaded, err := a.config()
	if err != nil {
		return err
	}
	log := assembly.NewLogger(loaded.Log, a.Err)
	ground, err := assembly.Open(ctx, loaded, log, a.Version, needs)
	if err != nil {
		return err
	}
	defer ground.Close()
	service, err := make(ctx, ground)
	if err != nil {
		return err
	}
	ground.Measure(name == enrollerName)
	log.Info("service started", "service", name, "version", a.Version)
	services := []assembly.Named{{Name: name, Runner: service}}
	if name != consoleName {
		services = append(services, assembly.Named{Name: "health", Runner: ground.Health(name == ingressName)})
	}
	err = ground.Run(ctx, services...)
	log.Info("service ended", "service", name)
	return err
}

var (
	ingressCommand = single(ingressName, "Run the public door: verify webhooks, make them durable, answer", true,
		func(ctx context.Context, g *assembly.Ground) (assembly.Runner, error) { return g.Door(ctx) })
	enrollerCommand = single(enrollerName, "Run the enroller: turn webhooks into enrolments at the LMS, and look after the ledger", true,
		func(ctx context.Context, g *assembly.Ground) (assembly.Runner, error) {
			enroller, err := g.Enroller(ctx)
			if err != nil {
				return nil, err
			}
			upkeep, err := g.Upkeep(ctx)
			return assembly.Together{{Name: "enroller", Runner: enroller}, {Name: "upkeep", Runner: upkeep}}, err
		})
	notifierCommand = single("notifier", "Run the notifier: deliver events to the URLs that subscribed, and ask filters", true,
		func(ctx context.Context, g *assembly.Ground) (assembly.Runner, error) {
			filters, err := g.Filters(ctx)
			if err != nil {
				return nil, err
			}
			deliveries, err := g.Notifier(ctx)
			return assembly.Together{{Name: "filters", Runner: filters}, {Name: "deliveries", Runner: deliveries}}, err
		})
	bridgeCommand = single("bridge", "Read the Open edX event bus on Redis Streams onto the log", false,
		func(ctx context.Context, g *assembly.Ground) (assembly.Runner, error) { return g.Bridge(ctx) })
	consoleCommand = single(consoleName, "Run the operators' listener: REST API, console, health, metrics", true,
		func(ctx context.Context, g *assembly.Ground) (assembly.Runner, error) {
			if g.Config.Admin.Token == "" {
				return nil, &relay.Error{
					Code: relay.CodeInvalid, Message: "admin.token is not set; the console would have no lock.",
					Hint: "Set admin.token (or admin.token_file) to 16 characters or more; `openssl rand -hex 32` makes one.",
				}
			}
			alarms, err := g.Alarms(ctx)
			if err != nil {
				return nil, err
			}
			console, err := g.Console(ctx, g.Config.Admin.Token)
			return assembly.Together{{Name: "console", Runner: console}, {Name: "alarms", Runner: alarms}}, err
		})
)

func upCommand(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "up", Short: "Run all services in one process, with NATS and Postgres inside unless their URLs are given",
		Long: `Run all services in one process. Where nats.url is empty a NATS server runs inside, listening on nats.embedded.addr;
where database.url is empty edrelay starts a Postgres of its own in the data dir. Both end with edrelay, and what they hold
survives a kill at any moment.`,
		Example: "  edrelay up --config edrelay.yaml",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.up(cmd.Context()) },
	}
}

func (a *App) up(ctx context.Context) error {
	loaded, err := a.config()
	if err != nil {
		return err
	}
	log := assembly.NewLogger(loaded.Log, a.Err)
	token, made, err := assembly.AdminToken(loaded)
	if err != nil {
		return err
	}
	ground, err := assembly.Open(ctx, loaded, log, a.Version, assembly.Needs{Embedded: true, Ledger: true})
	if err != nil {
		return err
	}
	defer ground.Close()
	services, err := ground.All(ctx, token)
	if err != nil {
		return err
	}
	if made {
		fmt.Fprintln(a.Out, a.tokenLine(assembly.TokenFile(loaded.DataDir), token))
	}
	log.Info("edrelay is up", "door", "http://"+loaded.HTTP.Addr, "console", "http://"+loaded.Admin.Addr, "version", a.Version)
	err = ground.Run(ctx, services...)
	log.Info("edrelay ended")
	return err
}

// tokenLine tells where the admin token is and, but to a journal, which is kept and read by others, what it is.
func (a *App) tokenLine(file, token string) string {
	if a.env("JOURNAL_STREAM", "") != "" { // set by systemd
		return "Admin token: kept in " + file
	}
	return fmt.Sprintf("Admin token (shown this once, kept in %s): %s", file, token)
}
