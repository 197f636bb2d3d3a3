package webfilter

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/pyjson"
)

// column is what a database column of users and profiles takes; a value that it doesn't take fails in Open edX.
type column struct {
	kind     columnKind
	size     int // characters of a text; 0 is unlimited
	nullable bool
}

type columnKind int

const (
	textColumn columnKind = iota
	boolColumn
	intColumn
	timeColumn // never null: the plugin reads every value as a time
)

// columnOf knows the columns of Open edX's users and profiles by name.
func columnOf(name string) (column, bool) {
	switch name {
	case "username", "first_name", "last_name":
		return column{kind: textColumn, size: 150}, true
	case "email":
		return column{kind: textColumn, size: 254}, true
	case "password":
		return column{kind: textColumn, size: 128}, true
	case "name", "courseware", "language", "location":
		return column{kind: textColumn, size: 255}, true
	case "meta":
		return column{kind: textColumn}, true
	case "gender", "level_of_education":
		return column{kind: textColumn, size: 6, nullable: true}, true
	case "country", "state":
		return column{kind: textColumn, size: 2, nullable: true}, true
	case "phone_number":
		return column{kind: textColumn, size: 50, nullable: true}, true
	case "bio":
		return column{kind: textColumn, size: 3000, nullable: true}, true
	case "mailing_address", "city", "goals":
		return column{kind: textColumn, nullable: true}, true
	case "is_superuser", "is_staff", "is_active":
		return column{kind: boolColumn}, true
	case "year_of_birth":
		return column{kind: intColumn, nullable: true}, true
	case "last_login", "date_joined", "profile_image_uploaded_at":
		return column{kind: timeColumn}, true
	}
	return column{}, false
}

func (c column) takes(value pyjson.Value) bool {
	if value == nil {
		return c.nullable
	}
	switch c.kind {
	case boolColumn:
		_, ok := value.(bool)
		return ok
	case intColumn:
		number, ok := value.(pyjson.Number)
		_, err := strconv.ParseInt(string(number), 10, 32)
		return ok && err == nil
	case timeColumn:
		text, ok := value.(string)
		return ok && isISOTime(text)
	}
	text, ok := value.(string)
	return ok && !strings.ContainsRune(text, 0) && (c.size == 0 || utf8.RuneCountInString(text) <= c.size)
}

// object keeps the members of a model or object that Open edX has and can set. What it has is what it sent.
func (c *cleaner) object(path, key string, value pyjson.Value, clean func(string, pyjson.Value, pyjson.Value) (pyjson.Value, bool)) (pyjson.Value, bool) {
	given, ok := value.(*pyjson.Object)
	if !ok {
		c.drop(path, WhyCrash)
		return nil, false
	}
	sent, _ := c.request.Args.Get(key)
	asked, _ := sent.(*pyjson.Object)
	kept := pyjson.NewObject()
	for name, member := range given.All() {
		at := path + "." + name
		if c.forges(at, name, openedx.IdentityField) {
			continue
		}
		before, known := asked.Get(name)
		if asked.Len() == 0 || !known && !openedx.IdentityField(name) || strings.HasPrefix(name, "_") {
			c.drop(at, WhyUnknown)
			continue
		}
		cleaned, ok := clean(name, member, before)
		if !ok {
			c.drop(at, WhyCrash)
			continue
		}
		kept.Set(name, cleaned)
		c.changed(at)
	}
	return kept, kept.Len() > 0
}

// modelField checks a value for a database column.
func (c *cleaner) modelField(name string, value, before pyjson.Value) (pyjson.Value, bool) {
	if known, ok := columnOf(name); ok {
		return value, known.takes(value)
	}
	return value, sameKind(value, before)
}

// attribute checks a value that is set in memory only. Where the plugin wants truth as a word it becomes one, for a
// JSON boolean would silently stop the update.
func (c *cleaner) attribute(name string, value, before pyjson.Value) (pyjson.Value, bool) {
	if truth, ok := value.(bool); ok && c.request.Filter.Class == "CertificateCreationRequested" {
		return strconv.FormatBool(truth), sameKind(value, before)
	}
	if _, ok := before.(bool); ok && (value == "true" || value == "false") {
		return value, true
	}
	if looksLikeTime(before) {
		text, ok := value.(string)
		return value, ok && isISOTime(text)
	}
	return value, sameKind(value, before)
}

// sameKind tells whether a value is of the kind that was sent; anything scalar goes where null or a form's text was.
func sameKind(value, before pyjson.Value) bool {
	switch before.(type) {
	case bool:
		_, ok := value.(bool)
		return ok
	case pyjson.Number:
		_, ok := value.(pyjson.Number)
		return ok
	case pyjson.Array:
		_, ok := value.(pyjson.Array)
		return ok
	case *pyjson.Object:
		_, ok := value.(*pyjson.Object)
		return ok
	}
	switch v := value.(type) {
	case pyjson.Array, *pyjson.Object:
		return false
	case string:
		return !strings.ContainsRune(v, 0)
	}
	return true
}

func looksLikeTime(value pyjson.Value) bool {
	text, ok := value.(string)
	return ok && len(text) >= 19 && isISOTime(text)
}

// isISOTime tells whether Python's datetime.fromisoformat reads the text, in the forms that every release does.
func isISOTime(text string) bool {
	for _, layout := range [...]string{
		time.DateOnly, "2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", "2006-01-02 15:04",
		"2006-01-02T15:04:05-07:00", "2006-01-02 15:04:05-07:00",
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.Year() > 0 && pythonFraction(text)
		}
	}
	return false
}

// pythonFraction tells whether a text has no fraction of a second or one of three or six digits.
func pythonFraction(text string) bool {
	_, fraction, found := strings.Cut(text, ".")
	if !found {
		return !strings.Contains(text, ",")
	}
	digits := strings.IndexFunc(fraction, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(fraction)
	}
	return digits == 3 || digits == 6
}

var courseKey = regexp.MustCompile(`^(course-v1:[\w\-~.:\pL\pN]+\+[\w\-~.:\pL\pN]+\+[\w\-~.:\pL\pN]+` +
	`|ccx-v1:[\w\-~.:\pL\pN]+\+[\w\-~.:\pL\pN]+\+[\w\-~.:\pL\pN]+\+ccx@\d+|[\w\-~.\pL\pN]+/[\w\-~.\pL\pN]+/[\w\-~.\pL\pN]+)$`)

// isCourseKey tells whether Open edX reads the text as the key of a course run.
func isCourseKey(text string) bool { return len(text) <= 255 && courseKey.MatchString(text) }
