package tallywire

import (
	"time"

	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// Stats says what became of the events that a [Tracker] was given. Each event is in exactly one of the counts.
type Stats struct {
	// Sent events were stored and counted by the server.
	Sent int
	// Duplicates were stored before with the same id, as when an answer was lost and the event was sent again: a success.
	Duplicates int
	// Rejected events were refused by the server for what they are.
	Rejected int
	// Invalid events were never taken in: they could not be built, or fit in no request.
	Invalid int
	// Dropped events were not sent: the buffer was full, or the tracker was closed.
	Dropped int
	// Failed events were given up after they were sent, or have no result: the outcome is unknown, or the server refused
	// the batch as a whole.
	Failed int
	// Pending events wait or are on their way.
	Pending int
}

// buffer has the events that wait, and counts what became of the others. It is not safe for several goroutines.
type buffer struct {
	maxEvents, maxBytes int
	waiting             []waitingEvent
	head                int // of waiting; what is before it has been taken out
	bytes               int // of what waits or is under way
	taken, settled      int
	stats               Stats
}

type waitingEvent struct {
	event *tallywirev1.Event
	size  int
	since time.Time
}

func (b *buffer) waitingEvents() int {
	return len(b.waiting) - b.head
}

// oldest returns when the first event that waits came. There must be one.
func (b *buffer) oldest() time.Time {
	return b.waiting[b.head].since
}

// put takes an event in; if there is no room, it counts the event as dropped and returns false.
func (b *buffer) put(e *tallywirev1.Event, size int, now time.Time) bool {
	if b.taken-b.settled >= b.maxEvents || b.bytes+size > b.maxBytes {
		b.refuse()
		return false
	}
	b.taken++
	b.bytes += size
	b.waiting = append(b.waiting, waitingEvent{e, size, now})
	return true
}

// refuse counts an event as dropped that was not taken in.
func (b *buffer) refuse() {
	b.taken++
	b.settle(Stats{Dropped: 1}, 1, 0)
}

// take returns the oldest events that fit in one request, and their bytes. They stay pending until they are settled.
func (b *buffer) take(limit int) ([]*tallywirev1.Event, int) {
	var batch []*tallywirev1.Event
	total := 0
	for b.waitingEvents() > 0 && len(batch) < limit {
		next := b.waiting[b.head]
		if len(batch) > 0 && total+next.size > maxBatchBytes {
			break
		}
		b.waiting[b.head] = waitingEvent{}
		b.head++
		batch, total = append(batch, next.event), total+next.size
	}
	if b.head > len(b.waiting)/2 { // otherwise the slice would grow for ever
		b.waiting = append(b.waiting[:0:0], b.waiting[b.head:]...)
		b.head = 0
	}
	return batch, total
}

// settle counts the outcomes of events that have size bytes together.
func (b *buffer) settle(outcome Stats, events, size int) {
	b.settled += events
	b.bytes -= size
	b.stats.Sent += outcome.Sent
	b.stats.Duplicates += outcome.Duplicates
	b.stats.Rejected += outcome.Rejected
	b.stats.Dropped += outcome.Dropped
	b.stats.Failed += outcome.Failed
}

// dropWaiting counts all events that wait as dropped, and returns them.
func (b *buffer) dropWaiting() []*tallywirev1.Event {
	var dropped []*tallywirev1.Event
	size := 0
	for _, one := range b.waiting[b.head:] {
		dropped, size = append(dropped, one.event), size+one.size
	}
	b.waiting, b.head = nil, 0
	b.settle(Stats{Dropped: len(dropped)}, len(dropped), size)
	return dropped
}

func (b *buffer) counted() Stats {
	counts := b.stats
	counts.Pending = b.taken - b.settled
	return counts
}
