package console_test

import (
	"net/http"
	"testing"

	"github.com/edrelay/edrelay/services/console"
)

func TestTheEventsDocumentIsServedWhereThereIsOne(t *testing.T) {
	t.Parallel()
	with := start(t, func(o *console.Options) { o.AsyncAPI = []byte(`{"asyncapi":"3.0.0"}`) })
	if status, header, raw := with.callHeader(http.MethodGet, "/api/v1/asyncapi.json", "-", nil); status != 200 ||
		header.Get("Content-Type") != "application/json" || string(raw) != `{"asyncapi":"3.0.0"}` {
		t.Errorf("%d %s", status, raw)
	}
	if status, _ := start(t).call(http.MethodGet, "/api/v1/asyncapi.json", "", nil); status != 404 {
		t.Errorf("without a document: %d", status)
	}
}
