package answer

import (
	"encoding/json"
	"fmt"
)

// Optional is a value that may be absent. Its zero value is absent.
//
// A figure that cannot be computed is absent, which is something else than 0. So there is no way to read a value
// without saying what stands for an absent one.
type Optional[T any] struct {
	value T
	held  bool
}

// Some returns an Optional that has a value.
func Some[T any](value T) Optional[T] {
	return Optional[T]{value: value, held: true}
}

// Get returns the value and true, or the zero value and false if it is absent.
func (o Optional[T]) Get() (T, bool) {
	return o.value, o.held
}

// Or returns the value, or what stands for an absent one.
func (o Optional[T]) Or(absent T) T {
	if o.held {
		return o.value
	}
	return absent
}

// Present reports whether there is a value.
func (o Optional[T]) Present() bool {
	return o.held
}

// String returns the value as fmt prints it, or "absent".
func (o Optional[T]) String() string {
	if o.held {
		return fmt.Sprint(o.value)
	}
	return "absent"
}

// MarshalJSON returns the value in JSON, or null.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if !o.held {
		return []byte("null"), nil
	}
	return json.Marshal(o.value)
}

func optional[T any](held bool, value T) Optional[T] {
	if held {
		return Some(value)
	}
	return Optional[T]{}
}
