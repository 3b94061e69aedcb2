package tallywire

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

const (
	defaultMaxEvents       = 10_000
	defaultMaxBytes        = 16 << 20
	defaultBatchSize       = 500
	defaultFlushInterval   = time.Second
	defaultRetryFor        = 300 * time.Second
	defaultShutdownTimeout = 5 * time.Second
)

// TrackerOption is a choice for [NewTracker]. Every [Option] is one, too.
type TrackerOption interface {
	applyToTracker(settings *trackerSettings)
}

type trackerSettings struct {
	settings
	maxEvents     int
	maxBytes      int
	batchSize     int
	flushInterval time.Duration
	retryFor      time.Duration
	onDrop        func(e *tallywirev1.Event, reason string)
}

type trackerOption func(settings *trackerSettings)

func (o trackerOption) applyToTracker(settings *trackerSettings) { o(settings) }

// WithBuffer bounds what waits or is under way: 10,000 events and 16 MiB unless chosen otherwise. When a bound is
// reached, new events are dropped and counted.
func WithBuffer(maxEvents, maxBytes int) TrackerOption {
	return trackerOption(func(s *trackerSettings) { s.maxEvents, s.maxBytes = maxEvents, maxBytes })
}

// WithBatches says when a batch goes out: when size events wait (500 unless chosen otherwise, at most 1,000), or the
// oldest has waited for the interval (1 second).
func WithBatches(size int, interval time.Duration) TrackerOption {
	return trackerOption(func(s *trackerSettings) { s.batchSize, s.flushInterval = size, interval })
}

// WithGiveUpAfter says for how long a batch is sent again whose outcome is unknown: 5 minutes unless chosen otherwise.
func WithGiveUpAfter(limit time.Duration) TrackerOption {
	return trackerOption(func(s *trackerSettings) { s.retryFor = limit })
}

// WithOnDrop calls a function with each event that is lost, and the reason; the event is nil if it could not be built.
// It is called by the goroutine that notices, which may be the one that tracks: so it should be quick.
func WithOnDrop(onDrop func(e *tallywirev1.Event, reason string)) TrackerOption {
	return trackerOption(func(s *trackerSettings) { s.onDrop = onDrop })
}

// WithLogger has lost events logged to another logger than [slog.Default]: one line a minute at most.
func WithLogger(logger *slog.Logger) TrackerOption {
	return trackerOption(func(s *trackerSettings) { s.logger = logger })
}

// Recorder is what takes events in without waiting: a [Tracker], or one that stamps what it takes in.
type Recorder interface {
	Track(e event.Builder) bool
}

// Tracker takes events in without ever waiting or failing, and sends them in the background. It is safe for use by
// several goroutines.
//
// A batch whose outcome is unknown is sent again with the same ids, so nothing counts twice. Every event that is lost is
// counted in Stats, and a line in the log, one a minute at most, says how many and why.
//
// Go runs no code at the end of a process: call Close before main returns, as with defer, and after the servers that
// track have stopped. Note that [os.Exit] and log.Fatal skip deferred calls.
type Tracker struct {
	settings trackerSettings
	client   *Client
	lost     *lostEvents
	buffer   buffer // guarded by mutex, as what follows
	mutex    sync.Mutex
	flushTo  int
	closing  bool
	settling chan struct{} // closed and replaced when events get their outcome

	wake   chan struct{}
	ended  chan struct{} // closed when the goroutine has ended
	hard   context.Context
	cancel context.CancelFunc
	once   sync.Once
	result error
}

// NewTracker returns a tracker for the service at an address, host:port. Arguments that contradict each other are
// refused with an [*Error]; nothing fails later.
func NewTracker(address, key string, options ...TrackerOption) (*Tracker, error) {
	settings := trackerSettings{
		settings: newSettings(address), maxEvents: defaultMaxEvents, maxBytes: defaultMaxBytes,
		batchSize: defaultBatchSize, flushInterval: defaultFlushInterval, retryFor: defaultRetryFor,
	}
	for _, option := range options {
		option.applyToTracker(&settings)
	}
	if settings.batchSize < 1 || settings.batchSize > maxBatchEvents {
		return nil, invalid("batch size", "it is from 1 to %d, not %d", maxBatchEvents, settings.batchSize)
	}
	if settings.maxEvents < 1 || settings.maxBytes < 1 {
		return nil, invalid("buffer", "it has room for at least 1 event and 1 byte")
	}
	client, err := newClient(settings.settings, key)
	if err != nil {
		return nil, err
	}
	hard, cancel := context.WithCancel(context.Background())
	t := &Tracker{
		settings: settings, client: client, hard: hard, cancel: cancel,
		lost:     newLostEvents(settings.onDrop, settings.logger),
		buffer:   buffer{maxEvents: settings.maxEvents, maxBytes: settings.maxBytes},
		settling: make(chan struct{}), wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	go t.run()
	return t, nil
}

// Track takes an event in and reports whether it was taken. It never waits and never panics; what it does not take is
// counted.
func (t *Tracker) Track(e event.Builder) bool {
	built, err := buildSafely(e)
	if err == nil && sizeOf(built) > maxBatchBytes {
		err = invalid("event", "it does not fit in a request")
	}
	if err != nil {
		t.mutex.Lock()
		t.buffer.stats.Invalid++
		t.mutex.Unlock()
		t.report(lostEvent{event: built, kind: "invalid " + err.Field, reason: "an event could not be built: " + err.Error()})
		return false
	}
	return t.put(built, sizeOf(built))
}

// buildSafely returns the event of a builder, whatever the builder does.
func buildSafely(e event.Builder) (built *tallywirev1.Event, err *Error) {
	defer func() {
		if fault := recover(); fault != nil {
			built, err = nil, invalid("event", "the builder has a fault: %v", fault)
		}
	}()
	built, failure := build(e)
	return built, ErrorOf(failure)
}

func (t *Tracker) put(e *tallywirev1.Event, size int) bool {
	t.mutex.Lock()
	refused := ""
	switch {
	case t.closing:
		refused = "the tracker was closed before it came"
		t.buffer.refuse()
	case !t.buffer.put(e, size, time.Now()):
		refused = "the buffer of the tracker is full"
	}
	due := t.buffer.waitingEvents() == 1 || t.buffer.waitingEvents() >= t.settings.batchSize
	t.mutex.Unlock()
	if refused != "" {
		t.report(lostEvent{event: e, kind: refused, reason: refused})
		return false
	}
	if due {
		t.notify()
	}
	return true
}

// Stats returns what became of the events so far.
func (t *Tracker) Stats() Stats {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.buffer.counted()
}

// Flush sends what waits at once, and returns once every event that was taken before has its outcome (see Stats), or
// with the error of the context.
func (t *Tracker) Flush(ctx context.Context) error {
	t.mutex.Lock()
	goal := t.buffer.taken
	t.flushTo = max(t.flushTo, goal)
	for t.buffer.settled < goal {
		settling := t.settling
		t.mutex.Unlock()
		t.notify()
		select {
		case <-settling:
		case <-ctx.Done():
			return fmt.Errorf("tallywire: events still wait for their outcome: %w", ctx.Err())
		}
		t.mutex.Lock()
	}
	t.mutex.Unlock()
	return nil
}

// Close sends what waits and stops taking events. When the context ends, or after 5 seconds if it has no deadline, it
// cancels what is under way. It returns an error if not every event had its outcome by then; such events are counted as
// dropped, or as failed if they were under way. Closing again returns the same.
func (t *Tracker) Close(ctx context.Context) error {
	t.once.Do(func() { t.result = t.closeOnce(ctx) })
	return t.result
}

func (t *Tracker) closeOnce(ctx context.Context) error {
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultShutdownTimeout)
		defer cancel()
	}
	t.mutex.Lock()
	t.closing = true
	failedBefore := t.buffer.stats.Failed
	t.mutex.Unlock()
	t.notify()
	select {
	case <-t.ended:
	case <-ctx.Done():
		t.cancel()
		<-t.ended
	}
	t.cancel()
	t.mutex.Lock()
	left := t.buffer.dropWaiting()
	failed := t.buffer.stats.Failed - failedBefore
	t.settled()
	t.mutex.Unlock()
	const reason = "the tracker was closed before it was sent"
	for _, e := range left {
		t.lost.add(lostEvent{event: e, kind: reason, reason: reason})
	}
	t.lost.log()
	err := t.client.Close()
	if len(left) > 0 || failed > 0 {
		return &Error{
			Code:    codes.DeadlineExceeded,
			Message: fmt.Sprintf("%d events were not sent, and %d have no outcome", len(left), failed),
		}
	}
	return err
}

// String returns the addresses; never the key.
func (t *Tracker) String() string {
	return "tallywire.Tracker(" + t.client.addresses() + ")"
}

// Format prints the tracker as String does, whatever the verb: its fields would hold the key.
func (t *Tracker) Format(state fmt.State, _ rune) {
	_, _ = state.Write([]byte(t.String()))
}

// notify wakes the goroutine.
func (t *Tracker) notify() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// settled wakes those that wait for outcomes. The mutex is held.
func (t *Tracker) settled() {
	close(t.settling)
	t.settling = make(chan struct{})
}

// report counts a lost event, and has the goroutine log it when a line is due.
func (t *Tracker) report(lost lostEvent) {
	if t.lost.add(lost) {
		t.notify()
	}
}
