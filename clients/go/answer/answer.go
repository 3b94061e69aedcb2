// Package answer has what the service answers, with accessors that keep presence: a figure that cannot be computed
// is an [Optional] without a value, and never 0.
//
// Each type is a view of a message of the contract; making one copies nothing. A message that is absent has a view as
// well, whose Present method returns false and whose accessors return nothing, so accessors can be chained without a
// check in between. Proto returns the message itself: read its fields, since its getters return 0 for absent figures.
//
// Instants are of type [time.Time], in UTC, and zero when absent. Figures in milliseconds stay numbers, since totals
// may exceed what a [time.Duration] holds; so do amounts of money, in millionths (tallywire.FormatMicros). Values of
// enums that this version does not know are numbers like all others.
package answer

import (
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// view is what all views have.
type view[M any] struct{ message *M }

func of[M any](message *M) view[M] {
	return view[M]{message}
}

// Present reports whether the message is there.
func (v view[M]) Present() bool {
	return v.message != nil
}

// Proto returns the message itself, nil if it is not there. It is shared, so do not change it.
func (v view[M]) Proto() *M {
	return v.message
}

// MarshalJSON returns the message in protobuf's JSON form with the names of the contract, or null.
func (v view[M]) MarshalJSON() ([]byte, error) {
	if v.message == nil {
		return []byte("null"), nil
	}
	return protojson.MarshalOptions{UseProtoNames: true}.Marshal(any(v.message).(proto.Message))
}

// String returns the message for people; its form is not stable.
func (v view[M]) String() string {
	if text, err := v.MarshalJSON(); err == nil {
		return string(text)
	}
	return "not printable"
}

func list[M, V any](messages []M, make1 func(M) V) []V {
	if messages == nil {
		return nil
	}
	views := make([]V, len(messages))
	for i, message := range messages {
		views[i] = make1(message)
	}
	return views
}

func mapped[M, V any](messages map[string]M, make1 func(M) V) map[string]V {
	if messages == nil {
		return nil
	}
	views := make(map[string]V, len(messages))
	for key, message := range messages {
		views[key] = make1(message)
	}
	return views
}

func instant(at *timestamppb.Timestamp) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.AsTime()
}

func span(duration *durationpb.Duration) Optional[time.Duration] {
	if duration == nil {
		return Optional[time.Duration]{}
	}
	return Some(duration.AsDuration())
}

func object(fields *structpb.Struct) map[string]any {
	if fields == nil {
		return nil
	}
	return fields.AsMap()
}

// holds reports whether a oneof has a value of the type.
func holds[W any](oneof any) bool {
	_, held := oneof.(W)
	return held
}
