package webfilter

import (
	"slices"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/pyjson"
)

// form keeps the fields of a registration form that may be replaced. Values become the texts that a form has.
func (c *cleaner) form(path string, value pyjson.Value) (pyjson.Value, bool) {
	given, ok := value.(*pyjson.Object)
	if !ok {
		c.drop(path, WhyCrash)
		return nil, false
	}
	kept := pyjson.NewObject()
	for name, member := range given.All() {
		at := path + "." + name
		if c.forges(at, name, openedx.IdentityField) {
			continue
		}
		if _, sent := c.request.Args.Get(name); !sent && !isFormField(name) {
			c.drop(at, WhyUnknown)
			continue
		}
		text, ok := formText(member)
		if !ok || !validField(name, text) {
			c.drop(at, WhyCrash)
			continue
		}
		kept.Set(name, text)
		c.changed(at)
	}
	return kept, kept.Len() > 0
}

func formText(value pyjson.Value) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, !strings.ContainsRune(v, 0)
	case bool:
		return strconv.FormatBool(v), true
	case pyjson.Number:
		return string(v), v.IsFinite()
	}
	return "", false
}

// isFormField knows the fields of the registration form that a page may leave away.
func isFormField(name string) bool {
	return slices.Contains([]string{
		"name", "first_name", "last_name", "level_of_education", "gender", "year_of_birth", "mailing_address", "goals",
		"honor_code", "terms_of_service", "city", "country", "state", "company", "title", "profession", "specialty",
		"job_title", "marketing_emails_opt_in", "next", "course_id", "confirm_email",
	}, name)
}

// validField tells whether the plugin takes a value for the three fields that it checks.
func validField(name, text string) bool {
	switch name {
	case "level_of_education":
		return slices.Contains([]string{"", "p", "m", "b", "a", "hs", "jhs", "el", "none", "other", "p_se", "p_oth"}, text)
	case "gender":
		return slices.Contains([]string{"", "m", "f", "o"}, text)
	case "terms_of_service", "honor_code":
		return text == "true" || text == "false"
	case "year_of_birth":
		_, err := strconv.ParseUint(text, 10, 16)
		return text == "" || err == nil
	}
	return true
}
