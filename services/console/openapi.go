package console

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// object is one JSON object of the OpenAPI document.
type object = map[string]any

// document gives the OpenAPI 3.1 document of the routes that exist, made from the same list that answers them.
func (s *Service) document() []byte {
	schemas := newSchemas()
	paths := object{}
	for _, r := range s.routes {
		item, _ := paths[apiPrefix+r.path].(object)
		if item == nil {
			item = object{}
			paths[apiPrefix+r.path] = item
		}
		item[strings.ToLower(r.method)] = r.operation(schemas)
	}
	schemas.of(Problem{})
	raw, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "edrelay", "version": version(s.opts.Version),
			"description": "What came in, what became of it, and how to make it happen again. Lists are newest first.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"security": []object{{"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas":         schemas.all,
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer", "description": "The admin token or an API key."}},
		},
	}, "", "  ")
	if err != nil {
		panic(err) // the document is made of maps and texts only
	}
	return raw
}

func version(v string) string {
	if v == "" {
		return "0.0.0"
	}
	return v
}

func (r route) operation(schemas *schemas) object {
	op := object{
		"operationId": r.operationID(), "summary": r.summary, "tags": []string{r.tag}, "x-role": r.role,
		"responses": r.responses(schemas),
	}
	if r.about != "" {
		op["description"] = r.about
	}
	if params := r.parameters(); len(params) > 0 {
		op["parameters"] = params
	}
	if r.body != nil {
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": schemas.of(r.body)}}}
	}
	return op
}

// operationID is made of the method and the path, e.g. "get-webhooks-id".
func (r route) operationID() string {
	name := strings.NewReplacer("/", "-", "{", "", "}", "").Replace(r.path)
	return strings.ToLower(r.method) + name
}

func (r route) parameters() []object {
	var all []object
	for _, m := range pathParam.FindAllStringSubmatch(r.path, -1) {
		all = append(all, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	if r.method != http.MethodGet {
		all = append(all, object{
			"name": headerKey, "in": "header", "schema": object{"type": "string", "minLength": 1, "maxLength": mostKey},
			"description": "Sent again within a day, the same request gets the same answer and is not worked twice; another request with the key is 422.",
		})
	}
	for _, p := range r.query {
		all = append(all, object{"name": p.name, "in": "query", "description": p.about, "schema": p.schema()})
	}
	return all
}

func (p param) schema() object {
	switch {
	case p.name == "limit":
		return object{"type": "integer", "minimum": 0, "default": defaultLimit}
	case p.kind == kindTime:
		return object{"type": "string", "description": "RFC 3339, or how long ago: 90s, 15m, 24h, 7d"}
	case len(p.enum) > 0:
		return object{"type": "string", "enum": p.enum}
	}
	return object{"type": string(p.kind)}
}

func (r route) responses(schemas *schemas) object {
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	good := object{"description": http.StatusText(status)}
	media := r.media
	if media == "" {
		media = "application/json"
	}
	switch {
	case r.list:
		good["content"] = object{media: object{"schema": object{
			"type": "object", "required": []string{"items", "next"},
			"properties": object{
				"items": object{"type": "array", "items": schemas.of(r.answer)},
				"next":  object{"type": "string", "description": "Cursor of the next page; empty: there is none."},
			},
		}}}
	case r.answer != nil:
		good["content"] = object{media: object{"schema": schemas.of(r.answer)}}
	}
	return object{
		strconv.Itoa(status): good,
		"default": object{
			"description": "What is wrong, and what to do next.",
			"content":     object{"application/problem+json": object{"schema": schemas.of(Problem{})}},
		},
	}
}
