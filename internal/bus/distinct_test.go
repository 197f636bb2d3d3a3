package bus_test

import (
	"testing"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
)

func TestOneIdOfTwoTypesIsTwoEvents(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	d := bus.Distinct{Bus: b}
	of := func(id, eventType string) relay.Message {
		return relay.Message{Subject: "events." + eventType, ID: id, DedupID: id, Type: eventType, Source: "s", ContentType: "application/json", Body: []byte("{}")}
	}
	messages := []relay.Message{of("1", "a.b"), of("1", "a.c"), of("2", "a.b"), of("1", "a.b"), of("3", "a.b"), of("4", "a.b")}
	receipts, err := d.PublishBatch(t.Context(), messages)
	if err != nil {
		t.Fatal(err)
	}
	if !receipts[3].Duplicate { // of others a log that confirmed late may say so too
		t.Errorf("the repeat: %+v", receipts[3])
	}
	for _, m := range messages { // all again
		if receipt, err := d.Publish(t.Context(), m); err != nil || !receipt.Duplicate {
			t.Errorf("%s of %s: %+v %v", m.ID, m.Type, receipt, err)
		}
	}
	if info, err := b.Stream(t.Context(), relay.StreamEvents); err != nil || info.Messages != 5 {
		t.Errorf("%d events, %v", info.Messages, err)
	}
}
