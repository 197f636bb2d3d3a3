// Package campus is what a simulated Open edX knows and the rules by which it changes: people, courses, cohorts,
// enrolments, allowances, the mails sent and the audit trail. It speaks no HTTP; all of it is in memory.
package campus
