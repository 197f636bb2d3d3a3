// Package drill holds the tests of edrelay's bad days. They run edrelay as its users do, as processes of their own, and
// kill, starve, cut off and restore them.
package drill
