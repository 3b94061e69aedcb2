package tallywire

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tallywire/tallywire/clients/go/answer"
	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

const (
	streamEvents = "/tallywire.v1.EventService/StreamEvents"
	// The server stops reading beyond.
	mostUnacked    = 32
	defaultUnacked = 16
	// A connection is replaced then, so that one that died silently is noticed.
	longestConnection = 120 * time.Second
	defaultProgress   = 60 * time.Second
)

var streamOfBoth = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// StreamOption is a choice for [Client.StreamEvents].
type StreamOption func(options *streamOptions)

type streamOptions struct {
	unacked  int
	retryFor time.Duration
}

// WithUnacked says how many batches may be under way, from 1 to 32: 16 unless chosen otherwise.
func WithUnacked(most int) StreamOption {
	return func(o *streamOptions) { o.unacked = most }
}

// WithProgressWithin ends a stream with the error once so long has passed without a new acknowledgement: a minute unless
// chosen otherwise.
func WithProgressWithin(limit time.Duration) StreamOption {
	return func(o *streamOptions) { o.retryFor = limit }
}

// StreamEvents sends batches over one stream and yields an acknowledgement for each, in their order, as they come. It is
// for programs that have batches of their own, such as those that read a queue: others have a [Tracker].
//
// Some batches are under way at once; the next one is taken from the sequence, in a goroutine of its own, when there is
// room. A connection that breaks is replaced, and what is not acknowledged is sent again with the same ids. The loop ends
// once the sequence has ended and everything is acknowledged; any other end is an error, as the last pair. A batch of
// more than 1,000 events or 3.5 MiB, or an event that cannot be built, is such an error, after the acknowledgements of
// the batches before it. Leaving the loop ends the call, and the sequence at its next batch.
func (c *Client) StreamEvents(
	ctx context.Context, batches iter.Seq[[]event.Builder], options ...StreamOption,
) iter.Seq2[answer.StreamAck, error] {
	chosen := streamOptions{unacked: defaultUnacked, retryFor: defaultProgress}
	for _, option := range options {
		option(&chosen)
	}
	return func(yield func(answer.StreamAck, error) bool) {
		if chosen.unacked < 1 || chosen.unacked > mostUnacked {
			yield(answer.StreamAck{}, invalid("unacked", "it is from 1 to %d, not %d", mostUnacked, chosen.unacked))
			return
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(c.closed, func() { cancel(ErrClosed) })()
		window := &window{most: chosen.unacked, changed: make(chan struct{})}
		go window.fill(ctx, batches)
		sender := &eventSender{client: c, window: window, retryFor: chosen.retryFor}
		if err := sender.run(ctx, yield); err != nil {
			yield(answer.StreamAck{}, err)
		}
	}
}

// window has the batches without an acknowledgement, oldest first.
type window struct {
	most int

	mutex   sync.Mutex
	changed chan struct{} // closed, and replaced, at each change
	unacked []*tallywirev1.StreamBatch
	sent    int // of them, on this connection
	last    int64
	ended   bool
	failure *Error // of the source
}

// change does something to the window and wakes all who wait.
func (w *window) change(do func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	do()
	close(w.changed)
	w.changed = make(chan struct{})
}

// until waits until something is so of the window; false if the context has ended before.
func (w *window) until(ctx context.Context, isSo func() bool) bool {
	for {
		w.mutex.Lock()
		found, changed := isSo(), w.changed
		w.mutex.Unlock()
		if found {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// fill takes batches from their source while there is room.
func (w *window) fill(ctx context.Context, batches iter.Seq[[]event.Builder]) {
	var failure *Error
	for builders := range batches {
		var built []*tallywirev1.Event
		if built, failure = batchOf(builders); failure != nil {
			break
		}
		if !w.until(ctx, func() bool { return len(w.unacked) < w.most }) {
			return
		}
		w.change(func() {
			w.last++
			w.unacked = append(w.unacked, &tallywirev1.StreamBatch{Sequence: w.last, Events: built})
		})
	}
	w.change(func() { w.ended, w.failure = true, failure })
}

// batchOf returns the events of a batch, which must fit in a request.
func batchOf(builders []event.Builder) ([]*tallywirev1.Event, *Error) {
	built := make([]*tallywirev1.Event, len(builders))
	for i, one := range builders {
		var err error
		if built[i], err = build(one); err != nil {
			return nil, ErrorOf(err)
		}
	}
	if leading(built) != len(built) {
		return nil, invalid("batches", "a batch of a stream is at most %d events and 3.5 MiB", maxBatchEvents)
	}
	return built, nil
}

// next returns the next batch that this connection has not sent; nil at the end, or if the context has ended before.
func (w *window) next(ctx context.Context) *tallywirev1.StreamBatch {
	if !w.until(ctx, func() bool { return w.sent < len(w.unacked) || w.isFinished() }) {
		return nil
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.isFinished() || w.sent >= len(w.unacked) {
		return nil
	}
	w.sent++
	return w.unacked[w.sent-1]
}

// acknowledged reports whether an acknowledgement is new, and drops its batch.
func (w *window) acknowledged(ack *tallywirev1.StreamAck) bool {
	isNew := false
	w.change(func() {
		isNew = len(w.unacked) > 0 && w.unacked[0].GetSequence() == ack.GetSequence()
		if isNew {
			w.unacked = w.unacked[1:]
			w.sent--
		}
	})
	return isNew
}

func (w *window) isFinished() bool { return w.ended && len(w.unacked) == 0 }

// state returns whether all is done, whether nothing is outstanding, and the error of the source.
func (w *window) state() (isFinished, isIdle bool, failure *Error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.isFinished(), len(w.unacked) == 0, w.failure
}

// eventSender has one connection after the other.
type eventSender struct {
	client   *Client
	window   *window
	retryFor time.Duration
	tries    attempts
}

// errLeft says that the caller has left the loop.
var errLeft = errors.New("the loop was left")

// run yields acknowledgements to the end; it returns the error that ends it, nil if there is none.
func (s *eventSender) run(ctx context.Context, yield func(answer.StreamAck, error) bool) error {
	s.progress()
	for {
		failure := s.connection(ctx, yield)
		isFinished, isIdle, ofSource := s.window.state()
		switch {
		case errors.Is(failure, errLeft):
			return nil
		case isFinished && ofSource != nil:
			return ofSource
		case isFinished:
			return nil
		case ctx.Err() != nil:
			return stopped(ctx)
		}
		if isIdle {
			s.progress()
		}
		wait, again := s.tries.next(ErrorOf(failure), time.Now())
		if !again {
			return failure
		}
		if !sleep(ctx, wait) {
			return stopped(ctx)
		}
	}
}

// progress sets failures back, and the time for trying.
func (s *eventSender) progress() {
	s.tries = attempts{kind: sendsEvents, deadline: time.Now().Add(s.retryFor)}
}

// connection sends and receives until its end, which it returns as an error.
func (s *eventSender) connection(ctx context.Context, yield func(answer.StreamAck, error) bool) error {
	s.window.change(func() { s.window.sent = 0 })
	limit := min(longestConnection, max(time.Until(s.tries.deadline), time.Millisecond))
	own, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stream, err := s.client.connections.forStream().NewStream(own, streamOfBoth, streamEvents)
	if err != nil {
		return s.client.classified(ctx, own, err, nil)
	}
	var sending sync.WaitGroup
	sending.Add(1)
	go func() {
		defer sending.Done()
		s.send(own, stream)
	}()
	defer sending.Wait()
	defer cancel() // before the wait
	for {
		response := &tallywirev1.StreamEventsResponse{}
		if err := stream.RecvMsg(response); errors.Is(err, io.EOF) {
			return &Error{Code: codes.Unavailable, Message: "the server ended the stream early"}
		} else if err != nil {
			return s.client.classified(ctx, own, err, stream.Trailer())
		}
		for _, ack := range response.GetAcks() {
			if !s.window.acknowledged(ack) {
				continue
			}
			s.progress()
			if !yield(answer.NewStreamAck(ack), nil) {
				return errLeft
			}
		}
	}
}

// send writes what this connection has not sent, to the end of the source or that of the connection.
func (s *eventSender) send(ctx context.Context, stream grpc.ClientStream) {
	for {
		batch := s.window.next(ctx)
		if batch == nil {
			_ = stream.CloseSend() // never fails
			return
		}
		stamped := &tallywirev1.StreamBatch{
			Sequence: batch.GetSequence(), Events: batch.GetEvents(), CorrectClock: s.client.settings.correctClock,
		}
		if !s.client.settings.hidesClock {
			stamped.SentAt = timestamppb.Now()
		}
		message := &tallywirev1.StreamEventsRequest{
			Message: &tallywirev1.StreamEventsRequest_Batch{Batch: stamped},
		}
		if stream.SendMsg(message) != nil {
			return // the status comes with the next answer
		}
	}
}
