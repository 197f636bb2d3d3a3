package sourcetest

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// CheckRead holds what a source reads from any bytes to the rules of relay.Order, for fuzz targets.
func CheckRead(t *testing.T, s source.Source, topic string, body []byte) {
	order, err := s.Read(topic, nil, body)
	if err != nil {
		if strings.ContainsRune(err.Error(), '@') {
			t.Errorf("an address may be in the error %q", err)
		}
		return
	}
	again, err := s.Read(topic, nil, body)
	if err != nil || !reflect.DeepEqual(order, again) {
		t.Errorf("the same bytes were read as %+v and %+v", order, again)
	}
	if order.Intent == "" || order.Intent == relay.IntentEnroll && order.ID == "" && order.Direct == nil {
		t.Errorf("order %+v", order)
	}
	for _, line := range order.Lines {
		if line.Learner != "" && !source.IsAddress(line.Learner) || line.ID == "" || line.Quantity < 0 ||
			line.Learner == "" && line.Problem == "" {
			t.Errorf("line %+v", line)
		}
	}
}

// CheckVerify holds a source that signs its bytes to this: a signature that a stranger made up is refused with 400 or
// 403 and never reaches the log, whatever the body; the source's own signature over the same bytes is verified.
func CheckVerify(t *testing.T, s source.Source, sign func(body []byte) source.Sample, header, signature string, body []byte) {
	sample := sign(body)
	good := http.Header{}
	for name, value := range sample.Header {
		good.Set(name, value)
	}
	r := &source.Request{Method: http.MethodPost, Path: sample.Path, Header: good, Body: body, Query: func(string) string { return "" }}
	if err := s.Verify(t.Context(), r); err != nil {
		t.Errorf("rightly signed bytes are refused: %v", err)
	}
	if _, err := s.Accept(t.Context(), r); err != nil && source.RefusalOf(err).Status != http.StatusBadRequest {
		t.Errorf("rightly signed bytes are answered %d", source.RefusalOf(err).Status)
	}
	if signature == good.Get(header) {
		return
	}
	good[http.CanonicalHeaderKey(header)] = []string{signature}
	err := s.Verify(t.Context(), r)
	if err == nil {
		t.Fatalf("a made-up signature %q is verified", signature)
	}
	if status := source.RefusalOf(err).Status; status != http.StatusForbidden && status != http.StatusBadRequest {
		t.Errorf("a made-up signature is answered %d", status)
	}
}
