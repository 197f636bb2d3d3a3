// Package sourcetest holds what every kind of source must do, as one suite that each kind runs over real HTTP.
package sourcetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Log is a log in memory: it knows repeated ids, and keeps what is published for the test to read.
type Log struct {
	mu       sync.Mutex
	messages []relay.Message
	known    map[string]uint64
	grown    chan struct{} // closed and made anew with every message
	failing  error
}

// NewLog makes an empty log.
func NewLog() *Log { return &Log{known: map[string]uint64{}, grown: make(chan struct{})} }

// Publish keeps a message, once for each id.
func (l *Log) Publish(_ context.Context, m relay.Message) (relay.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing != nil {
		return relay.Receipt{}, l.failing
	}
	stream := relay.StreamWebhooks
	if sequence, known := l.known[m.DedupID]; known && m.DedupID != "" {
		return relay.Receipt{Stream: stream, Sequence: sequence, Duplicate: true}, nil
	}
	l.messages = append(l.messages, m)
	l.known[m.DedupID] = uint64(len(l.messages))
	close(l.grown)
	l.grown = make(chan struct{})
	return relay.Receipt{Stream: stream, Sequence: uint64(len(l.messages))}, nil
}

// Fail makes every publish fail from now on; nil mends it.
func (l *Log) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = err
}

// Kept gives the messages whose subject begins with prefix.
func (l *Log) Kept(prefix string) []relay.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept(prefix)
}

func (l *Log) kept(prefix string) []relay.Message {
	var list []relay.Message
	for _, m := range l.messages {
		if len(m.Subject) >= len(prefix) && m.Subject[:len(prefix)] == prefix {
			list = append(list, m)
		}
	}
	return list
}

// Await waits until count messages are below prefix.
func (l *Log) Await(t testing.TB, prefix string, count int) []relay.Message {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		l.mu.Lock()
		list, grown := l.kept(prefix), l.grown
		l.mu.Unlock()
		if len(list) >= count {
			return list
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("%d messages below %s, want %d", len(list), prefix, count)
		}
	}
}

// Door is a real ingress on a loopback port.
type Door struct {
	URL string
	Log *Log
}

// Open starts a door for the sources and ends it with the test. change may adapt the options and be nil.
func Open(t testing.TB, change func(*ingress.Options), sources ...source.Source) *Door {
	t.Helper()
	registry, err := source.NewRegistry(sources...)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := NewLog()
	options := ingress.Options{Listener: listener, Sources: registry, Publish: log, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&options)
	}
	service, err := ingress.New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ingress ended with %v", err)
		}
	})
	return &Door{URL: "http://" + listener.Addr().String(), Log: log}
}

// Answer is what a door said.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// client has its own pool, so that a connection that a door closed is not met again by another test.
var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Post sends a request.
func (d *Door) Post(t testing.TB, sample source.Sample) Answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, d.URL+sample.Path, bytes.NewReader(sample.Body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range sample.Header {
		request.Header.Set(name, value)
	}
	return Do(t, request)
}

// Do sends a request as it is.
func Do(t testing.TB, request *http.Request) Answer {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

// Make makes a source of a filled settings struct of its kind.
func Make(kind source.Kind, name string, settings any, ports source.Ports) (source.Source, error) {
	return kind.New(source.Config{Name: name, Ports: ports, Decode: func(into any) error {
		from, to := reflect.Indirect(reflect.ValueOf(settings)), reflect.ValueOf(into).Elem()
		if from.Type() != to.Type() {
			return fmt.Errorf("settings are %s, want %s", from.Type(), to.Type())
		}
		for i := range from.NumField() {
			if !from.Field(i).IsZero() {
				to.Field(i).Set(from.Field(i))
			}
		}
		return nil
	}})
}
