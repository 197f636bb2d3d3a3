package relay

// Difference is something that log, ledger and LMS don't agree on, with what mends it.
type Difference struct {
	Kind    string `json:"kind"`    // webhook_missing, webhook_unreadable, webhooks_lost, order_unplanned, enrollment_stuck, lms_missing, lms_surplus, delivery_missing, subscription_without_consumer
	Subject string `json:"subject"` // what it is about: a sequence of WEBHOOKS, an order, an enrolment's id
	Detail  string `json:"detail"`  // one sentence
	Mend    string `json:"mend"`    // the command that mends it
}

// Reconciliation is what an audit found.
type Reconciliation struct {
	Webhooks    int          `json:"webhooks"`    // on the log
	Underway    int          `json:"underway"`    // on the log and too young to be missed in the ledger
	Orders      int          `json:"orders"`      // in the ledger
	Enrollments int          `json:"enrollments"` // in the ledger
	Waiting     int          `json:"waiting"`     // of them
	Parked      int          `json:"parked"`      // of them
	Deliveries  int          `json:"deliveries"`  // events that subscriptions were given, each accounted for in the ledger
	Backlog     int          `json:"backlog"`     // events that subscriptions are still to be given
	Compared    int          `json:"compared"`    // enrolments compared with the LMS
	Differences []Difference `json:"differences"`
}

// OK tells whether everything is accounted for.
func (r Reconciliation) OK() bool { return len(r.Differences) == 0 }
