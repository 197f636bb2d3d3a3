package lmssim

import (
	"fmt"
	"net/http"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// made turns a function that only fails into one that gives its argument back.
func made[T any](add func(T) error) func(T) (T, error) {
	return func(v T) (T, error) { return v, add(v) }
}

func (s *Server) arrangeRoutes(mux *controlMux) {
	post := func(path string, h http.HandlerFunc) { mux.HandleFunc("POST "+controlPrefix+path, h) }
	post("/users", create(func() User { return User{Active: true} }, s.AddUser))
	post("/courses", create(zero[Course], made(s.AddCourse)))
	post("/clients", create(zero[Client], made(s.AddClient)))
	post("/redirects", create(zero[Redirect], made(s.AddRedirect)))
	post("/enrollments", create(func() Enrollment { return Enrollment{Active: true} }, made(s.SetEnrollment)))
	post("/allowances", create(zero[Allowance], made(s.SetAllowance)))
	post("/sink", create(func() SinkEnrollment { return SinkEnrollment{Active: true} },
		made(func(row SinkEnrollment) error { s.SetSinkEnrollment(row); return nil })))
	post("/users/{who}/{change}", s.controlUser)
	post("/tokens/expire", func(w http.ResponseWriter, _ *http.Request) { s.ExpireTokens(); done(w, nil) })
	post("/reset", func(w http.ResponseWriter, _ *http.Request) { s.Reset(); done(w, nil) })
	post("/state", func(w http.ResponseWriter, r *http.Request) {
		var state State
		if read(w, r, &state) {
			done(w, s.Load(state))
		}
	})
	mux.HandleFunc("POST "+controlPrefix+"/cohorts", s.controlCohort)
	mux.HandleFunc("PATCH "+controlPrefix+"/settings", s.controlSettings)
	s.removeRoutes(mux)
}

func (s *Server) removeRoutes(mux *controlMux) {
	mux.HandleFunc("DELETE "+controlPrefix+"/users/{who}", func(w http.ResponseWriter, r *http.Request) {
		done(w, s.RemoveUser(r.PathValue("who")))
	})
	mux.HandleFunc("DELETE "+controlPrefix+"/courses/{key...}", func(w http.ResponseWriter, r *http.Request) {
		done(w, s.RemoveCourse(r.PathValue("key")))
	})
	mux.HandleFunc("DELETE "+controlPrefix+"/redirects", func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Query().Get("path")
		if !s.RemoveRedirect(path) {
			controlFailure(w, fmt.Errorf("redirect of %q: %w", path, campus.ErrUnknown))
			return
		}
		done(w, nil)
	})
}

// controlUser is POST /_sim/users/{username or address}/{activate|deactivate|retire|disable}.
func (s *Server) controlUser(w http.ResponseWriter, r *http.Request) {
	changes := map[string]func(string) error{
		"activate": s.Activate, "deactivate": s.Deactivate, "retire": s.Retire, "disable": s.Disable,
	}
	change, known := changes[r.PathValue("change")]
	if !known {
		controlFailure(w, fmt.Errorf("%q is none of activate, deactivate, retire, disable", r.PathValue("change")))
		return
	}
	done(w, change(r.PathValue("who")))
}

func (s *Server) controlCohort(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Course string `json:"course"`
		Name   string `json:"name"`
	}
	if read(w, r, &ask) {
		done(w, s.AddCohort(ask.Course, ask.Name))
	}
}

// controlSettings is PATCH /_sim/settings: what is left out stays.
func (s *Server) controlSettings(w http.ResponseWriter, r *http.Request) {
	set := s.Settings()
	if !read(w, r, &set) {
		return
	}
	if err := s.Configure(set); err != nil {
		controlFailure(w, err)
		return
	}
	controlReply(w, http.StatusOK, s.Settings())
}
