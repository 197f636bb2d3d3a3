// Package egress is the guarded HTTP client that every outgoing call of the product uses. It reaches public
// addresses only, unless an operator opened a network; it follows no redirect, has a limit for every wait and for
// everything it reads, and says in its errors what kind of failure it met.
package egress
