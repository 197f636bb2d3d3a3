package main

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"sigs.k8s.io/yaml"
)

// schema is a JSON schema, or a part of one.
type schema = map[string]any

const inDocument, inSchema = "#/components/schemas/", "#/definitions/"

// fromOpenAPI gives the kinds of one group of the API server; each schema carries what it refers to.
func fromOpenAPI(text []byte) (map[string]schema, error) {
	var document struct {
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), inDocument, inSchema)), &document); err != nil {
		return nil, err
	}
	all := document.Components.Schemas
	for _, one := range all {
		closeObjects(one)
	}
	kinds := map[string]schema{}
	for name, one := range all {
		is, _ := one["x-kubernetes-group-version-kind"].([]any)
		if len(is) != 1 { // several: options of every group, which nobody writes into a file
			continue
		}
		of, _ := is[0].(schema)
		group, _ := of["group"].(string)
		version, _ := of["version"].(string)
		kind, _ := of["kind"].(string)
		needed := map[string]any{}
		gather(schema{"$ref": inSchema + name}, all, needed)
		kinds[fileName(group, version, kind)] = schema{"$ref": inSchema + name, "definitions": needed}
	}
	return kinds, nil
}

// fromDefinition gives the kind of a custom resource definition in its versions.
func fromDefinition(text []byte) (map[string]schema, error) {
	var definition struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema schema }
			}
		}
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return nil, err
	}
	kinds := map[string]schema{}
	for _, version := range definition.Spec.Versions {
		one := version.Schema.OpenAPIV3Schema
		if one == nil {
			return nil, errors.New("a version has no schema")
		}
		closeObjects(one)
		kinds[fileName(definition.Spec.Group, version.Name, definition.Spec.Names.Kind)] = one
	}
	return kinds, nil
}

// closeObjects makes every object with named fields refuse others.
func closeObjects(part any) {
	switch part := part.(type) {
	case schema:
		for inner := range maps.Values(part) {
			closeObjects(inner)
		}
		_, named := part["properties"].(schema)
		_, said := part["additionalProperties"]
		if open, _ := part["x-kubernetes-preserve-unknown-fields"].(bool); named && !said && !open {
			part["additionalProperties"] = false
		}
	case []any:
		for _, inner := range part {
			closeObjects(inner)
		}
	}
}

// gather adds the schemas that part refers to, and those that they refer to.
func gather(part any, all map[string]schema, needed map[string]any) {
	switch part := part.(type) {
	case schema:
		if to, is := part["$ref"].(string); is {
			name := strings.TrimPrefix(to, inSchema)
			if _, known := needed[name]; !known {
				needed[name] = all[name]
				gather(all[name], all, needed)
			}
		}
		for inner := range maps.Values(part) {
			gather(inner, all, needed)
		}
	case []any:
		for _, inner := range part {
			gather(inner, all, needed)
		}
	}
}
