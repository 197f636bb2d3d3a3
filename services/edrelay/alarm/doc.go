// Package alarm watches what runs full or goes astray slowly: the disk of the data dir, the streams and the storage of
// the log, the clocks of Postgres and NATS. It speaks up before anything is lost: a line in the log, a gauge, a word in
// /readyz, and an entry of the overview.
package alarm
