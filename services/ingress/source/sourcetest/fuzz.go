package sourcetest

import (
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
