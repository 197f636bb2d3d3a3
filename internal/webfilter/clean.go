package webfilter

import (
	"slices"
	"strings"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/pyjson"
)

// Report says what became of an answer, by the paths of its keys ("data.user.email"), never by their values.
type Report struct {
	Changed []string // keys of data that go through
	Dropped []Drop   // what was taken out
}

// Drop is one thing taken out of an answer.
type Drop struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// Why something is taken out of an answer.
const (
	WhyIdentity = "could forge an identity and is not allowed by name"
	WhyUnknown  = "Open edX does not know it here"
	WhyCrash    = "Open edX would fail on the value"
)

// maxDrops bounds a report.
const maxDrops = 50

// Clean takes out of an answer what Open edX does not understand, what it would crash on, and what could forge an
// identity unless allow names it, by key ("email") or path ("user.email"). The given answer may be changed.
func Clean(r Request, a Answer, allow []string) (Answer, Report) {
	c := &cleaner{request: r, allow: allow}
	cleaned := Answer{Data: c.data(a.Data), Exception: c.exceptions(a.Exception)}
	return cleaned, c.report
}

type cleaner struct {
	request Request
	allow   []string
	report  Report
}

func (c *cleaner) drop(path, why string) {
	if len(c.report.Dropped) < maxDrops {
		c.report.Dropped = append(c.report.Dropped, Drop{Path: shorten(path), Why: why})
	}
}

func (c *cleaner) changed(path string) {
	if len(c.report.Changed) < maxDrops {
		c.report.Changed = append(c.report.Changed, shorten(path))
	}
}

// shorten bounds a path, for a stranger writes the keys in it.
func shorten(path string) string {
	if len(path) > 120 {
		path = strings.ToValidUTF8(path[:120], "") + "…"
	}
	return path
}

// data keeps what the filter takes, each key by the way in which Open edX uses it.
func (c *cleaner) data(given *pyjson.Object) *pyjson.Object {
	kept := pyjson.NewObject()
	for key, value := range given.All() {
		if clean, ok := c.argument(key, value); ok {
			kept.Set(key, clean)
		}
	}
	return kept
}

func (c *cleaner) argument(key string, value pyjson.Value) (pyjson.Value, bool) {
	path := "data." + key
	switch c.use(key) {
	case openedx.AnswerModel:
		return c.object(path, key, value, c.modelField)
	case openedx.AnswerObject:
		return c.object(path, key, value, c.attribute)
	case openedx.AnswerForm:
		return c.form(path, value)
	case openedx.AnswerCourseKey:
		if text, ok := value.(string); ok && isCourseKey(text) {
			c.changed(path)
			return value, true
		}
		c.drop(path, WhyCrash)
	case openedx.AnswerMerge, openedx.AnswerReplace:
		return c.replacement(path, key, value)
	case openedx.AnswerNever:
		c.drop(path, WhyCrash)
	default:
		c.drop(path, WhyUnknown)
	}
	return nil, false
}

// use says how the filter uses a key of data; "" when it does not.
func (c *cleaner) use(key string) openedx.Answer {
	filter := c.request.Filter
	if use, ok := filter.Data[key]; ok {
		return use
	}
	every, ok := filter.Data["*"]
	switch {
	case ok && argumentType(filter, key) != "":
		return every
	case ok:
		return ""
	case !c.request.Known() || !filter.Plugin && argumentType(filter, key) != "":
		return openedx.AnswerReplace
	}
	return ""
}

// argumentType gives the type of a filter's argument as the catalogue writes it: "str", "dict", "Any"; "" for none.
func argumentType(filter openedx.Filter, key string) string {
	for _, arg := range filter.Args {
		if name, kind, _ := strings.Cut(arg, " "); name == key {
			return kind
		}
	}
	return ""
}

// replacement takes a whole value, of the argument's type.
func (c *cleaner) replacement(path, key string, value pyjson.Value) (pyjson.Value, bool) {
	if !fits(argumentType(c.request.Filter, key), value, c.request.Filter.Data["*"] != "") || !safeURL(key, value) {
		c.drop(path, WhyCrash)
		return nil, false
	}
	if c.forges(path, key, contextIdentity) {
		return nil, false
	}
	value = c.sift(path, value)
	if inner, ok := value.(*pyjson.Object); ok {
		for member := range inner.All() {
			c.changed(path + "." + member)
		}
		return value, inner.Len() > 0
	}
	c.changed(path)
	return value, true
}

// fits tells whether Open edX can use the value for an argument of the type. Null stands for "none" where the plugin
// looks at it, and would replace the argument where it does not (whole).
func fits(kind string, value pyjson.Value, whole bool) bool {
	switch kind {
	case "dict":
		_, ok := value.(*pyjson.Object)
		return ok
	case "list", "set":
		_, ok := value.(pyjson.Array)
		return ok
	case "str":
		_, ok := value.(string)
		return ok || value == nil && !whole
	case "int", "float":
		_, ok := value.(pyjson.Number)
		return ok
	case "CourseKey":
		text, ok := value.(string)
		return ok && isCourseKey(text)
	case "QuerySet", "Any":
		return false // no JSON stands for these
	}
	return true
}

// sift takes members that could forge an identity out of a value, at any depth.
func (c *cleaner) sift(path string, value pyjson.Value) pyjson.Value {
	switch v := value.(type) {
	case *pyjson.Object:
		kept := pyjson.NewObject()
		for key, member := range v.All() {
			if !c.forges(path+"."+key, key, contextIdentity) {
				kept.Set(key, c.sift(path+"."+key, member))
			}
		}
		return kept
	case pyjson.Array:
		for i := range v {
			v[i] = c.sift(path, v[i])
		}
	}
	return value
}

// forges drops a key that could forge an identity, unless it is allowed by its name or its path below data.
func (c *cleaner) forges(path, key string, identity func(string) bool) bool {
	if !identity(key) || slices.Contains(c.allow, key) || slices.Contains(c.allow, strings.TrimPrefix(path, "data.")) {
		return false
	}
	c.drop(path, WhyIdentity)
	return true
}

// contextIdentity is openedx.IdentityField without the names that mean something else in a page's context.
func contextIdentity(key string) bool {
	switch strings.ToLower(key) {
	case "id", "pk", "is_active", "last_login", "date_joined", "groups", "roles":
		return false
	}
	return openedx.IdentityField(key)
}
