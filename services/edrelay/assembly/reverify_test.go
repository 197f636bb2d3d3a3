package assembly

import (
	"testing"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

func TestAParkedEntryOfTheEventBusIsReadAgain(t *testing.T) {
	t.Parallel()
	sources, err := source.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	entry := openedx.StreamEntry{Stream: "dev-authoring", ID: "1-0", Fields: [][2]string{
		{"type", "org.openedx.content_authoring.course.created.v1"}, {"id", "7d0c"}, {"event_data", "\x08a/b"},
	}}
	ground := &Ground{}
	reverifier, err := ground.reverifier(sources)
	if err != nil {
		t.Fatal(err)
	}
	judge := reverifier.Verify
	if m, err := judge(t.Context(), relay.Received{Message: entry.Park(openedx.ReasonUnknown)}); err == nil {
		t.Errorf("a cut entry became %s", m.Body)
	}
	entry.Fields[2][1] = "\x06a/b"
	m, err := judge(t.Context(), relay.Received{Message: entry.Park(openedx.ReasonUnknown)})
	if err != nil || m.Subject != "events.org.openedx.content_authoring.course.created.v1" || string(m.Body) != `{"course":{"course_key":"a/b"}}` {
		t.Errorf("%s %v", m.Body, err)
	}
	if _, err := judge(t.Context(), relay.Received{Message: relay.Message{Header: map[string]string{relay.HeaderKind: "none"}}}); err == nil {
		t.Error("a webhook of no kind passed")
	}
}
