package openedx

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAsyncAPIDescribesEveryEventAndPointsNowhereElse(t *testing.T) {
	t.Parallel()
	raw, err := load(t).AsyncAPI("nats.example:4222", "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	channels := doc["channels"].(map[string]any)
	if doc["asyncapi"] != "3.0.0" || len(channels) != 75+len(ownEvents()) || len(doc["operations"].(map[string]any)) != len(channels) {
		t.Fatalf("%v with %d channels", doc["asyncapi"], len(channels))
	}
	walk(doc, func(ref string) {
		if resolve(doc, ref) == nil {
			t.Errorf("%s points nowhere", ref)
		}
	})
	components := doc["components"].(map[string]any)
	schemas := components["schemas"].(map[string]any)
	for name, message := range components["messages"].(map[string]any) {
		m := message.(map[string]any)
		examples, _ := m["examples"].([]any)
		for _, example := range examples {
			if problem := fits(example.(map[string]any)["payload"], m["payload"].(map[string]any), schemas); problem != "" {
				t.Errorf("example of %s: %s", name, problem)
			}
		}
	}
}

func walk(v any, found func(ref string)) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			found(ref)
		}
		for _, member := range v {
			walk(member, found)
		}
	case []any:
		for _, item := range v {
			walk(item, found)
		}
	}
}

func resolve(doc map[string]any, ref string) any {
	var at any = doc
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		object, _ := at.(map[string]any)
		at = object[part]
	}
	return at
}

// fits holds a value to the few words of JSON Schema that the document uses; it gives what is wrong.
func fits(v any, schema, schemas map[string]any) string {
	if ref, ok := schema["$ref"].(string); ok {
		schema = schemas[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
	}
	o, isObject := v.(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := o[name.(string)]; !ok {
			return "no " + name.(string)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, value := range o {
		if inner, ok := properties[name].(map[string]any); ok {
			if problem := fits(value, inner, schemas); problem != "" {
				return name + ": " + problem
			}
		} else if schema["additionalProperties"] == nil && properties != nil {
			return name + " is unknown"
		}
	}
	kind, _ := schema["type"].(string)
	_, isText := v.(string)
	_, isNumber := v.(float64)
	if kind == "object" && !isObject || kind == "string" && !isText || (kind == "integer" || kind == "number") && !isNumber {
		return "is no " + kind
	}
	return ""
}
