// Package webfilter is the shape in which Open edX asks before it does something, as the openedx-webhooks plugin
// posts it, and the shape in which it can be answered: secrets are taken out of what is asked, and out of an answer
// whatever would forge an identity or crash the platform. It computes; it calls nobody.
package webfilter
