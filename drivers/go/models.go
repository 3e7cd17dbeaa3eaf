package main

import (
	"reflect"
	"strings"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3/model"
)

// models is the JSON path and type of every field of the SDK's models. It needs no call.
func models() map[string]map[string]string {
	described := map[string]map[string]string{}
	for name, object := range map[string]any{
		"list_answer":    model.ListAddonPrecheckTasksResponse{},
		"create_answer":  model.BatchCreateAddonPrecheckResponse{},
		"create_request": model.AddonCheckRequest{},
	} {
		described[name] = map[string]string{}
		describeFields(described[name], "$", reflect.TypeOf(object))
	}
	return described
}

func describeFields(fields map[string]string, path string, t reflect.Type) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		describeType(fields, path+"."+name, path+"."+name, t.Field(i).Type)
	}
}

// describeType sets the type of a field, and those of the fields below it; below a list, place has [*].
func describeType(fields map[string]string, field, place string, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if _, isEnum := t.MethodByName("Value"); isEnum {
		set(fields, field, "string")
		return
	}
	switch t.Kind() {
	case reflect.Slice:
		set(fields, field, "array")
		describeType(fields, field, place+"[*]", t.Elem())
	case reflect.Struct:
		set(fields, field, "object")
		describeFields(fields, place, t)
	case reflect.String:
		set(fields, field, "string")
	case reflect.Bool:
		set(fields, field, "boolean")
	case reflect.Int, reflect.Int32, reflect.Int64:
		set(fields, field, "integer")
	case reflect.Float32, reflect.Float64:
		set(fields, field, "number")
	default:
		set(fields, field, "object")
	}
}

// set keeps the first type: a list is described before its elements.
func set(fields map[string]string, field, name string) {
	if _, has := fields[field]; !has {
		fields[field] = name
	}
}
