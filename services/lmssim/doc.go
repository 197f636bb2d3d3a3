// Package lmssim is a simulated Open edX: the token endpoint, bulk enrolment, the enrolment, account and course
// APIs, SKU redirects, the Lernito webhook and the enrolment sink, with the platform's own answers, limits and quirks,
// faults on demand, and a control API under /_sim/ to arrange and to look.
package lmssim
