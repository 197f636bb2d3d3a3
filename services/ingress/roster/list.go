package roster

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Kinds of lists that can be imported, with their headers.
const (
	KindPeople  = "people"  // email,username,name
	KindCourses = "courses" // course_id,title,start
)

// headers of the kinds; the first column is needed, the others may be left out.
func headers(kind string) []string {
	switch kind {
	case KindPeople:
		return []string{"email", "username", "name"}
	case KindCourses:
		return []string{"course_id", "title", "start"}
	}
	return nil
}

// LineError is what is wrong with one line of a list.
type LineError struct {
	Line    int    `json:"line"` // of the file, from 1
	Problem string `json:"problem"`
}

// List is a read list. Lines with an error are not in it.
type List struct {
	People []relay.Person
	Runs   []relay.CourseRun
	Errors []LineError
}

// ReadList reads a CSV list of a kind. at is the time of its news. An error says that nothing of it can be read; what
// is wrong with single lines is in the list.
func ReadList(kind string, r io.Reader, at time.Time) (List, error) {
	names := headers(kind)
	if names == nil {
		return List{}, relay.Errorf(relay.CodeInvalid, "kind must be %s or %s", KindPeople, KindCourses)
	}
	reader := csv.NewReader(r)
	reader.FieldsPerRecord = -1
	reader.TrimLeadingSpace = true
	first, err := reader.Read()
	if err != nil {
		return List{}, relay.Errorf(relay.CodeInvalid, "the file has no header; %s is wanted", strings.Join(names, ","))
	}
	columns, err := columnsOf(first, names)
	if err != nil {
		return List{}, err
	}
	var list List
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if broken, ok := errors.AsType[*csv.ParseError](err); ok {
			list.Errors = append(list.Errors, LineError{Line: broken.Line, Problem: "not CSV: " + broken.Err.Error()})
			continue
		}
		if err != nil {
			return list, fmt.Errorf("read list: %w", err)
		}
		line, _ := reader.FieldPos(0)
		list.add(kind, line, columns.values(record), at)
	}
}

// columns are the places of the header's names in a record.
type columns []int

func columnsOf(header, names []string) (columns, error) {
	places := make(columns, len(names))
	for i, name := range names {
		places[i] = -1
		for at, title := range header {
			if strings.EqualFold(strings.TrimSpace(strings.TrimPrefix(title, "\ufeff")), name) {
				places[i] = at
			}
		}
	}
	if places[0] < 0 {
		return nil, relay.Errorf(relay.CodeInvalid, "the header has no %s; %s is wanted", names[0], strings.Join(names, ","))
	}
	return places, nil
}

func (c columns) values(record []string) []string {
	values := make([]string, len(c))
	for i, at := range c {
		if at >= 0 && at < len(record) {
			values[i] = strings.TrimSpace(record[at])
		}
	}
	return values
}

func (l *List) add(kind string, line int, v []string, at time.Time) {
	wrong := func(problem string) { l.Errors = append(l.Errors, LineError{Line: line, Problem: problem}) }
	if kind == KindPeople {
		if local, domain, found := strings.Cut(v[0], "@"); !found || local == "" || domain == "" || strings.ContainsAny(v[0], " ,;<>") || len(v[0]) > 254 {
			wrong("email is no address")
			return
		}
		l.People = append(l.People, relay.Person{Email: v[0], Username: v[1], Name: v[2], SeenAt: at})
		return
	}
	if !IsCourseRun(v[0]) {
		wrong("course_id is no course key like course-v1:org+course+run")
		return
	}
	run := relay.CourseRun{CourseID: v[0], Title: v[1], SeenAt: at}
	if v[2] != "" {
		start, err := parseTime(v[2])
		if err != nil {
			wrong("start is no date like 2026-01-31 or 2026-01-31T09:00:00Z")
			return
		}
		run.Start = &start
	}
	l.Runs = append(l.Runs, run)
}
