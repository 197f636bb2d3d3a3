// Package lms is a client of Open edX's REST API for enrolments. It makes one call at a time into a verdict: what
// happened, to whom, and what to do next; it never retries by itself but once with a fresh token.
package lms
