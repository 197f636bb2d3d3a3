package lmssim

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// State is all that was arranged and all that came of it. What State gives, Load takes.
type State struct {
	Settings *Settings `json:"settings,omitempty"`
	campus.Snapshot
	Clients   []Client         `json:"clients,omitempty"`
	Redirects []Redirect       `json:"redirects,omitempty"`
	Sink      []SinkEnrollment `json:"sink,omitempty"` // rows of the enrolment sink
}

// State copies the state.
func (s *Server) State() State {
	set := s.Settings()
	state := State{Settings: &set, Clients: s.clients.list(), Redirects: s.redirects.list(), Sink: s.sink.list()}
	s.campus.Read(func(t *campus.Tx) { state.Snapshot = t.Snapshot() })
	return state
}

// Load puts the settings of a state in force, if it has any, and adds the rest to what is there; the first error
// ends it.
func (s *Server) Load(state State) error {
	if state.Settings != nil {
		if err := s.Configure(*state.Settings); err != nil {
			return err
		}
	}
	if err := s.campus.Do(false, func(t *campus.Tx) error { return t.Load(state.Snapshot) }); err != nil {
		return err
	}
	for _, c := range state.Clients {
		if err := s.AddClient(c); err != nil {
			return err
		}
	}
	for _, r := range state.Redirects {
		if err := s.AddRedirect(r); err != nil {
			return err
		}
	}
	for _, row := range state.Sink {
		s.sink.put(row)
	}
	return nil
}

// LoadJSON adds a state written as JSON, as the control API shows it; an unknown key is an error.
func (s *Server) LoadJSON(r io.Reader) error {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var state State
	if err := decoder.Decode(&state); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return s.Load(state)
}

// Mails lists the newest mails, oldest first.
func (s *Server) Mails() (mails []Mail) {
	s.campus.Read(func(t *campus.Tx) { mails = t.Mails() })
	return mails
}

// AuditTrail lists the newest audit rows, oldest first.
func (s *Server) AuditTrail() (rows []Audit) {
	s.campus.Read(func(t *campus.Tx) { rows = t.AuditTrail() })
	return rows
}

// Requests lists the newest requests of an endpoint, or of all for "", oldest first; one that is still worked has
// status 0.
func (s *Server) Requests(endpoint Endpoint) []Request { return s.calls.list(endpoint) }

// Faults lists the faults in force with their counts.
func (s *Server) Faults() []Fault { return s.faults.snapshot() }
