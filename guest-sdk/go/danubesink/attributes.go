package danubesink

import (
	"encoding/json"
	"sort"
)

// Attribute is one that a producer set on a record.
type Attribute struct{ Name, Value string }

// Attributes are those that a producer set on a record, sorted by name; no name stands there twice.
type Attributes []Attribute

// Get gives the value of an attribute, and whether there is one.
func (a Attributes) Get(name string) (string, bool) {
	at := sort.Search(len(a), func(i int) bool { return a[i].Name >= name })
	if at < len(a) && a[at].Name == name {
		return a[at].Value, true
	}
	return "", false
}

// Map gives the attributes as a map of its own.
func (a Attributes) Map() map[string]string {
	values := make(map[string]string, len(a))
	for _, attribute := range a {
		values[attribute.Name] = attribute.Value
	}
	return values
}

// MarshalJSON writes them as an object.
func (a Attributes) MarshalJSON() ([]byte, error) { return json.Marshal(a.Map()) }
