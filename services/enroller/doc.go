// Package enroller turns webhooks into enrolments and works them off at the LMS: each order's updates add up to what
// should be, whatever order they come in; due rows are grouped into bulk calls; every answer has its meaning; every row
// ends enrolled, allowed, unenrolled, waiting until a time, or parked with a reason.
package enroller
