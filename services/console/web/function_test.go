package web

import (
	"strings"
	"testing"
	"time"
)

func TestWhatIsToComeIsDueOnceItsTimeHasCome(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for ahead, want := range map[time.Duration]string{-time.Hour: ">due<", 0: ">due<", 90 * time.Second: ">in 1m<"} {
		at := now.Add(ahead)
		if got := string(next(&at, now)); !strings.Contains(got, want) || !strings.Contains(got, `title="2026-01-02 `) {
			t.Errorf("%s ahead: %s", ahead, got)
		}
	}
	if got := next(nil, now); got != "" {
		t.Errorf("nothing to come: %s", got)
	}
}

func TestALongNameBreaksBehindItsDotsAndHoldsNoMarkup(t *testing.T) {
	t.Parallel()
	if got := soft(`a.b@c.d<script>"`); got != `a.<wbr>b<wbr>@c.<wbr>d&lt;script&gt;&#34;` {
		t.Errorf("%s", got)
	}
}
