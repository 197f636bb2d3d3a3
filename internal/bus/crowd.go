package bus

import "time"

// crowd tells how many callers publish at a time, as seen when groups land, and so how long it pays to wait for more
// of them. The best groups hold half of the callers: while one half waits for its commit, the other half comes back
// with its next messages. A group sent as soon as the first of them is there would hold one or two, and a commit
// costs about as much for two as for thirty. A lone caller never waits.
type crowd struct {
	eighths int           // callers at a time, in eighths, a mean that follows the last dozen groups
	commit  time.Duration // how long a group takes to land, likewise
}

// longestJoining bounds what waiting for others adds to a message's way.
const longestJoining = 10 * time.Millisecond

// landed notes a group that has landed and how many messages came meanwhile.
func (c *crowd) landed(group, waiting int, took time.Duration) {
	c.eighths += group + waiting - c.eighths/8
	c.commit += (took - c.commit) / 8
}

// half is how many messages make a group worth sending.
func (c *crowd) half() int { return c.eighths / 16 }

// joining gives the messages of the queue one by one, told how many the group has, and nil once it should go: at
// least half of the crowd is there and nobody stands in the queue, or the time of a commit has passed.
func (c *crowd) joining(queue <-chan *item) func(have int) *item {
	var patience <-chan time.Time
	return func(have int) *item {
		select {
		case it := <-queue:
			return it
		default:
		}
		if have >= c.half() {
			return nil
		}
		if patience == nil {
			patience = time.After(min(c.commit, longestJoining))
		}
		select {
		case it := <-queue:
			return it
		case <-patience:
			return nil
		}
	}
}
