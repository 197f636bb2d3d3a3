package shopify

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

type order struct {
	ID              source.Text `json:"id"`
	Name            source.Text `json:"name"`
	FinancialStatus source.Text `json:"financial_status"`
	CancelledAt     source.Text `json:"cancelled_at"`
	UpdatedAt       source.Text `json:"updated_at"`
	CreatedAt       source.Text `json:"created_at"`
	LineItems       []item      `json:"line_items"`
	Refunds         []refund    `json:"refunds"`
}

type item struct {
	ID              source.Text `json:"id"`
	SKU             source.Text `json:"sku"`
	Quantity        source.Text `json:"quantity"`
	CurrentQuantity source.Text `json:"current_quantity"`
	Properties      properties  `json:"properties"`
}

type refund struct {
	ID        source.Text  `json:"id"`
	OrderID   source.Text  `json:"order_id"`
	CreatedAt source.Text  `json:"created_at"`
	Lines     []refundLine `json:"refund_line_items"`
}

type refundLine struct {
	LineItemID source.Text `json:"line_item_id"`
	Quantity   source.Text `json:"quantity"`
}

// properties is what the buyer filled in for a line: a list of names and values, in some versions an object.
type properties []property

type property struct {
	Name  source.Text `json:"name"`
	Value source.Text `json:"value"`
}

// UnmarshalJSON takes anything; what is no property is left out.
func (p *properties) UnmarshalJSON(data []byte) error {
	*p = nil
	switch data[0] {
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		for _, raw := range list {
			var each property
			if json.Unmarshal(raw, &each) == nil {
				*p = append(*p, each)
			}
		}
	case '{':
		var object map[string]source.Text
		if err := json.Unmarshal(data, &object); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			*p = append(*p, property{Name: source.Text(name), Value: object[name]})
		}
	}
	return nil
}

func parseOrder(body []byte) (order, error) {
	var o order
	if err := source.ParseJSON(body, &o); err != nil {
		return order{}, err
	}
	if o.ID.Key() == "" {
		return order{}, source.Refuse(400, "malformed", "id must be the order's number")
	}
	return o, nil
}

func parseRefund(body []byte) (refund, error) {
	var r refund
	if err := source.ParseJSON(body, &r); err != nil {
		return refund{}, err
	}
	if r.OrderID.Key() == "" {
		return refund{}, source.Refuse(400, "malformed", "order_id must be the order's number")
	}
	return r, nil
}

// Read interprets an order or a refund. Orders of topics that edrelay does not use have no intent.
func (s *Shop) Read(topic string, header map[string]string, body []byte) (relay.Order, error) {
	switch {
	case topic == topicRefund:
		return s.readRefund(body)
	case orderTopic(topic):
		return s.readOrder(topic, header, body)
	}
	return relay.Order{Intent: relay.IntentNone, Reason: "topic not used"}, nil
}

func (s *Shop) readRefund(body []byte) (relay.Order, error) {
	r, err := parseRefund(body)
	if err != nil {
		return relay.Order{}, err
	}
	out := relay.Order{ID: r.OrderID.Key(), Version: r.at(), Intent: relay.IntentNone, Delta: true}
	if s.keep {
		out.Delta, out.Reason = false, "refunded, kept by on_refund"
		return out, nil
	}
	out.Refunds = []relay.Refund{r.relay(body)}
	return out, nil
}

func (s *Shop) readOrder(topic string, header map[string]string, body []byte) (relay.Order, error) {
	o, err := parseOrder(body)
	if err != nil {
		return relay.Order{}, err
	}
	out := relay.Order{ID: o.ID.Key(), Name: string(o.Name), Version: o.version(header)}
	out.Intent, out.Reason = s.intent(topic, o)
	if out.Intent == relay.IntentEnroll && o.LineItems == nil {
		return relay.Order{}, fmt.Errorf("the order came without line_items")
	}
	for i, each := range o.LineItems {
		out.Lines = append(out.Lines, s.line(i, each))
	}
	if s.keep {
		return out, nil
	}
	for _, r := range o.Refunds {
		out.Refunds = append(out.Refunds, r.relay(nil))
	}
	return out, nil
}

// intent says what the order's state asks for. A refund of money alone undoes nothing, so only a cancelled order
// is undone as a whole; refunded lines are in Refunds.
func (s *Shop) intent(topic string, o order) (relay.Intent, string) {
	if o.CancelledAt != "" || topic == topicCancelled {
		if s.keep {
			return relay.IntentNone, "cancelled, kept by on_refund"
		}
		return relay.IntentUndo, "cancelled"
	}
	if !s.paidOnly || topic == topicPaid {
		return relay.IntentEnroll, ""
	}
	switch o.FinancialStatus {
	case "paid", "partially_refunded", "refunded":
		return relay.IntentEnroll, ""
	}
	return relay.IntentNone, "unpaid"
}

func (s *Shop) line(position int, each item) relay.Line {
	line := relay.Line{ID: string(each.ID), SKU: string(each.SKU), Quantity: each.Quantity.Count(1)}
	if line.ID == "" {
		line.ID = "#" + strconv.Itoa(position+1)
	}
	if !s.keep && each.CurrentQuantity.Count(1) == 0 {
		line.Quantity = 0
	}
	line.Learner, line.Problem = source.Learner(s.address(each))
	return line
}

func (s *Shop) address(each item) string {
	for _, p := range each.Properties {
		if p.Value != "" && s.emails.Has(string(p.Name)) {
			return string(p.Value)
		}
	}
	return ""
}

// version is when the shop last changed the order; Shopify's own header where a cut-down payload has no such key.
func (o order) version(header map[string]string) time.Time {
	for _, text := range []string{string(o.UpdatedAt), header["x-shopify-triggered-at"], string(o.CreatedAt)} {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

func (r refund) at() time.Time {
	at, err := time.Parse(time.RFC3339Nano, string(r.CreatedAt))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// relay gives the refund as edrelay says it; one without an id is named by its bytes.
func (r refund) relay(body []byte) relay.Refund {
	out := relay.Refund{ID: string(r.ID), At: r.at()}
	for _, line := range r.Lines {
		if count := line.Quantity.Count(0); count > 0 && line.LineItemID != "" {
			out.Lines = append(out.Lines, relay.RefundLine{LineID: string(line.LineItemID), Quantity: count})
		}
	}
	if out.ID == "" {
		out.ID = source.Fingerprint(string(body), fmt.Sprint(out.At.UnixNano(), out.Lines))
	}
	return out
}
