package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	pgquery "github.com/wasilibs/go-pgquery"
)

var (
	upMark       = regexp.MustCompile(`(?m)^--\s*\+goose\s+Up\b.*$`)
	downMark     = regexp.MustCompile(`(?m)^--\s*\+goose\s+Down\b.*$`)
	contractMark = regexp.MustCompile(`(?m)^--\s*contracts:(.*)$`)
	contract     = regexp.MustCompile(`^\s*(\S+\.sql)\s+\((.*\S.*)\)\s*$`)
)

// check gives the faults of one migration; known are the file names of all.
func check(name, text string, known map[string]bool) (faults []string, err error) {
	up, err := wayUp(text)
	if err != nil {
		return nil, err
	}
	tree, err := pgquery.Parse(up)
	if err != nil {
		return nil, fmt.Errorf("does not parse: %w", err)
	}
	j := &judge{made: map[string]bool{}}
	for _, statement := range tree.Stmts {
		line := 1 + strings.Count(text[:strings.Index(text, up)], "\n") + strings.Count(up[:begin(up, int(statement.StmtLocation))], "\n")
		for _, what := range j.judge(statement.Stmt) {
			faults = append(faults, fmt.Sprintf("line %d: %s", line, what))
		}
	}
	declared, fault := declaration(name, text, known)
	switch {
	case fault != "":
		return []string{fault}, nil
	case declared && len(faults) == 0:
		return []string{"it says that it contracts and takes nothing away"}, nil
	case declared:
		return nil, nil
	}
	return faults, nil
}

// wayUp is what goose runs on the way up.
func wayUp(text string) (string, error) {
	at := upMark.FindStringIndex(text)
	if at == nil {
		return "", errors.New("has no -- +goose Up")
	}
	up := text[at[1]:]
	if down := downMark.FindStringIndex(up); down != nil {
		up = up[:down[0]]
	}
	return up, nil
}

// begin skips blanks and comments before a statement.
func begin(text string, at int) int {
	for at < len(text) {
		switch {
		case strings.ContainsRune(" \t\r\n", rune(text[at])):
			at++
		case strings.HasPrefix(text[at:], "--"):
			end := strings.IndexByte(text[at:], '\n')
			if end < 0 {
				return len(text)
			}
			at += end
		default:
			return at
		}
	}
	return at
}

// declaration tells whether the file says which migration it is the other half of, and what is wrong with that.
func declaration(name, text string, known map[string]bool) (declared bool, fault string) {
	line := contractMark.FindStringSubmatch(text)
	if line == nil {
		return false, ""
	}
	parts := contract.FindStringSubmatch(line[1])
	switch {
	case parts == nil:
		return false, "write `-- contracts: NAME_OF_THE_EARLIER_MIGRATION.sql (why nothing uses it any more)`"
	case parts[1] == name:
		return false, "it names itself as what it contracts; expanding and contracting are two releases"
	case !known[parts[1]]:
		return false, "it contracts " + parts[1] + ", which does not exist"
	}
	return true, ""
}
