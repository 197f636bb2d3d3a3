package web_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium with one tab. Faults of a page's script fail the test.
type browser struct {
	t   *testing.T
	ctx context.Context
	g   *ground
}

func (g *ground) browser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("no Chromium on this machine; `make test` installs it")
	}
	profile, err := os.MkdirTemp("", "edrelay-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) }) // Chromium may still write when it is gone for us
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(profile),
		chromedp.WindowSize(1360, 900), chromedp.WSURLReadTimeout(time.Minute))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	tab, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab) // not chromedp.Cancel, which waits for ever for a browser that has died
	ctx, cancel := context.WithTimeout(tab, 4*time.Minute)
	t.Cleanup(cancel)
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("script: %s", e.ExceptionDetails.Text)
		case *network.EventRequestWillBeSent:
			if at := e.Request.URL; len(at) > 5 && at[:5] != "data:" && (len(at) < len(g.url) || at[:len(g.url)] != g.url) {
				t.Errorf("the page asks elsewhere: %s", at)
			}
		}
	})
	b := &browser{t: t, ctx: ctx, g: g}
	b.do(network.Enable(), runtime.Enable())
	return b
}

func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		var text string
		_ = chromedp.Run(b.ctx, chromedp.Text("body", &text))
		b.t.Fatalf("%v\npage: %.600s", err, text)
	}
}

func (b *browser) open(path string) { b.do(chromedp.Navigate(b.g.url + path)) }

// login logs in as the bearer of a token.
func (b *browser) login(token string) {
	b.open("/login")
	b.do(chromedp.SendKeys(`input[name="token"]`, token), chromedp.Submit(`input[name="token"]`), chromedp.WaitVisible("nav.rooms"))
}

// loaded waits until the page's script hears keys.
func loaded() chromedp.Action { return chromedp.Poll(`document.readyState === "complete"`, nil) }

// press is one stroke of a key, with its character only where the page lets it through, as a keyboard does it.
func press(key string) chromedp.Action {
	return chromedp.Tasks{
		input.DispatchKeyEvent(input.KeyDown).WithKey(key).WithText(key), input.DispatchKeyEvent(input.KeyUp).WithKey(key),
	}
}

// sees waits until the page shows a text, over reloads too.
func (b *browser) sees(text string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for body := ""; ; {
		if chromedp.Run(ctx, chromedp.Evaluate(`document.body.innerText`, &body)) == nil && strings.Contains(body, text) {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("never sees %q\npage: %.900s", text, body)
		case <-again.C:
		}
	}
}

// picture keeps a screenshot where EDRELAY_SCREENSHOTS names a folder; looking at them is a person's work.
func (b *browser) picture(name string, width int64, dark bool) {
	b.t.Helper()
	folder := os.Getenv("EDRELAY_SCREENSHOTS")
	if folder == "" {
		return
	}
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	var png []byte
	b.do(
		emulation.SetDeviceMetricsOverride(width, 900, 1, width < 500),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.FullScreenshot(&png, 100),
	)
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
