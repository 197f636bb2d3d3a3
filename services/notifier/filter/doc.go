// Package filter asks the URLs that operators declared what they think of something that Open edX is about to do,
// within the time that a learner can wait, and makes one answer of theirs. Nothing that a filter answers, or fails
// to answer, breaks Open edX or delays it past the deadline.
//
// The filters of a class are asked by position and then name, one after another; neighbours that are both parallel
// are asked together. All are asked the same question. A failure or a status that halts decides alone and at once; the
// data and exceptions of answers are merged key by key, the later wins. A URL that gives no answer several times in a row
// is left alone for a while, and when_unavailable says what becomes of the question meanwhile.
//
// Questions come in on filters.<Class>. Only classes with enabled filters are served, so that a service may answer the
// others by itself: it subscribes to the subject, reads the arguments and replies {"data": …, "exception": …}. Where both
// answer, the first one wins.
package filter
