package tallywire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/internal/scripted"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// store is a server that keeps events by their ids.
type store struct {
	mutex  sync.Mutex
	events map[string]*tallywirev1.Event
}

func (s *store) take(r *tallywirev1.TrackEventsRequest) *tallywirev1.TrackEventsResponse {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	response := scripted.Accept(r, func(id string) bool { return s.events[id] != nil })
	for _, e := range r.GetEvents() {
		s.events[e.GetEventId()] = e
	}
	return response
}

func (s *store) all() map[string]*tallywirev1.Event {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.events
}

func newStore() *store { return &store{events: map[string]*tallywirev1.Event{}} }

func TestATrackerSendsWhatItTakes(t *testing.T) {
	leavesNothing(t)
	kept, attempts := newStore(), 0
	server := (&scripted.Server{
		OnTrackEvents: func(_ context.Context, r *tallywirev1.TrackEventsRequest) (*tallywirev1.TrackEventsResponse, error) {
			response := kept.take(r)
			if attempts++; attempts == 1 {
				return nil, scripted.Refusal(codes.Internal, "INTERNAL", "", nil, 0) // it was stored, and the answer is lost
			}
			return response, nil
		},
	}).Start(t)
	tracker := trackerOf(t, server, tallywire.WithBatches(100, time.Hour))

	var all sync.WaitGroup
	for range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 100 {
				if !tracker.Track(event.MessageReceived().Agent("bot")) {
					t.Error("an event was not taken")
				}
			}
		}()
	}
	all.Wait()
	if err := tracker.Flush(withPatience(t)); err != nil {
		t.Fatal(err)
	}
	stats := tracker.Stats()
	if stats.Sent+stats.Duplicates != 400 || stats.Duplicates == 0 || stats.Pending != 0 || len(kept.all()) != 400 {
		t.Errorf("%d events are stored, and stats are %+v", len(kept.all()), stats)
	}
	if err := tracker.Close(withPatience(t)); err != nil {
		t.Error(err)
	}
	if tracker.Track(event.MessageReceived()) {
		t.Error("an event was taken after the end")
	}
	if got := tracker.Stats().Dropped; got != 1 {
		t.Errorf("%d events are dropped", got)
	}
	if err := tracker.Close(withPatience(t)); err != nil {
		t.Error(err)
	}
}

func TestATrackerNeverWaitsAndIsBounded(t *testing.T) {
	leavesNothing(t)
	release := make(chan struct{})
	server := (&scripted.Server{
		OnTrackEvents: func(_ context.Context, r *tallywirev1.TrackEventsRequest) (*tallywirev1.TrackEventsResponse, error) {
			<-release
			return scripted.Accept(r, nil), nil
		},
	}).Start(t)
	var lost []string
	tracker := trackerOf(t, server, tallywire.WithBuffer(10, 1<<20), tallywire.WithBatches(1, time.Hour),
		tallywire.WithOnDrop(func(e *tallywirev1.Event, _ string) { lost = append(lost, e.GetAgentId()); panic("a fault") }),
		tallywire.WithLogger(slog.New(slog.DiscardHandler)))

	for i := range 13 {
		taken := tracker.Track(event.Custom("a.b").Agent(fmt.Sprint(i)))
		if taken != (i < 10) {
			t.Errorf("event %d: taken is %v", i, taken)
		}
	}
	if fmt.Sprint(lost) != "[10 11 12]" {
		t.Errorf("lost are %v, not the newest", lost)
	}
	if stats := tracker.Stats(); stats.Dropped != 3 || stats.Pending != 10 {
		t.Errorf("stats are %+v", stats)
	}
	close(release)
	if err := tracker.Close(withPatience(t)); err != nil {
		t.Error(err)
	}
	if stats := tracker.Stats(); stats.Sent != 10 || stats.Pending != 0 {
		t.Errorf("stats are %+v", stats)
	}
}

type faulty struct{}

func (faulty) Build() (*tallywirev1.Event, error) { panic("a fault") }

func TestWhatCannotBeBuiltIsCountedAndLogged(t *testing.T) {
	kept := newStore()
	server := (&scripted.Server{
		OnTrackEvents: func(_ context.Context, r *tallywirev1.TrackEventsRequest) (*tallywirev1.TrackEventsResponse, error) {
			return kept.take(r), nil
		},
	}).Start(t)
	var log bytes.Buffer
	tracker := trackerOf(t, server, tallywire.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))

	for _, bad := range []event.Builder{
		nil,
		faulty{},
		event.Of(nil),
		event.Custom("a.b").Property("n", uint64(1)<<60),
		event.Custom("a.b").Property("text", string(make([]byte, 4<<20))),
	} {
		if tracker.Track(bad) {
			t.Errorf("%v was taken", bad)
		}
	}
	if err := tracker.Close(withPatience(t)); err != nil {
		t.Error(err)
	}
	if got := tracker.Stats(); got.Invalid != 5 || got.Pending != 0 || got.Dropped != 0 {
		t.Errorf("stats are %+v", got)
	}
	if !strings.Contains(log.String(), "events are lost") || strings.Contains(log.String(), key) {
		t.Errorf("the log says %s", log.String())
	}
}

func TestClosingIsBounded(t *testing.T) {
	leavesNothing(t)
	server := (&scripted.Server{
		OnTrackEvents: func(ctx context.Context, _ *tallywirev1.TrackEventsRequest) (*tallywirev1.TrackEventsResponse, error) {
			<-ctx.Done()
			return nil, status.FromContextError(ctx.Err()).Err()
		},
	}).Start(t)
	tracker := trackerOf(t, server, tallywire.WithBatches(2, time.Hour), tallywire.WithLogger(slog.New(slog.DiscardHandler)))
	for range 5 {
		tracker.Track(event.Custom("a.b"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := tracker.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flushing in vain ends with %v", err)
	}
	if err := tracker.Close(ctx); err == nil {
		t.Error("closing says that all events have an outcome")
	}
	if stats := tracker.Stats(); stats.Failed != 2 || stats.Dropped != 3 || stats.Pending != 0 {
		t.Errorf("stats are %+v", stats)
	}
}

func TestStampsFillWhatEventsDoNotSay(t *testing.T) {
	kept := newStore()
	server := (&scripted.Server{
		OnTrackEvents: func(_ context.Context, r *tallywirev1.TrackEventsRequest) (*tallywirev1.TrackEventsResponse, error) {
			return kept.take(r), nil
		},
	}).Start(t)
	tracker := trackerOf(t, server)
	talk := tracker.With(event.Stamp{Conversation: "c1", Agent: "bot", User: "u1", Channel: "web"})
	ctx := tallywire.NewContext(context.Background(), talk.With(event.Stamp{Agent: "ada", Team: "north"}))

	own := event.MessageSent().Agent("own").ID("1")
	if !talk.Track(own) || !tallywire.Track(ctx, event.MessageSent().ID("2")) {
		t.Fatal("an event was not taken")
	}
	if tallywire.Track(context.Background(), event.MessageSent()) {
		t.Error("without a recorder an event was taken")
	}
	if talk.Track(nil) {
		t.Error("no event was taken")
	}
	if err := tracker.Close(withPatience(t)); err != nil {
		t.Fatal(err)
	}
	first, second := kept.all()["1"], kept.all()["2"]
	if first.GetAgentId() != "own" || first.GetUserId() != "u1" || first.GetConversationId() != "c1" || first.GetTeamId() != "" {
		t.Errorf("the first event is %v", first)
	}
	if second.GetAgentId() != "ada" || second.GetTeamId() != "north" || second.GetChannel() != "web" {
		t.Errorf("the second event is %v", second)
	}
}
