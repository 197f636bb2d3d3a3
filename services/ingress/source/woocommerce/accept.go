package woocommerce

import (
	"context"
	"fmt"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Accept judges the shape and names the delivery by topic and exact bytes. An unpaid order is kept like any other
// and answered as configured, so that operators see it and the paid one that follows is worked.
func (s *Shop) Accept(_ context.Context, r *source.Request) (source.Accepted, error) {
	topic, err := topicOf(r)
	if err != nil {
		return source.Accepted{}, err
	}
	answer := source.Answer{Status: 200}
	object, err := source.CheckObject(r.Body)
	if err != nil {
		return source.Accepted{}, err
	}
	about := ""
	if orderTopic(topic) {
		o, err := shapeOf(object)
		if err != nil {
			return source.Accepted{}, err
		}
		about = o.ID.Key()
		if intent, reason := s.intent(topic, o); intent == relay.IntentNone && reason == reasonUnpaid {
			answer.Status = s.unpaid
		}
	}
	return source.Accepted{
		Message: source.Webhook(s, r, topic, source.BodyIdentity(r.Body), about, r.Keep(headers()...)),
		Answer:  answer,
	}, nil
}

// shapeOf judges the shape of an order and gives of it what decides on the answer.
func shapeOf(object source.Object) (order, error) {
	o := order{ID: object.Text("id"), Status: object.Text("status"), DatePaid: object.Text("date_paid_gmt")}
	o.bare = o.Status == "" && !object.Has("line_items")
	if o.ID.Key() == "" {
		return order{}, source.Refuse(400, "malformed", "id must be the order's number")
	}
	return o, object.Objects("line_items")
}

// topicOf gives what the shop says where that is an order's topic, since both paths take all of them, and else the
// topic of the path.
func topicOf(r *source.Request) (string, error) {
	topic, err := r.One(headerTopic)
	if err != nil {
		return "", err
	}
	switch {
	case orderTopic(topic):
		return topic, nil
	case r.Topic != "":
		return r.Topic, nil
	case topic == "":
		return topicUpdated, nil
	case source.IsTopic(topic):
		return topic, nil
	}
	return "", source.Refuse(400, "topic", "%s is no topic", headerTopic)
}

func orderTopic(topic string) bool {
	switch topic {
	case topicCreated, topicUpdated, topicDeleted, topicRestored:
		return true
	}
	return false
}

// Sample gives an order without lines, so that nobody is enrolled by a test.
func (s *Shop) Sample(now time.Time) (source.Sample, error) {
	at := now.UTC().Format(wooTime)
	body := fmt.Appendf(nil, `{"id":%d,"number":"edrelay test","status":"processing","date_paid_gmt":%q,`+
		`"date_modified_gmt":%q,"billing":{},"line_items":[]}`, now.UnixMilli(), at, at)
	return source.Sample{
		Path: "/webhooks/woocommerce/order/create",
		Header: map[string]string{
			"Content-Type":          "application/json",
			headerSource:            s.home + "/",
			headerTopic:             topicCreated,
			"X-WC-Webhook-Resource": "order",
			"X-WC-Webhook-Event":    "created",
			headerSignature:         s.secrets.Sign(body),
		},
		Body: body,
	}, nil
}
