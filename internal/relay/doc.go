// Package relay is the vocabulary of edrelay: sources, webhooks, orders, enrolments, events, subscriptions,
// deliveries, filters and replays, the states they end in, and the errors that say what to do next.
// It imports nothing but the standard library; everything else imports it.
package relay
