package tallywire

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tallywire/tallywire/clients/go/answer"
	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

const (
	maxBatchEvents = 1000
	// The server takes 4 MiB, headers and framing included.
	maxBatchBytes = 3_670_016
	// What an event takes up in a batch beside its own bytes: a tag and a length.
	eventOverhead = 6
)

// Track stores one event and returns its result: ACCEPTED or DUPLICATE. An event that the service refuses is an error
// with its reason.
func (c *Client) Track(ctx context.Context, e event.Builder) (answer.EventResult, error) {
	built, err := build(e)
	if err != nil {
		return answer.EventResult{}, err
	}
	response, err := c.TrackEvent(ctx, &tallywirev1.TrackEventRequest{Event: built})
	return response.Result(), err
}

// TrackBatch stores any number of events and returns a result for each, in their order: read them, some may be REJECTED.
//
// Over 1,000 events or 3.5 MiB they go as several requests, each with the whole time. If one of them fails for good,
// the results are those of the events before it, beside the error.
func (c *Client) TrackBatch(ctx context.Context, events ...event.Builder) ([]answer.EventResult, error) {
	built := make([]*tallywirev1.Event, len(events))
	for i, e := range events {
		var err error
		if built[i], err = build(e); err != nil {
			return nil, err
		}
	}
	results := make([]answer.EventResult, 0, len(events))
	for len(built) > 0 {
		part := leading(built)
		if part == 0 {
			results = append(results, tooLarge(built[0]))
			built = built[1:]
			continue
		}
		response, err := c.TrackEvents(ctx, &tallywirev1.TrackEventsRequest{Events: built[:part]})
		results = append(results, response.Results()...)
		if err != nil {
			return results, err
		}
		built = built[part:]
	}
	return results, nil
}

// build returns the event of a builder, or an error of this package.
func build(e event.Builder) (*tallywirev1.Event, error) {
	if e == nil {
		return nil, invalid("event", "is nil")
	}
	built, err := e.Build()
	if err == nil {
		return built, nil
	}
	if bad, isBad := err.(*event.InvalidError); isBad { //nolint:errorlint // builders of this module return it as it is
		return nil, &Error{Code: codes.InvalidArgument, Field: bad.Field, Message: bad.Problem, Local: true, cause: err}
	}
	return nil, &Error{Code: codes.InvalidArgument, Message: err.Error(), Local: true, cause: err}
}

// sizeOf returns the bytes that an event takes up in a batch.
func sizeOf(e *tallywirev1.Event) int {
	return proto.Size(e) + eventOverhead
}

// leading returns how many of the first events fit in one request; 0 if not even the first one does.
func leading(events []*tallywirev1.Event) int {
	total := 0
	for i, e := range events {
		if total += sizeOf(e); i == maxBatchEvents || total > maxBatchBytes {
			return i
		}
	}
	return len(events)
}

// tooLarge returns the result that the server would give, had the event fitted in a request.
func tooLarge(e *tallywirev1.Event) answer.EventResult {
	return answer.NewEventResult(&tallywirev1.EventResult{
		EventId: e.GetEventId(),
		Status:  tallywirev1.EventStatus_EVENT_STATUS_REJECTED,
		Rejection: &tallywirev1.Rejection{
			Reason:  tallywirev1.ErrorReason_ERROR_REASON_EVENT_TOO_LARGE,
			Message: "The event does not fit in a request.",
			Code:    int32(codes.InvalidArgument),
		},
	})
}

// stamped returns a request with what the clock shows now, as it is taken anew for each attempt.
func (c *Client) stamped(request proto.Message) proto.Message {
	if c.settings.hidesClock {
		return request
	}
	now, correct := timestamppb.Now(), c.settings.correctClock
	switch request := request.(type) {
	case *tallywirev1.TrackEventRequest:
		return &tallywirev1.TrackEventRequest{
			Event: request.GetEvent(), SentAt: now, CorrectClock: correct || request.GetCorrectClock(),
		}
	case *tallywirev1.TrackEventsRequest:
		return &tallywirev1.TrackEventsRequest{
			Events: request.GetEvents(), SentAt: now, CorrectClock: correct || request.GetCorrectClock(),
		}
	default:
		return request // corrections are not stamped
	}
}
