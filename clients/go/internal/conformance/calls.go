package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

func codeName(number codes.Code) string {
	return code.Code(number).String()
}

func (t *testee) open(c *command) (any, error) {
	client, err := tallywire.New(first(c), c.Key, options(c)...)
	if err != nil {
		return nil, err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.clients[c.Client] = client
	return none, nil
}

func first(c *command) string {
	if len(c.Addresses) == 0 {
		return ""
	}
	return c.Addresses[0]
}

func options(c *command) []tallywire.Option {
	var chosen []tallywire.Option
	if len(c.Addresses) > 1 {
		chosen = append(chosen, tallywire.WithAddresses(c.Addresses[1:]...))
	}
	if c.Insecure {
		chosen = append(chosen, tallywire.WithInsecure())
	}
	if c.RootCertificates != nil {
		chosen = append(chosen, tallywire.WithRootCertificates([]byte(*c.RootCertificates)))
	}
	if c.CertificateChain != nil || c.PrivateKey != nil {
		chosen = append(chosen, tallywire.WithClientCertificate(pem(c.CertificateChain), pem(c.PrivateKey)))
	}
	if c.Connections != nil {
		chosen = append(chosen, tallywire.WithConnections(*c.Connections))
	}
	return chosen
}

func pem(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}

// timed returns a context with the timeout of the command, if it has one.
func timed(ctx context.Context, c *command) (context.Context, context.CancelFunc) {
	if c.TimeoutMs == nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(*c.TimeoutMs)*time.Millisecond)
}

// invoke calls the client's own method by its name, with the request of the command.
func (t *testee) invoke(ctx context.Context, c *command, name string) ([]reflect.Value, error) {
	method := reflect.ValueOf(t.client(c)).MethodByName(name)
	if !method.IsValid() {
		return nil, fmt.Errorf("%w: no method %s", errUnsupported, name)
	}
	request := reflect.New(method.Type().In(1).Elem())
	if err := protojson.Unmarshal(c.Request, request.Interface().(proto.Message)); err != nil {
		return nil, fmt.Errorf("no such message: %w", err)
	}
	return method.Call([]reflect.Value{reflect.ValueOf(ctx), request}), nil
}

func (t *testee) call(ctx context.Context, c *command) (any, error) {
	ctx, cancel := timed(ctx, c)
	defer cancel()
	_, name, _ := strings.Cut(c.Method, "/")
	results, err := t.invoke(ctx, c, name)
	if err != nil {
		return nil, err
	}
	if len(results) == 1 {
		rows, err := gathered(results[0])
		return map[string]any{"responses": rows}, err
	}
	if err, failed := results[1].Interface().(error); failed {
		return nil, err
	}
	return map[string]any{"response": results[0].Interface()}, nil
}

func (t *testee) pages(ctx context.Context, c *command) (any, error) {
	ctx, cancel := timed(ctx, c)
	defer cancel()
	_, name, _ := strings.Cut(c.Method, "/")
	iterators := map[string]string{"GetConversation": "AllTimelineEvents", "QueryMetrics": "AllMetricRows"}
	iterator, known := iterators[name]
	if !known {
		iterator = "All" + strings.TrimPrefix(name, "List")
	}
	results, err := t.invoke(ctx, c, iterator)
	if err != nil {
		return nil, err
	}
	rows, err := gathered(results[0])
	return map[string]any{"rows": rows}, err
}

// gathered returns all that an iter.Seq2 of values and errors yields.
func gathered(sequence reflect.Value) ([]any, error) {
	all := []any{}
	for value, err := range sequence.Seq2() {
		if err, failed := err.Interface().(error); failed {
			return nil, err
		}
		all = append(all, value.Interface())
	}
	return all, nil
}

func build(c *command) (any, error) {
	builder, err := event.FromFields(c.EventType, c.Fields, c.Properties)
	if err != nil {
		return nil, refused(err)
	}
	built, err := builder.Build()
	if err != nil {
		return nil, refused(err)
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(built)
	return map[string]any{"event": json.RawMessage(text)}, err
}

// refused returns the error of a builder as the client's own methods do.
func refused(err error) error {
	bad, isBad := err.(*event.InvalidError) //nolint:errorlint // it is never wrapped
	if !isBad {
		return err
	}
	return &tallywire.Error{Code: codes.InvalidArgument, Field: bad.Field, Message: bad.Problem, Local: true}
}

func events(c *command) ([]event.Builder, error) {
	builders := make([]event.Builder, len(c.Events))
	for i, text := range c.Events {
		message := new(tallywirev1.Event)
		if err := protojson.Unmarshal(text, message); err != nil {
			return nil, fmt.Errorf("no such message: %w", err)
		}
		builders[i] = event.Of(message)
	}
	return builders, nil
}

func (t *testee) track(ctx context.Context, c *command) (any, error) {
	ctx, cancel := timed(ctx, c)
	defer cancel()
	builders, err := events(c)
	if err != nil {
		return nil, err
	}
	if c.Single {
		result, err := t.client(c).Track(ctx, builders[0])
		return map[string]any{"results": []any{result}}, err
	}
	results, err := t.client(c).TrackBatch(ctx, builders...)
	return map[string]any{"results": results}, err
}

func (t *testee) tracking(ctx context.Context, c *command) (any, error) {
	if c.Do == "tracker_open" {
		return t.openTracker(c)
	}
	t.mutex.Lock()
	tracker := t.trackers[c.Tracker]
	t.mutex.Unlock()
	switch c.Do {
	case "tracker_track":
		builders, err := events(c)
		taken := []bool{}
		for _, one := range builders {
			taken = append(taken, tracker.Track(one))
		}
		return map[string]any{"taken": taken}, err
	case "tracker_stats":
		stats := tracker.Stats()
		return map[string]any{
			"sent": stats.Sent, "duplicates": stats.Duplicates, "rejected": stats.Rejected, "invalid": stats.Invalid,
			"dropped": stats.Dropped, "failed": stats.Failed, "pending": stats.Pending,
		}, nil
	}
	ctx, cancel := timed(ctx, c)
	defer cancel()
	if c.Do == "tracker_flush" {
		return map[string]any{"settled": tracker.Flush(ctx) == nil}, nil
	}
	return map[string]any{"settled": tracker.Close(ctx) == nil}, nil
}

func (t *testee) openTracker(c *command) (any, error) {
	var chosen []tallywire.TrackerOption
	for _, one := range options(c) {
		chosen = append(chosen, one)
	}
	milliseconds := func(given *int64, otherwise time.Duration) time.Duration {
		if given == nil {
			return otherwise
		}
		return time.Duration(*given) * time.Millisecond
	}
	whole := func(given *int, otherwise int) int {
		if given == nil {
			return otherwise
		}
		return *given
	}
	chosen = append(chosen,
		tallywire.WithBuffer(whole(c.MaxEvents, 10_000), whole(c.MaxBytes, 16<<20)),
		tallywire.WithBatches(whole(c.BatchSize, 500), milliseconds(c.FlushIntervalMs, time.Second)),
		tallywire.WithGiveUpAfter(milliseconds(c.RetryForMs, 300*time.Second)),
	)
	tracker, err := tallywire.NewTracker(first(c), c.Key, chosen...)
	if err != nil {
		return nil, err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.trackers[c.Tracker] = tracker
	return none, nil
}

// stream is a subscription whose messages a goroutine takes, one ahead.
type stream struct {
	steps   chan step
	cancel  context.CancelFunc
	batches chan []event.Builder // of a stream of events
}

type step struct {
	update any
	err    error
}

func (t *testee) streaming(ctx context.Context, c *command) (any, error) {
	if c.Do == "stream_open" {
		return t.openStream(c)
	}
	t.mutex.Lock()
	one := t.streams[c.Stream]
	t.mutex.Unlock()
	switch c.Do {
	case "stream_send":
		builders, err := events(c)
		one.batches <- builders
		return none, err
	case "stream_end":
		close(one.batches)
		return none, nil
	case "stream_close":
		one.cancel()
		for range one.steps { // until the goroutine has ended
		}
		return none, nil
	}
	timer := time.NewTimer(time.Duration(*c.TimeoutMs) * time.Millisecond)
	defer timer.Stop()
	select {
	case next, more := <-one.steps:
		if !more {
			return map[string]any{"end": true}, nil
		}
		return map[string]any{"update": next.update}, next.err
	case <-timer.C:
		return map[string]any{"timeout": true}, nil
	case <-ctx.Done():
		one.cancel()
		return nil, &tallywire.Error{Code: codes.Canceled, Message: "the step was cancelled"}
	}
}

func (t *testee) openStream(c *command) (any, error) {
	ctx, cancel := context.WithCancel(context.Background())
	one := &stream{steps: make(chan step), cancel: cancel}
	var chosen []tallywire.SubscribeOption
	if c.SilenceMs != nil {
		chosen = append(chosen, tallywire.WithSilence(time.Duration(*c.SilenceMs)*time.Millisecond))
	}
	if c.Bookmarks {
		chosen = append(chosen, tallywire.WithBookmarks())
	}
	if c.Heartbeats {
		chosen = append(chosen, tallywire.WithHeartbeats())
	}
	switch c.Kind {
	case "events":
		t.openEvents(ctx, c, one)
	case "watch":
		request := new(tallywirev1.WatchMetricsRequest)
		if err := protojson.Unmarshal(c.Request, request); err != nil {
			return nil, err
		}
		go pump(ctx, one, t.client(c).WatchMetrics(ctx, request, chosen...))
	default:
		request := new(tallywirev1.WatchUpdatesRequest)
		if err := protojson.Unmarshal(c.Request, request); err != nil {
			return nil, err
		}
		go pump(ctx, one, t.client(c).WatchUpdates(ctx, request, chosen...))
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.streams[c.Stream] = one
	return none, nil
}

// openEvents opens a stream of events, of which the driver gives the batches one by one.
func (t *testee) openEvents(ctx context.Context, c *command, one *stream) {
	var chosen []tallywire.StreamOption
	if c.MaxUnacked != nil {
		chosen = append(chosen, tallywire.WithUnacked(*c.MaxUnacked))
	}
	if c.RetryForMs != nil {
		chosen = append(chosen, tallywire.WithProgressWithin(time.Duration(*c.RetryForMs)*time.Millisecond))
	}
	one.batches = make(chan []event.Builder, 100)
	batches := func(yield func([]event.Builder) bool) {
		for batch := range one.batches {
			if !yield(batch) {
				return
			}
		}
	}
	go pump(ctx, one, t.client(c).StreamEvents(ctx, batches, chosen...))
}

func pump[V any](ctx context.Context, to *stream, sequence iter.Seq2[V, error]) {
	defer close(to.steps)
	for update, err := range sequence {
		select {
		case to.steps <- step{update, err}:
		case <-ctx.Done():
			return
		}
	}
}
