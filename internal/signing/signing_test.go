package signing

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Published by the Standard Webhooks and svix libraries' own tests.
const (
	knownSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	knownPrivate   = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	knownPublic    = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	knownID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	knownSeconds   = 1614265330
	knownBody      = `{"test": 2432232314}`
	knownSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	knownV1a       = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

func secrets(t testing.TB, texts ...string) []Secret {
	t.Helper()
	var parsed []Secret
	for _, text := range texts {
		secret, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, secret)
	}
	return parsed
}

func TestPublishedVectorsAreSignedAlike(t *testing.T) {
	t.Parallel()
	at := time.Unix(knownSeconds, 999)
	if got := Sign(secrets(t, knownSecret), knownID, at, []byte(knownBody)); got != knownSignature {
		t.Error(got)
	}
	if got := Sign(secrets(t, knownPrivate), knownID, at, []byte(knownBody)); got != knownV1a {
		t.Error(got)
	}
	if got := Sign(secrets(t, knownSecret, knownPublic, knownPrivate), knownID, at, []byte(knownBody)); got != knownSignature+" "+knownV1a {
		t.Error(got)
	}
	if got := secrets(t, knownPrivate)[0].Public(); got != knownPublic {
		t.Error(got)
	}
	if Timestamp(at) != "1614265330" {
		t.Error(Timestamp(at))
	}
}

func TestSeedAndSvixFormOfAKeyAreTheSameKey(t *testing.T) {
	t.Parallel()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(knownPrivate, PrefixPrivate))
	if err != nil {
		t.Fatal(err)
	}
	seed := PrefixPrivate + base64.StdEncoding.EncodeToString(raw[:32])
	if got := Sign(secrets(t, seed), knownID, time.Unix(knownSeconds, 0), []byte(knownBody)); got != knownV1a {
		t.Error(got)
	}
	raw[63] ^= 1
	if _, err := Parse(PrefixPrivate + base64.StdEncoding.EncodeToString(raw)); !errors.Is(err, ErrSecret) {
		t.Error("a key with another key's public half is taken")
	}
}

func TestOnlyTrueSignaturesVerify(t *testing.T) {
	t.Parallel()
	now := time.Unix(knownSeconds, 0)
	cases := []struct {
		name, secret, signature string
		want                    error
	}{
		{"hmac", knownSecret, knownSignature, nil},
		{"ed25519", knownPublic, knownV1a, nil},
		{"ed25519 by the private key", knownPrivate, knownV1a, nil},
		{"second of two", knownSecret, "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= " + knownSignature, nil},
		{"after an unknown version", knownSecret, "v9,abc " + knownSignature, nil},
		{"wrong version", knownSecret, strings.Replace(knownSignature, "v1", "v2", 1), ErrSignature},
		{"hmac under the name of ed25519", knownSecret, strings.Replace(knownSignature, "v1", "v1a", 1), ErrSignature},
		{"no comma", knownSecret, strings.Replace(knownSignature, ",", " ", 1), ErrSignature},
		{"empty signature", knownSecret, "v1,", ErrSignature},
		{"no signature", knownSecret, "", ErrHeaders},
		{"one character changed", knownSecret, strings.Replace(knownSignature, "g0", "h0", 1), ErrSignature},
		{"cut short", knownSecret, knownSignature[:20], ErrSignature},
		{"another secret", NewSecret(), knownSignature, ErrSignature},
		{"no secret fits the version", knownPublic, knownSignature, ErrSignature},
		{"behind too many others", knownSecret, strings.Repeat("v1,AAAA ", 40) + knownSignature, ErrSignature},
	}
	for _, c := range cases {
		d := Delivery{ID: knownID, Timestamp: "1614265330", Signature: c.signature, Body: []byte(knownBody)}
		if err := Verify(secrets(t, c.secret), d, now, Tolerance); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestTheTimestampMustBeNear(t *testing.T) {
	t.Parallel()
	d := Delivery{ID: knownID, Timestamp: "1614265330", Signature: knownSignature, Body: []byte(knownBody)}
	for off, want := range map[time.Duration]error{
		0: nil, Tolerance: nil, -Tolerance: nil, Tolerance + time.Second: ErrTimestamp, -Tolerance - time.Second: ErrTimestamp,
	} {
		if err := Verify(secrets(t, knownSecret), d, time.Unix(knownSeconds, 0).Add(off), Tolerance); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", off, err, want)
		}
	}
	for _, text := range []string{"", "soon", "1614265330.5", "99999999999999999999"} {
		d.Timestamp = text
		if err := Verify(secrets(t, knownSecret), d, time.Now(), 0); !errors.Is(err, ErrHeaders) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSecretsOfWrongShapeAreErrorsThatDontTellThem(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString(make([]byte, 23))
	long := base64.StdEncoding.EncodeToString(make([]byte, 65))
	for _, text := range []string{"", "whsec_", "whsec_" + short, "whsec_" + long, "whsec_!!!!" + short, "whsk_" + short, "whpk_" + short, knownSecret[6:], "secret"} {
		_, err := Parse(text)
		if !errors.Is(err, ErrSecret) {
			t.Errorf("%q: %v", text, err)
		} else if len(text) > 7 && strings.Contains(err.Error(), text[6:]) {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
	if _, err := Parse(strings.TrimRight(NewSecret(), "=")); err != nil {
		t.Errorf("unpadded: %v", err)
	}
}

// While secrets rotate, whoever holds any of them verifies; whoever holds none, or gets another body or id, does not.
func TestWhatOneOfTheSecretsSignedVerifies(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		id := rapid.StringMatching(`[a-z0-9_-]{1,40}`).Draw(t, "id")
		at := time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "at"), 0)
		private, public := NewKeyPair()
		old, fresh := NewSecret(), NewSecret()
		signers := make([]Secret, 0, 3)
		for _, text := range []string{fresh, old, private} {
			signer, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			signers = append(signers, signer)
		}
		d := Delivery{ID: id, Timestamp: Timestamp(at), Signature: Sign(signers, id, at, body), Body: body}
		for _, text := range []string{fresh, old, public} {
			holder, _ := Parse(text)
			if err := Verify([]Secret{holder}, d, at, Tolerance); err != nil {
				t.Fatal(err)
			}
		}
		stranger, _ := Parse(NewSecret())
		if Verify([]Secret{stranger}, d, at, Tolerance) == nil {
			t.Fatal("a stranger's secret verifies")
		}
		d.Body = append([]byte{' '}, body...)
		if Verify(signers, d, at, Tolerance) == nil {
			t.Fatal("another body verifies")
		}
		d.Body, d.ID = body, id+"x"
		if Verify(signers, d, at, Tolerance) == nil {
			t.Fatal("another id verifies")
		}
	})
}

func FuzzVerify(f *testing.F) {
	secret, err := Parse(knownSecret)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(knownID, "1614265330", knownSignature, []byte(knownBody))
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		_ = Verify([]Secret{secret}, Delivery{ID: id, Timestamp: timestamp, Signature: signature, Body: body}, time.Unix(knownSeconds, 0), Tolerance)
	})
}

func BenchmarkSign(b *testing.B) {
	signers := secrets(b, knownSecret)
	at, body := time.Unix(knownSeconds, 0), make([]byte, 1024)
	dst := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		_ = AppendSignature(dst, signers, knownID, at, body)
	}
}
