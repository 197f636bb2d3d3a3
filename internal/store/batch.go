package store

import "strings"

// batchExec is what sqlc makes of a :batchexec query.
type batchExec interface {
	Exec(f func(i int, err error))
	Close() error
}

// firstError runs a batch to its end and gives its first error.
func firstError(batch batchExec) error {
	var first error
	batch.Exec(func(_ int, err error) {
		if first == nil {
			first = err
		}
	})
	return first
}

// clean makes a stranger's text fit for Postgres: no NUL, valid UTF-8.
func clean(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "�")
}
