package tallywire_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/internal/scripted"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

func TestEventsKeepTheirIDAndAreStampedAnew(t *testing.T) {
	leavesNothing(t)
	var seen []*tallywirev1.TrackEventRequest
	server := (&scripted.Server{
		OnTrackEvent: func(ctx context.Context, r *tallywirev1.TrackEventRequest) (*tallywirev1.TrackEventResponse, error) {
			headers, _ := metadata.FromIncomingContext(ctx)
			if got := headers.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+key {
				return nil, status.Error(codes.Unauthenticated, "no key")
			}
			if seen = append(seen, r); len(seen) < 3 {
				return nil, status.Error(codes.Unavailable, "not yet")
			}
			result := &tallywirev1.EventResult{
				EventId: r.GetEvent().GetEventId(), Status: tallywirev1.EventStatus_EVENT_STATUS_DUPLICATE,
			}
			return &tallywirev1.TrackEventResponse{Result: result}, nil
		},
	}).Start(t)
	client := clientOf(t, server)

	result, err := client.Track(withPatience(t), event.MessageSent().Agent("bot").ResponseTime(12500*time.Microsecond))
	if err != nil {
		t.Fatal(err)
	}
	if result.Status() != tallywirev1.EventStatus_EVENT_STATUS_DUPLICATE {
		t.Errorf("the status is %v", result.Status())
	}
	if len(seen) != 3 {
		t.Fatalf("the server saw %d attempts, not 3", len(seen))
	}
	for i, attempt := range seen {
		if !proto.Equal(attempt.GetEvent(), seen[0].GetEvent()) {
			t.Errorf("attempt %d has the event %v, not %v", i, attempt.GetEvent(), seen[0].GetEvent())
		}
		if i > 0 && !attempt.GetSentAt().AsTime().After(seen[i-1].GetSentAt().AsTime()) {
			t.Errorf("attempt %d is stamped %v, which is not later than the one before", i, attempt.GetSentAt().AsTime())
		}
	}
	if got := seen[0].GetEvent().GetMessage().GetResponseTimeMs(); got != 12 {
		t.Errorf("12.5 ms became %d", got)
	}
}

func TestAbsentFiguresAreAbsent(t *testing.T) {
	server := (&scripted.Server{
		OnGetOverview: func(context.Context, *tallywirev1.GetOverviewRequest) (*tallywirev1.GetOverviewResponse, error) {
			overview := &tallywirev1.Overview{TotalMessages: proto.Int64(0)}
			return &tallywirev1.GetOverviewResponse{Overview: overview}, nil
		},
	}).Start(t)

	answered, err := clientOf(t, server).GetOverview(withPatience(t), &tallywirev1.GetOverviewRequest{TimeRange: tallywire.Last(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if messages, present := answered.Overview().TotalMessages().Get(); !present || messages != 0 {
		t.Errorf("a figure of 0 is %v, %v", messages, present)
	}
	if score, present := answered.Overview().SatisfactionScore().Get(); present {
		t.Errorf("an absent figure is %v", score)
	}
	if answered.Context().Present() || answered.Context().Approximation().Present() || !answered.Context().Start().IsZero() {
		t.Errorf("an absent context has something: %v", answered.Context())
	}
}

func TestErrorsTellTheirKind(t *testing.T) {
	server := (&scripted.Server{
		OnGetOverview: func(context.Context, *tallywirev1.GetOverviewRequest) (*tallywirev1.GetOverviewResponse, error) {
			facts := map[string]string{"limit_days": "1830"}
			return nil, scripted.Refusal(codes.InvalidArgument, "ERROR_REASON_TIME_RANGE_TOO_LARGE", "time_range", facts, 0)
		},
	}).Start(t)

	_, err := clientOf(t, server).GetOverview(withPatience(t), nil)
	if !errors.Is(err, tallywire.ErrInvalidArgument) || errors.Is(err, tallywire.ErrNotFound) {
		t.Errorf("its kind is not that of the status: %v", err)
	}
	var failure *tallywire.Error
	if !errors.As(err, &failure) {
		t.Fatalf("it is a %T", err)
	}
	if failure.Reason != "TIME_RANGE_TOO_LARGE" || failure.Field != "time_range" || failure.Metadata["limit_days"] != "1830" {
		t.Errorf("it says %q, %q, %v", failure.Reason, failure.Field, failure.Metadata)
	}
	if failure.OutcomeUnknown() || failure.Local || failure.RetryAfter.Present() {
		t.Errorf("it leaves the outcome open, is local or asks for another attempt: %+v", *failure)
	}
	if got := status.Code(err); got != codes.InvalidArgument {
		t.Errorf("gRPC takes it for %v", got)
	}
}

func TestAStoppedCallerHearsSo(t *testing.T) {
	arrived := make(chan struct{}, 10)
	server := (&scripted.Server{
		OnGetOverview: func(ctx context.Context, _ *tallywirev1.GetOverviewRequest) (*tallywirev1.GetOverviewResponse, error) {
			arrived <- struct{}{}
			<-ctx.Done()
			return nil, status.FromContextError(ctx.Err()).Err()
		},
	}).Start(t)
	client := clientOf(t, server)

	ctx, cancel := context.WithCancel(withPatience(t))
	go func() { <-arrived; cancel() }()
	if _, err := client.GetOverview(ctx, nil); !errors.Is(err, tallywire.ErrCanceled) || !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call ends with %v", err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := client.GetOverview(ctx, nil)
	if !errors.Is(err, tallywire.ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call whose deadline has passed ends with %v", err)
	}
	go func() { <-arrived; _ = client.Close() }()
	for range len(arrived) {
		<-arrived
	}
	if _, err := client.GetOverview(withPatience(t), nil); !errors.Is(err, tallywire.ErrCanceled) || !errors.Is(err, tallywire.ErrClosed) {
		t.Errorf("a call of a client that is closed meanwhile ends with %v", err)
	}
	if _, err := client.GetOverview(withPatience(t), nil); !errors.Is(err, tallywire.ErrClosed) {
		t.Errorf("a call of a closed client ends with %v", err)
	}
}

func TestAllRowsOfAllPages(t *testing.T) {
	var tokens []string
	server := (&scripted.Server{
		OnListAgents: func(_ context.Context, r *tallywirev1.ListAgentsRequest) (*tallywirev1.ListAgentsResponse, error) {
			tokens = append(tokens, r.GetPageToken())
			page := &tallywirev1.ListAgentsResponse{}
			switch r.GetPageToken() {
			case "":
				page.Agents, page.NextPageToken = []*tallywirev1.Agent{{AgentId: "a"}, {AgentId: "b"}}, "1"
			case "1":
				page.NextPageToken = "2" // a page may be empty
			case "2":
				page.Agents = []*tallywirev1.Agent{{AgentId: "c"}}
			}
			return page, nil
		},
	}).Start(t)
	client := clientOf(t, server)

	request := &tallywirev1.ListAgentsRequest{PageSize: 2}
	for _, request := range []*tallywirev1.ListAgentsRequest{request, nil} {
		var names []string
		for agent, err := range client.AllAgents(withPatience(t), request) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, agent.AgentID())
		}
		if fmt.Sprint(names) != "[a b c]" {
			t.Errorf("the rows are %v", names)
		}
	}
	if request.GetPageToken() != "" {
		t.Error("the caller's request was changed")
	}
	if tokens = nil; true {
		for range client.AllAgents(withPatience(t), nil) {
			break
		}
	}
	if len(tokens) != 1 {
		t.Errorf("a loop that ends early asked for %d pages", len(tokens))
	}
}

func TestManyCallsAtOnceStayWithinTheLimit(t *testing.T) {
	var underWay, most atomic.Int32
	server := (&scripted.Server{
		OnTrackEvent: func(context.Context, *tallywirev1.TrackEventRequest) (*tallywirev1.TrackEventResponse, error) {
			now := underWay.Add(1)
			defer underWay.Add(-1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
			time.Sleep(time.Millisecond)
			return &tallywirev1.TrackEventResponse{Result: &tallywirev1.EventResult{}}, nil
		},
	}).Start(t, grpc.MaxConcurrentStreams(100))
	client := clientOf(t, server)

	var calls sync.WaitGroup
	for range 500 {
		calls.Add(1)
		go func() {
			defer calls.Done()
			if _, err := client.Track(withPatience(t), event.Custom("a.b")); err != nil {
				t.Error(err)
			}
		}()
	}
	calls.Wait()
	if most.Load() > 90 {
		t.Errorf("%d calls were under way", most.Load())
	}
}

func TestCallsGoOnWithAnotherAddress(t *testing.T) {
	answer := func(context.Context, *tallywirev1.GetOverviewRequest) (*tallywirev1.GetOverviewResponse, error) {
		return &tallywirev1.GetOverviewResponse{}, nil
	}
	first := (&scripted.Server{OnGetOverview: answer}).Start(t)
	second := (&scripted.Server{OnGetOverview: answer}).Start(t)
	client := clientOf(t, first, tallywire.WithAddresses(second.Address), tallywire.WithConnections(2))
	if err := client.Connect(withPatience(t)); err != nil {
		t.Fatal(err)
	}
	first.Stop()
	for range 20 {
		if _, err := client.GetOverview(withPatience(t), nil); err != nil {
			t.Fatal(err)
		}
	}
	second.Stop()
	until(t, "without a server, connecting fails", func() bool {
		return errors.Is(client.Connect(withPatience(t)), tallywire.ErrUnavailable)
	})
}

func TestABatchOfAnySizeIsSplit(t *testing.T) {
	var sizes []int
	server := (&scripted.Server{
		OnTrackEvents: func(_ context.Context, r *tallywirev1.TrackEventsRequest) (*tallywirev1.TrackEventsResponse, error) {
			if sizes = append(sizes, len(r.GetEvents())); len(sizes) == 3 {
				return nil, scripted.Refusal(codes.PermissionDenied, "SCOPE_MISSING", "", nil, 0)
			}
			return scripted.Accept(r, nil), nil
		},
	}).Start(t)
	client := clientOf(t, server)

	events := make([]event.Builder, 2500)
	for i := range events {
		events[i] = event.Custom("a.b")
	}
	events[1500] = event.Custom("a.b").Property("text", string(make([]byte, 4<<20)))
	results, err := client.TrackBatch(withPatience(t), events...)
	if !errors.Is(err, tallywire.ErrPermissionDenied) {
		t.Fatalf("it ends with %v", err)
	}
	if fmt.Sprint(sizes) != "[1000 500 999]" {
		t.Errorf("the parts are %v", sizes)
	}
	if len(results) != 1000+500+1 { // those before the part that failed
		t.Errorf("there are %d results", len(results))
	}
	if got := results[1500].Rejection().Reason(); got != tallywirev1.ErrorReason_ERROR_REASON_EVENT_TOO_LARGE {
		t.Errorf("an event that fits in no request is %v", results[1500])
	}
}

func TestAnExportThatIsNotWholeIsAnError(t *testing.T) {
	lines := make(chan []string, 2)
	server := (&scripted.Server{OnExportUser: func(stream tallywirev1.PrivacyService_ExportUserServer) error {
		for _, line := range <-lines {
			if err := stream.Send(&tallywirev1.ExportUserResponse{Lines: []string{line}}); err != nil {
				return err
			}
		}
		return nil
	}}).Start(t)
	client := clientOf(t, server)
	export := func() (got int, failure error) {
		for part, err := range client.ExportUser(withPatience(t), &tallywirev1.ExportUserRequest{UserId: "u"}) {
			got, failure = got+len(part.Lines()), err
		}
		return got, failure
	}

	lines <- []string{`{"kind":"activity"}`, `{"kind":"counts","activity":1,"lead":0}`}
	if got, err := export(); err != nil || got != 2 {
		t.Errorf("a whole export has %d lines and ends with %v", got, err)
	}
	lines <- []string{`{"kind":"activity"}`, `{"kind":"counts","activity":2}`}
	if _, err := export(); !errors.Is(err, tallywire.ErrInternal) {
		t.Errorf("an export that lacks a line ends with %v", err)
	}
	lines <- []string{`{"kind":"activity"}`}
	if _, err := export(); !errors.Is(err, tallywire.ErrInternal) {
		t.Errorf("an export without a last line ends with %v", err)
	}
}

func TestAChangeIsNotRepeated(t *testing.T) {
	var attempts atomic.Int32
	server := (&scripted.Server{}).Start(t, grpc.UnaryInterceptor(
		func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
			if attempts.Add(1) == 1 {
				return nil, scripted.Refusal(codes.Unavailable, "OVERLOADED", "", nil, time.Millisecond)
			}
			return nil, status.Error(codes.Unavailable, "cut off")
		}))
	_, err := clientOf(t, server).CreateCustomMetric(withPatience(t), &tallywirev1.CreateCustomMetricRequest{})
	if !errors.Is(err, tallywire.ErrUnavailable) || attempts.Load() != 2 {
		t.Errorf("after %d attempts it ends with %v; one was refused, and one is of unknown outcome", attempts.Load(), err)
	}
}
