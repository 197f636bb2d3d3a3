//go:build soak && linux

package drill

import (
	"testing"
	"time"
)

// Three nats-servers and two of each service, each on a host of its own: they are killed, unplugged, and one direction
// between two of them is lost, at random, under load.
func TestSoakPartitionsLoseNothingAndKeepEveryPromise(t *testing.T) {
	ledger, ours := ownNetwork(t)
	if !ours {
		return
	}
	s := newSplit(t, ledger)
	sim, ears, redis := s.sim, s.ears, s.redis
	front := newBalancer(t, s.hosts["ingress1"].ip+":8080", s.hosts["ingress2"].ip+":8080")
	door := front.listener.Addr().String()
	orders, events := startPacedLoad(t, door, 16, soakPace(t, 20)), startTalk(t, door, 3, soakPace(t, 20))
	redis.talk(5)
	for end := time.Now().Add(duration(t, 2*time.Minute)); time.Now().Before(end); {
		<-time.After(time.Duration(1000+s.chance.IntN(3000)) * time.Millisecond)
		before := len(orders.sent())
		heal := s.harm(before)
		<-time.After(time.Duration(1000+s.chance.IntN(19_000)) * time.Millisecond)
		heal()
		await(t, "no order is accepted any more", 90*time.Second, func() bool { return len(orders.sent()) > before+5 })
	}
	orders.end()
	events.end()
	redis.end()
	for _, service := range s.services {
		s.await(service)
	}
	spoken := append(events.sent(), redis.sent()...)
	t.Logf("%d orders accepted (%d tries failed), %d events accepted by the door (%d), %d put on the bus; 2xx for an order: p50 %s, p99 %s",
		len(orders.sent()), orders.failed.Load(), len(events.sent()), events.failed.Load(), len(redis.sent()), quantile(orders.spans, 0.5), quantile(orders.spans, 0.99))
	budget := time.Duration(len(orders.sent())) * time.Minute / (splitBatch * splitCalls) // should all calls be left to make
	settled(s.site, orders.sent(), 5*time.Minute+budget)
	accounted(s.site, orders.sent())
	for _, name := range []string{"plain", "ordered", "rated", "narrow", "broken"} {
		repeated := heardAll(s.site, ears, name, spoken, 5*time.Minute)
		h := ears.snapshot(name)
		t.Logf("%s: %d events, %d of them more than once, at most %d at a time and %d within a second", name, len(h.first), repeated, h.most, busiest(h.times, time.Second))
	}
	inOrder(s.site, ears, "ordered")
	if h := ears.snapshot("rated"); busiest(h.times, time.Second) > 2*splitRate+1 {
		t.Errorf("rated: %d deliveries within a second at a rate of %d", busiest(h.times, time.Second), splitRate)
	}
	if h := ears.snapshot("narrow"); h.most > splitSlots {
		t.Errorf("narrow: %d deliveries at a time, %d are allowed", h.most, splitSlots)
	}
	for _, args := range [][]string{{"audit"}, {"audit", "--lms"}} {
		if out, err := s.command(args...); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	stats := sim.Stats()
	t.Logf("LMS: at most %d calls within a minute, at most %d mails for a line", stats.BusiestMinute, stats.MailsPerSeat)
	if stats.MailsPerSeat > 1 || stats.BusiestMinute > 120 {
		t.Errorf("a learner was mailed %d times; %d calls to the LMS in a minute", stats.MailsPerSeat, stats.BusiestMinute)
	}
	for _, service := range s.services {
		service.stop()
	}
}
