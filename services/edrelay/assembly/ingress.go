package assembly

import (
	"context"
	"net"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress"
)

// Ingress makes the public door.
func (g *Ground) Ingress(_ context.Context) (Runner, error) {
	sources, err := Sources(g.Config, g.sourcePorts())
	if err != nil {
		return nil, err
	}
	listener, err := listen("http.addr", g.Config.HTTP.Addr)
	if err != nil {
		return nil, err
	}
	g.door = listener.Addr().String()
	return ingress.New(ingress.Options{
		Listener: listener, Sources: sources, Publish: g.log(), Outcomes: outcomes{g.Bus},
		BodyLimit: int(g.Config.HTTP.BodyLimit), TrustedProxies: g.Config.HTTP.TrustedProxies,
		LameDuck: g.Config.Shutdown.LameDuck, DrainTimeout: g.drain(),
		Log: g.Log.With("service", "ingress"), Metrics: g.Metrics, Tracer: g.Tracer, Live: g.live,
	})
}

// outcomes hears what the enroller says to senders that wait.
type outcomes struct{ bus *bus.Bus }

func (o outcomes) ReplySubject() string { return o.bus.ReplySubject() }

func (o outcomes) Hear(subject string) (next func(context.Context) (relay.Message, error), stop func(), err error) {
	listener, err := o.bus.Listen(subject)
	if err != nil {
		return nil, nil, err
	}
	return listener.Next, listener.Stop, nil
}

// listen takes an address of the configuration; key names it in the error.
func listen(key, addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &relay.Error{
			Code: relay.CodeUnavailable, Message: "Can't listen on " + addr + ".", Err: err,
			Hint: "Is another edrelay running, or another program on that port? Set " + key + " to a free address.",
		}
	}
	return listener, nil
}
