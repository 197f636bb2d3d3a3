package demo_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/services/edrelay/demo"
)

func TestEveryStepOfTheDemoIsVerified(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := demo.Run(t.Context(), demo.Options{Out: &out, Version: "test", Once: true, AnyPort: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, shown := range []string{"GO-101", "403", "ada@learner.example", "Mallory owes us", "delivered after 2 attempts", "nothing unaccounted", "Every step was verified."} {
		if !strings.Contains(out.String(), shown) {
			t.Errorf("%q is not shown:\n%s", shown, out.String())
		}
	}
	if strings.Contains(out.String(), "✗") || strings.Contains(out.String(), "\x1b[") {
		t.Errorf("failures, or colours where no terminal is:\n%s", out.String())
	}
}

func TestADemoThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := demo.Run(ctx, demo.Options{
		Out: &bytes.Buffer{}, Once: true, AnyPort: true, Environ: []string{"EDRELAY_DATABASE_URL=postgres://nobody@127.0.0.1:1/x?connect_timeout=2"},
	})
	if err == nil {
		t.Error("no error without a ledger")
	}
}
