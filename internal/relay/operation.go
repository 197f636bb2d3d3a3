package relay

// Reverified is what came of one rejected webhook that was verified again.
type Reverified struct {
	ID       string `json:"id"` // of the rejected webhook
	Source   string `json:"source"`
	Accepted bool   `json:"accepted"`
	Webhook  string `json:"webhook,omitempty"` // id that it goes by from now on
	Reason   string `json:"reason,omitempty"`  // why it is still rejected
}

// ReverifyQuery chooses rejected webhooks; empty fields choose all.
type ReverifyQuery struct {
	ID     string `json:"id,omitempty"`
	Source string `json:"source,omitempty"`
	Reason string `json:"reason,omitempty"`
}
