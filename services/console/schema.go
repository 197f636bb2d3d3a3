package console

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// schemas makes JSON schemas of Go types, each named type once.
type schemas struct {
	all   object
	enums map[reflect.Type][]string
}

func newSchemas() *schemas {
	s := &schemas{all: object{}, enums: map[reflect.Type][]string{}}
	enum(s, relay.WebhookAccepted, relay.WebhookDone, relay.WebhookIgnored, relay.WebhookParked, relay.WebhookRejected)
	enum(s, relay.EnrollmentWaiting, relay.EnrollmentEnrolled, relay.EnrollmentAllowed, relay.EnrollmentUnenrolled, relay.EnrollmentParked)
	enum(s, relay.ActionEnroll, relay.ActionUnenroll)
	enum(s, relay.DeliveryWaiting, relay.DeliveryDelivered, relay.DeliveryParked)
	enum(s, relay.SubscriptionActive, relay.SubscriptionPaused, relay.SubscriptionFailing, relay.SubscriptionDisabled)
	enum(s, relay.FormatPluginJSON, relay.FormatPluginForm, relay.FormatCloudEvents)
	enum(s, relay.FilterChanged, relay.FilterHalted, relay.FilterUnchanged, relay.FilterFailed, relay.FilterSkipped)
	enum(s, relay.FilterActive, relay.FilterPaused)
	enum(s, "", relay.PolicyLetThrough, relay.PolicyHalt)
	enum(s, replayStates...)
	enum(s, relay.ErasurePlanned, relay.ErasureRunning, relay.ErasureDone, relay.ErasureIncomplete, relay.ErasureFailed)
	enum(s, relay.RoleViewer, relay.RoleOperator, relay.RoleAdmin)
	return s
}

func enum[S ~string](s *schemas, values ...S) {
	var texts []string
	for _, v := range values {
		texts = append(texts, string(v))
	}
	s.enums[reflect.TypeFor[S]()] = texts
}

// of gives the schema of a value's type.
func (s *schemas) of(value any) object { return s.schema(reflect.TypeOf(value)) }

func (s *schemas) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[relay.Duration]():
		return object{"type": "string", "examples": []string{"10s", "2m"}}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return object{"oneOf": []object{s.schema(t.Elem()), {"type": "null"}}}
	case reflect.Struct:
		return s.named(t)
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": s.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.schema(t.Elem())}
	case reflect.String:
		if values := s.enums[t]; values != nil {
			return object{"type": "string", "enum": values}
		}
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Interface:
		return object{}
	}
	return object{"type": "integer"}
}

// named puts the type among the components and gives a reference to it.
func (s *schemas) named(t reflect.Type) object {
	ref := object{"$ref": "#/components/schemas/" + t.Name()}
	if _, known := s.all[t.Name()]; known {
		return ref
	}
	properties := object{}
	required := []string{}
	schema := object{"type": "object", "properties": properties}
	s.all[t.Name()] = schema
	s.fields(t, properties, &required)
	schema["required"] = required
	return ref
}

func (s *schemas) fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.fields(f.Type, properties, required)
		case name == "-" || !f.IsExported():
		default:
			properties[name] = s.schema(f.Type)
			if !strings.Contains(options, "omit") {
				*required = append(*required, name)
			}
		}
	}
}
