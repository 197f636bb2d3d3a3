// Package woocommerce takes the order webhooks of WooCommerce shops.
package woocommerce

import (
	"context"
	"errors"
	"html"
	"net/url"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// kind is the name of the kind in the configuration.
const kind = "woocommerce"

// Headers that WooCommerce sends. Its delivery id is no identity: two orders of one second share it.
const (
	headerSource    = "X-WC-Webhook-Source"
	headerSignature = "X-WC-Webhook-Signature"
	headerTopic     = "X-WC-Webhook-Topic"
)

// Topics of orders.
const (
	topicCreated  = "order.created"
	topicUpdated  = "order.updated"
	topicDeleted  = "order.deleted"
	topicRestored = "order.restored"
)

// Kind gives the kind.
func Kind() source.Kind {
	return source.Kind{
		Name: kind,
		Routes: []source.Route{
			{Path: "/webhooks/woocommerce/order/create", Topic: topicCreated},
			{Path: "/webhooks/woocommerce/order/update", Topic: topicUpdated},
		},
		Key:      sourceOf,
		Headers:  headers(),
		Greet:    ping,
		Settings: func() any { return defaults() },
		New:      func(c source.Config) (source.Source, error) { return New(c) },
		Refuse:   func(r *source.Refusal) source.Answer { return source.Answer{Status: r.Status} },
	}
}

// Settings are the source's keys in the configuration.
type Settings struct {
	Source          string   `yaml:"source"` // the shop's home URL
	Secrets         []string `yaml:"secrets" secret:"true"`
	RequirePayment  bool     `yaml:"require_payment"`
	UnpaidStatus    int      `yaml:"unpaid_status"`    // what an unpaid order is answered with; 402 counts as a failure at the shop
	OnRefund        string   `yaml:"on_refund"`        // unenroll | keep
	EmailProperties []string `yaml:"email_properties"` // keys of a line's meta data with the learner's address, beside fields of type email
}

func headers() []string {
	return []string{headerSource, headerTopic, headerSignature, "X-WC-Webhook-Resource", "X-WC-Webhook-Event",
		"X-WC-Webhook-ID", "X-WC-Webhook-Delivery-ID"}
}

func defaults() *Settings {
	return &Settings{UnpaidStatus: 402, OnRefund: source.RefundUnenroll, EmailProperties: []string{"email"}}
}

// Shop is one configured shop.
type Shop struct {
	name     string
	home     string
	secrets  source.Secrets
	count    int // of secrets as configured
	paidOnly bool
	unpaid   int
	keep     bool
	emails   source.Names
}

// New makes a shop of its configuration.
func New(c source.Config) (*Shop, error) {
	set := defaults()
	if err := c.Decode(set); err != nil {
		return nil, err
	}
	shop := &Shop{name: c.Name, home: normal(set.Source), emails: set.EmailProperties, count: len(set.Secrets),
		paidOnly: set.RequirePayment, unpaid: set.UnpaidStatus}
	if shop.home == "" {
		return nil, errors.New("source: must be the shop's home URL, like https://shop.example")
	}
	if shop.unpaid < 200 || shop.unpaid > 499 {
		return nil, errors.New("unpaid_status: must be an HTTP status from 200 to 499")
	}
	var err error
	if shop.secrets, err = source.NewSecrets(spellings(set.Secrets)...); err != nil {
		return nil, err
	}
	if shop.keep, err = source.Choice("on_refund", set.OnRefund, source.RefundKeep, source.RefundUnenroll); err != nil {
		return nil, err
	}
	return shop, nil
}

// spellings adds to each secret the one that WooCommerce signs with when it was typed with HTML entities.
func spellings(secrets []string) []string {
	list := append([]string(nil), secrets...)
	for _, secret := range secrets {
		if plain := html.UnescapeString(secret); plain != secret && plain != "" {
			list = append(list, plain)
		}
	}
	return list
}

// Name is the source's name.
func (s *Shop) Name() string { return s.name }

// Kind is "woocommerce".
func (s *Shop) Kind() string { return kind }

// Key is the shop's home URL in lower case without a trailing slash.
func (s *Shop) Key() string { return s.home }

// Describe says how the shop is configured.
func (s *Shop) Describe() relay.Source {
	return relay.Source{Name: s.name, Kind: kind, Secrets: s.count, Settings: map[string]string{
		"source":           s.home,
		"require_payment":  strconv.FormatBool(s.paidOnly),
		"unpaid_status":    strconv.Itoa(s.unpaid),
		"on_refund":        source.Chosen(s.keep, source.RefundKeep, source.RefundUnenroll),
		"email_properties": strings.Join(s.emails, ", "),
	}}
}

// sourceOf judges the media type, which the contract puts first, and gives the shop's home URL.
func sourceOf(r *source.Request) (string, error) {
	if media := r.MediaType(); media != "application/json" {
		refusal := source.Refuse(400, "media", "Content-Type must be application/json")
		refusal.Keep = false
		return "", refusal
	}
	home, err := r.One(headerSource)
	if err != nil {
		return "", err
	}
	if home == "" {
		return "", source.Refuse(400, "shop", "%s is missing", headerSource)
	}
	return normal(home), nil
}

func normal(home string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(home)), "/")
}

// ping answers the unsigned form that WooCommerce sends when a webhook is first made active: exactly 200, or it
// is not saved as verified.
func ping(r *source.Request) (source.Answer, bool) {
	if r.MediaType() != "application/x-www-form-urlencoded" {
		return source.Answer{}, false
	}
	const most = 4096 // a ping is some twenty bytes
	if len(r.Body) > most {
		return source.Answer{}, false
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil || !form.Has("webhook_id") {
		return source.Answer{}, false
	}
	return source.Answer{Status: 200}, true
}

// Verify checks the shop's home URL and the signature of the exact bytes.
func (s *Shop) Verify(_ context.Context, r *source.Request) error {
	home, err := sourceOf(r)
	anonymous := r.Named && r.MediaType() == "application/json" && r.Header.Get(headerSource) == ""
	if err != nil && !anonymous {
		return err
	}
	if !anonymous && home != s.home {
		return source.Refuse(403, "shop", "%s names another shop", headerSource)
	}
	return s.secrets.Check(r, headerSignature)
}
