package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// tree is what an object of the SDK holds, by the JSON names of its fields: a nil field is left out, every other
// is included, even the zero value of a field without a pointer. It is made from the fields, not by the SDK's own encoder,
// which leaves out what it considers empty.
func tree(object any) any {
	return walk(reflect.ValueOf(object))
}

func walk(v reflect.Value) any {
	if absent(v) {
		return nil
	}
	switch held := v.Interface().(type) {
	case interface{ Value() string }: // an enum
		return text(held.Value())
	case json.Number: // a string in Go, but a number in JSON
		return held
	}
	switch v.Kind() {
	case reflect.String:
		return text(v.String())
	case reflect.Pointer, reflect.Interface:
		return walk(v.Elem())
	case reflect.Struct:
		return members(v)
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = walk(v.Index(i))
		}
		return list
	case reflect.Map:
		object := make(map[string]any, v.Len())
		for entries := v.MapRange(); entries.Next(); {
			object[entries.Key().String()] = walk(entries.Value())
		}
		return object
	}
	return v.Interface()
}

// text is a JSON text of a string, whose bytes that are not UTF-8 stay visible: 0xe9 is written as \udce9. The encoder
// would replace them, and the SDK did not.
func text(held string) any {
	if utf8.ValidString(held) {
		return held
	}
	var written strings.Builder
	for len(held) > 0 {
		_, size := utf8.DecodeRuneInString(held)
		if utf8.ValidString(held[:size]) {
			quoted, _ := json.Marshal(held[:size])
			written.Write(quoted[1 : len(quoted)-1])
		} else {
			fmt.Fprintf(&written, `\udc%02x`, held[0])
		}
		held = held[size:]
	}
	return json.RawMessage(`"` + written.String() + `"`)
}

func members(v reflect.Value) map[string]any {
	object := map[string]any{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name != "-" && !absent(v.Field(i)) {
			object[name] = walk(v.Field(i))
		}
	}
	return object
}

func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		return v.IsNil()
	}
	return false
}
