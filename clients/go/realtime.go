package tallywire

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/tallywire/tallywire/clients/go/answer"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// Messages come every 15 seconds at least: a connection that is silent for longer has died without telling.
const defaultSilence = 45 * time.Second

// SubscribeOption is a choice for [Client.WatchMetrics] and [Client.WatchUpdates].
type SubscribeOption func(options *subscribeOptions)

type subscribeOptions struct {
	onRetry    func(err error, wait time.Duration)
	retryFor   time.Duration
	silence    time.Duration
	heartbeats bool
	bookmarks  bool
}

// WithOnRetry calls a function with the error and the wait before a connection that was lost is replaced. A connection
// that ends by its age, every few minutes, is replaced silently.
func WithOnRetry(onRetry func(err error, wait time.Duration)) SubscribeOption {
	return func(o *subscribeOptions) { o.onRetry = onRetry }
}

// WithRetryFor ends a subscription with the error once it was without a connection for so long; else it never gives up.
func WithRetryFor(limit time.Duration) SubscribeOption {
	return func(o *subscribeOptions) { o.retryFor = limit }
}

// WithHeartbeats has WatchMetrics yield the messages that come while nothing changes, every 15 seconds. They have a
// revision and no state.
func WithHeartbeats() SubscribeOption {
	return func(o *subscribeOptions) { o.heartbeats = true }
}

// WithBookmarks has WatchUpdates yield the messages that move the token while nothing happens. The first one says that
// nothing is missed from then on.
func WithBookmarks() SubscribeOption {
	return func(o *subscribeOptions) { o.bookmarks = true }
}

// WithSilence says after which time without any message a connection is taken for dead: 45 seconds unless chosen
// otherwise. Messages come every 15 seconds at least.
func WithSilence(limit time.Duration) SubscribeOption {
	return func(o *subscribeOptions) { o.silence = limit }
}

// WatchMetrics yields the newest state at once and whenever it has changed, at most once per min_interval of the
// request. A slow loop gets the newest state, and never a queue of old ones.
//
// The subscription outlasts servers: a connection that is lost is replaced, and revisions never go back. The loop ends
// without an error when the context ends; any other end is an error, as the last pair.
func (c *Client) WatchMetrics(
	ctx context.Context, request *tallywirev1.WatchMetricsRequest, options ...SubscribeOption,
) iter.Seq2[answer.WatchMetricsResponse, error] {
	chosen := chosenOf(options)
	return subscribe(ctx, c, chosen, "/tallywire.v1.RealtimeService/WatchMetrics",
		func() progress[tallywirev1.WatchMetricsResponse] {
			return &stateProgress{request: proto.CloneOf(request), heartbeats: chosen.heartbeats}
		}, answer.NewWatchMetricsResponse)
}

// WatchUpdates yields every revision once, in order, without a gap and whole, from now on or after the token of the
// request. To go on in another process, keep the ResumeToken of an update once it is dealt with, and pass it as
// resume_after with the same filter.
//
// The subscription outlasts servers, as that of [Client.WatchMetrics]. It ends with [ErrCompacted] if the token is older
// than what is kept, with [ErrRestored] if the service was restored from a backup, and with [ErrOutOfSequence] for a
// revision that does not follow the last one.
func (c *Client) WatchUpdates(
	ctx context.Context, request *tallywirev1.WatchUpdatesRequest, options ...SubscribeOption,
) iter.Seq2[answer.WatchUpdatesResponse, error] {
	chosen := chosenOf(options)
	return subscribe(ctx, c, chosen, "/tallywire.v1.RealtimeService/WatchUpdates",
		func() progress[tallywirev1.WatchUpdatesResponse] {
			return &updateProgress{asked: proto.CloneOf(request), token: request.GetResumeAfter(), bookmarks: chosen.bookmarks}
		}, answer.NewWatchUpdatesResponse)
}

func chosenOf(options []SubscribeOption) subscribeOptions {
	chosen := subscribeOptions{silence: defaultSilence}
	for _, option := range options {
		option(&chosen)
	}
	return chosen
}

// progress is what has come on a subscription, and what may come next.
type progress[M any] interface {
	// next returns the request of a new connection.
	next() proto.Message
	// take enters a message and returns what there is to yield, nil if nothing.
	take(message *M) (*M, *Error)
}

// subscribe yields the messages of a subscription, whose connections are replaced. Each loop has a progress of its own.
func subscribe[M, V any](
	ctx context.Context, c *Client, chosen subscribeOptions, path string, begin func() progress[M], view func(*M) V,
) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		s := &subscription[M]{client: c, path: path, chosen: chosen, progress: begin()}
		defer s.drop()
		for {
			message, err := s.step(ctx)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				var none V
				yield(none, err)
				return
			}
			if message != nil && !yield(view(message), nil) {
				return
			}
		}
	}
}

// subscription is one loop over a subscription.
type subscription[M any] struct {
	client   *Client
	path     string
	chosen   subscribeOptions
	progress progress[M]
	receiver *receiver

	connected bool // whether any message has ever come
	failures  int
	since     time.Time // of the first failure in a row
}

// step returns the next message to yield; nil if there is none yet, as after a connection was replaced.
func (s *subscription[M]) step(ctx context.Context) (*M, *Error) {
	message, failure := s.received(ctx)
	if failure == nil {
		s.connected, s.failures = true, 0
		taken, err := s.progress.take(message)
		return taken, err
	}
	s.drop()
	wait, again := s.again(failure)
	if !again {
		return nil, failure
	}
	if s.chosen.onRetry != nil && failure.Reason != "STREAM_AGE" {
		s.chosen.onRetry(failure, wait)
	}
	select {
	case <-s.client.closed.Done():
		return nil, closedError()
	default:
		sleepEither(ctx, s.client.closed, wait)
		return nil, nil
	}
}

// received returns the next message of the connection, which is opened if need be.
func (s *subscription[M]) received(ctx context.Context) (*M, *Error) {
	if s.receiver == nil {
		opened, failure := s.client.receive(ctx, s.path, s.progress.next())
		if failure != nil {
			return nil, failure
		}
		s.receiver = opened
	}
	var silent atomic.Bool
	watch := time.AfterFunc(s.chosen.silence, func() {
		silent.Store(true)
		s.receiver.cancel()
	})
	message := new(M)
	err := s.receiver.next(any(message).(proto.Message))
	watch.Stop()
	switch {
	case err == nil:
		return message, nil
	case ctx.Err() == nil && silent.Load():
		return nil, &Error{Code: codes.Unavailable, Message: "nothing was heard for " + s.chosen.silence.String()}
	case errors.Is(err, io.EOF):
		return nil, &Error{Code: codes.Unavailable, Message: "the server ended the stream"}
	default:
		return nil, ErrorOf(err)
	}
}

// again returns how long to wait before a new connection, and whether to make one at all.
func (s *subscription[M]) again(err *Error) (time.Duration, bool) {
	asked, said := err.RetryAfter.Get()
	switch {
	case asked == Never:
		return 0, false
	case err.Code == codes.Unavailable, err.Reason == "SLOW_CONSUMER", err.Reason == "DEADLINE":
	case err.Code == codes.ResourceExhausted && err.asked && s.connected:
	default:
		return 0, false
	}
	now := time.Now()
	if s.failures == 0 {
		s.since = now
	}
	wait := backoffAfter(s.failures)
	if said && asked > 0 {
		wait = time.Duration(float64(asked) * (1 + 0.2*rand.Float64()))
	}
	s.failures++
	return wait, s.chosen.retryFor == 0 || now.Add(wait).Sub(s.since) < s.chosen.retryFor
}

func (s *subscription[M]) drop() {
	if s.receiver != nil {
		s.receiver.cancel()
		s.receiver = nil
	}
}

// sleepEither waits, unless one of two contexts ends before.
func sleepEither(a, b context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.Done():
	case <-b.Done():
	}
}
