package tallywire_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/internal/scripted"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

type updates = tallywirev1.RealtimeService_WatchUpdatesServer

func update(revision int64, token string) *tallywirev1.WatchUpdatesResponse {
	return &tallywirev1.WatchUpdatesResponse{Revision: revision, ResumeToken: token}
}

func TestUpdatesGoOnAfterTheLastWholeRevision(t *testing.T) {
	leavesNothing(t)
	var tokens []string
	server := (&scripted.Server{OnWatchUpdates: func(r *tallywirev1.WatchUpdatesRequest, stream updates) error {
		tokens = append(tokens, r.GetResumeAfter())
		change := []*tallywirev1.MeasureChange{{Measure: "m"}}
		switch len(tokens) {
		case 1:
			_ = stream.Send(update(7, "t7"))
			_ = stream.Send(&tallywirev1.WatchUpdatesResponse{Revision: 8, More: true, Changes: change})
			return scripted.Refusal(codes.Unavailable, "DRAINING", "", nil, time.Millisecond)
		case 2:
			return nil // the end without a status
		case 3:
			<-stream.Context().Done() // silence
			return nil
		default:
			_ = stream.Send(&tallywirev1.WatchUpdatesResponse{Revision: 8, More: true, Changes: change})
			_ = stream.Send(&tallywirev1.WatchUpdatesResponse{Revision: 8, ResumeToken: "t8", Changes: change})
			_ = stream.Send(&tallywirev1.WatchUpdatesResponse{Revision: 8, ResumeToken: "t8b", Bookmark: true})
			_ = stream.Send(update(9, "t9"))
			<-stream.Context().Done()
			return nil
		}
	}}).Start(t)
	ctx, cancel := context.WithCancel(withPatience(t))
	defer cancel()
	retries := 0

	var got []string
	for update, err := range clientOf(t, server).WatchUpdates(ctx, &tallywirev1.WatchUpdatesRequest{ResumeAfter: "t6"},
		tallywire.WithSilence(200*time.Millisecond),
		tallywire.WithOnRetry(func(error, time.Duration) { retries++ })) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s %d", update.Revision(), update.ResumeToken(), len(update.Changes())))
		if update.Revision() == 9 {
			cancel() // ends the loop without an error
		}
	}
	if fmt.Sprint(got) != "[7 t7 0 8 t8 2 9 t9 0]" {
		t.Errorf("got %q", got)
	}
	if fmt.Sprint(tokens) != "[t6 t7 t7 t7]" || retries != 3 {
		t.Errorf("it asked after %v, with %d retries", tokens, retries)
	}
}

func TestUpdatesEndWithWhatIsFinal(t *testing.T) {
	for name, one := range map[string]struct {
		send func(stream updates) error
		kind error
	}{
		"a gap": {func(stream updates) error {
			_ = stream.Send(update(1, "t1"))
			return stream.Send(update(3, "t3"))
		}, tallywire.ErrOutOfSequence},
		"a message without a token": {func(stream updates) error { return stream.Send(update(1, "")) }, tallywire.ErrOutOfSequence},
		"a token that is too old": {func(updates) error {
			return scripted.Refusal(codes.OutOfRange, "COMPACTED", "", map[string]string{"oldest_token": "t"}, 0)
		}, tallywire.ErrCompacted},
		"a restore": {func(updates) error {
			return scripted.Refusal(codes.OutOfRange, "RESTORED", "", nil, 0)
		}, tallywire.ErrRestored},
		"a limit at the beginning": {func(updates) error {
			return scripted.Refusal(codes.ResourceExhausted, "SUBSCRIPTION_LIMIT", "", nil, time.Millisecond)
		}, tallywire.ErrResourceExhausted},
	} {
		server := (&scripted.Server{OnWatchUpdates: func(_ *tallywirev1.WatchUpdatesRequest, stream updates) error {
			if err := one.send(stream); err != nil {
				return err
			}
			<-stream.Context().Done()
			return nil
		}}).Start(t)
		var last error
		for _, err := range clientOf(t, server).WatchUpdates(withPatience(t), nil) {
			last = err
		}
		if !errors.Is(last, one.kind) {
			t.Errorf("%s: it ended with %v", name, last)
		}
	}
}

func TestStatesNeverGoBack(t *testing.T) {
	server := (&scripted.Server{
		OnWatchMetrics: func(_ *tallywirev1.WatchMetricsRequest, stream tallywirev1.RealtimeService_WatchMetricsServer) error {
			for _, revision := range []int64{5, 4, 6} {
				state := &tallywirev1.RealtimeState{AsOfRevision: revision}
				_ = stream.Send(&tallywirev1.WatchMetricsResponse{Revision: revision, State: state})
			}
			_ = stream.Send(&tallywirev1.WatchMetricsResponse{Revision: 7})
			_ = stream.Send(&tallywirev1.WatchMetricsResponse{Revision: 7, State: &tallywirev1.RealtimeState{}})
			<-stream.Context().Done()
			return nil
		},
	}).Start(t)
	client := clientOf(t, server)
	see := func(options ...tallywire.SubscribeOption) (seen []int64) {
		for state, err := range client.WatchMetrics(withPatience(t), nil, options...) {
			if err != nil {
				t.Fatal(err)
			}
			if seen = append(seen, state.Revision()); state.Revision() == 7 && state.State().Present() {
				return seen
			}
		}
		return seen
	}
	if got := see(); fmt.Sprint(got) != "[5 6 7]" {
		t.Errorf("seen are %v", got)
	}
	if got := see(tallywire.WithHeartbeats()); fmt.Sprint(got) != "[5 6 7 7]" {
		t.Errorf("seen with heartbeats are %v", got)
	}
}

func TestASubscriptionEndsWithItsClient(t *testing.T) {
	leavesNothing(t)
	begun := make(chan struct{})
	server := (&scripted.Server{OnWatchUpdates: func(_ *tallywirev1.WatchUpdatesRequest, stream updates) error {
		close(begun)
		<-stream.Context().Done()
		return nil
	}}).Start(t)
	client := clientOf(t, server)
	go func() { <-begun; _ = client.Close() }()
	var last error
	for _, err := range client.WatchUpdates(withPatience(t), nil) {
		last = err
	}
	if !errors.Is(last, tallywire.ErrClosed) {
		t.Errorf("it ended with %v", last)
	}
	for _, err := range client.WatchUpdates(withPatience(t), nil) {
		last = err
	}
	if !errors.Is(last, tallywire.ErrClosed) {
		t.Errorf("one of a closed client ended with %v", last)
	}
}

func TestASubscriptionGivesUpInTheEnd(t *testing.T) {
	server := (&scripted.Server{}).Start(t)
	server.Stop()
	var last error
	for _, err := range clientOf(t, server).WatchMetrics(withPatience(t), nil, tallywire.WithRetryFor(100*time.Millisecond)) {
		last = err
	}
	if !errors.Is(last, tallywire.ErrUnavailable) {
		t.Errorf("it ended with %v", last)
	}
}
