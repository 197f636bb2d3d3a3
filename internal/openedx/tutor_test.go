package openedx

import (
	"os"
	"regexp"
	"testing"
)

// A site refuses to start for a type that it does not know, so what the Tutor plugin names must be right.
func TestTheTutorPluginNamesTypesThatTheBusCarries(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/tutor/edrelay.py")
	if err != nil {
		t.Fatal(err)
	}
	c := load(t)
	found := 0
	for _, block := range regexp.MustCompile(`(?s)(LEARNING|AUTHORING) \+ name.*?for name in \((.*?)\)`).FindAllStringSubmatch(string(text), -1) {
		prefix := map[string]string{"LEARNING": "org.openedx.learning.", "AUTHORING": "org.openedx.content_authoring."}[block[1]]
		for _, name := range regexp.MustCompile(`"([a-z_.]+)"`).FindAllStringSubmatch(block[2], -1) {
			found++
			e := c.event(prefix + name[1] + ".v1")
			if e == nil || len(e.layoutsFor("10.5.0")) == 0 {
				t.Errorf("%s%s is not on the bus of 10.5.0", prefix, name[1])
			}
		}
	}
	signals := map[string]bool{}
	for _, e := range c.events {
		signals[e.Signal] = e.Plugin
	}
	for _, name := range regexp.MustCompile(`"([A-Z_]{12,})",`).FindAllStringSubmatch(string(text), -1) {
		if known, is := signals[name[1]]; is && !known {
			t.Errorf("the plugin does not post %s", name[1])
		} else if is {
			found++
		}
	}
	if found < 30 {
		t.Errorf("only %d names found", found)
	}
}
