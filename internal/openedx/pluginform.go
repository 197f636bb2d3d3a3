package openedx

import (
	"regexp"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

func (c *Catalogue) decodePluginForm(body []byte, now time.Time) (relay.Message, error) {
	fields, err := parseForm(body)
	if err != nil {
		return relay.Message{}, err
	}
	about, rest := split(fields, metadataKey+"_")
	if lib, err := pyjson.ParseLiteral(memberText(about, "sourcelib")); err == nil {
		about.Set("sourcelib", lib)
	}
	m, err := metadataOf(about, now)
	if err != nil {
		return relay.Message{}, err
	}
	posted, err := c.nest(m, rest)
	if err != nil {
		return relay.Message{}, err
	}
	data, err := c.canonicalData(m, posted)
	if err != nil {
		return relay.Message{}, err
	}
	return m.message(pyjson.Encode(data, canonical())), nil
}

// split takes the fields with a prefix, without it, apart from the rest.
func split(fields *pyjson.Object, prefix string) (with, rest *pyjson.Object) {
	with, rest = pyjson.NewObject(), pyjson.NewObject()
	for name, value := range fields.All() {
		if short, ok := strings.CutPrefix(name, prefix); ok {
			with.Set(short, value)
		} else {
			rest.Set(name, value)
		}
	}
	return with, rest
}

// nest rebuilds the data object under its class path.
func (c *Catalogue) nest(m metadata, fields *pyjson.Object) (*pyjson.Object, error) {
	release, ok := parseVersion(m.sourceLib)
	if !ok {
		release = newest()
	}
	event := c.event(m.eventType)
	posted, parts := pyjson.NewObject(), map[string]*pyjson.Object{}
	for name, value := range fields.All() {
		path, key, ok := cutClass(name, event)
		if !ok {
			posted.Set(name, value)
			continue
		}
		if parts[path] == nil {
			parts[path] = pyjson.NewObject()
			posted.Set(path, parts[path])
		}
		parts[path].Set(key, value)
	}
	for path, part := range parts {
		class := c.classes[path]
		if class == nil && event != nil {
			class = c.classes[event.Class]
		}
		if class != nil {
			posted.Set(path, c.nestClass(class, part, release))
		}
	}
	return posted, nil
}

// cutClass takes the class path from the front of a field's name: that of the event, or what ends at the first "_" after
// the dot before a capital, as classes are named. Dots behind belong to keys of free dicts.
func cutClass(name string, event *Event) (path, key string, ok bool) {
	if event != nil {
		if key, ok := strings.CutPrefix(name, event.Class+"_"); ok {
			return event.Class, key, true
		}
	}
	dot := classDot.FindStringIndex(name)
	if dot == nil {
		return "", "", false
	}
	last, key, ok := strings.Cut(name[dot[1]-1:], "_")
	return name[:dot[1]-1] + last, key, ok
}

// classDot finds the dot between a Python module and a class of it, with the class's first letter.
var classDot = regexp.MustCompile(`^[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*\.[A-Z]`)

// nestClass rebuilds an object of a class from its flat fields, in the order of the class. Fields that the class
// doesn't have come last; an empty dict, which a form can't show, is put back.
func (c *Catalogue) nestClass(class *Class, flat *pyjson.Object, release version) *pyjson.Object {
	fields, values := class.at(release), map[string]pyjson.Value{}
	for _, f := range fields { // leaves first: "course_edited" is no field of "course"
		if v, ok := flat.Get(f.Name); ok {
			values[f.Name] = typed(v.(string), f.Type)
			flat.Delete(f.Name)
		}
	}
	for _, f := range fields {
		if _, ok := values[f.Name]; ok || !f.Type.nests() {
			continue
		}
		part, rest := split(flat, f.Name+"_")
		flat = rest
		switch {
		case f.Type.Kind != KindClass:
			values[f.Name] = typedDict(part, f.Type)
		case part.Len() > 0:
			values[f.Name] = c.nestClass(c.classes[f.Type.Name], part, release)
		}
	}
	o := pyjson.NewObject()
	for _, f := range fields {
		if v, ok := values[f.Name]; ok {
			o.Set(f.Name, v)
		}
	}
	for name, value := range flat.All() {
		o.Set(name, value)
	}
	return o
}

// nests tells whether the plugin writes a value of the type as an object.
func (t Type) nests() bool {
	return t.Kind == KindClass || t.Kind == KindDict || t.Kind == KindAny && t.Name != "list"
}

// typed gives a leaf the type that the catalogue knows. A text that does not fit stays a string.
func typed(text string, t Type) pyjson.Value {
	if text == "None" && (t.Optional || t.Kind != KindText) { // the required text "None" is a text
		return nil
	}
	switch t.Kind {
	case KindBool, KindList, KindDict, KindAny:
		if v, err := pyjson.ParseLiteral(text); err == nil {
			return finite(v)
		}
	case KindInt, KindFloat:
		if v, err := pyjson.ParseLiteral(text); err == nil {
			if n, ok := v.(pyjson.Number); ok {
				return finite(n)
			}
		}
	}
	return text
}

// typedDict gives the values of a flat dict their types; those of a bare dict are guessed from their Python texts.
func typedDict(dict *pyjson.Object, t Type) *pyjson.Object {
	for key, value := range dict.All() {
		text := value.(string)
		if t.Elem != nil {
			dict.Set(key, typed(text, *t.Elem))
		} else if v, err := pyjson.ParseLiteral(text); err == nil && pyjson.Repr(v) == text {
			dict.Set(key, finite(v))
		}
	}
	return dict
}

// finite turns NaN and the infinities into null, at every depth.
func finite(v pyjson.Value) pyjson.Value {
	switch v := v.(type) {
	case pyjson.Number:
		if !v.IsFinite() {
			return nil
		}
	case pyjson.Array:
		for i := range v {
			v[i] = finite(v[i])
		}
	case *pyjson.Object:
		for key, value := range v.All() {
			v.Set(key, finite(value))
		}
	}
	return v
}
