package crash_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	shopDomain = "crash.myshopify.com"
	shopSecret = "the-crash-shop-signs-with-this"
)

// shop makes up orders and their histories, and knows what they ask for in the end.
type shop struct {
	random   *rand.Rand
	learners []string
	courses  []string
	next     int

	mu    sync.Mutex
	final map[place]int // orders that ask for it in the end
	lines map[place]int // order lines that ever asked for it
}

type place struct{ learner, course string }

type delivery struct {
	topic string
	id    string // of the webhook
	body  []byte
}

type item struct {
	ID         int              `json:"id"`
	SKU        string           `json:"sku"`
	Quantity   int              `json:"quantity"`
	Properties []map[string]any `json:"properties"`
}

func newShop(seed uint64, learners, courses []string) *shop {
	return &shop{random: rand.New(rand.NewPCG(seed, 1)), learners: learners, courses: courses, final: map[place]int{}, lines: map[place]int{}}
}

// order makes a new order and all that is ever said of it, in an order of its own, some of it twice.
func (s *shop) order() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	id := 1_000_000 + s.next
	asked := map[place]bool{}
	var items []item
	for i := range 1 + s.random.IntN(3) {
		at := place{s.learners[s.random.IntN(len(s.learners))], s.courses[s.random.IntN(len(s.courses))]}
		if asked[at] {
			continue
		}
		asked[at] = true
		s.lines[at]++
		items = append(items, item{id*10 + i, at.course, 1, []map[string]any{{"name": "email", "value": at.learner}}})
	}
	say := func(topic string, version int, body map[string]any) delivery {
		body["updated_at"] = time.Unix(int64(1_700_000_000+version), 0).UTC().Format(time.RFC3339)
		text, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		return delivery{topic, fmt.Sprintf("%d-%s-%d", id, topic, version), text}
	}
	told := []delivery{say("order/create", 1, map[string]any{"id": id, "line_items": items})}
	wanted := items
	if s.random.IntN(4) == 0 && len(items) > 1 { // a line is removed
		wanted = items[1:]
		told = append(told, say("order/updated", 2, map[string]any{"id": id, "line_items": wanted}))
	}
	switch s.random.IntN(5) {
	case 0:
		told = append(told, say("order/cancelled", 3, map[string]any{"id": id, "line_items": wanted, "cancelled_at": "2026-01-02T00:00:00Z"}))
		wanted = nil
	case 1:
		told = append(told, say("refund/create", 3, map[string]any{
			"id": id + 5, "order_id": id, "created_at": "2026-01-02T00:00:00Z",
			"refund_line_items": []map[string]any{{"line_item_id": wanted[0].ID, "quantity": 1}},
		}))
		wanted = wanted[1:]
	}
	for _, one := range wanted {
		s.final[place{one.Properties[0]["value"].(string), one.SKU}]++
	}
	if s.random.IntN(3) == 0 {
		told = append(told, told[s.random.IntN(len(told))])
	}
	s.random.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
	return told
}

// tell posts a delivery until edrelay takes it, as a shop does that tries again. It gives up when ctx is done.
func (s *shop) tell(ctx context.Context, door string, d delivery) error {
	mac := hmac.New(sha256.New, []byte(shopSecret))
	mac.Write(d.body)
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for ctx.Err() == nil {
		status, err := post(ctx, "http://"+door+"/webhooks/shopify/"+d.topic, d.body, map[string]string{
			"X-Shopify-Shop-Domain": shopDomain, "X-Shopify-Hmac-Sha256": signature, "X-Shopify-Webhook-Id": d.id,
		})
		switch {
		case err == nil && status >= 200 && status < 300:
			return nil
		case err == nil && status < 500 && status != http.StatusTooManyRequests:
			return fmt.Errorf("the door answered %d to %s", status, d.topic)
		}
		pause(ctx, 100*time.Millisecond)
	}
	return ctx.Err()
}

func post(ctx context.Context, url string, body []byte, header map[string]string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func username(email string) string { return strings.NewReplacer("@", "_", ".", "_").Replace(email) }
