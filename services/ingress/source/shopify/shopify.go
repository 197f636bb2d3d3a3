// Package shopify takes the order webhooks of Shopify shops.
package shopify

import (
	"context"
	"fmt"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// kind is the name of the kind in the configuration.
const kind = "shopify"

// Headers that Shopify sends.
const (
	headerShop      = "X-Shopify-Shop-Domain"
	headerSignature = "X-Shopify-Hmac-Sha256"
	headerTopic     = "X-Shopify-Topic"
	headerWebhookID = "X-Shopify-Webhook-Id"
	headerTriggered = "X-Shopify-Triggered-At"
)

// Topics that mean something to edrelay.
const (
	topicCreated   = "orders/create"
	topicPaid      = "orders/paid"
	topicUpdated   = "orders/updated"
	topicCancelled = "orders/cancelled"
	topicRefund    = "refunds/create"
)

// Kind gives the kind.
func Kind() source.Kind {
	return source.Kind{
		Name: kind,
		Routes: []source.Route{
			{Path: "/webhooks/shopify/order/create", Topic: topicCreated},
			{Path: "/webhooks/shopify/order/paid", Topic: topicPaid},
			{Path: "/webhooks/shopify/order/updated", Topic: topicUpdated},
			{Path: "/webhooks/shopify/order/cancelled", Topic: topicCancelled},
			{Path: "/webhooks/shopify/refund/create", Topic: topicRefund},
		},
		Key:      shopOf,
		Headers:  headers(),
		Settings: func() any { return defaults() },
		New:      func(c source.Config) (source.Source, error) { return New(c) },
		Refuse:   func(r *source.Refusal) source.Answer { return source.Answer{Status: r.Status} },
	}
}

// Settings are the source's keys in the configuration.
type Settings struct {
	ShopDomain      string   `yaml:"shop_domain"`
	Secrets         []string `yaml:"secrets" secret:"true"`
	EnrollOn        string   `yaml:"enroll_on"`        // created | paid
	OnRefund        string   `yaml:"on_refund"`        // unenroll | keep
	EmailProperties []string `yaml:"email_properties"` // of a line item; the first with a value has the learner's address
}

func headers() []string {
	return []string{headerShop, headerTopic, headerWebhookID, headerTriggered, headerSignature,
		"X-Shopify-Event-Id", "X-Shopify-Api-Version"}
}

func defaults() *Settings {
	return &Settings{EnrollOn: "created", OnRefund: source.RefundUnenroll, EmailProperties: []string{"email"}}
}

// Shop is one configured shop.
type Shop struct {
	name     string
	domain   string
	secrets  source.Secrets
	paidOnly bool
	keep     bool
	emails   source.Names
}

// New makes a shop of its configuration.
func New(c source.Config) (*Shop, error) {
	set := defaults()
	if err := c.Decode(set); err != nil {
		return nil, err
	}
	shop := &Shop{name: c.Name, domain: normal(set.ShopDomain), emails: set.EmailProperties}
	if shop.domain == "" {
		return nil, fmt.Errorf("shop_domain: must be the shop's domain, like example.myshopify.com")
	}
	var err error
	if shop.secrets, err = source.NewSecrets(set.Secrets...); err != nil {
		return nil, err
	}
	if shop.paidOnly, err = source.Choice("enroll_on", set.EnrollOn, "paid", "created"); err != nil {
		return nil, err
	}
	if shop.keep, err = source.Choice("on_refund", set.OnRefund, source.RefundKeep, source.RefundUnenroll); err != nil {
		return nil, err
	}
	return shop, nil
}

// Name is the source's name.
func (s *Shop) Name() string { return s.name }

// Kind is "shopify".
func (s *Shop) Kind() string { return kind }

// Key is the shop's domain in lower case.
func (s *Shop) Key() string { return s.domain }

// Describe says how the shop is configured.
func (s *Shop) Describe() relay.Source {
	return relay.Source{Name: s.name, Kind: kind, Secrets: s.secrets.Len(), Settings: map[string]string{
		"shop_domain":      s.domain,
		"enroll_on":        source.Chosen(s.paidOnly, "paid", "created"),
		"on_refund":        source.Chosen(s.keep, source.RefundKeep, source.RefundUnenroll),
		"email_properties": strings.Join(s.emails, ", "),
	}}
}

// shopOf gives the shop's domain that a request names.
func shopOf(r *source.Request) (string, error) {
	domain, err := r.One(headerShop)
	if err != nil {
		return "", err
	}
	if domain == "" {
		return "", source.Refuse(400, "shop", "%s is missing", headerShop)
	}
	return normal(domain), nil
}

func normal(domain string) string {
	domain = strings.ToLower(strings.TrimSpace(domain))
	domain = strings.TrimPrefix(strings.TrimPrefix(domain, "https://"), "http://")
	return strings.TrimSuffix(domain, "/")
}

// Verify checks the shop's domain and the signature of the exact bytes.
func (s *Shop) Verify(_ context.Context, r *source.Request) error {
	domain, err := shopOf(r)
	if err != nil && !(r.Named && r.Header.Get(headerShop) == "") {
		return err
	}
	if err == nil && domain != s.domain {
		return source.Refuse(403, "shop", "%s names another shop", headerShop)
	}
	return s.secrets.Check(r, headerSignature)
}
