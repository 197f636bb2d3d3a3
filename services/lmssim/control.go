package lmssim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// controlPrefix is where the control API lives; nothing of the platform is below it.
const controlPrefix = "/_sim"

// controlHandler answers the control API. It knows no callers: whoever reaches the simulator may use it.
func (s *Server) controlHandler() http.Handler {
	mux := &controlMux{ServeMux: http.NewServeMux()}
	s.arrangeRoutes(mux)
	s.lookRoutes(mux)
	s.faultRoutes(mux)
	mux.ServeMux.HandleFunc("GET "+controlPrefix+"/{$}", func(w http.ResponseWriter, _ *http.Request) {
		controlReply(w, http.StatusOK, map[string][]string{"control": mux.patterns})
	})
	mux.ServeMux.HandleFunc(controlPrefix+"/", func(w http.ResponseWriter, r *http.Request) {
		controlReply(w, http.StatusNotFound, controlError{"no such control path: " + r.Method + " " + r.URL.Path})
	})
	return mux
}

// controlMux remembers what it can answer.
type controlMux struct {
	*http.ServeMux
	patterns []string // "GET /_sim/state"
}

// HandleFunc adds one path.
func (m *controlMux) HandleFunc(pattern string, h http.HandlerFunc) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.HandleFunc(pattern, h)
}

type controlError struct {
	Error string `json:"error"`
}

func controlReply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v)
}

func controlFailure(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	if errors.Is(err, campus.ErrUnknown) {
		status = http.StatusNotFound
	}
	controlReply(w, status, controlError{err.Error()})
}

// create answers a POST of one object or a list of them: each is given to add, and what add gives is sent back.
// fresh makes the object that the JSON is read into.
func create[T any](fresh func() T, add func(T) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		items, many, err := readItems(w, r, fresh)
		if err != nil {
			controlFailure(w, err)
			return
		}
		for i := range items {
			if items[i], err = add(items[i]); err != nil {
				controlFailure(w, err)
				return
			}
		}
		if many {
			controlReply(w, http.StatusCreated, items)
			return
		}
		controlReply(w, http.StatusCreated, items[0])
	}
}

func readItems[T any](w http.ResponseWriter, r *http.Request, fresh func() T) (items []T, many bool, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
	if err != nil {
		return nil, false, err
	}
	raws := []json.RawMessage{body}
	if many = bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")); many {
		if err := json.Unmarshal(body, &raws); err != nil {
			return nil, many, err
		}
	}
	for _, raw := range raws {
		item := fresh()
		if err := strictJSON(raw, &item); err != nil {
			return nil, many, err
		}
		items = append(items, item)
	}
	return items, many, nil
}

func strictJSON(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func zero[T any]() (v T) { return v }

// read takes one JSON object.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
	if err == nil {
		err = strictJSON(body, into)
	}
	if err != nil {
		controlFailure(w, err)
	}
	return err == nil
}

// done answers 204, or the error.
func done(w http.ResponseWriter, err error) {
	if err != nil {
		controlFailure(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) lookRoutes(mux *controlMux) {
	show := func(path string, what func(*http.Request) any) {
		mux.HandleFunc("GET "+controlPrefix+path, func(w http.ResponseWriter, r *http.Request) {
			controlReply(w, http.StatusOK, what(r))
		})
	}
	show("/state", func(*http.Request) any { return s.State() })
	show("/stats", func(*http.Request) any { return s.Stats() })
	show("/settings", func(*http.Request) any { return s.Settings() })
	show("/mails", func(*http.Request) any { return s.Mails() })
	show("/audit", func(*http.Request) any { return s.AuditTrail() })
	show("/requests", s.showRequests)
	show("/faults", func(*http.Request) any { return s.Faults() })
	mux.HandleFunc("DELETE "+controlPrefix+"/mails", func(w http.ResponseWriter, _ *http.Request) {
		s.ForgetMails()
		done(w, nil)
	})
	mux.HandleFunc("DELETE "+controlPrefix+"/audit", func(w http.ResponseWriter, _ *http.Request) {
		s.ForgetAudit()
		done(w, nil)
	})
	mux.HandleFunc("DELETE "+controlPrefix+"/requests", func(w http.ResponseWriter, _ *http.Request) {
		s.ForgetRequests()
		done(w, nil)
	})
	mux.HandleFunc("POST "+controlPrefix+"/check", func(w http.ResponseWriter, r *http.Request) {
		var want Expectation
		if read(w, r, &want) {
			controlReply(w, http.StatusOK, s.Check(want))
		}
	})
}

// showRequests narrows by ?endpoint=, ?status= and ?limit= (the newest).
func (s *Server) showRequests(r *http.Request) any {
	query := r.URL.Query()
	found := []Request{}
	for _, one := range s.Requests(Endpoint(query.Get("endpoint"))) {
		if status := query.Get("status"); status == "" || status == strconv.Itoa(one.Status) {
			found = append(found, one)
		}
	}
	if limit, err := strconv.Atoi(query.Get("limit")); err == nil && limit >= 0 && limit < len(found) {
		found = found[len(found)-limit:]
	}
	return found
}

func (s *Server) faultRoutes(mux *controlMux) {
	mux.HandleFunc("POST "+controlPrefix+"/faults", create(zero[Fault], s.SetFault))
	mux.HandleFunc("DELETE "+controlPrefix+"/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		done(w, nil)
	})
	mux.HandleFunc("DELETE "+controlPrefix+"/faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		done(w, s.RemoveFault(r.PathValue("id")))
	})
}
