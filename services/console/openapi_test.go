package console_test

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/edrelay/edrelay/internal/relay"
)

type operation struct {
	Responses map[string]struct {
		Content map[string]struct{ Schema any }
	}
	RequestBody struct {
		Content map[string]struct{ Schema any }
	}
	Parameters []struct{ Name, In string }
	Role       string `json:"x-role"`
}

type apiDocument struct {
	OpenAPI string
	Paths   map[string]map[string]operation
}

// contract checks answers against the OpenAPI document that the console serves.
type contract struct {
	document apiDocument
	schemas  *jsonschema.Compiler
}

func readContract(r *running) *contract {
	r.t.Helper()
	status, raw := r.call(http.MethodGet, "/api/v1/openapi.json", "-", nil)
	if status != 200 {
		r.t.Fatalf("openapi.json: %d", status)
	}
	any, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		r.t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("api.json", any); err != nil {
		r.t.Fatal(err)
	}
	return &contract{document: parse[apiDocument](r.t, raw), schemas: compiler}
}

// check holds one answer against the document.
func (c *contract) check(t *testing.T, method, path, status, media string, raw []byte) {
	t.Helper()
	pointer := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace
	schema, err := c.schemas.Compile("api.json#/paths/" + pointer(path) + "/" + method + "/responses/" + status + "/content/" + pointer(media) + "/schema")
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s %s: %v", method, path, err)
	}
}

func TestAnswersAreAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	r := start(t, withLearners)
	r.ledger.webhooks = manyWebhooks(3)
	r.ledger.enrollments = []relay.Enrollment{{
		ID: 1, WebhookID: "w00001", Source: "shopify", Action: relay.ActionEnroll, State: relay.EnrollmentWaiting, Notes: []string{"n"},
	}}
	c := readContract(r)
	if c.document.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", c.document.OpenAPI)
	}
	param := regexp.MustCompile(`\{\w+\}`)
	known := map[string]string{"webhooks": "w00001", "enrollments": "1", "erasures": "e1"}
	for path, methods := range c.document.Paths {
		for method := range methods {
			if method != "get" || strings.HasSuffix(path, "/stream") {
				continue
			}
			resource := strings.Split(path, "/")[3]
			target := param.ReplaceAllString(path, known[resource])
			status, header, raw := r.callHeader(http.MethodGet, target+map[string]string{"search": "?q=w00001"}[resource], "", nil)
			if status != 200 {
				t.Errorf("GET %s: %d %s", path, status, raw)
				continue
			}
			c.check(t, method, path, "200", strings.Split(header.Get("Content-Type"), ";")[0], raw)
			_, _, problem := r.callHeader(http.MethodGet, target+"?nothing=1", "", nil)
			c.check(t, method, path, "default", "application/problem+json", problem)
		}
	}
}

func TestEveryOperationNeedsARoleAndTellsItsParameters(t *testing.T) {
	t.Parallel()
	r := start(t, withLearners)
	for path, methods := range readContract(r).document.Paths {
		for method, op := range methods {
			if !relay.RoleAdmin.Allows(relay.Role(op.Role)) || !relay.Role(op.Role).Allows(relay.RoleViewer) {
				t.Errorf("%s %s: role %q", method, path, op.Role)
			}
			status, _ := r.call(strings.ToUpper(method), path, "-", nil)
			if status != http.StatusUnauthorized {
				t.Errorf("%s %s without a token: %d", method, path, status)
			}
			for _, p := range op.Parameters {
				if p.In == "path" && !strings.Contains(path, "{"+p.Name+"}") {
					t.Errorf("%s %s: no parameter %s in the path", method, path, p.Name)
				}
			}
			if methods["get"].Responses == nil && method == "get" {
				t.Errorf("%s %s: no answer", method, path)
			}
		}
	}
}
