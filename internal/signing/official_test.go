package signing

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// parcel is what testdata/receiver/verify.mjs reads.
type parcel struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"` // base64 in JSON
}

func pack(t *testing.T, holder string, signers []Secret, at time.Time, body string) parcel {
	t.Helper()
	const id = "c8bee32c-a1a5-11ed-baf0-0242ac140007"
	return parcel{Secret: holder, Body: []byte(body), Headers: map[string]string{
		HeaderID: id, HeaderTimestamp: Timestamp(at), HeaderSignature: Sign(signers, id, at, []byte(body)),
	}}
}

// official gives the verdicts of the official Standard Webhooks library, which npm installs from its lock file.
func official(t *testing.T, parcels []parcel) []string {
	t.Helper()
	room := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "verify.mjs"} {
		text, err := os.ReadFile(filepath.Join("testdata", "receiver", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(room, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	input, err := json.Marshal(parcels)
	if err != nil {
		t.Fatal(err)
	}
	run(t, room, nil, "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	var verdicts []string
	if err := json.Unmarshal(run(t, room, input, "node", "verify.mjs"), &verdicts); err != nil {
		t.Fatal(err)
	}
	return verdicts
}

func run(t *testing.T, room string, input []byte, name string, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir, command.Stdin = room, bytes.NewReader(input)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, complaints.String())
	}
	return output
}

func TestTheOfficialLibraryVerifiesOurSignatures(t *testing.T) {
	t.Parallel()
	old, fresh, stranger := NewSecret(), NewSecret(), NewSecret()
	key, _ := NewKeyPair()
	one, both, mixed := secrets(t, fresh), secrets(t, fresh, old), secrets(t, key, fresh)
	const body = `{"user":"Zoë 😀","n":1}`
	now := time.Now()
	changed := pack(t, fresh, one, now, body)
	changed.Body = append(changed.Body, ' ')
	cases := []struct {
		name   string
		parcel parcel
		valid  bool
	}{
		{"one secret", pack(t, fresh, one, now, body), true},
		{"new secret while rotating", pack(t, fresh, both, now, body), true},
		{"old secret while rotating", pack(t, old, both, now, body), true},
		{"beside an ed25519 signature", pack(t, fresh, mixed, now, body), true},
		{"old secret after rotating", pack(t, old, one, now, body), false},
		{"another's secret", pack(t, stranger, both, now, body), false},
		{"changed body", changed, false},
		{"ten minutes old", pack(t, fresh, one, now.Add(-10*time.Minute), body), false},
	}
	parcels := make([]parcel, 0, len(cases))
	for _, c := range cases {
		parcels = append(parcels, c.parcel)
	}
	for i, verdict := range official(t, parcels) {
		if (verdict == "ok") != cases[i].valid {
			t.Errorf("%s: the library says %q", cases[i].name, verdict)
		}
	}
}
