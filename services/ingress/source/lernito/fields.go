package lernito

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edrelay/edrelay/internal/pyjson"
)

// request is a body whose fields are good.
type request struct {
	email   string
	courses []string
}

// Messages of Django REST framework, which Lernito reads.
const (
	msgRequired = "This field is required."
	msgNull     = "This field may not be null."
	msgBlank    = "This field may not be blank."
	msgText     = "Not a valid string."
	msgLong     = "Ensure this field has no more than 255 characters."
	msgAddress  = "Enter a valid email address."
	msgNUL      = "Null characters are not allowed."
	msgNoCourse = "At least one courseId must be provided"
)

const longest = 255

// fieldErrors are what is wrong with a body, by field in the order of the contract.
type fieldErrors []member

// MarshalJSON writes the errors as an object.
func (e fieldErrors) MarshalJSON() ([]byte, error) { return object(0, e...).Body, nil }

func general(message string) fieldErrors {
	return fieldErrors{{"non_field_errors", []string{message}}}
}

// check judges the fields of a body.
func check(v value) (request, fieldErrors) {
	body, ok := v.signed.(*pyjson.Object)
	if !ok {
		if v.signed == nil {
			return request{}, general("No data provided")
		}
		return request{}, general(fmt.Sprintf("Invalid data. Expected a dictionary, but got %s.", pythonType(v.signed)))
	}
	var r request
	var wrong fieldErrors
	note := func(key string, problem any) { wrong = append(wrong, member{key, problem}) }
	for _, key := range []string{"email", "name", "family", "username"} {
		given, there := body.Get(key)
		if !there {
			note(key, []string{msgRequired})
			continue
		}
		text, problem := checkText(given, key == "email")
		if problem != "" {
			note(key, []string{problem})
		} else if key == "email" {
			r.email = text
		}
	}
	if problem := r.checkCourses(v, body); problem != nil {
		note("courseIds", problem)
	}
	if wrong == nil && len(r.courses) == 0 {
		return request{}, general(msgNoCourse)
	}
	return r, wrong
}

// checkText judges one text as a CharField does: numbers are taken as their text, space around it is cut.
func checkText(given pyjson.Value, address bool) (text, problem string) {
	switch given := given.(type) {
	case nil:
		return "", msgNull
	case string, pyjson.Number:
		text = strings.TrimFunc(pyjson.Text(given), pythonSpace)
	default:
		return "", msgText
	}
	switch {
	case text == "":
		return "", msgBlank
	case strings.ContainsRune(text, 0):
		return "", msgNUL
	case surrogate(text) != "":
		return "", "Surrogate characters are not allowed: " + surrogate(text) + "."
	case address && !isAddress(text):
		return "", msgAddress
	case !address && utf8.RuneCountInString(text) > longest:
		return "", msgLong
	}
	return text, ""
}

// checkCourses judges courseIds as a list of texts and keeps them.
func (r *request) checkCourses(v value, body *pyjson.Object) any {
	given, there := body.Get("courseIds")
	if v.form {
		given = pyjson.Array(v.courses)
	}
	switch list := given.(type) {
	case pyjson.Array:
		if !there {
			break
		}
		return r.checkEach(list)
	case nil:
		if there {
			return []string{msgNull}
		}
	default:
		return []string{fmt.Sprintf("Expected a list of items but got type %q.", pythonType(given))}
	}
	return []string{msgRequired}
}

func (r *request) checkEach(list pyjson.Array) any {
	var wrong fieldErrors
	for i, each := range list {
		text, problem := checkText(each, false)
		if problem != "" {
			wrong = append(wrong, member{strconv.Itoa(i), []string{problem}})
			continue
		}
		r.courses = append(r.courses, text)
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

// pythonType names a value's type as Python does.
func pythonType(v pyjson.Value) string {
	switch v := v.(type) {
	case bool:
		return "bool"
	case string:
		return "str"
	case pyjson.Number:
		if v.IsInt() {
			return "int"
		}
		return "float"
	case *pyjson.Object:
		return "dict"
	case pyjson.Array:
		return "list"
	}
	return "NoneType"
}

// pythonSpace tells what str.strip cuts.
func pythonSpace(r rune) bool {
	switch {
	case r >= '\t' && r <= '\r', r >= 0x1c && r <= ' ', r == 0x85, r == 0xa0, r == 0x1680, r >= 0x2000 && r <= 0x200a,
		r == 0x2028, r == 0x2029, r == 0x202f, r == 0x205f, r == 0x3000:
		return true
	}
	return false
}

// surrogate names the first half of a surrogate pair that stands alone, as U+D800; pyjson keeps it as three bytes.
func surrogate(text string) string {
	for i := 0; i+2 < len(text); i++ {
		if text[i] == 0xed && text[i+1] >= 0xa0 {
			return fmt.Sprintf("U+%X", 0xd000|int(text[i+1]&0x3f)<<6|int(text[i+2]&0x3f))
		}
	}
	return ""
}

// The parts of an e-mail address as Django's EmailValidator takes them, but for quoted local parts, which may hold
// what the LMS would read as several learners.
var (
	localPart  = regexp.MustCompile("(?i)^[-!#$%&'*+/=?^_`{}|~0-9A-Z]+(?:\\.[-!#$%&'*+/=?^_`{}|~0-9A-Z]+)*$")
	domainPart = regexp.MustCompile(`(?i)^(?:localhost|(?:[A-Z0-9](?:[A-Z0-9-]{0,61}[A-Z0-9])?\.)+[A-Z0-9-]{1,62}[A-Z0-9])$`)
)

func isAddress(text string) bool {
	at := strings.LastIndexByte(text, '@')
	if at < 1 || len(text) > 320 {
		return false
	}
	local, domain := text[:at], text[at+1:]
	if !localPart.MatchString(local) {
		return false
	}
	return domainPart.MatchString(domain) || international(domain)
}

// international tells whether a domain with letters beyond ASCII has the shape of one; Django turns it into its
// ASCII form first.
func international(domain string) bool {
	ascii := true
	shape := strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			ascii = false
			return 'x'
		}
		return r
	}, domain)
	return !ascii && domainPart.MatchString(shape)
}
