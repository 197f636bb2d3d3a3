package demo

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is what the door said.
type answer struct {
	status int
	took   time.Duration
	body   string
}

func (a answer) expect(status int) error {
	if a.status != status {
		return fmt.Errorf("the door answered %d %s, not %d", a.status, strings.TrimSpace(a.body), status)
	}
	return nil
}

// post sends a body to the door.
func (st *stage) post(ctx context.Context, path string, body []byte, header map[string]string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, st.doorURL+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	began := time.Now()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return answer{}, fmt.Errorf("post to the door: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	return answer{status: response.StatusCode, took: time.Since(began), body: string(text)}, err
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

const (
	shopifyPath = "/webhooks/shopify/order/create"
	wooPath     = "/webhooks/woocommerce/order/create"
)

func (st *stage) sendShopify(ctx context.Context, id int64, body []byte, secret string) (answer, error) {
	return st.post(ctx, shopifyPath, body, map[string]string{
		"X-Shopify-Topic":       "orders/create",
		"X-Shopify-Shop-Domain": shopDomain,
		"X-Shopify-Webhook-Id":  "demo-" + strconv.FormatInt(id, 10),
		"X-Shopify-Hmac-Sha256": sign(secret, body),
	})
}

func (st *stage) sendWoo(ctx context.Context, body []byte) (answer, error) {
	return st.post(ctx, wooPath, body, map[string]string{
		"X-WC-Webhook-Source":    wooSource,
		"X-WC-Webhook-Topic":     "order.created",
		"X-WC-Webhook-Resource":  "order",
		"X-WC-Webhook-Event":     "created",
		"X-WC-Webhook-Signature": sign(wooSecret, body),
	})
}

// orderCommand is an order that a person can send with openssl and curl.
func (st *stage) orderCommand() string {
	body := shopifyOrder(st.first+1000, "you@learner.example", sqlCourse)
	return fmt.Sprintf(`   BODY='%s'
   SIGNATURE=$(printf %%s "$BODY" | openssl dgst -sha256 -hmac %s -binary | base64)
   curl -i %s -H 'Content-Type: application/json' -H 'X-Shopify-Shop-Domain: %s' \
     -H "X-Shopify-Hmac-Sha256: $SIGNATURE" --data-binary "$BODY"
`, body, shopifySecret, st.doorURL+shopifyPath, shopDomain)
}
