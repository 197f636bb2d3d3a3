package lmssim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// bulkForm is a validated bulk call.
type bulkForm struct {
	identifiers []string
	courses     []string
	cohorts     []string // as many as courses, or none
	action      campus.Action
	reason      string
	autoEnroll  flag
	mail        flag
	async       bool
}

// flag is a boolean of a bulk call: what is echoed and what is acted on are not always the same.
type flag struct{ echoed, acted bool }

// errCrash stands for an exception that the platform does not handle.
var errCrash = errors.New("unhandled exception")

// problems are messages per field.
type problems map[string][]string

func (p problems) add(name, text string) { p[name] = append(p[name], text) }

const (
	required  = "This field is required."
	notNull   = "This field may not be null."
	notBlank  = "This field may not be blank."
	notString = "Not a valid string."
)

// readBulkForm validates the fields, each on its own, then together. The reply's status is 0 for a good form.
func (s *Server) readBulkForm(c *call) (bulkForm, reply) {
	data, bad := c.fields()
	if bad.status != 0 {
		return bulkForm{}, bad
	}
	wrong := problems{}
	if !data.isObject() {
		wrong.add("non_field_errors", "Invalid data. Expected a dictionary, but got "+pythonType(data.other)+".")
		return bulkForm{}, jsonReply(http.StatusBadRequest, wrong)
	}
	form, err := parseBulk(data, c.set.Profile, wrong)
	if err != nil {
		return bulkForm{}, page(http.StatusInternalServerError, "Server Error (500)")
	}
	if len(wrong) == 0 {
		s.checkCohorts(form, wrong)
	}
	if len(wrong) > 0 {
		return bulkForm{}, jsonReply(http.StatusBadRequest, wrong)
	}
	return form, reply{}
}

func parseBulk(data fields, profile Profile, wrong problems) (form bulkForm, err error) {
	form.identifiers = strings.FieldsFunc(textField(data, "identifiers", true, wrong), isSeparator)
	if form.courses, err = splitField(data, "courses", true, wrong); err != nil {
		return form, err
	}
	if form.cohorts, err = splitField(data, "cohorts", false, wrong); err != nil {
		return form, err
	}
	for _, key := range form.courses {
		if !campus.ValidCourseKey(key) {
			wrong["courses"] = []string{"Course key not valid: " + key}
			break
		}
	}
	form.action = actionField(data, wrong)
	form.autoEnroll = flagField(data, "auto_enroll", profile, wrong)
	form.mail = flagField(data, "email_students", profile, wrong)
	form.reason = textField(data, "reason", false, wrong)
	if profile == Next {
		form.async = flagField(data, "async_processing", profile, wrong).echoed
	}
	return form, nil
}

// textField reads a text; an optional one may be absent, null or blank.
func textField(data fields, name string, must bool, wrong problems) string {
	v, ok := data.get(name)
	if !ok {
		if must {
			wrong.add(name, required)
		}
		return ""
	}
	var text string
	switch v := v.(type) {
	case nil:
		if must {
			wrong.add(name, notNull)
		}
		return ""
	case string:
		text = strings.TrimFunc(v, isSpace)
	case json.Number:
		text = v.String()
	default:
		wrong.add(name, notString)
		return ""
	}
	if text == "" && must {
		wrong.add(name, notBlank)
	}
	return text
}

// splitField reads a list written as text with commas, without trimming. Of a real list only the first element
// counts; anything else that is neither text nor empty crashes the platform.
func splitField(data fields, name string, must bool, wrong problems) ([]string, error) {
	v, ok := data.list(name)
	if !ok {
		if must {
			wrong.add(name, required)
		}
		return nil, nil
	}
	switch value := v.(type) {
	case nil:
		if must {
			wrong.add(name, notNull)
		}
		return nil, nil
	case []any:
		if len(value) == 0 {
			return nil, nil
		}
		text, isText := value[0].(string)
		if !isText {
			return nil, errCrash
		}
		return strings.Split(text, ","), nil
	case string:
		if value == "" {
			return nil, nil
		}
		return strings.Split(value, ","), nil
	case map[string]any:
		if len(value) == 0 {
			return nil, nil
		}
	case bool:
		if !value {
			return nil, nil
		}
	}
	return nil, errCrash
}

func actionField(data fields, wrong problems) campus.Action {
	v, ok := data.get("action")
	switch {
	case !ok:
		wrong.add("action", required)
		return ""
	case v == nil:
		wrong.add("action", notNull)
		return ""
	}
	text, isText := v.(string)
	if !isText {
		text = pythonText(v)
	}
	action := campus.Action(text)
	if !isText || action != campus.Enroll && action != campus.Unenroll {
		wrong.add("action", fmt.Sprintf("\"%s\" is not a valid choice.", text))
	}
	return action
}

func flagField(data fields, name string, profile Profile, wrong problems) flag {
	v, ok := data.get(name)
	if !ok {
		return flag{}
	}
	echoed, valid := false, true
	switch v := v.(type) {
	case nil:
		wrong.add(name, notNull)
		return flag{}
	case bool:
		echoed = v
	case string:
		echoed, valid = truth(v)
	case json.Number:
		echoed, valid = truth(strings.TrimSuffix(v.String(), ".0"))
	default:
		valid = false
	}
	if !valid {
		wrong.add(name, "Must be a valid boolean.")
	}
	acted := echoed
	if profile == Teak {
		acted = v == true || v == "true" || v == "True"
	}
	return flag{echoed: echoed, acted: acted}
}

func truth(text string) (value, valid bool) {
	switch strings.ToLower(text) {
	case "t", "y", "yes", "true", "on", "1":
		return true, true
	case "f", "n", "no", "false", "off", "0":
		return false, true
	}
	return false, false
}

func (s *Server) checkCohorts(form bulkForm, wrong problems) {
	if len(form.cohorts) == 0 {
		return
	}
	if form.action != campus.Enroll {
		wrong.add("non_field_errors", "Cohorts can only be used for enrollments.")
		return
	}
	if len(form.cohorts) != len(form.courses) {
		wrong.add("non_field_errors", "If provided, the cohorts and courses should have equal number of items.")
		return
	}
	s.campus.Read(func(t *campus.Tx) {
		for i, cohort := range form.cohorts {
			if !t.HasCohort(form.courses[i], cohort) {
				wrong.add("non_field_errors", fmt.Sprintf("cohort %s not found in course %s.", cohort, form.courses[i]))
				return
			}
		}
	})
}

// pythonType names the type of a JSON value as the platform does.
func pythonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case string:
		return "str"
	case []any:
		return "list"
	case map[string]any:
		return "dict"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
	}
	return "int"
}

// pythonText writes a value as the platform quotes it back.
func pythonText(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "True"
		}
		return "False"
	case json.Number:
		return v.String()
	default:
		text, _ := json.Marshal(v)
		return string(text)
	}
}
