package assembly

import "context"

// All makes every service of the configuration, in the order in which they should end.
func (g *Ground) All(ctx context.Context, token string) ([]Named, error) {
	g.Measure(true)
	var services []Named
	for _, each := range []struct {
		name string
		make func(context.Context) (Runner, error)
	}{
		{"ingress", g.Door},
		{"bridge", g.Bridge},
		{"alarms", g.Alarms},
		{"console", func(ctx context.Context) (Runner, error) { return g.Console(ctx, token) }},
		{"filters", g.Filters},
		{"enroller", g.Enroller},
		{"notifier", g.Notifier},
		{"upkeep", g.Upkeep},
	} {
		if each.name == "bridge" && g.Config.Bridge.Redis.URL == "" {
			continue
		}
		made, err := each.make(ctx)
		if err != nil {
			return nil, err
		}
		services = append(services, Named{each.name, made})
	}
	return services, nil
}
