package main

import (
	"encoding/json"
	"reflect"
	"strings"
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
		return held.Value()
	case json.Number: // a string in Go, but a number in JSON
		return held
	}
	switch v.Kind() {
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
