package relay

// Alarm is something that works still and will not for long unless a person does something.
type Alarm struct {
	Name string `json:"name"` // the same as long as it is the same thing, e.g. "disk"
	Bad  bool   `json:"bad"`  // what was promised is at stake; false: it is to be watched
	Text string `json:"text"` // what is the matter, in numbers
	Hint string `json:"hint"` // what to do
}
