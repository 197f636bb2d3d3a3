package shopify

import (
	"context"
	"fmt"
	"time"

	"github.com/edrelay/edrelay/services/ingress/source"
)

// Accept judges the shape and names the delivery: Shopify's webhook id within shop and topic, or the exact bytes
// when there is none. The event id is no identity, for several topics share it.
func (s *Shop) Accept(_ context.Context, r *source.Request) (source.Accepted, error) {
	topic, err := topicOf(r)
	if err != nil {
		return source.Accepted{}, err
	}
	about, err := orderOf(topic, r.Body)
	if err != nil {
		return source.Accepted{}, err
	}
	identity := "id:" + r.Header.Get(headerWebhookID)
	if identity == "id:" {
		identity = source.BodyIdentity(r.Body)
	}
	return source.Accepted{
		Message: source.Webhook(s, r, topic, identity, about, r.Keep(headers()...)),
		Answer:  source.Answer{Status: 200},
	}, nil
}

// topicOf gives the topic of the path; at a path that any source shares, what the shop says.
func topicOf(r *source.Request) (string, error) {
	if r.Topic != "" {
		return r.Topic, nil
	}
	topic, err := r.One(headerTopic)
	if err != nil {
		return "", err
	}
	if topic == "" {
		return topicCreated, nil
	}
	if !source.IsTopic(topic) {
		return "", source.Refuse(400, "topic", "%s is no topic", headerTopic)
	}
	return topic, nil
}

func orderTopic(topic string) bool {
	switch topic {
	case topicCreated, topicPaid, topicUpdated, topicCancelled, topicRefund:
		return true
	}
	return false
}

// orderOf judges the shape of the body and gives the key of the order that it is about; "" when it is about none.
func orderOf(topic string, body []byte) (string, error) {
	object, err := source.CheckObject(body)
	if err != nil || !orderTopic(topic) {
		return "", err
	}
	key, list := "id", "line_items"
	if topic == topicRefund {
		key, list = "order_id", "refund_line_items"
	}
	order := object.Text(key).Key()
	if order == "" {
		return "", source.Refuse(400, "malformed", "%s must be the order's number", key)
	}
	return order, object.Objects(list)
}

// Sample gives an order without lines, so that nobody is enrolled by a test.
func (s *Shop) Sample(now time.Time) (source.Sample, error) {
	at := now.UTC().Format(time.RFC3339)
	body := fmt.Appendf(nil, `{"id":%d,"name":"edrelay test","test":true,"financial_status":"paid",`+
		`"created_at":%q,"updated_at":%q,"customer":null,"line_items":[]}`, now.UnixMilli(), at, at)
	return source.Sample{
		Path: "/webhooks/shopify/order/create",
		Header: map[string]string{
			"Content-Type":  "application/json",
			headerShop:      s.domain,
			headerTopic:     topicCreated,
			headerWebhookID: source.Fingerprint(string(body)),
			headerSignature: s.secrets.Sign(body),
		},
		Body: body,
	}, nil
}
