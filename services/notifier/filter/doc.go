// Package filter asks the URLs that operators declared what they think of something that Open edX is about to do,
// within the time that a learner can wait, and makes one answer of theirs. Nothing that a filter answers, or fails
// to answer, breaks Open edX or delays it past the deadline.
package filter
