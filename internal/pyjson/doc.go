// Package pyjson is JSON and text as Python reads and writes them: a decoder that keeps key order and exact
// numbers, an encoder that gives the bytes of json.dumps, and the str, repr and literals of plain values.
//
// It exists because senders sign, and subscribers compare, the bytes that Python makes; encoding/json makes others.
package pyjson
