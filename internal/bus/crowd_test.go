package bus

import (
	"testing"
	"testing/synctest"
	"time"
)

// settled is a crowd that has seen many groups of so many callers, each committed in 2 ms.
func settled(callers int) *crowd {
	c := &crowd{}
	for range 100 {
		c.landed(callers/2, callers-callers/2, 2*time.Millisecond)
	}
	return c
}

func TestAGroupWaitsForHalfOfTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue, join := make(chan *item, 64), settled(64).joining(make(chan *item))
		began := time.Now()
		if join(31) != nil || time.Since(began) < time.Millisecond {
			t.Errorf("with 31 of 64 callers the group left after %s, want the time of a commit", time.Since(began))
		}
		join = settled(64).joining(queue)
		go func() {
			<-time.After(time.Millisecond / 2) // in the bubble's time: the next caller comes within the commit's time
			queue <- &item{}
		}()
		if join(31) == nil {
			t.Error("a caller that came within the time of a commit was left behind")
		}
		began = time.Now()
		if join(32) != nil || time.Since(began) != 0 {
			t.Errorf("with half of the callers the group waited %s", time.Since(began))
		}
	})
}

func TestALoneCallerNeverWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		for _, c := range []*crowd{{}, settled(1), settled(2), settled(3)} {
			if c.joining(make(chan *item))(1) != nil || time.Since(began) != 0 {
				t.Errorf("half of %d callers: waited %s", c.half(), time.Since(began))
			}
		}
	})
}

func TestWhatStandsInTheQueueIsTakenWhateverTheCrowd(t *testing.T) {
	t.Parallel()
	queue := make(chan *item, 1)
	queue <- &item{}
	if settled(2).joining(queue)(400) == nil {
		t.Error("a message that stood in the queue was left there")
	}
}

func TestACrowdThatHasGoneIsSoonForgotten(t *testing.T) {
	t.Parallel()
	c := settled(256)
	if c.half() < 120 || c.half() > 128 {
		t.Fatalf("half of 256 callers is taken for %d", c.half())
	}
	groups := 0
	for ; c.half() > 1; groups++ {
		c.landed(1, 0, time.Millisecond)
	}
	if groups > 50 {
		t.Errorf("%d groups of one caller until it is believed", groups)
	}
}

func TestNoCommitIsSlowEnoughToHoldAMessageLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settled(64)
		for range 50 {
			c.landed(1, 63, time.Minute)
		}
		began := time.Now()
		if c.joining(make(chan *item))(1); time.Since(began) > longestJoining {
			t.Errorf("waited %s for others", time.Since(began))
		}
	})
}
