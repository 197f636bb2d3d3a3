package assembly

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// senders shows the configured sources to operators and tests them against the door.
type senders struct {
	registry *source.Registry
	door     string // base URL
}

// Sources lists the configured sources.
func (s senders) Sources(context.Context) ([]relay.Source, error) {
	rows := []relay.Source{}
	for _, one := range s.registry.All() {
		row := one.Describe()
		row.State, row.Paths = "ready", paths(one)
		rows = append(rows, row)
	}
	return rows, nil
}

// paths lists where on the door a source's requests may come in.
func paths(one source.Source) []string {
	list := []string{"/webhooks/in/" + one.Name()}
	for _, kind := range ingress.Kinds() {
		for _, route := range kind.Routes {
			if kind.Name == one.Kind() {
				list = append(list, route.Path)
			}
		}
	}
	return list
}

// TestSource posts a signed test webhook of the source to the door and says what it answered.
func (s senders) TestSource(ctx context.Context, name string) (relay.SourceTest, error) {
	one := s.registry.Named(name)
	if one == nil {
		return relay.SourceTest{}, fmt.Errorf("source %s: %w", name, relay.ErrNotFound)
	}
	sample, err := one.Sample(time.Now())
	if err != nil {
		return relay.SourceTest{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.door+sample.Path, bytes.NewReader(sample.Body))
	if err != nil {
		return relay.SourceTest{}, err
	}
	for key, value := range sample.Header {
		request.Header.Set(key, value)
	}
	began := time.Now()
	test := relay.SourceTest{Source: name, URL: s.door + sample.Path}
	answer, err := http.DefaultClient.Do(request)
	test.DurationMS = time.Since(began).Milliseconds()
	if err != nil {
		test.Answer = "The door does not answer; is ingress running at this address?"
		return test, nil
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	test.Status, test.Answer, test.OK = answer.StatusCode, string(body), answer.StatusCode/100 == 2 || answer.StatusCode == sample.Works
	return test, nil
}

// doorURL is where this machine reaches the door.
func (g *Ground) doorURL() string {
	if g.Config.HTTP.URL != "" {
		return strings.TrimRight(g.Config.HTTP.URL, "/")
	}
	host, port, err := net.SplitHostPort(g.Config.HTTP.Addr)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
