package openedx

import (
	"fmt"
	"strings"
)

// Kind is the sort of a field's type.
type Kind int

// The kinds of field types.
const (
	KindText  Kind = iota // a string; Name says of what: str, uuid, CourseKey, UsageKey …
	KindTime              // a datetime: a string with T on the log
	KindInt               // an integer of any size
	KindFloat             // a double
	KindBool              // true or false
	KindClass             // an object; Name is its class path
	KindList              // an array of Elem
	KindDict              // an object with values of Elem
	KindAny               // a bare dict or list, or a file: not on the bus
)

// Type is the type of a field.
type Type struct {
	Kind     Kind
	Name     string // as the catalogue writes it, without "?"
	Elem     *Type  // of a list or dict
	Optional bool   // may be null
}

// textTypes are the types whose JSON is a string: scalars and opaque keys.
const textTypes = " str uuid CourseKey UsageKey CCXLocator LibraryLocatorV2 LibraryUsageLocatorV2" +
	" LibraryCollectionLocator LibraryContainerLocator "

// parseType reads "int", "datetime?", "list[int]", "dict[list[str]]" or a class path.
func parseType(text string) (Type, error) {
	name, optional := strings.CutSuffix(text, "?")
	t := Type{Name: name, Optional: optional}
	open := strings.IndexByte(name, '[')
	switch {
	case strings.Contains(textTypes, " "+name+" "):
		t.Kind = KindText
	case name == "datetime":
		t.Kind = KindTime
	case name == "int":
		t.Kind = KindInt
	case name == "float":
		t.Kind = KindFloat
	case name == "bool":
		t.Kind = KindBool
	case name == "dict" || name == "list" || name == "file":
		t.Kind = KindAny
	case strings.HasPrefix(name, "openedx_events.") && open < 0:
		t.Kind = KindClass
	case open > 0 && strings.HasSuffix(name, "]"):
		elem, err := parseType(name[open+1 : len(name)-1])
		if err != nil {
			return Type{}, err
		}
		t.Elem = &elem
		switch name[:open] {
		case "list":
			t.Kind = KindList
		case "dict":
			t.Kind = KindDict
		default:
			return Type{}, fmt.Errorf("type %q is unknown", text)
		}
	default:
		return Type{}, fmt.Errorf("type %q is unknown", text)
	}
	return t, nil
}
