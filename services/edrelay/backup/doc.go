// Package backup keeps log and ledger elsewhere, consistent with each other, and brings them back onto an empty machine.
//
// A backup is taken in three steps while edrelay runs: first the positions of the log's consumers, then the ledger at
// one moment, then the streams. So the ledger knows all that the consumers had settled, and the log holds all that the
// ledger refers to; what lies between is handed out once more after a restore, which every service bears.
package backup
