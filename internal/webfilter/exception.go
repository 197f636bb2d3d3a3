package webfilter

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/pyjson"
)

// customResponse is the exception whose members are those of an HTTP response.
const customResponse = "RenderCustomResponse"

// noReason is the plugin's own message where an answer gives none.
const noReason = "Reason not specified"

var exceptionName = regexp.MustCompile(`^[A-Z][A-Za-z]{2,79}$`)

// Halt gives the answer that stops Open edX: the filter's exception for it, with the message, and redirect and
// status where its constructor takes them. ok is false when the filter can't be halted.
func Halt(filter openedx.Filter, message, redirect string, status int) (a Answer, ok bool) {
	e, ok := haltException(filter, redirect)
	if !ok {
		return Answer{}, false
	}
	fields := pyjson.NewObject(pyjson.Member{Key: "message", Value: message})
	if e.Takes("redirect_to") {
		fields.Set("redirect_to", redirect)
	}
	if status != 0 && e.Takes("status_code") {
		fields.Set("status_code", pyjson.Number(strconv.Itoa(status)))
	}
	return Answer{Exception: pyjson.NewObject(pyjson.Member{Key: e.Name, Value: fields})}, true
}

// CanHalt tells whether the filter has an exception for halting.
func CanHalt(filter openedx.Filter) bool {
	_, ok := haltException(filter, "")
	return ok
}

// haltException is the plugin's class for halting, or one that takes the redirect when that one does not. Filters that
// the plugin does not ask are halted by their first exception.
func haltException(filter openedx.Filter, redirect string) (openedx.Exception, bool) {
	e, ok := filter.Exception(filter.Halt)
	if !ok && !filter.Plugin && len(filter.Exceptions) > 0 {
		e, ok = filter.Exceptions[0], true
	}
	if page, has := filter.Exception("RedirectToPage"); ok && has && redirect != "" && !e.Takes("redirect_to") {
		return page, true
	}
	return e, ok
}

// exceptions keeps those that the filter has, each with the fields that its constructor takes, in a shape that the
// plugin can raise.
func (c *cleaner) exceptions(given *pyjson.Object) *pyjson.Object {
	kept := pyjson.NewObject()
	for name, value := range given.All() {
		path := "exception." + name
		e, ok := c.request.Filter.Exception(name)
		if !ok && !c.request.Known() && exceptionName.MatchString(name) {
			e, ok = openedx.Exception{Name: name, Fields: []string{"message"}}, true
		}
		switch {
		case !ok:
			c.drop(path, WhyUnknown)
		case e.Broken:
			c.drop(path, WhyCrash)
			c.instead(kept, value)
		case name == customResponse:
			kept.Set(name, c.response(path, value))
		default:
			kept.Set(name, c.constructor(path, e, value))
		}
	}
	return kept
}

// instead halts by the filter's own exception where the plugin can't raise the one asked for.
func (c *cleaner) instead(kept *pyjson.Object, value pyjson.Value) {
	halt, ok := Halt(c.request.Filter, messageOf(value), "", 0)
	if !ok {
		return
	}
	for name, fields := range halt.Exception.All() {
		if _, asked := kept.Get(name); !asked {
			kept.Set(name, fields)
		}
	}
}

func messageOf(value pyjson.Value) string {
	if o, ok := value.(*pyjson.Object); ok {
		value, _ = o.Get("message")
	}
	if text, ok := value.(string); ok {
		return text
	}
	return noReason
}

// constructor gives the members that an exception's constructor takes. A redirect is always given where it is taken,
// for some constructors can't do without.
func (c *cleaner) constructor(path string, e openedx.Exception, value pyjson.Value) pyjson.Value {
	given, ok := value.(*pyjson.Object)
	if !ok {
		given = pyjson.NewObject(pyjson.Member{Key: "message", Value: messageOf(value)})
	}
	kept := pyjson.NewObject()
	for field, member := range given.All() {
		at := path + "." + field
		switch {
		case !e.Takes(field) || strings.HasPrefix(field, "_") || field == "self":
			c.drop(at, WhyUnknown)
		case !fieldFits(field, member):
			c.drop(at, WhyCrash)
		default:
			kept.Set(field, member)
		}
	}
	if _, given := kept.Get("redirect_to"); !given && e.Name == "RedirectToPage" {
		kept.Set("redirect_to", "")
	}
	return kept
}

func fieldFits(field string, value pyjson.Value) bool {
	text, isText := value.(string)
	switch field {
	case "redirect_to":
		return isText && isRedirect(text)
	case "message", "error_code", "template_name", "account_settings_template", "course_about_template",
		"dashboard_template", "instructor_template":
		return isText
	case "context", "template_context":
		_, ok := value.(*pyjson.Object)
		return ok || value == nil
	case "tabs":
		_, ok := value.(pyjson.Array)
		return ok || value == nil
	case "status_code":
		return value == nil || isStatus(value)
	}
	return true
}

// isRedirect tells whether Django redirects to the text: a path, or http or https, without line ends.
func isRedirect(text string) bool {
	if strings.ContainsAny(text, "\r\n\x00") {
		return false
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "" || u.Scheme == "http" || u.Scheme == "https")
}

// safeURL refuses null, scripts and such where an answer replaces an argument that is a URL.
func safeURL(key string, value pyjson.Value) bool {
	if key != "url" && !strings.HasSuffix(key, "_url") {
		return true
	}
	text, ok := value.(string)
	return ok && isRedirect(text)
}

func isStatus(value pyjson.Value) bool {
	number, ok := value.(pyjson.Number)
	n, err := strconv.Atoi(string(number))
	return ok && err == nil && n >= 100 && n <= 599
}

// response gives the members of an HTTP response that Django's constructor takes; a plain text becomes its content.
func (c *cleaner) response(path string, value pyjson.Value) pyjson.Value {
	given, ok := value.(*pyjson.Object)
	if !ok {
		return pyjson.NewObject(pyjson.Member{Key: "content", Value: messageOf(value)})
	}
	kept := pyjson.NewObject()
	for field, member := range given.All() {
		at := path + "." + field
		switch {
		case !slices.Contains([]string{"content", "content_type", "status", "reason", "charset", "headers"}, field):
			c.drop(at, WhyUnknown)
		case !responseFits(field, member):
			c.drop(at, WhyCrash)
		default:
			kept.Set(field, member)
		}
	}
	c.oneContentType(path, kept)
	return kept
}

func responseFits(field string, value pyjson.Value) bool {
	text, isText := value.(string)
	switch field {
	case "content":
		return isText
	case "status":
		return value == nil || isStatus(value)
	case "charset":
		return value == nil || isText && slices.Contains([]string{"utf-8", "utf8", "ascii", "iso-8859-1", "latin-1"}, strings.ToLower(text))
	case "headers":
		return value == nil || areHeaders(value)
	}
	return value == nil || isText && !strings.ContainsAny(text, "\r\n")
}

func areHeaders(value pyjson.Value) bool {
	headers, ok := value.(*pyjson.Object)
	if !ok {
		return false
	}
	for name, member := range headers.All() {
		text, isText := member.(string)
		if !isText || strings.ContainsAny(name+text, "\r\n") || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return false
		}
	}
	return true
}

// oneContentType keeps Django from refusing a content type that is given twice.
func (c *cleaner) oneContentType(path string, response *pyjson.Object) {
	member, _ := response.Get("headers")
	headers, _ := member.(*pyjson.Object)
	kind, _ := response.Get("content_type")
	for name := range headers.All() {
		if kind != nil && http.CanonicalHeaderKey(name) == "Content-Type" {
			headers.Delete(name)
			c.drop(path+".headers."+name, WhyCrash)
			return
		}
	}
}
