// Package house holds the test of the house rules: who may import whom, and which folders exist.
package house
