// Package event builds events: one function for each event type that the service knows, and setters for exactly the
// fields that events of this type have.
//
//	event.MessageSent().Agent("support-bot").Conversation("c1").ResponseTime(820 * time.Millisecond)
//
// An event has an id of its own from the moment in which it is begun, a UUIDv7, and happened at that moment unless At
// says otherwise. What is not set is unknown. A builder is not safe for use by several goroutines at once; what
// Build returned does not change with it any more.
package event

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// Builder is an event that can be built. All types of this package are Builders.
type Builder interface {
	// Build returns the event, with an id, as a message of the caller's own; or an [*InvalidError].
	Build() (*tallywirev1.Event, error)
}

// InvalidError says that an event cannot be built.
type InvalidError struct {
	// Field is the path of the field at fault, such as "properties.order.total".
	Field string
	// Problem says what is wrong with the value, and what would be right.
	Problem string
}

// Error returns the field and the problem.
func (e *InvalidError) Error() string {
	return e.Field + ": " + e.Problem
}

// common is what events of all types have; T is the builder itself, so that calls can be chained.
type common[T any] struct {
	self  T
	event *tallywirev1.Event
	err   error
}

func begin[T any](eventType string, self T) common[T] {
	event := &tallywirev1.Event{EventType: eventType, EventId: NewID(), OccurredAt: Timestamp(time.Now())}
	return common[T]{self: self, event: event}
}

// ID gives the event an id that is known already, such as one of an event that was recorded elsewhere: 1 to 128
// visible ASCII characters. The service counts the same id once, for ever.
func (c *common[T]) ID(id string) T {
	c.event.EventId = id
	return c.self
}

// At says when the event happened; it is cut to microseconds, as the service keeps it.
func (c *common[T]) At(instant time.Time) T {
	c.event.OccurredAt = Timestamp(instant)
	return c.self
}

// Agent says who did the work: an AI agent, a bot or a human agent.
func (c *common[T]) Agent(id string) T {
	c.event.AgentId = id
	return c.self
}

// User says who was served.
func (c *common[T]) User(id string) T {
	c.event.UserId = id
	return c.self
}

// Conversation groups the events of one conversation. Events of the types conversation.* need it.
func (c *common[T]) Conversation(id string) T {
	c.event.ConversationId = id
	return c.self
}

// Channel says where the event happened: "web", "whatsapp", "phone".
func (c *common[T]) Channel(name string) T {
	c.event.Channel = name
	return c.self
}

// Team says for which team the agent worked.
func (c *common[T]) Team(id string) T {
	c.event.TeamId = id
	return c.self
}

// Campaign says to which campaign the event belongs.
func (c *common[T]) Campaign(id string) T {
	c.event.CampaignId = id
	return c.self
}

// Resource says what the event is about: a kind of thing, such as "document", and which one.
func (c *common[T]) Resource(kind, id string) T {
	c.event.ResourceType, c.event.ResourceId = kind, id
	return c.self
}

// Property adds a free property: a string, a number, a bool, nil, or a slice or map with string keys of such values.
// Build refuses others, NaN and infinity, and whole numbers beyond 2^53 - 1, which JSON would change: send them as text.
func (c *common[T]) Property(key string, value any) T {
	made, err := property("properties."+key, value)
	if err == nil && blank(key) {
		err = &InvalidError{"properties", fmt.Sprintf("the key %q is blank", key)}
	}
	if err != nil {
		if c.err == nil {
			c.err = err
		}
		return c.self
	}
	if c.event.Properties == nil {
		c.event.Properties = &structpb.Struct{Fields: map[string]*structpb.Value{}}
	}
	c.event.Properties.Fields[key] = made
	return c.self
}

// Properties adds free properties, each as Property does.
func (c *common[T]) Properties(properties map[string]any) T {
	for key, value := range properties {
		c.Property(key, value)
	}
	return c.self
}

// Build returns the event, as a message that does not change with the builder.
func (c *common[T]) Build() (*tallywirev1.Event, error) {
	if c.err != nil {
		return nil, c.err
	}
	return proto.CloneOf(c.event), nil
}

// Of returns a Builder of a message that was made in another way; Build returns a copy, with an id.
func Of(message *tallywirev1.Event) Builder {
	return built{message}
}

type built struct{ message *tallywirev1.Event }

func (b built) Build() (*tallywirev1.Event, error) {
	if b.message == nil {
		return nil, &InvalidError{"event", "is nil"}
	}
	event := proto.CloneOf(b.message)
	if event.EventId == "" {
		event.EventId = NewID()
	}
	return event, nil
}

// CustomEvent builds events of types that the service does not know. It counts them as custom events.
type CustomEvent struct{ common[*CustomEvent] }

// Custom begins an event of a type of your own, in the past tense and dotted, such as "order.placed": 1 to 64
// characters of [a-z0-9_] in parts with dots between them.
func Custom(eventType string) *CustomEvent {
	e := &CustomEvent{}
	e.common = begin(eventType, e)
	return e
}

// Detail gives a custom event the detail of a family: a message such as *tallywirev1.MessageDetail, which is copied.
func (e *CustomEvent) Detail(detail proto.Message) *CustomEvent {
	if detail == nil {
		return e
	}
	fields := e.event.ProtoReflect().Descriptor().Oneofs().ByName("detail").Fields()
	for i := range fields.Len() {
		if field := fields.Get(i); field.Message() == detail.ProtoReflect().Descriptor() {
			e.event.ProtoReflect().Set(field, protoreflect.ValueOfMessage(proto.Clone(detail).ProtoReflect()))
			return e
		}
	}
	e.err = &InvalidError{"detail", fmt.Sprintf("%s is no detail of events", detail.ProtoReflect().Descriptor().Name())}
	return e
}

// Timestamp returns an instant as the service keeps it, cut to microseconds; nil for the zero instant.
func Timestamp(instant time.Time) *timestamppb.Timestamp {
	if instant.IsZero() {
		return nil
	}
	return timestamppb.New(instant.Truncate(time.Microsecond))
}

// milliseconds rounds a duration, halves to the even number.
func milliseconds(duration time.Duration) *int64 {
	whole, rest := int64(duration/time.Millisecond), duration%time.Millisecond
	if rest < 0 {
		whole, rest = whole-1, rest+time.Millisecond
	}
	if half := time.Millisecond / 2; rest > half || rest == half && whole%2 != 0 {
		whole++
	}
	return &whole
}
