// Package crash holds the test that kills edrelay and its Postgres again and again, while orders flow and the LMS is in
// trouble, and then compares what the LMS has with what the accepted orders ask for.
package crash
