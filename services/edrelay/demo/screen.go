package demo

import (
	"fmt"
	"io"
	"time"
)

// screen is what the person sees.
type screen struct {
	out   io.Writer
	color bool
}

func (s *screen) paint(code, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) line(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

func (s *screen) title(number int, text string) {
	fmt.Fprintf(s.out, "\n%s\n", s.paint("1", fmt.Sprintf("%d. %s", number, text)))
}

// good is something that was checked, bad something that did not come out.
func (s *screen) good(format string, args ...any) {
	fmt.Fprintf(s.out, "   %s %s\n", s.paint("32", "✓"), fmt.Sprintf(format, args...))
}

func (s *screen) bad(format string, args ...any) {
	fmt.Fprintf(s.out, "   %s %s\n", s.paint("31", "✗"), fmt.Sprintf(format, args...))
}

// sent shows a request and its answer.
func (s *screen) sent(what, url string, a answer) {
	fmt.Fprintf(s.out, "   → %s\n", what)
	fmt.Fprintf(s.out, "     POST %s  %s\n", url, s.paint("1", fmt.Sprintf("%d in %s", a.status, round(a.took))))
}

func (s *screen) closing(st *stage, program string, once bool) {
	fmt.Fprintf(s.out, "\n%s\n", s.paint("1;32", "Every step was verified."))
	if once {
		return
	}
	s.line("\nIt goes on running. Look around in another terminal:\n   export EDRELAY_CONFIG=%s", st.configFile)
	for _, command := range []string{
		"webhook ls", "enrollment ls", "delivery ls", "event ls", "audit", "doctor",
	} {
		s.line("   %s %s", program, command)
	}
	s.line("\n   console           %s  (token: %s)", st.adminURL, st.token)
	s.line("   simulated LMS     %s/_sim/state", st.lmsURL)
	s.line("   log of edrelay    %s", st.logFile)
	s.line("\nSend an order of your own:\n%s", st.orderCommand())
	s.line("Ctrl-C ends it and removes its folder.")
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(10 * time.Millisecond)
}
