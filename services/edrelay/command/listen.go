package command

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

// listener forwards live events to a URL of the developer's machine.
type listener struct {
	app       *App
	to        string
	format    relay.Format
	catalogue *openedx.Catalogue
	http      *http.Client
}

func listenCommand(a *App) *cobra.Command {
	var to, eventType, format string
	cmd := &cobra.Command{
		Use: "listen", Short: "Forward live events to a local URL while developing",
		Long: `Forward events as they come to a URL of this machine, in the body that a subscription would get, unsigned. Nothing is
put on record and nothing is tried twice; what comes while the URL is away is told and left out.`,
		Example: "  edrelay listen --forward http://127.0.0.1:3000/hook\n  edrelay listen --forward http://127.0.0.1:3000/hook --type 'org.openedx.*' --format cloudevents",
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := url.Parse(to)
			if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
				return usageError{cmd.CommandPath(), errors.New("--forward must be an http address such as http://127.0.0.1:3000/hook")}
			}
			l := &listener{app: a, to: to, format: relay.Format(format), http: direct()}
			if l.format != relay.FormatPluginJSON && l.format != relay.FormatPluginForm && l.format != relay.FormatCloudEvents {
				return usageError{cmd.CommandPath(), errors.New("--format must be plugin-json, plugin-form or cloudevents")}
			}
			if l.catalogue, err = openedx.Load(); err != nil {
				return err
			}
			a.note("Forwarding to %s until interrupted.", to)
			return a.follow(cmd.Context(), eventType, 0, func(e relay.LogEntry, _ json.RawMessage) error {
				return l.forward(cmd.Context(), e)
			})
		},
	}
	cmd.Flags().StringVar(&to, "forward", "", "URL that gets the events")
	cmd.Flags().StringVar(&eventType, "type", "", "exact type, or a prefix ending in *")
	cmd.Flags().StringVar(&format, "format", string(relay.FormatPluginJSON), "plugin-json, plugin-form or cloudevents")
	_ = cmd.MarkFlagRequired("forward")
	return cmd
}

// forward posts one event and tells what was answered. Only an answer that can't be written ends the listening.
func (l *listener) forward(ctx context.Context, e relay.LogEntry) error {
	answer, took, err := l.post(ctx, e)
	if err != nil {
		answer = err.Error()
	}
	_, err = fmt.Fprintf(l.app.Out, "%s  %8d  %s → %s (%s)\n", l.app.now().Format("15:04:05"), e.Sequence, table.Clean(e.Type), table.Clean(answer), table.Duration(took))
	return err
}

func (l *listener) post(ctx context.Context, e relay.LogEntry) (answer string, took time.Duration, err error) {
	m, err := messageOf(e)
	if err != nil {
		return "", 0, err
	}
	contentType, body, err := l.catalogue.Encode(l.format, m)
	if err != nil {
		return "", 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.to, bytes.NewReader(body))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Webhook-Id", e.ID)
	req.Header.Set("User-Agent", "edrelay")
	began := time.Now()
	resp, err := l.http.Do(req)
	took = time.Since(began)
	if err != nil {
		return "", took, errors.New("no answer")
	}
	defer resp.Body.Close()
	return resp.Status, took, nil
}

// direct calls as a delivery does: no proxy, and a redirect is an answer like others.
func direct() *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func messageOf(e relay.LogEntry) (relay.Message, error) {
	m := relay.Message{
		Subject: e.Subject, ID: e.ID, Type: e.Type, Source: e.Source, Time: e.Time, ContentType: e.ContentType, Header: e.Headers, Body: []byte(e.Body),
	}
	if e.Encoding == "base64" {
		raw, err := base64.StdEncoding.DecodeString(e.Body)
		m.Body = raw
		return m, err
	}
	return m, nil
}
