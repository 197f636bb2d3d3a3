package openedx

import (
	"fmt"
	"slices"
)

// eventLayout is how an event type stands in Avro from a release on.
type eventLayout struct {
	since  version
	record *layout // nil when the event can't be serialised in these releases
}

// layout is an Avro schema of the few sorts that openedx-events makes.
type layout struct {
	kind     Kind
	optional bool // a union of null and this
	name     string
	fields   []layoutField // of a record
	elem     *layout       // of an array or map
}

type layoutField struct {
	name string
	*layout
}

// eventLayouts gives the distinct layouts of an event type, ascending.
func (c *Catalogue) eventLayouts(e *Event) ([]eventLayout, error) {
	first, _ := parseVersion(e.Since)
	changes := []version{first}
	c.changesOf(e.Class, &changes)
	slices.SortFunc(changes, version.compare)
	var layouts []eventLayout
	for _, since := range slices.Compact(changes) {
		if since.compare(first) < 0 {
			continue
		}
		data, err := c.layoutOf(Type{Kind: KindClass, Name: e.Class}, since)
		if err != nil {
			return nil, err
		}
		var record *layout
		if data != nil {
			record = &layout{kind: KindClass, name: "CloudEvent", fields: []layoutField{{e.Key, data}}}
		}
		layouts = append(layouts, eventLayout{since, record})
	}
	return layouts, nil
}

// changesOf collects the releases in which a class or one that it holds changed.
func (c *Catalogue) changesOf(path string, changes *[]version) {
	class := c.classes[path]
	if class == nil {
		return
	}
	for _, v := range class.versions {
		*changes = append(*changes, v.since)
		for _, f := range v.fields {
			for t := &f.Type; t != nil; t = t.Elem {
				if t.Kind == KindClass {
					c.changesOf(t.Name, changes)
				}
			}
		}
	}
}

// layoutOf gives the layout of a type in a release, nil when it can't be serialised.
func (c *Catalogue) layoutOf(t Type, release version) (*layout, error) {
	l := &layout{kind: t.Kind, optional: t.Optional, name: t.Name}
	switch t.Kind {
	case KindAny:
		return nil, nil
	case KindList, KindDict:
		elem, err := c.layoutOf(*t.Elem, release)
		if elem == nil || err != nil {
			return nil, err
		}
		l.elem = elem
	case KindClass:
		class := c.classes[t.Name]
		if class == nil {
			return nil, fmt.Errorf("class %s is unknown", t.Name)
		}
		if class.versions[0].since.compare(release) > 0 {
			return nil, nil // how it looked then is not known
		}
		for _, f := range class.at(release) {
			field, err := c.layoutOf(f.Type, release)
			if field == nil || err != nil {
				return nil, err
			}
			l.fields = append(l.fields, layoutField{f.Name, field})
		}
	}
	return l, nil
}

// layoutsFor gives the layouts to try for an entry of the bus: the one of its release, or all, newest first, when
// the release is not known.
func (e *Event) layoutsFor(sourcelib string) []*layout {
	release, known := parseVersion(sourcelib)
	var found []*layout
	for _, l := range slices.Backward(e.layouts) {
		if known && l.since.compare(release) > 0 {
			continue
		}
		if l.record != nil {
			found = append(found, l.record)
		}
		if known {
			break
		}
	}
	return found
}
