package desk

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

// Rows that stand only on the log are marked by their sequence. Rejected webhooks are in no ledger, because what a
// stranger sends writes nothing to Postgres, so this is their id too.
const (
	unreadMark = "accepted-"
)

// Webhooks lists the ledger together with what stands only on the log: webhooks that the enroller has not read yet,
// and rejected ones.
func (d *Desk) Webhooks(ctx context.Context, q relay.WebhookQuery) ([]relay.Webhook, error) {
	onLog := d.Ports.Log != nil && q.Order == ""
	var all []relay.Webhook
	for _, part := range []struct {
		wanted bool
		read   func(context.Context, relay.WebhookQuery) ([]relay.Webhook, error)
	}{
		{q.State != relay.WebhookRejected && q.State != relay.WebhookAccepted, d.Ports.Webhooks.Webhooks},
		{onLog && (q.State == "" || q.State == relay.WebhookAccepted), d.unreadWebhooks},
		{onLog && (q.State == "" || q.State == relay.WebhookRejected), d.rejectedWebhooks},
	} {
		if !part.wanted {
			continue
		}
		rows, err := part.read(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	slices.SortFunc(all, func(a, b relay.Webhook) int {
		return cmp.Or(b.ReceivedAt.Compare(a.ReceivedAt), cmp.Compare(b.Sequence, a.Sequence), cmp.Compare(b.ID, a.ID))
	})
	return all[:min(len(all), q.Limit)], nil
}

// WebhookMark gives the place of a webhook in the list.
func WebhookMark(w relay.Webhook) relay.Mark {
	if w.State == relay.WebhookAccepted {
		return relay.Mark{Time: w.ReceivedAt, ID: unreadMark + strconv.FormatUint(w.Sequence, 10)}
	}
	return relay.Mark{Time: w.ReceivedAt, ID: w.ID}
}

// unreadWebhooks gives those of WEBHOOKS that the ledger does not know.
func (d *Desk) unreadWebhooks(ctx context.Context, q relay.WebhookQuery) ([]relay.Webhook, error) {
	parts := strings.SplitN(relay.WebhookSubject(q.Source, q.Topic), ".", 3)
	if q.Source == "" {
		parts[1] = "*"
	}
	if q.Topic == "" {
		parts[2] = ">"
	}
	log := logQuery(relay.StreamWebhooks, strings.Join(parts, "."), unreadMark, q)
	return scanLog(ctx, d.Ports.Log, log, func(messages []relay.Received) ([]relay.Webhook, error) {
		sequences := make([]uint64, len(messages))
		for i, m := range messages {
			sequences[i] = m.Sequence
		}
		known, err := d.Ports.Webhooks.KnownWebhooks(ctx, sequences)
		if err != nil {
			return nil, err
		}
		var rows []relay.Webhook
		for _, m := range messages {
			if !known[m.Sequence] {
				rows = append(rows, acceptedRow(m))
			}
		}
		return rows, nil
	})
}

func (d *Desk) rejectedWebhooks(ctx context.Context, q relay.WebhookQuery) ([]relay.Webhook, error) {
	pattern := "rejected.>"
	if q.Source != "" {
		pattern = strings.TrimSuffix(relay.RejectedSubject(q.Source, "x"), "x") + ">"
	}
	return scanLog(ctx, d.Ports.Log, logQuery(relay.StreamRejected, pattern, relay.RejectedPrefix, q), func(messages []relay.Received) ([]relay.Webhook, error) {
		var rows []relay.Webhook
		for _, m := range messages {
			if w := rejectedRow(m); q.Topic == "" || w.Topic == q.Topic {
				rows = append(rows, w)
			}
		}
		return rows, nil
	})
}

// logQuery asks the log for what is older than the page's mark: by sequence when the mark is a row of this stream,
// by time otherwise.
func logQuery(stream, pattern, prefix string, q relay.WebhookQuery) relay.LogQuery {
	log := relay.LogQuery{Stream: stream, Subjects: []string{pattern}, Limit: q.Limit, Since: q.Since, Until: q.Until, NoBody: true}
	if text, ok := strings.CutPrefix(q.Before.ID, prefix); ok {
		log.Before, _ = strconv.ParseUint(text, 10, 64)
	} else if at := q.Before.Time; !at.IsZero() && (log.Until.IsZero() || at.Before(log.Until)) {
		log.Until = at
	}
	return log
}

// webhook finds one by its id, in the ledger or on the log.
func (d *Desk) webhook(ctx context.Context, id string) (relay.Webhook, error) {
	if text, ok := strings.CutPrefix(id, relay.RejectedPrefix); ok && d.Ports.Log != nil {
		sequence, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return relay.Webhook{}, relay.ErrNotFound
		}
		m, err := d.Ports.Log.Message(ctx, relay.StreamRejected, sequence)
		if err != nil {
			return relay.Webhook{}, d.gone(ctx, relay.StreamRejected, sequence, err)
		}
		return rejectedRow(m), nil
	}
	w, err := d.Ports.Webhooks.Webhook(ctx, id)
	if relay.CodeOf(err) != relay.CodeNotFound || d.Ports.Log == nil {
		return w, err
	}
	unread, scanErr := d.unreadWebhooks(ctx, relay.WebhookQuery{Page: relay.Page{Limit: PageSize}})
	if scanErr != nil {
		return relay.Webhook{}, scanErr
	}
	if i := slices.IndexFunc(unread, func(w relay.Webhook) bool { return w.ID == id }); i >= 0 {
		return unread[i], nil
	}
	return relay.Webhook{}, err
}

func acceptedRow(m relay.Received) relay.Webhook {
	return relay.Webhook{
		ID: m.ID, Source: m.Header[relay.HeaderSource], Topic: m.Header[relay.HeaderTopic], ReceivedAt: m.Stored,
		State: relay.WebhookAccepted, Reason: "not yet worked", Sequence: m.Sequence,
	}
}

func rejectedRow(m relay.Received) relay.Webhook {
	return relay.Webhook{
		ID: relay.RejectedID(m.Sequence), Source: m.Header[relay.HeaderSource], Topic: m.Header[relay.HeaderTopic],
		ReceivedAt: m.Stored, State: relay.WebhookRejected, Reason: m.Header[relay.HeaderReason], Sequence: m.Sequence,
	}
}

// WebhookDetail is one webhook with what came of it and, while the log still has it, its message.
type WebhookDetail struct {
	relay.Webhook
	Enrollments []relay.Enrollment `json:"enrollments"`
	Message     *relay.LogEntry    `json:"message"`
	Erased      *string            `json:"erased"` // when and why the message was erased; null when it was not
}

// Webhook gives one webhook with its enrolments and its payload.
func (d *Desk) Webhook(ctx context.Context, id string) (WebhookDetail, error) {
	w, err := d.webhook(ctx, id)
	if err != nil {
		return WebhookDetail{}, err
	}
	detail := WebhookDetail{Webhook: w, Enrollments: []relay.Enrollment{}}
	if d.Ports.Enrollments != nil && w.State != relay.WebhookRejected {
		rows, err := d.Ports.Enrollments.Enrollments(ctx, relay.EnrollmentQuery{WebhookID: id, Page: relay.Page{Limit: PageSize}})
		if err != nil {
			return WebhookDetail{}, err
		}
		detail.Enrollments = append(detail.Enrollments, rows...)
	}
	stream := relay.StreamWebhooks
	if w.State == relay.WebhookRejected {
		stream = relay.StreamRejected
	}
	if detail.Message, err = d.message(ctx, stream, w.Sequence); err != nil {
		return WebhookDetail{}, err
	}
	if detail.Message != nil {
		return detail, nil
	}
	if erased := d.erased(ctx, stream, w.Sequence); erased != nil {
		why := erased.Error().Message + "."
		detail.Erased = &why
	}
	return detail, nil
}
