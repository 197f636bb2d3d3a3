package openedx

import (
	_ "embed" // the catalogue's files
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed catalogue/events.json
var eventsFile []byte

//go:embed catalogue/classes.json
var classesFile []byte

//go:embed catalogue/filters.json
var filtersFile []byte

// Catalogue holds the public events and filters of Open edX. It is read only and safe for concurrent use.
type Catalogue struct {
	events      []Event
	eventIndex  map[string]int
	classes     map[string]*Class
	filters     []Filter
	filterIndex map[string]int // by class, stored name and type, in lower case
}

// Event is one event type of Open edX.
type Event struct {
	Type   string `json:"type"`   // "org.openedx.learning.student.registration.completed.v1"
	Signal string `json:"signal"` // "STUDENT_REGISTRATION_COMPLETED"
	Key    string `json:"key"`    // data key of the signal, the one top-level key on the log: "user"
	Class  string `json:"class"`  // class path of the data, the top-level key that the plugin posts
	Since  string `json:"since"`  // release of openedx-events that has it, not looking back behind 7.0.0
	Plugin bool   `json:"plugin"` // whether the openedx-webhooks plugin posts it
	About  string `json:"about"`  // one sentence for people

	layouts []eventLayout // ascending
}

// Class is a data class of openedx-events; its fields may differ by release.
type Class struct {
	Path     string
	versions []classVersion // ascending
}

// Field is one field of a data class. All fields of an event are always there; optional ones may be null.
type Field struct {
	Name string
	Type Type
}

type classVersion struct {
	since  version
	fields []Field
}

// Load reads the catalogue that is built into the program. An error means that a file of it was broken by hand.
func Load() (*Catalogue, error) {
	c := &Catalogue{eventIndex: map[string]int{}, classes: map[string]*Class{}, filterIndex: map[string]int{}}
	if err := c.loadClasses(); err != nil {
		return nil, fmt.Errorf("classes.json: %w", err)
	}
	if err := c.loadEvents(); err != nil {
		return nil, fmt.Errorf("events.json: %w", err)
	}
	if err := c.loadFilters(); err != nil {
		return nil, fmt.Errorf("filters.json: %w", err)
	}
	return c, nil
}

// Events gives all event types, sorted by type.
func (c *Catalogue) Events() []Event { return slices.Clone(c.events) }

// Event gives an event type and whether it is known.
func (c *Catalogue) Event(eventType string) (Event, bool) {
	if e := c.event(eventType); e != nil {
		return *e, true
	}
	return Event{}, false
}

func (c *Catalogue) event(eventType string) *Event {
	if i, ok := c.eventIndex[eventType]; ok {
		return &c.events[i]
	}
	return nil
}

// Class gives a data class by its path and whether it is known.
func (c *Catalogue) Class(path string) (Class, bool) {
	if class := c.classes[path]; class != nil {
		return *class, true
	}
	return Class{}, false
}

// Classes gives the paths of all data classes, sorted.
func (c *Catalogue) Classes() []string {
	paths := make([]string, 0, len(c.classes))
	for path := range c.classes {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// Fields gives the fields of the newest release in order of declaration.
func (c Class) Fields() []Field { return slices.Clone(c.at(newest())) }

// at gives the fields in a release; those of the oldest known one for a release before it.
func (c Class) at(release version) []Field {
	fields := c.versions[0].fields
	for _, v := range c.versions {
		if v.since.compare(release) <= 0 {
			fields = v.fields
		}
	}
	return fields
}

func (c *Catalogue) loadClasses() error {
	var rows []struct {
		Class    string
		Versions []struct {
			Since  string
			Fields []string
		}
	}
	if err := json.Unmarshal(classesFile, &rows); err != nil {
		return err
	}
	for _, row := range rows {
		class := &Class{Path: row.Class}
		for _, v := range row.Versions {
			since, _ := parseVersion(v.Since)
			fields, err := parseFields(v.Fields)
			if err != nil {
				return fmt.Errorf("%s: %w", row.Class, err)
			}
			class.versions = append(class.versions, classVersion{since, fields})
		}
		if len(class.versions) == 0 {
			return fmt.Errorf("%s has no fields", row.Class)
		}
		c.classes[row.Class] = class
	}
	return nil
}

func parseFields(texts []string) ([]Field, error) {
	var fields []Field
	for _, text := range texts {
		name, typ, _ := strings.Cut(text, " ")
		t, err := parseType(typ)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		fields = append(fields, Field{name, t})
	}
	return fields, nil
}

func (c *Catalogue) loadEvents() error {
	if err := json.Unmarshal(eventsFile, &c.events); err != nil {
		return err
	}
	slices.SortFunc(c.events, func(a, b Event) int { return strings.Compare(a.Type, b.Type) })
	for i := range c.events {
		e := &c.events[i]
		if c.classes[e.Class] == nil {
			return fmt.Errorf("%s: class %s is unknown", e.Type, e.Class)
		}
		layouts, err := c.eventLayouts(e)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Type, err)
		}
		e.layouts = layouts
		c.eventIndex[e.Type] = i
	}
	return nil
}
