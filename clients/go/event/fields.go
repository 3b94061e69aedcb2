package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// FromFields returns a Builder of an event whose fields are known by name only, as in a pipeline: names of the fields
// of Event, such as "agent_id", and of the detail that belongs to the type, such as "response_time_ms". Numbers are of
// any Go type, instants are [time.Time] or RFC 3339 with a zone, and enum values have their names, with or without the
// enum's prefix. Programs that know what they send use the functions of this package, which the compiler checks.
func FromFields(eventType string, fields, properties map[string]any) (Builder, error) {
	e := Custom(eventType)
	detail := detailOf(eventType)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := fields[name]
		if value == nil {
			continue
		}
		target := e.event.ProtoReflect()
		field := target.Descriptor().Fields().ByName(protoreflect.Name(name))
		if field == nil || field.ContainingOneof() != nil || name == "properties" || name == "event_type" {
			if detail == nil || detail.Message().Fields().ByName(protoreflect.Name(name)) == nil {
				return nil, &InvalidError{name, unknown(eventType, detail)}
			}
			target = target.Mutable(detail).Message()
			field = detail.Message().Fields().ByName(protoreflect.Name(name))
		}
		made, err := fieldValue(field, value)
		if err != nil {
			return nil, err
		}
		target.Set(field, made)
	}
	e.Properties(properties)
	return e, e.err
}

func unknown(eventType string, detail protoreflect.FieldDescriptor) string {
	if detail == nil {
		return "is no field of events, and events of the type " + eventType + " have no detail of their own"
	}
	var names []string
	for i := range detail.Message().Fields().Len() {
		names = append(names, string(detail.Message().Fields().Get(i).Name()))
	}
	return fmt.Sprintf("is no field of events of the type %s, which are %s", eventType, strings.Join(names, ", "))
}

// detailOf returns the field of Event that has the detail of a type, nil for custom types.
func detailOf(eventType string) protoreflect.FieldDescriptor {
	family, known := families[eventType]
	if !known {
		return nil
	}
	return (&tallywirev1.Event{}).ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(family))
}

func fieldValue(field protoreflect.FieldDescriptor, value any) (protoreflect.Value, error) {
	name := string(field.Name())
	switch field.Kind() {
	case protoreflect.MessageKind:
		return instantValue(name, value)
	case protoreflect.EnumKind:
		return enumValue(name, field.Enum(), value)
	case protoreflect.StringKind:
		if text, isText := value.(string); isText {
			return protoreflect.ValueOfString(text), nil
		}
		return protoreflect.Value{}, wrong(name, "a text", value)
	case protoreflect.BoolKind:
		if truth, isTruth := value.(bool); isTruth {
			return protoreflect.ValueOfBool(truth), nil
		}
		return protoreflect.Value{}, wrong(name, "true or false", value)
	default:
		return wholeValue(name, field, value)
	}
}

// wholeValue has protobuf's own parser read the number, which takes 4.0 for 4 and refuses 4.5 and what does not fit.
func wholeValue(name string, field protoreflect.FieldDescriptor, value any) (protoreflect.Value, error) {
	if _, isText := value.(string); isText {
		return protoreflect.Value{}, wrong(name, "a whole number", value)
	}
	text, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		return protoreflect.Value{}, wrong(name, "a whole number", value)
	}
	holder := protoMessage(field)
	if err := protojson.Unmarshal(text, holder); err != nil || bytes.Contains(text, []byte("null")) {
		return protoreflect.Value{}, wrong(name, "a whole number", value)
	}
	return holder.ProtoReflect().Get(field), nil
}

func protoMessage(field protoreflect.FieldDescriptor) proto.Message {
	event := (&tallywirev1.Event{}).ProtoReflect()
	fields := event.Descriptor().Oneofs().ByName("detail").Fields()
	for i := range fields.Len() {
		if fields.Get(i).Message() == field.ContainingMessage() {
			return event.Mutable(fields.Get(i)).Message().Interface()
		}
	}
	return event.Interface()
}

func instantValue(name string, value any) (protoreflect.Value, error) {
	at, isInstant := value.(time.Time)
	if text, isText := value.(string); isText {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		at, isInstant = parsed, err == nil
	}
	if !isInstant || at.IsZero() {
		return protoreflect.Value{}, wrong(name, "an instant with a zone, as in 2026-01-31T12:00:00Z", value)
	}
	return protoreflect.ValueOfMessage(Timestamp(at).ProtoReflect()), nil
}

func enumValue(name string, enum protoreflect.EnumDescriptor, value any) (protoreflect.Value, error) {
	prefix := strings.TrimSuffix(string(enum.Values().Get(0).Name()), "UNSPECIFIED")
	if text, isText := value.(string); isText {
		for _, candidate := range []string{strings.ToUpper(text), prefix + strings.ToUpper(text)} {
			if found := enum.Values().ByName(protoreflect.Name(candidate)); found != nil {
				return protoreflect.ValueOfEnum(found.Number()), nil
			}
		}
	}
	if found := enumOfNumber(enum, value); found != nil {
		return protoreflect.ValueOfEnum(found.Number()), nil
	}
	if number, isNumber := value.(protoreflect.Enum); isNumber && number.Descriptor() == enum {
		return protoreflect.ValueOfEnum(number.Number()), nil
	}
	var choices []string
	for i := 1; i < enum.Values().Len(); i++ {
		choices = append(choices, strings.ToLower(strings.TrimPrefix(string(enum.Values().Get(i).Name()), prefix)))
	}
	return protoreflect.Value{}, wrong(name, "one of "+strings.Join(choices, ", "), value)
}

// enumOfNumber returns the value that a number of any Go type stands for, nil if there is none.
func enumOfNumber(enum protoreflect.EnumDescriptor, value any) protoreflect.EnumValueDescriptor {
	if _, isNamed := value.(protoreflect.Enum); isNamed {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	number, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil {
		return nil
	}
	return enum.Values().ByNumber(protoreflect.EnumNumber(number))
}

func wrong(name, wanted string, value any) *InvalidError {
	return &InvalidError{name, fmt.Sprintf("is %s, not %.80v", wanted, value)}
}
