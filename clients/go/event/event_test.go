package event_test

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

func built(t *testing.T, e event.Builder) *tallywirev1.Event {
	t.Helper()
	made, err := e.Build()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAnEventHasWhatWasSet(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 123_456_789, time.FixedZone("", 3600))
	made := built(t, event.MessageSent().ID("1").At(at).Agent("a").User("u").Conversation("c").Channel("web").Team("t").
		Campaign("k").Resource("document", "d").Model("m").PromptTokens(0).ResponseTime(1500*time.Microsecond))
	wanted := &tallywirev1.Event{
		EventId: "1", EventType: "message.sent", OccurredAt: made.GetOccurredAt(), AgentId: "a", UserId: "u",
		ConversationId: "c", Channel: "web", TeamId: "t", CampaignId: "k", ResourceType: "document", ResourceId: "d",
		Detail: &tallywirev1.Event_Message{Message: &tallywirev1.MessageDetail{
			Model: proto.String("m"), PromptTokens: proto.Int64(0), ResponseTimeMs: proto.Int64(2),
		}},
	}
	if !proto.Equal(made, wanted) {
		t.Errorf("it is %v", made)
	}
	if got := made.GetOccurredAt().AsTime(); !got.Equal(at.Truncate(time.Microsecond)) {
		t.Errorf("it occurred at %v", got)
	}
}

func TestAnEventWithoutFieldsHasNoDetail(t *testing.T) {
	before := time.Now().Truncate(time.Microsecond)
	made := built(t, event.CallEnded())
	if made.GetDetail() != nil || made.GetProperties() != nil {
		t.Errorf("it has a detail or properties: %v", made)
	}
	if at := made.GetOccurredAt().AsTime(); at.Before(before) || at.After(time.Now()) {
		t.Errorf("it occurred at %v", at)
	}
}

func TestIDs(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	ids := make([]string, 1000)
	for i := range ids {
		if ids[i] = event.NewID(); !form.MatchString(ids[i]) {
			t.Fatalf("%s is no UUIDv7", ids[i])
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 1000 {
		t.Error("an id came twice")
	}
	builder := event.TaskCompleted()
	if first, second := built(t, builder), built(t, builder); first.GetEventId() != second.GetEventId() || first == second {
		t.Error("the same event has two ids, or is one message")
	}
	given := &tallywirev1.Event{EventType: "a.b"}
	if made := built(t, event.Of(given)); given.GetEventId() != "" || made.GetEventId() == "" {
		t.Error("an id is given on a copy")
	}
}

func TestWhatWasBuiltDoesNotChange(t *testing.T) {
	inner := map[string]any{"n": 1}
	builder := event.Custom("order.placed").Property("inner", inner)
	made := built(t, builder)
	inner["n"] = 2
	builder.Agent("later").Property("more", true)
	if made.GetAgentId() != "" || len(made.GetProperties().GetFields()) != 1 ||
		made.GetProperties().GetFields()["inner"].GetStructValue().GetFields()["n"].GetNumberValue() != 1 {
		t.Errorf("it is %v", made)
	}
}

func TestProperties(t *testing.T) {
	type name string
	number := 7
	made := built(t, event.Custom("a.b").Properties(map[string]any{
		"text": name("x"), "whole": int8(-3), "large": int64(1<<53 - 1), "float": float32(0.5), "yes": true, "nothing": nil,
		"pointer": &number, "list": []any{1, "a", []string{"b"}}, "object": map[name]int{"k": 1}, "json": json.Number("1e3"),
	}))
	got := made.GetProperties().AsMap()
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	const wanted = `{"float":0.5,"json":1000,"large":9007199254740991,"list":[1,"a",["b"]],"nothing":null,"object":{"k":1},` +
		`"pointer":7,"text":"x","whole":-3,"yes":true}`
	if string(text) != wanted {
		t.Errorf("they are %s", text)
	}
	for path, bad := range map[string]any{
		"properties.p":      uint64(1 << 53),
		"properties.p[1]":   []any{1, math.NaN()},
		"properties.p.k":    map[string]any{"k": math.Inf(1)},
		"properties.p.k[0]": map[string]any{"k": []any{make(chan int)}},
		"properties.p.a.b":  map[string]any{"a": map[string]any{"b": json.Number("9007199254740993")}},
	} {
		_, err := event.Custom("a.b").Property("p", bad).Property("q", 1).Build()
		var invalid *event.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != path {
			t.Errorf("%v is refused with %v, not for %s", bad, err, path)
		}
	}
	for _, bad := range []any{"\xff", map[int]int{1: 1}, map[string]any{" ": 1}, struct{}{}} {
		if _, err := event.Custom("a.b").Property("p", bad).Build(); err == nil {
			t.Errorf("%#v was taken", bad)
		}
	}
	if _, err := event.Custom("a.b").Property(" ", 1).Build(); err == nil {
		t.Error("a blank key was taken")
	}
}

func TestDetailsOfCustomEvents(t *testing.T) {
	detail := &tallywirev1.MessageDetail{Model: proto.String("m")}
	made := built(t, event.Custom("a.b").Detail(detail).Detail(nil))
	*detail.Model = "other"
	if made.GetMessage().GetModel() != "m" {
		t.Errorf("it is %v", made)
	}
	if _, err := event.Custom("a.b").Detail(&tallywirev1.Overview{}).Build(); err == nil {
		t.Error("what is no detail was taken")
	}
}

func TestEventsByNames(t *testing.T) {
	builder, err := event.FromFields("agent.status_changed", map[string]any{
		"agent_id": "ada", "status": "available", "kind": 2, "occurred_at": "2026-01-31T12:00:00.0000019Z", "name": nil,
	}, map[string]any{"n": 1})
	if err != nil {
		t.Fatal(err)
	}
	made := built(t, builder)
	if made.GetAgent().GetStatus() != event.AgentStatusAvailable || made.GetAgent().GetKind() != event.AgentKindHuman ||
		made.GetAgent().Name != nil || made.GetOccurredAt().GetNanos() != 1000 {
		t.Errorf("it is %v", made)
	}
	for field, bad := range map[string]any{
		"status": "asleep", "kind": 7, "version": 1, "prompt_tokens": 1, "event_type": "x", "properties": 1,
		"occurred_at": "2026-01-31T12:00:00", "user_id": 12,
	} {
		_, err := event.FromFields("agent.status_changed", map[string]any{field: bad}, nil)
		var invalid *event.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s = %v is refused with %v", field, bad, err)
		}
	}
	for value, isWhole := range map[any]bool{4: true, 4.0: true, int64(4): true, 4.5: false, "4": false, true: false, math.NaN(): false} {
		if _, err := event.FromFields("message.sent", map[string]any{"prompt_tokens": value}, nil); (err == nil) != isWhole {
			t.Errorf("%v of type %T: %v", value, value, err)
		}
	}
	if _, err := event.FromFields("order.placed", map[string]any{"model": "m"}, nil); err == nil || !strings.Contains(err.Error(), "model") {
		t.Errorf("a field of a custom type is refused with %v", err)
	}
}
