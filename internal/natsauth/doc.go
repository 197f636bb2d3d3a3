// Package natsauth decides who may do what on NATS, in its operator mode: edrelay is the operator, its services share
// one account, and each subscribing service has an account of its own that holds a mirror of the events it may read.
// So a reader's consumers, inboxes and positions are apart from everybody else's by construction. The same keys serve
// the embedded server and an external one that trusts this operator.
package natsauth
