package lmssim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// reply is an answer before it is written, so that a fault can still spoil it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// set adds a header.
func (r reply) set(name, value string) reply {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(name, value)
	return r
}

// jsonReply answers v as JSON.
func jsonReply(status int, v any) reply {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // the platform does not escape < > &
	if err := encoder.Encode(v); err != nil {
		return htmlReply(http.StatusInternalServerError)
	}
	return reply{status: status, body: bytes.TrimSuffix(body.Bytes(), []byte("\n"))}.set("Content-Type", "application/json")
}

// detail answers {"detail": text}, the shape of most of the platform's refusals.
func detail(status int, text string) reply {
	return jsonReply(status, map[string]string{"detail": text})
}

// message answers {"message": text}, the shape of the enrolment API.
func message(status int, text string) reply {
	return jsonReply(status, map[string]string{"message": text})
}

// empty answers without a body.
func empty(status int) reply { return reply{status: status} }

// htmlReply answers with a page, as the web server or Django itself does.
func htmlReply(status int) reply { return page(status, http.StatusText(status)) }

func page(status int, title string) reply {
	body := fmt.Sprintf("<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>%s</title>\n</head>\n<body>\n"+
		"  <h1>%s</h1><p></p>\n</body>\n</html>\n", title, title)
	return reply{status: status, body: []byte(body)}.set("Content-Type", "text/html; charset=utf-8")
}

// write sends the reply; a HEAD request gets the headers alone.
func (r reply) write(w http.ResponseWriter, method string) {
	h := w.Header()
	for name, values := range r.header {
		h[name] = values
	}
	if len(r.body) > 0 || r.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(r.body)))
	}
	w.WriteHeader(r.status)
	if method != http.MethodHead {
		_, _ = w.Write(r.body)
	}
}

func methodNotAllowed(method, allow string) reply {
	return detail(http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", method)).set("Allow", allow)
}

// jsonText writes one text as JSON.
func jsonText(text string) []byte {
	body, _ := json.Marshal(text) // a string can always be written
	return body
}
