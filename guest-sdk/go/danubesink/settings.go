package danubesink

import (
	"bytes"
	"encoding/json/jsontext"
	json "encoding/json/v2"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// mistake is what is wrong with settings, and where.
type mistake struct {
	place string // as in topic_mappings[1].batch_size; empty for the whole
	what  string
}

func (m *mistake) Error() string {
	if m.place == "" {
		return m.what
	}
	return fmt.Sprintf("`%s`: %s", m.place, m.what)
}

// readSettings reads the connector's own table into a config. Keys that it has no field for are refused, and so are keys that
// are missing and whose fields are neither pointers nor tagged omitzero or omitempty. topic_mappings may always be there.
func readSettings(text string, into any) error {
	settings := jsontext.Value(text)
	if kind := reflect.TypeOf(into).Elem(); kind.Kind() == reflect.Struct && !hasField(kind, "topic_mappings") {
		var object map[string]jsontext.Value
		if json.Unmarshal(settings, &object) == nil {
			delete(object, "topic_mappings")
			settings, _ = json.Marshal(object, json.Deterministic(true))
		}
	}
	if err := readStrictly(settings, into); err != nil {
		return Fatal("settings: %w", err)
	}
	return nil
}

func readStrictly(text jsontext.Value, into any) error {
	if err := json.Unmarshal(text, into, json.RejectUnknownMembers(true)); err != nil {
		return inPlainWords(err)
	}
	return missing(text, reflect.TypeOf(into).Elem(), "")
}

// inPlainWords takes the place out of the error, and Go's types.
func inPlainWords(err error) error {
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return err
	}
	place := inDots(semantic.JSONPointer)
	var inner *mistake
	switch {
	case errors.As(semantic.Err, &inner):
		return &mistake{joined(place, inner.place), inner.what}
	case errors.Is(semantic.Err, json.ErrUnknownName):
		parent, key := semantic.JSONPointer.Parent(), semantic.JSONPointer.LastToken()
		return &mistake{inDots(parent), fmt.Sprintf("unknown key `%s`%s", key, known(semantic.GoType))}
	case semantic.Err != nil && semantic.JSONValue != nil:
		return &mistake{place, fmt.Sprintf("%s: %s", semantic.Err, semantic.JSONValue)}
	case semantic.Err != nil:
		return &mistake{place, semantic.Err.Error()}
	default:
		return &mistake{place, fmt.Sprintf("a %s stands where a %s is expected", named(semantic.JSONKind), inJSON(semantic.GoType))}
	}
}

// named says what stands in settings.
func named(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "table"
	case '[':
		return "list"
	case 't', 'f':
		return "boolean"
	default:
		return kind.String()
	}
}

// inDots writes /servers/1/port as servers[1].port.
func inDots(pointer jsontext.Pointer) string {
	var path strings.Builder
	for token := range pointer.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			fmt.Fprintf(&path, "[%s]", token)
		} else {
			path.WriteString("." + token)
		}
	}
	return strings.TrimPrefix(path.String(), ".")
}

func joined(outer, inner string) string {
	if outer == "" || inner == "" || inner[0] == '[' {
		return outer + inner
	}
	return outer + "." + inner
}

// known lists the keys that a struct has.
func known(kind reflect.Type) string {
	var keys []string
	for key := range fields(kind) {
		keys = append(keys, "`"+key+"`")
	}
	if keys == nil {
		return ""
	}
	return ", expected " + strings.Join(keys, ", ")
}

// inJSON says what a value of a type looks like in settings.
func inJSON(kind reflect.Type) string {
	switch kind.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		return "list"
	case reflect.Struct, reflect.Map:
		return "table"
	case reflect.Pointer:
		return inJSON(kind.Elem())
	default:
		return "number (" + kind.String() + ")"
	}
}

// fields gives the keys of a struct, with their fields.
func fields(kind reflect.Type) func(func(string, reflect.StructField) bool) {
	return func(yield func(string, reflect.StructField) bool) {
		if kind == nil || kind.Kind() != reflect.Struct {
			return
		}
		for _, field := range reflect.VisibleFields(kind) {
			tag := field.Tag.Get("json")
			if !field.IsExported() || field.Anonymous || tag == "-" {
				continue
			}
			key, options, _ := strings.Cut(tag, ",")
			if strings.Contains(options, "embed") {
				continue // It takes the keys that no other field does.
			}
			if key == "" {
				key = field.Name
			}
			if !yield(key, field) {
				return
			}
		}
	}
}

func hasField(kind reflect.Type, name string) bool {
	for key := range fields(kind) {
		if key == name {
			return true
		}
	}
	return false
}

func optional(field reflect.StructField) bool {
	_, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	return field.Type.Kind() == reflect.Pointer || strings.Contains(options, "omitzero") || strings.Contains(options, "omitempty")
}

// missing finds the first key that ought to be there.
func missing(text jsontext.Value, kind reflect.Type, place string) error {
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if readsItself(kind) || bytes.Equal(text, []byte("null")) {
		return nil
	}
	switch kind.Kind() {
	case reflect.Struct:
		var object map[string]jsontext.Value
		if err := json.Unmarshal(text, &object); err != nil {
			return err
		}
		for key, field := range fields(kind) {
			value, given := object[key]
			if !given && !optional(field) {
				return &mistake{place, fmt.Sprintf("missing key `%s`", key)}
			} else if !given {
				continue
			}
			if err := missing(value, field.Type, joined(place, key)); err != nil {
				return err
			}
		}
	case reflect.Slice, reflect.Array:
		var list []jsontext.Value
		if json.Unmarshal(text, &list) != nil {
			return nil // Bytes, in base64.
		}
		for index, value := range list {
			if err := missing(value, kind.Elem(), fmt.Sprintf("%s[%d]", place, index)); err != nil {
				return err
			}
		}
	}
	return nil
}

// readsItself: a type that has its own way of being read knows best what is missing.
func readsItself(kind reflect.Type) bool {
	switch reflect.New(kind).Interface().(type) {
	case json.Unmarshaler, json.UnmarshalerFrom, interface{ UnmarshalText([]byte) error }:
		return true
	}
	return false
}
