package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

var kinds = []string{"shopify", "woocommerce"}

type shopSettings struct {
	ShopDomain string   `yaml:"shop_domain"`
	Secrets    []string `yaml:"secrets" secret:"true"`
	EnrollOn   string   `yaml:"enroll_on"`
}

func load(t *testing.T, yaml string, env ...string) (*Config, []string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "edrelay.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(Options{File: file, Environment: env, Kinds: kinds})
}

func TestAnEmptyFileGivesTheDefaults(t *testing.T) {
	t.Parallel()
	c, warnings, err := load(t, "")
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	if c.HTTP.Addr != "127.0.0.1:8080" || c.HTTP.BodyLimit != 1<<20 || c.LMS.CallsPerMinute != 110 || len(c.LMS.Retry) != 9 {
		t.Errorf("defaults: %+v", c)
	}
}

func TestTheFileSetsEveryShapeOfValue(t *testing.T) {
	t.Parallel()
	c, _, err := load(t, `
http: { addr: "0.0.0.0:80", body_limit: 512KiB, trusted_proxies: [10.0.0.0/8] }
lms:
  url: https://lms.example.org
  client_id: id
  client_secret: 0123
  email_students: false
  timeout: 5s
  retry: [1s, 2m]
`)
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.BodyLimit != 512<<10 || c.LMS.ClientSecret != "0123" || c.LMS.EmailStudents || c.LMS.Retry[1] != 2*time.Minute {
		t.Errorf("got %+v", c)
	}
}

func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	t.Parallel()
	c, warnings, err := load(t, "lms: { url: https://a.example, client_id: i, client_secret: file }\n",
		"EDRELAY_LMS_CLIENT_SECRET=env", "EDRELAY_HTTP_TRUSTED_PROXIES=10.0.0.1, 10.0.0.2", "EDRELAY_LSM_URL=x", "PATH=/bin")
	if err != nil {
		t.Fatal(err)
	}
	if c.LMS.ClientSecret != "env" || len(c.HTTP.TrustedProxies) != 2 {
		t.Errorf("got %+v", c)
	}
	if len(warnings) != 1 || warnings[0] != "EDRELAY_LSM_URL" {
		t.Errorf("warnings %q, want the misspelt variable", warnings)
	}
}

func TestASecretCanBeReadFromAFile(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := load(t, "lms: { url: https://a.example, client_id: i, client_secret_file: "+secret+" }\n")
	if err != nil || c.LMS.ClientSecret != "from-file" {
		t.Fatalf("got %v, %v", c, err)
	}
	c, _, err = load(t, "", "EDRELAY_ADMIN_TOKEN_FILE="+secret)
	if err != nil || c.Admin.Token != "from-file" {
		t.Fatalf("got %v, %v", c, err)
	}
}

func TestWhatIsWrongIsNamedWithKeyShapeAndLine(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ yaml, want string }{
		"unknown key":      {"http:\n  adr: x\n", ":2: http.adr: unknown key"},
		"slip of the hand": {"http:\n  body-limit: 1MiB\n", "did you mean body_limit?"},
		"shape":            {"lms:\n  timeout: [1]\n", ":2: lms.timeout: a duration such as 30s or 24h is wanted"},
		"number":           {"lms:\n  batch_size: many\n", ":2: lms.batch_size: a whole number is wanted"},
		"not a mapping":    {"http: 5\n", ":1: http: keys and values are wanted"},
		"twice":            {"data_dir: a\ndata_dir: b\n", "edrelay.yaml:2: mapping key \"data_dir\" already defined"},
		"tab":              {"http:\n\taddr: x\n", "edrelay.yaml:2: found character"},
		"not even keys":    {"hello\n", "edrelay.yaml:1: keys and values are wanted"},
		"no sense":         {"http:\n  addr: x\nlms:\n  url: nowhere\n  calls_per_minute: 0\n", "edrelay.yaml:5: lms.calls_per_minute: a whole number from 1"},
		"no sense in list": {"http:\n  trusted_proxies:\n    - x\n", "edrelay.yaml:2: http.trusted_proxies[0]: an address"},
		"no port":          {"http: { addr: \"127.0.0.1:99999\" }\n", "edrelay.yaml:1: http.addr: an address"},
		"half":             {"lms:\n  url: https://a.example\n  client_id: a\n", "edrelay.yaml:1: lms: client_id and client_secret go together"},
		"empty file":       {"lms:\n  client_secret_file: /dev/null\n", "edrelay.yaml:2: lms.client_secret_file: the file is empty"},
		"source kind":      {"sources:\n  - name: a\n    kind: magento\n", "edrelay.yaml:3: sources[0].kind: unknown kind; one of shopify, woocommerce is wanted"},
		"source name":      {"sources:\n  - { name: \"a b\", kind: shopify }\n", "sources[0].name: "},
		"source twice":     {"sources:\n  - { name: a, kind: shopify }\n  - { name: a, kind: shopify }\n", "stands twice"},
		"secret and file":  {"admin:\n  token: a\n  token_file: /dev/null\n", "give one of the two"},
		"zero wait":        {"lms: { give_up_after: 0s }\n", "lms.give_up_after: a duration above zero"},
		"no YAML":          {"http: {\n", "edrelay.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := load(t, tc.yaml)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			if relay.CodeOf(err) != relay.CodeInvalid {
				t.Errorf("code %v, want invalid", relay.CodeOf(err))
			}
		})
	}
}

func TestAValueOfTheWrongShapeIsNotRepeated(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, "lms:\n  client_secret: [hunter2]\n  batch_size: hunter2\nadmin: { token: {a: hunter2} }\n")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestSourcesAreReadByTheirKind(t *testing.T) {
	t.Parallel()
	c, _, err := load(t, `
sources:
  - { name: one, kind: shopify, shop_domain: a.example, secrets: [s1, s2] }
  - { name: shopify, kind: shopify, shop_domain: b.example, secrets: [s3] }
`, "EDRELAY_SHOPIFY_SECRET=env", "EDRELAY_WOOCOMMERCE_SECRET=woo")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Sources) != 3 || c.Sources[2].Name != "woocommerce" {
		t.Fatalf("sources %+v, want two of the file and one of the environment", c.Sources)
	}
	want := []string{"s1 s2", "env", "woo"}
	for i, source := range c.Sources {
		var settings shopSettings
		if err := source.Decode(&settings); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(settings.Secrets, " "); got != want[i] {
			t.Errorf("source %s has secrets %q, want %q", source.Name, got, want[i])
		}
	}
}

func TestAnUnknownKeyOfASourceIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	c, _, err := load(t, "sources:\n  - name: a\n    kind: shopify\n    shopdomain: x\n")
	if err != nil {
		t.Fatal(err)
	}
	err = c.Sources[0].Decode(&shopSettings{})
	if err == nil || !strings.Contains(err.Error(), ":4: sources[0].shopdomain: unknown key; did you mean shop_domain?") {
		t.Errorf("got %v", err)
	}
}

func TestShowMasksEverySecret(t *testing.T) {
	t.Parallel()
	c, _, err := load(t, `
admin: { token: hunter1 }
database: { url: "postgres://u:hunter2@db/x" }
sources:
  - { name: one, kind: shopify, shop_domain: a.example, secrets: [hunter3, hunter4] }
`)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Show(c, func(string) any { return &shopSettings{} })
	if err != nil || strings.Contains(text, "hunter") {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, want := range []string{"shop_domain: a.example", "token: " + `"********"`, "give_up_after: 72h", "body_limit: 1MiB"} {
		if !strings.Contains(text, want) {
			t.Errorf("missing %q in\n%s", want, text)
		}
	}
}

func TestWhatIsWrongInTheEnvironmentIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	dotenv := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(dotenv, []byte("# mine\nexport EDRELAY_LMS_TIMEOUT=soon\nEDRELAY_LMS_URL=nowhere\nEDRELAY_HTTP_ADDR=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Load(Options{Dotenv: dotenv, Environment: []string{"EDRELAY_HTTP_ADDR=y", "EDRELAY_LMS_BATCH_SIZE=0"}, Kinds: kinds})
	for _, want := range []string{
		dotenv + ":2: EDRELAY_LMS_TIMEOUT: a duration", dotenv + ":3: EDRELAY_LMS_URL: lms.url: an address",
		"environment: EDRELAY_HTTP_ADDR: http.addr: an address", "environment: EDRELAY_LMS_BATCH_SIZE: lms.batch_size: a whole",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestWhatASourceRefusesIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	c, _, err := load(t, "sources:\n  - name: a\n    kind: shopify\n    secrets:\n      - \"\"\n  - { name: shopify, kind: shopify }\n",
		"EDRELAY_SHOPIFY_SHOP_DOMAIN=x", "EDRELAY_WOOCOMMERCE_SECRET=x")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range c.Sources {
		if err := source.Decode(&shopSettings{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		source    int
		err, want string
	}{
		{0, "secrets[0]: must not be empty", "edrelay.yaml:4: sources[0].secrets[0]: must not be empty"},
		{0, "shop_domain: is missing", "edrelay.yaml:2: sources[0].shop_domain: is missing"},
		{1, "secrets: is missing", "edrelay.yaml:6: sources[1].secrets: is missing"},
		{1, "shop_domain: is none", "environment: EDRELAY_SHOPIFY_SHOP_DOMAIN: sources[1].shop_domain: is none"},
		{2, "shop_domain: is missing", "source woocommerce: shop_domain: is missing"},
	} {
		if got := c.Sources[tc.source].Explain(errors.New(tc.err)); !strings.HasSuffix(got, tc.want) {
			t.Errorf("got %q, want %q at its end", got, tc.want)
		}
	}
}
