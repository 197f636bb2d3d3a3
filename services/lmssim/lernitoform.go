package lmssim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// lernitoOrder is a validated body.
type lernitoOrder struct {
	email   string
	courses []string
}

// lernitoTextLimit is the longest text of a field, in characters.
const lernitoTextLimit = 255

// readLernito validates the fields, then the body as a whole.
func readLernito(data fields) (lernitoOrder, map[string]any) {
	wrong := map[string]any{}
	if !data.isObject() {
		text := "Invalid data. Expected a dictionary, but got " + pythonType(data.other) + "."
		if data.other == nil {
			text = "No data provided"
		}
		wrong["non_field_errors"] = []string{text}
		return lernitoOrder{}, wrong
	}
	order := lernitoOrder{email: lernitoField(data, "email", 0, wrong)}
	if wrong["email"] == nil && !campus.ValidEmail(order.email) {
		wrong["email"] = []string{"Enter a valid email address."}
	}
	for _, name := range []string{"name", "family", "username"} {
		lernitoField(data, name, lernitoTextLimit, wrong)
	}
	order.courses = lernitoCourses(data, wrong)
	if len(wrong) == 0 && len(order.courses) == 0 {
		wrong["non_field_errors"] = []string{"At least one courseId must be provided"}
	}
	return order, wrong
}

func lernitoField(data fields, name string, limit int, wrong map[string]any) string {
	v, ok := data.get(name)
	if !ok {
		wrong[name] = []string{required}
		return ""
	}
	text, problem := lernitoText(v, limit)
	if problem != "" {
		wrong[name] = []string{problem}
	}
	return text
}

// lernitoText coerces one value to text, or says what is wrong with it.
func lernitoText(v any, limit int) (text, problem string) {
	switch v := v.(type) {
	case nil:
		return "", notNull
	case string:
		text = strings.TrimFunc(v, isSpace)
	case json.Number:
		text = pyjson.Text(pyjson.Number(v))
	default:
		return "", notString
	}
	switch {
	case text == "":
		return "", notBlank
	case strings.ContainsRune(text, 0):
		return "", "Null characters are not allowed."
	case limit > 0 && utf8.RuneCountInString(text) > limit:
		return "", fmt.Sprintf("Ensure this field has no more than %d characters.", limit)
	}
	return text, ""
}

func lernitoCourses(data fields, wrong map[string]any) []string {
	const name = "courseIds"
	v, ok := data.list(name)
	if !ok {
		wrong[name] = []string{required}
		return nil
	}
	if v == nil {
		wrong[name] = []string{notNull}
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		wrong[name] = []string{fmt.Sprintf("Expected a list of items but got type \"%s\".", pythonType(v))}
		return nil
	}
	courses := make([]string, len(list))
	problems := map[string][]string{}
	for i, item := range list {
		text, problem := lernitoText(item, lernitoTextLimit)
		if problem != "" {
			problems[strconv.Itoa(i)] = []string{problem}
		}
		courses[i] = text
	}
	if len(problems) > 0 {
		wrong[name] = problems
	}
	return courses
}
