package pyjson

import (
	"iter"
	"slices"
)

// Value is nil, bool, Number, string, Array, Tuple or *Object. Strings are UTF-8, except that a lone surrogate
// stands as its three bytes (WTF-8), so that it survives from reading to writing.
type Value = any

// Number is the source text of a number. Without ".", "e" or "E" it is an integer of any size; NaN, Infinity and
// -Infinity are numbers too.
type Number string

// Array is a JSON array or a Python list.
type Array []Value

// Tuple is a Python tuple; an array in JSON.
type Tuple []Value

// Member is one key of an object with its value.
type Member struct {
	Key   string
	Value Value
}

// Object is a JSON object or a Python dict: keys are unique and keep the order in which they first came. The zero
// Object is empty and ready for use; a nil one can be read.
type Object struct {
	members []Member
	index   map[string]int // nil while the object is small
}

// Up to this many keys a walk is as fast as a map.
const smallObject = 12

// NewObject gives an object of these members; a repeated key keeps its first place and its last value.
func NewObject(members ...Member) *Object {
	o := &Object{members: make([]Member, 0, len(members))}
	for _, m := range members {
		o.Set(m.Key, m.Value)
	}
	return o
}

// Len is the number of keys.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.members)
}

// Get gives the value of a key and whether it is there.
func (o *Object) Get(key string) (Value, bool) {
	if i := o.find(key); i >= 0 {
		return o.members[i].Value, true
	}
	return nil, false
}

// Set puts a value at a key: at the key's old place, or at the end when it is new.
func (o *Object) Set(key string, value Value) {
	if i := o.find(key); i >= 0 {
		o.members[i].Value = value
		return
	}
	o.members = append(o.members, Member{key, value})
	switch {
	case o.index != nil:
		o.index[key] = len(o.members) - 1
	case len(o.members) > smallObject:
		o.reindex()
	}
}

// Delete takes a key away, if it is there.
func (o *Object) Delete(key string) {
	i := o.find(key)
	if i < 0 {
		return
	}
	o.members = slices.Delete(o.members, i, i+1)
	if o.index != nil {
		o.reindex()
	}
}

// All gives keys and values in order.
func (o *Object) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if o == nil {
			return
		}
		for _, m := range o.members {
			if !yield(m.Key, m.Value) {
				return
			}
		}
	}
}

func (o *Object) find(key string) int {
	if o == nil {
		return -1
	}
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range o.members {
		if o.members[i].Key == key {
			return i
		}
	}
	return -1
}

func (o *Object) reindex() {
	o.index = make(map[string]int, 2*len(o.members))
	for i := range o.members {
		o.index[o.members[i].Key] = i
	}
}
