package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
)

// watch follows how far the group is, how much waits, and what Redis trimmed before anybody of the group read it.
type watch struct {
	offset  int64  // what was lost before and Redis does not count as read: true position minus entries-read
	lost    int64  // seen by this process
	newest  string // last id of the stream at the look before
	looked  time.Time
	behind  bool // a backlog was announced and its end was not
	landing atomic.Int64

	mu      sync.Mutex
	reports []relay.Message // of losses, not yet on the log
}

func (w *watch) carried(entries int) { w.landing.Add(int64(entries)) }

func (w *watch) owe(report relay.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, report)
}

func (w *watch) owesReport() bool { return len(w.owed()) > 0 }

// owed gives the reports that are not on the log yet.
func (w *watch) owed() []relay.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.reports)
}

// reported forgets the first of them.
func (w *watch) reported(count int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = w.reports[count:]
}

// look is the stream and its group at one moment.
type look struct {
	length    int64
	first     string // id of the first entry there, "" when there is none
	newest    string // id of the last entry ever added
	added     int64  // entries ever added; -1 before Redis 7
	delivered string // last id that the group has
	read      int64  // entries that the group has read as Redis counts; -1 when it does not know
	pending   int64
}

// readWatched reads new entries without waiting and looks at stream and group in the same transaction, so that a gap
// between what the group has and what is still there is never missed.
func (st *stream) readWatched(ctx context.Context) ([]openedx.StreamEntry, error) {
	pipe := st.redis.TxPipeline()
	info := pipe.Do(ctx, "XINFO", "STREAM", st.key)
	before := pipe.Do(ctx, "XINFO", "GROUPS", st.key)
	read := pipe.Do(ctx, "XREADGROUP", "GROUP", st.options.Group, st.options.Consumer, "COUNT", st.options.Batch, "STREAMS", st.key, ">")
	after := pipe.Do(ctx, "XINFO", "GROUPS", st.key)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, redisError("read new entries", err)
	}
	entries := st.entries(read.Val())
	l := newLook(info.Val(), before.Val(), st.options.Group)
	st.notice(l, newLook(info.Val(), after.Val(), st.options.Group), int64(len(entries)))
	return entries, nil
}

func newLook(info, groups any, group string) look {
	s := fields(info)
	l := look{length: number(s, "length"), newest: text(s, "last-generated-id"), added: number(s, "entries-added"), read: -1}
	if entry, ok := s["first-entry"].([]any); ok && len(entry) == 2 {
		l.first, _ = entry[0].(string)
	}
	list, _ := groups.([]any)
	for _, item := range list {
		g := fields(item)
		if text(g, "name") == group {
			l.delivered, l.read, l.pending = text(g, "last-delivered-id"), number(g, "entries-read"), number(g, "pending")
		}
	}
	return l
}

// fields reads a flat list of names and values.
func fields(reply any) map[string]any {
	list, _ := reply.([]any)
	out := make(map[string]any, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		if name, ok := list[i].(string); ok {
			out[name] = list[i+1]
		}
	}
	return out
}

// number gives -1 for what is not there.
func number(fields map[string]any, name string) int64 {
	if n, ok := fields[name].(int64); ok {
		return n
	}
	return -1
}

func text(fields map[string]any, name string) string {
	s, _ := fields[name].(string)
	return s
}

// notice works a look: what was lost since the last one, and how much waits. got entries were read after it.
func (st *stream) notice(l, after look, got int64) {
	w := &st.watch
	if lost := w.lostBehind(l); lost > 0 {
		st.reportLoss(l, lost)
	}
	w.align(l, after, got)
	w.newest = l.newest
	st.progress(l)
}

// lostBehind counts the entries that were trimmed between what the group has and the first that is there. A group
// that has read nothing yet has lost nothing: what went before it was made is not its own. When Redis doesn't count,
// it is one if an entry that was seen there is gone, for nobody knows how many.
func (w *watch) lostBehind(l look) int64 {
	if l.delivered == "" || l.delivered == "0-0" || l.newest == l.delivered {
		return 0
	}
	if l.first != "" && !before(l.delivered, l.first) {
		return 0
	}
	if l.added >= 0 && l.read >= 0 {
		return max(0, l.added-max(0, l.length)-l.read-w.offset)
	}
	if w.newest != "" && before(l.delivered, w.newest) && (l.first == "" || before(w.newest, l.first)) {
		return 1
	}
	return 0
}

// align learns by how much Redis counts short: versions before 7.2 don't count what was trimmed unread as read.
func (w *watch) align(l, after look, got int64) {
	switch {
	case l.added < 0 || after.read < 0:
	case got > 0 && l.first != "" && l.delivered != "" && before(l.delivered, l.first):
		w.offset = l.added - l.length + got - after.read
	case got == 0 && after.delivered == l.newest:
		w.offset = l.added - after.read
	}
}

// reportLoss makes a loss known: in the log, in the metrics, and as a rejected entry whose body says what is missing.
// Every bridge of the group names it alike, so that it stands there once.
func (st *stream) reportLoss(l look, lost int64) {
	gap := openedx.StreamEntry{Stream: st.key, ID: l.delivered + ".." + l.first}
	m := gap.Park(openedx.ReasonTrimmed)
	m.Time, m.ContentType = time.Now().UTC(), "application/json"
	m.Body = fmt.Appendf(nil, `{"stream":%q,"lost":%d,"after":%q,"before":%q}`, st.key, lost, l.delivered, l.first)
	st.watch.owe(m)
	st.watch.lost += lost
	st.metrics.lost.WithLabelValues(st.key).Add(float64(lost))
	st.log.Error("entries were trimmed before they were read; raise EVENT_BUS_REDIS_STREAM_MAX_LEN or run more bridges",
		"lost", lost, "after", l.delivered, "before", l.first)
}

// progress keeps the gauges, announces a backlog and its end, and says in between how far it is.
func (st *stream) progress(l look) {
	w := &st.watch
	waiting := l.waiting(w.offset)
	st.metrics.waiting.WithLabelValues(st.key).Set(float64(waiting))
	st.metrics.pending.WithLabelValues(st.key).Set(float64(max(0, l.pending)))
	backlog := int64(st.options.Batch)
	switch {
	case waiting == 0 && w.behind:
		w.behind = false
		st.log.Info("caught up with the event bus", "carried", w.landing.Load())
	case waiting > backlog && time.Since(w.looked) > st.options.Watch:
		w.behind, w.looked = true, time.Now()
		st.log.Info("working off the backlog of the event bus", "waiting", waiting, "carried", w.landing.Load(), "lost", w.lost)
	}
}

// waiting counts the entries that nobody of the group has read; the length of the stream when Redis doesn't know.
func (l look) waiting(offset int64) int64 {
	length := max(0, l.length)
	switch {
	case l.delivered == l.newest || length == 0:
		return 0
	case l.added >= 0 && l.read >= 0:
		return min(length, max(0, l.added-l.read-offset))
	}
	return length
}

// before compares two stream ids; ids that are none compare as 0-0.
func before(a, b string) bool {
	am, as := idParts(a)
	bm, bs := idParts(b)
	return am < bm || am == bm && as < bs
}

func idParts(id string) (ms, sequence uint64) {
	left, right, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(left, 10, 64)
	sequence, _ = strconv.ParseUint(right, 10, 64)
	return ms, sequence
}
