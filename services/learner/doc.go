// Package learner finds everything that edrelay holds of one learner, in log and ledger, and erases it by an operator's
// order. An erasure may be ordered again at any time: what is gone already is no error, and what a killed one left is
// finished.
package learner
