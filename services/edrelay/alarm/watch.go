package alarm

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/config"
)

// Options make a Watch; all but Every are needed.
type Options struct {
	Read    func(context.Context) Reading
	Limits  config.Alarm
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Every   time.Duration // between two looks; default 15 s
}

// Watch looks again and again and tells when an alarm is raised and when it is over.
type Watch struct {
	Options
	gauges gauges

	mu     sync.Mutex
	alarms []relay.Alarm
}

const (
	lookEvery    = 15 * time.Second
	lookPatience = 10 * time.Second
)

// New makes a watch; Run starts it.
func New(o Options) *Watch {
	if o.Every == 0 {
		o.Every = lookEvery
	}
	return &Watch{Options: o, gauges: newGauges(o.Metrics)}
}

// Run looks until ctx is done.
func (w *Watch) Run(ctx context.Context) error {
	ticker := time.NewTicker(w.Every)
	defer ticker.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (w *Watch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	reading := w.Read(ctx)
	if ctx.Err() != nil {
		return
	}
	raised := Judge(reading, w.Limits)
	w.mu.Lock()
	before := w.alarms
	w.alarms = raised
	w.mu.Unlock()
	w.gauges.set(reading, raised)
	w.tell(before, raised)
}

// tell logs an alarm when it is raised, when it gets worse, and when it is over.
func (w *Watch) tell(before, now []relay.Alarm) {
	for _, one := range now {
		if !slices.ContainsFunc(before, func(old relay.Alarm) bool { return old.Name == one.Name && old.Bad == one.Bad }) {
			level := slog.LevelWarn
			if one.Bad {
				level = slog.LevelError
			}
			w.Log.Log(context.Background(), level, "alarm raised", "alarm", one.Name, "text", one.Text, "hint", one.Hint)
		}
	}
	for _, old := range before {
		if !slices.ContainsFunc(now, func(one relay.Alarm) bool { return one.Name == old.Name }) {
			w.Log.Info("alarm over", "alarm", old.Name)
		}
	}
}

// Alarms are those that stand, the worst first.
func (w *Watch) Alarms(context.Context) ([]relay.Alarm, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.alarms), nil
}

// Test is an error that names the alarms that stand; nil when there are none.
func (w *Watch) Test(ctx context.Context) error {
	alarms, err := w.Alarms(ctx)
	if len(alarms) == 0 {
		return err
	}
	texts := make([]string, len(alarms))
	for i, one := range alarms {
		texts[i] = one.Text
	}
	return relay.Errorf(relay.CodeUnavailable, "%s.", strings.Join(texts, "; "))
}
