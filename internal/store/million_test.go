package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

// BenchmarkLedgerOfAMillion times what operators and the enroller ask of a ledger with a million webhooks and enrolments,
// 200,000 of them waiting in 1,000 courses.
func BenchmarkLedgerOfAMillion(b *testing.B) {
	url := embeddedtest.Postgres(b)
	s := storetest.OpenURL(b, url)
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(b.Context()))
	for _, statement := range []string{
		`INSERT INTO webhooks (received_at, sequence, id, source, topic, state, order_id)
		 SELECT now() - n * interval '2 seconds', n, 'w' || n, 'shop' || n % 5, 'orders/create',
		        CASE WHEN n % 1000 = 0 THEN 'parked' ELSE 'done' END, (n / 2)::text FROM generate_series(1, 1000000) n`,
		`INSERT INTO enrollments (webhook_id, source, order_id, learner, learner_key, sku, course, action, state, reason, attempts, next_attempt_at,
		     direct, mail_due, mailed, unsure, touched, in_flight, account, group_limit, fails, generation, told, told_version, notes)
		 SELECT 'w' || n, 'shop' || n % 5, (n / 2)::text, 'l' || n || '@x.example', 'l' || n || '@x.example', 's', 'course-v1:o+c' || n % 1000 || '+r', 'enroll',
		     CASE WHEN n % 5 = 0 THEN 'waiting' WHEN n % 5000 = 1 THEN 'parked' ELSE 'enrolled' END, '', 1, CASE WHEN n % 5 = 0 THEN now() - interval '1 minute' END,
		     false, true, false, false, false, false, false, 0, 0, 0, '', 0, '[]' FROM generate_series(1, 1000000) n`,
		`ANALYZE`,
	} {
		if _, err := conn.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	page := relay.Page{Limit: 50}
	deep := relay.Page{Limit: 50, Before: relay.Mark{ID: "500000"}}
	webhooks := func(q relay.WebhookQuery) func() (int, error) {
		return func() (int, error) { list, err := s.Webhooks(b.Context(), q); return len(list), err }
	}
	enrollments := func(q relay.EnrollmentQuery) func() (int, error) {
		return func() (int, error) { list, err := s.Enrollments(b.Context(), q); return len(list), err }
	}
	for name, ask := range map[string]func() (int, error){
		"webhooks/newest":           webhooks(relay.WebhookQuery{Page: page}),
		"webhooks/parked":           webhooks(relay.WebhookQuery{Page: page, State: relay.WebhookParked}),
		"webhooks/order":            webhooks(relay.WebhookQuery{Page: page, Order: "250000"}),
		"webhooks/source and state": webhooks(relay.WebhookQuery{Page: page, Source: "shop3", State: relay.WebhookDone}),
		"enrollments/newest":        enrollments(relay.EnrollmentQuery{Page: page}),
		"enrollments/deep":          enrollments(relay.EnrollmentQuery{Page: deep}),
		"enrollments/parked":        enrollments(relay.EnrollmentQuery{Page: page, State: relay.EnrollmentParked}),
		"enrollments/learner":       enrollments(relay.EnrollmentQuery{Page: page, Learner: "L77777@x.example"}),
		"enrollments/order":         enrollments(relay.EnrollmentQuery{Page: page, Order: "250000"}),
		"enrollments/course":        enrollments(relay.EnrollmentQuery{Page: page, Course: "course-v1:o+c77+r"}),
		"enrollments/webhook":       enrollments(relay.EnrollmentQuery{Page: page, WebhookID: "w4711"}),
		"due": func() (int, error) {
			list, err := s.DueGroups(b.Context(), time.Now(), 300)
			return len(list), err
		},
		"counts": func() (int, error) { list, err := s.CountEnrollments(b.Context()); return len(list), err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if n, err := ask(); err != nil || n == 0 {
					b.Fatalf("%d rows, %v", n, err)
				}
			}
		})
	}
}
