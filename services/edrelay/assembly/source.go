package assembly

import (
	"fmt"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/config"
	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Kinds names the kinds of sources.
func Kinds() []string {
	var names []string
	for _, kind := range ingress.Kinds() {
		names = append(names, kind.Name)
	}
	return names
}

// Settings gives an empty settings struct of a kind of source; nil when there is no such kind.
func Settings(kind string) any {
	for _, known := range ingress.Kinds() {
		if known.Name == kind && known.Settings != nil {
			return known.Settings()
		}
	}
	return nil
}

// Sources makes the configured sources. With empty ports they can only describe themselves and read orders.
func Sources(c *config.Config, ports source.Ports) (*source.Registry, error) {
	var made []source.Source
	for _, declared := range c.Sources {
		for _, kind := range ingress.Kinds() {
			if kind.Name != declared.Kind {
				continue
			}
			one, err := kind.New(source.Config{Name: declared.Name, Decode: declared.Decode, Ports: ports})
			if err != nil {
				return nil, wrongSource(declared, err)
			}
			made = append(made, one)
		}
	}
	registry, err := source.NewRegistry(made...)
	if err != nil {
		return nil, &relay.Error{Code: relay.CodeInvalid, Message: "The sources are wrong: " + err.Error(), Hint: "Mend the configuration's sources."}
	}
	return registry, nil
}

func wrongSource(declared config.Source, err error) error {
	return &relay.Error{
		Code: relay.CodeInvalid, Message: fmt.Sprintf("Source %s is wrong.\n%s", declared.Name, declared.Explain(err)),
		Hint: "Mend it in the configuration; `edrelay config check` tells whether it is right.",
	}
}

func (g *Ground) sourcePorts() source.Ports {
	ports := source.Ports{Publish: g.plainLog(), Ask: g.plainLog(), Now: g.now, Log: g.Log}
	if g.Store != nil {
		ports.Tokens, ports.Roster = g.Store, g.Store
	}
	return ports
}
