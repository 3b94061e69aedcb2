package event

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/structpb"
)

// Beyond it a property, whose numbers are float64, may hold a neighbour of the value.
const maxExactInteger = 1<<53 - 1

// property returns a value as a property, or an *InvalidError with the path of what JSON cannot hold.
func property(path string, value any) (*structpb.Value, error) {
	switch value := value.(type) {
	case nil:
		return structpb.NewNullValue(), nil
	case json.Number:
		return numberOfText(path, value)
	}
	switch held := reflect.ValueOf(value); held.Kind() {
	case reflect.Bool:
		return structpb.NewBoolValue(held.Bool()), nil
	case reflect.String:
		return text(path, held.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return whole(path, value, float64(held.Int()), held.Int() >= -maxExactInteger && held.Int() <= maxExactInteger)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return whole(path, value, float64(held.Uint()), held.Uint() <= maxExactInteger)
	case reflect.Float32, reflect.Float64:
		return number(path, held.Float())
	case reflect.Pointer, reflect.Interface:
		if held.IsNil() {
			return structpb.NewNullValue(), nil
		}
		return property(path, held.Elem().Interface())
	case reflect.Slice, reflect.Array:
		return listOf(path, held)
	case reflect.Map:
		return objectOf(path, held)
	default:
		return nil, &InvalidError{path, fmt.Sprintf("is of type %T, which is not JSON", value)}
	}
}

func whole(path string, value any, number float64, exact bool) (*structpb.Value, error) {
	if !exact {
		return nil, &InvalidError{path, fmt.Sprintf("is a number that JSON does not keep exactly: %v; send it as text", value)}
	}
	return structpb.NewNumberValue(number), nil
}

func number(path string, value float64) (*structpb.Value, error) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return nil, &InvalidError{path, fmt.Sprintf("is not a number that JSON has: %v", value)}
	}
	return structpb.NewNumberValue(value), nil
}

func numberOfText(path string, value json.Number) (*structpb.Value, error) {
	if exact, err := value.Int64(); err == nil {
		return property(path, exact)
	}
	made, err := value.Float64()
	if err != nil || !strings.ContainsAny(value.String(), ".eE") {
		return whole(path, value, 0, false)
	}
	return number(path, made)
}

func text(path, value string) (*structpb.Value, error) {
	if !utf8.ValidString(value) {
		return nil, &InvalidError{path, "is a text that is not UTF-8"}
	}
	return structpb.NewStringValue(value), nil
}

func listOf(path string, held reflect.Value) (*structpb.Value, error) {
	made := &structpb.ListValue{Values: make([]*structpb.Value, held.Len())}
	for i := range held.Len() {
		value, err := property(fmt.Sprintf("%s[%d]", path, i), held.Index(i).Interface())
		if err != nil {
			return nil, err
		}
		made.Values[i] = value
	}
	return structpb.NewListValue(made), nil
}

func objectOf(path string, held reflect.Value) (*structpb.Value, error) {
	if held.Type().Key().Kind() != reflect.String {
		return nil, &InvalidError{path, "has keys that are no texts"}
	}
	made := &structpb.Struct{Fields: make(map[string]*structpb.Value, held.Len())}
	for entries := held.MapRange(); entries.Next(); {
		key := entries.Key().String()
		if blank(key) {
			return nil, &InvalidError{path, fmt.Sprintf("the key %q is blank", key)}
		}
		value, err := property(path+"."+key, entries.Value().Interface())
		if err != nil {
			return nil, err
		}
		made.Fields[key] = value
	}
	return structpb.NewStructValue(made), nil
}

func blank(key string) bool {
	return strings.TrimSpace(key) == ""
}
