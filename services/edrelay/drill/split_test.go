//go:build soak && linux

package drill

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim"
)

// split is a site on a network: each nats-server and each service has a host of its own.
type split struct {
	*parts
	chance   *rand.Rand
	hosts    map[string]*host
	names    []string // of the hosts
	nodes    []*node
	services map[string]*process // by host
	sim      *lmssim.Server
	ears     *audience
	redis    *topic
}

const (
	splitRate  = 50 // deliveries a second of the subscription "rated"
	splitSlots = 2  // max_in_flight of "narrow"
	splitBatch = 10 // learners in one call to the LMS, so that the budget of calls is spent
	splitCalls = 110
)

// newSplit starts three nats-servers and two of each service.
func newSplit(t *testing.T, ledger string) *split {
	s := &split{chance: seed(t), services: map[string]*process{}}
	for i := range 3 {
		s.names = append(s.names, fmt.Sprint("nats", i+1))
	}
	for _, name := range []string{"ingress", "enroller", "notifier", "bridge", "console"} {
		s.names = append(s.names, name+"1", name+"2")
	}
	s.hosts = hosts(t, s.names...)
	for _, name := range s.names[:3] {
		h := s.hosts[name]
		s.nodes = append(s.nodes, &node{t: t, client: h.ip + ":4222", route: h.ip + ":6222", profile: h.ip + ":6060", wrap: h.wrap()})
	}
	var lmsURL string
	s.sim, lmsURL = lmsAt(t, hub)
	s.redis = newTopicAt(t, hub)
	s.ears = newAudience(t, hub+":0")
	s.ears.answer = func(subscription, id string) int {
		<-time.After(10 * time.Millisecond)
		if subscription == "broken" && strings.HasSuffix(id, "3") && s.ears.count(subscription, id) == 1 {
			return 503
		}
		return 200
	}
	s.parts = footing{lms: lmsURL, nats: clusterOf(t, s.nodes), ledger: ledger, replicas: 3, more: []string{s.redis.config()}}.parts(t)
	s.ears.subscribe(s.site, map[string]string{"plain": "", "ordered": ", ordered: true, retry: [1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s]",
		"rated": fmt.Sprintf(", rate: %d", splitRate), "narrow": fmt.Sprintf(", max_in_flight: %d", splitSlots), "broken": ", retry: [1s, 1s, 1s, 5s, 5s]"})
	for _, name := range s.names[3:] {
		s.run(name)
	}
	for _, service := range s.services {
		s.await(service)
	}
	return s
}

// run starts a service on the host that has its name and a number.
func (s *split) run(name string) {
	h := s.hosts[name]
	p := start(s.t, s.dir, []string{"EDRELAY_ADMIN_ADDR=" + h.ip + ":8081", "EDRELAY_HTTP_ADDR=" + h.ip + ":8080",
		fmt.Sprint("EDRELAY_LMS_BATCH_SIZE=", splitBatch), fmt.Sprint("EDRELAY_LMS_CALLS_PER_MINUTE=", splitCalls),
	}, []string{name[:len(name)-1]}, h.wrap()...)
	p.admin = h.ip + ":8081"
	s.services[name] = p
}

// harm does one bad thing, and gives what ends it.
func (s *split) harm(orders int) (heal func()) {
	s.t.Helper()
	i := s.chance.IntN(len(s.names))
	if s.chance.IntN(2) == 0 {
		i = s.chance.IntN(3) // the log is hit most
	}
	name := s.names[i]
	h := s.hosts[name]
	switch s.chance.IntN(3) {
	case 0:
		s.t.Logf("%d orders: kill -9 on %s", orders, name)
		if i < 3 {
			s.nodes[i].kill()
			return s.nodes[i].start
		}
		s.services[name].kill()
		return func() { s.run(name) }
	case 1:
		s.t.Logf("%d orders: %s is unplugged", orders, name)
		h.unplug()
		return h.plug
	}
	other := s.hosts[s.names[(i+1+s.chance.IntN(2))%3]]
	if i >= 3 {
		other = s.hosts[s.names[s.chance.IntN(3)]]
	}
	s.t.Logf("%d orders: what %s sends to %s is lost", orders, name, other.name)
	h.lose(other)
	return func() { h.find(other) }
}
