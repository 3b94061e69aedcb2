package answer_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tallywire/tallywire/clients/go/answer"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

func TestOptional(t *testing.T) {
	some, absent := answer.Some(0), answer.Optional[int]{}
	if value, present := some.Get(); value != 0 || !present || !some.Present() || some.Or(7) != 0 || some.String() != "0" {
		t.Errorf("0 is %v", some)
	}
	if _, present := absent.Get(); present || absent.Present() || absent.Or(7) != 7 || absent.String() != "absent" {
		t.Errorf("nothing is %v", absent)
	}
	text, err := json.Marshal([]answer.Optional[int]{some, absent})
	if err != nil || string(text) != "[0,null]" {
		t.Errorf("as JSON they are %s, %v", text, err)
	}
}

func TestViews(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	message := &tallywirev1.TrackEventsResponse{
		ClockSkew: durationpb.New(-time.Minute),
		Results:   []*tallywirev1.EventResult{{EventId: "1", Warnings: []tallywirev1.EventWarning{99}}},
	}
	view := answer.NewTrackEventsResponse(message)
	if skew, present := view.ClockSkew().Get(); skew != -time.Minute || !present {
		t.Errorf("the skew is %v, %v", skew, present)
	}
	result := view.Results()[0]
	if result.EventID() != "1" || result.Rejection().Present() || result.Rejection().Reason() != 0 || result.Warnings()[0] != 99 {
		t.Errorf("the result is %v", result)
	}
	if view.Proto() != message || answer.NewTrackEventsResponse(nil).Results() != nil {
		t.Error("it is not the message, or an absent one has results")
	}

	value := answer.NewSeriesValue(&tallywirev1.SeriesValue{Value: &tallywirev1.SeriesValue_Integer{Integer: 0}})
	if _, present := value.Integer().Get(); !present || value.Number().Present() {
		t.Errorf("an integer is %v, a number %v", value.Integer(), value.Number())
	}
	stored := answer.NewEvent(&tallywirev1.Event{
		OccurredAt: timestamppb.New(at),
		Properties: &structpb.Struct{Fields: map[string]*structpb.Value{"n": structpb.NewNumberValue(1)}},
		Detail:     &tallywirev1.Event_Message{Message: &tallywirev1.MessageDetail{Model: proto.String("m")}},
	})
	if !stored.OccurredAt().Equal(at) || fmt.Sprint(stored.Properties()) != "map[n:1]" || stored.Call().Present() {
		t.Errorf("the event is %v", stored)
	}
	if stored.Message().Model().Or("") != "m" || stored.Message().PromptTokens().Present() {
		t.Errorf("its detail is %v", stored.Message())
	}
}

func TestViewsAsJSON(t *testing.T) {
	tokens := map[string]*tallywirev1.RowsToken{"events": {Token: "t"}}
	overview := answer.NewGetOverviewResponse(&tallywirev1.GetOverviewResponse{
		Overview: &tallywirev1.Overview{TotalMessages: proto.Int64(1 << 60)}, RowsTokens: tokens,
	})
	text, err := json.Marshal(overview)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Overview struct {
			Messages string `json:"total_messages"`
		} `json:"overview"`
	}
	if err := json.Unmarshal(text, &got); err != nil || got.Overview.Messages != "1152921504606846976" {
		t.Errorf("it is %s, %v", text, err)
	}
	if overview.RowsTokens()["events"].Token() != "t" {
		t.Errorf("its tokens are %v", overview.RowsTokens())
	}
	if absent, err := json.Marshal(overview.Context()); err != nil || string(absent) != "null" {
		t.Errorf("an absent message is %s, %v", absent, err)
	}
}
