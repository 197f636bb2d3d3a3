package woocommerce

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// wooTime is how WooCommerce writes a time in UTC.
const wooTime = "2006-01-02T15:04:05"

// reasonUnpaid is why an unpaid order asks for nothing.
const reasonUnpaid = "unpaid"

type order struct {
	ID        source.Text `json:"id"`
	Number    source.Text `json:"number"`
	Status    source.Text `json:"status"`
	DatePaid  source.Text `json:"date_paid_gmt"`
	Modified  source.Text `json:"date_modified_gmt"`
	Created   source.Text `json:"date_created_gmt"`
	LineItems []item      `json:"line_items"`
	bare      bool
}

type item struct {
	ID       source.Text `json:"id"`
	SKU      source.Text `json:"sku"`
	Quantity source.Text `json:"quantity"`
	MetaData metaData    `json:"meta_data"`
}

// metaData is what plugins and the buyer put on a line.
type metaData []meta

type meta struct {
	Key   source.Text     `json:"key"`
	Value json.RawMessage `json:"value"`
}

// UnmarshalJSON takes anything; what is no entry is left out.
func (m *metaData) UnmarshalJSON(data []byte) error {
	*m = nil
	if data[0] != '[' {
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, raw := range list {
		var each meta
		if raw[0] == '{' && json.Unmarshal(raw, &each) == nil {
			*m = append(*m, each)
		}
	}
	return nil
}

func parse(body []byte) (order, error) {
	var o order
	if err := source.ParseJSON(body, &o); err != nil {
		return order{}, err
	}
	if o.ID.Key() == "" {
		return order{}, source.Refuse(400, "malformed", "id must be the order's number")
	}
	o.bare = o.Status == "" && o.LineItems == nil
	return o, nil
}

// Read interprets an order. Webhooks of other topics have no intent.
func (s *Shop) Read(topic string, _ map[string]string, body []byte) (relay.Order, error) {
	if !orderTopic(topic) {
		return relay.Order{Intent: relay.IntentNone, Reason: "topic not used"}, nil
	}
	o, err := parse(body)
	if err != nil {
		return relay.Order{}, err
	}
	out := relay.Order{ID: o.ID.Key(), Version: o.version()}
	if o.Number != "" {
		out.Name = "#" + strings.TrimPrefix(string(o.Number), "#")
	}
	out.Intent, out.Reason = s.intent(topic, o)
	if out.Intent == relay.IntentEnroll && o.LineItems == nil {
		return relay.Order{}, errors.New("the order came without line_items")
	}
	for i, each := range o.LineItems {
		out.Lines = append(out.Lines, s.line(i, each))
	}
	return out, nil
}

// intent says what the order's state asks for. Without require_payment every living order enrols, whatever its
// status; with it only the date of payment counts.
func (s *Shop) intent(topic string, o order) (relay.Intent, string) {
	status := strings.ToLower(string(o.Status))
	switch {
	case topic == topicDeleted && o.bare:
		return s.undo("deleted")
	case status == "cancelled" || status == "refunded" || status == "failed" || status == "trash":
		return s.undo(status)
	case status == "checkout-draft" || status == "auto-draft" || status == "draft":
		return relay.IntentNone, "draft"
	case s.paidOnly && !o.paid():
		return relay.IntentNone, reasonUnpaid
	}
	return relay.IntentEnroll, ""
}

func (s *Shop) undo(reason string) (relay.Intent, string) {
	if s.keep {
		return relay.IntentNone, reason + ", kept by on_refund"
	}
	return relay.IntentUndo, reason
}

func (o order) paid() bool { return !parseTime(string(o.DatePaid)).IsZero() }

// version is when the shop last changed the order, to the second; the payload shows the state of that time.
func (o order) version() time.Time {
	if at := parseTime(string(o.Modified)); !at.IsZero() {
		return at
	}
	return parseTime(string(o.Created))
}

func parseTime(text string) time.Time {
	for _, layout := range []string{wooTime, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

func (s *Shop) line(position int, each item) relay.Line {
	line := relay.Line{ID: string(each.ID), SKU: string(each.SKU), Quantity: each.Quantity.Count(1)}
	if line.ID == "" {
		line.ID = "#" + strconv.Itoa(position+1)
	}
	if s.keep && line.Quantity == 0 {
		line.Quantity = 1
	}
	line.Learner, line.Problem = source.Learner(s.address(each))
	return line
}

// address gives the first field of type email that "Product Input Fields" put on the line, or the first entry that
// goes by a configured name, whichever comes first.
func (s *Shop) address(each item) string {
	for _, m := range each.MetaData {
		if address := fieldAddress(m.Value); address != "" {
			return address
		}
		var plain source.Text
		if s.emails.Has(string(m.Key)) && json.Unmarshal(m.Value, &plain) == nil && plain != "" {
			return string(plain)
		}
	}
	return ""
}

// fieldAddress reads a value that is a list whose first entry is a field of type email.
func fieldAddress(value json.RawMessage) string {
	if len(value) == 0 || value[0] != '[' {
		return ""
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil || len(list) == 0 || list[0][0] != '{' {
		return ""
	}
	var field struct {
		Type  source.Text `json:"type"`
		Value source.Text `json:"_value"`
	}
	if json.Unmarshal(list[0], &field) != nil || field.Type != "email" {
		return ""
	}
	return string(field.Value)
}
