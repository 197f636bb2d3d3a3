package assembly

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/enroller/lms"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// enrollerConsumer names the enroller's place on WEBHOOKS.
const enrollerConsumer = "enroller"

// Enroller makes the service that turns webhooks into enrolments.
func (g *Ground) Enroller(ctx context.Context) (Runner, error) {
	sources, err := Sources(g.Config, source.Ports{})
	if err != nil {
		return nil, err
	}
	webhooks, err := g.Bus.Consumer(ctx, bus.ConsumerConfig{
		Stream: relay.StreamWebhooks, Durable: enrollerConsumer, Description: "turns webhooks into enrolments",
		AckWait: 10 * time.Second, // what a killed process had read comes again that soon
	})
	if err != nil {
		return nil, err
	}
	g.onClose(webhooks.Stop)
	site, err := g.LMS()
	if err != nil {
		return nil, err
	}
	settings := g.Config.LMS
	options := enroller.Options{
		Webhooks: webhooks, Ledger: g.Store, Read: sources.Read, Publisher: g.plainLog(), Sender: g.Bus,
		Policy: enroller.Policy{
			CallsPerMinute: settings.CallsPerMinute, BatchSize: settings.BatchSize, AutoEnroll: settings.AutoEnroll,
			EmailStudents: settings.EmailStudents, Retry: settings.Retry, GiveUpAfter: settings.GiveUpAfter, CourseWait: settings.CourseWait,
		},
		Log: g.Log.With("service", "enroller"), Metrics: g.Metrics, Tracer: g.Tracer, Now: g.Store.Now,
	}
	if site != nil {
		options.LMS = site
		g.onClose(site.Close)
	}
	service, err := enroller.New(options)
	if err != nil {
		return nil, err
	}
	reverifier, err := g.reverifier(sources)
	if err != nil {
		return nil, err
	}
	return g.withReplays(service, again{service, enroller.Retrier{Ledger: g.Store}, reverifier}, false)
}

// LMS makes a client of the configured Open edX site, to be closed; nil when none is configured.
func (g *Ground) LMS() (*lms.Client, error) {
	settings := g.Config.LMS
	if settings.URL == "" || settings.ClientID == "" {
		return nil, nil
	}
	return lms.New(lms.Options{
		URL: settings.URL, ClientID: settings.ClientID, ClientSecret: settings.ClientSecret, SKUPrefix: settings.SKUPrefix,
		Timeout: settings.Timeout, UserAgent: "edrelay/" + g.Version,
	})
}
