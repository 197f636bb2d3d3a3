package enroller

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/edrelay/edrelay/internal/relay"
)

// effect is what an update changed of what is known of its order.
type effect string

const (
	effectNewer  effect = "newer"  // it is the newest update now
	effectSame   effect = "same"   // known already
	effectStale  effect = "stale"  // a newer one is known
	effectNone   effect = "none"   // it asks for nothing yet
	effectRefund effect = "refund" // only refunds, at least one of them new
)

// merge adds one update to what is known of its order. The result depends only on the set of updates merged, never on
// their order or repetition: the newest version that asks for something counts, the one of greater rank among equals,
// and refunds are a union. An update that asks for nothing yet undoes nothing.
func merge(state *relay.OrderState, update relay.Order) effect {
	state.Name = cmp.Or(state.Name, update.Name)
	refunded := mergeRefunds(state, update.Refunds)
	if update.Delta {
		if refunded {
			return effectRefund
		}
		return effectSame
	}
	if update.Intent == relay.IntentNone || update.Intent == "" {
		return effectNone
	}
	rank := rankOf(update)
	if state.Known {
		order := cmp.Or(update.Version.Compare(state.Version), cmp.Compare(rank, state.Rank))
		if order < 0 && refunded {
			return effectRefund
		}
		if order < 0 {
			return effectStale
		}
		if order == 0 {
			return effectSame
		}
	}
	state.Known, state.Version, state.Rank = true, update.Version.UTC(), rank
	state.Intent, state.Reason, state.Lines = update.Intent, update.Reason, update.Lines
	if update.Name != "" {
		state.Name = update.Name
	}
	return effectNewer
}

// rankOf orders updates of one version: undoing beats enrolling, and beyond that the content decides, arbitrarily but
// always alike.
func rankOf(update relay.Order) string {
	content, _ := json.Marshal(update.Lines) // plain values always marshal
	sum := sha256.Sum256(content)
	intent := "1:"
	if update.Intent == relay.IntentUndo {
		intent = "2:"
	}
	return intent + hex.EncodeToString(sum[:8])
}

// mergeRefunds tells whether anything was new. A refund that is told twice with different quantities counts with the
// greater ones.
func mergeRefunds(state *relay.OrderState, refunds []relay.Refund) bool {
	changed := false
	for _, refund := range refunds {
		at, found := slices.BinarySearchFunc(state.Refunds, refund.ID, func(r relay.Refund, id string) int { return cmp.Compare(r.ID, id) })
		if !found {
			state.Refunds = slices.Insert(state.Refunds, at, relay.Refund{ID: refund.ID, At: refund.At})
			changed = true
		}
		known := &state.Refunds[at]
		if refund.At.After(known.At) {
			known.At = refund.At
		}
		for _, line := range totals(refund.Lines) {
			changed = raise(known, line) || changed
		}
	}
	return changed
}

// totals adds up the lines of one refund that name the same line of the order.
func totals(lines []relay.RefundLine) []relay.RefundLine {
	var sums []relay.RefundLine
	for _, line := range lines {
		i := slices.IndexFunc(sums, func(l relay.RefundLine) bool { return l.LineID == line.LineID })
		if i < 0 {
			sums = append(sums, line)
		} else {
			sums[i].Quantity += line.Quantity
		}
	}
	return sums
}

func raise(refund *relay.Refund, line relay.RefundLine) bool {
	at, found := slices.BinarySearchFunc(refund.Lines, line.LineID, func(l relay.RefundLine, id string) int { return cmp.Compare(l.LineID, id) })
	if !found {
		refund.Lines = slices.Insert(refund.Lines, at, line)
		return true
	}
	if refund.Lines[at].Quantity >= line.Quantity {
		return false
	}
	refund.Lines[at].Quantity = line.Quantity
	return true
}

// refundedLines gives how much of each line was taken back.
func refundedLines(state *relay.OrderState) map[string]int {
	sums := map[string]int{}
	for _, refund := range state.Refunds {
		for _, one := range refund.Lines {
			sums[one.LineID] += one.Quantity
		}
	}
	return sums
}
