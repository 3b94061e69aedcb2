package tallywire

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

var trackEvents = method{path: "/tallywire.v1.EventService/TrackEvents", kind: background, attempt: 30 * time.Second}

// run sends batches until the tracker is closed and no event waits.
func (t *Tracker) run() {
	defer close(t.ended)
	for {
		batch, size := t.nextBatch()
		if batch == nil {
			return
		}
		outcome, lost := t.deliver(batch)
		for _, one := range lost { // first: OnDrop has been called when Flush returns
			t.lost.add(one)
		}
		t.lost.logIfDue()
		t.mutex.Lock()
		t.buffer.settle(outcome, len(batch), size)
		t.settled()
		t.mutex.Unlock()
	}
}

// nextBatch waits for a batch that is due and returns it with its size, or nil when it is time to stop.
func (t *Tracker) nextBatch() ([]*tallywirev1.Event, int) {
	for {
		t.mutex.Lock()
		if t.closing && (t.buffer.waitingEvents() == 0 || t.hard.Err() != nil) {
			t.mutex.Unlock()
			return nil, 0
		}
		wait, line := time.Duration(-1), t.lost.untilLine()
		if t.buffer.waitingEvents() > 0 {
			wait = time.Until(t.buffer.oldest().Add(t.settings.flushInterval))
			isUrgent := t.closing || t.buffer.settled < t.flushTo || t.buffer.waitingEvents() >= t.settings.batchSize
			if isUrgent || wait <= 0 {
				defer t.mutex.Unlock()
				return t.buffer.take(t.settings.batchSize)
			}
		}
		t.mutex.Unlock()
		if line == 0 {
			t.lost.log()
			continue
		}
		t.waitFor(earlier(wait, line))
	}
}

// waitFor waits until the goroutine is woken, or for a time unless that is negative.
func (t *Tracker) waitFor(wait time.Duration) {
	var due <-chan time.Time
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-t.wake:
	case <-due:
	case <-t.hard.Done():
	}
}

// earlier returns the shorter of two waits, of which negative ones have no end.
func earlier(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// deliver sends a batch, again while its outcome is unknown and time is left, and returns the outcomes.
func (t *Tracker) deliver(batch []*tallywirev1.Event) (Stats, []lostEvent) {
	tries := attempts{kind: background, deadline: time.Now().Add(t.settings.retryFor)}
	ctx, cancel := context.WithDeadline(t.hard, tries.deadline)
	defer cancel()
	for {
		response := &tallywirev1.TrackEventsResponse{}
		err := t.client.attempt(ctx, trackEvents, &tallywirev1.TrackEventsRequest{Events: batch}, response)
		if err == nil {
			return countedResults(batch, response.GetResults())
		}
		wait, again := tries.next(err, time.Now())
		if !again || ctx.Err() != nil || !sleep(ctx, wait) {
			err = tries.verdict(err)
			kind := fmt.Sprintf("failed %v %s", err.Code, err.Reason)
			return Stats{Failed: len(batch)}, lostOf(batch, kind, "given up: "+err.Error())
		}
		t.lost.logIfDue()
	}
}

func lostOf(batch []*tallywirev1.Event, kind, reason string) []lostEvent {
	lost := make([]lostEvent, len(batch))
	for i, e := range batch {
		lost[i] = lostEvent{event: e, kind: kind, reason: reason}
	}
	return lost
}

// countedResults counts the results of a batch. Events that were rejected, or have no result, are lost.
func countedResults(batch []*tallywirev1.Event, results []*tallywirev1.EventResult) (Stats, []lostEvent) {
	var counts Stats
	var lost []lostEvent
	for i, e := range batch {
		var result *tallywirev1.EventResult
		if i < len(results) {
			result = results[i]
		}
		switch result.GetStatus() {
		case tallywirev1.EventStatus_EVENT_STATUS_ACCEPTED:
			counts.Sent++
		case tallywirev1.EventStatus_EVENT_STATUS_DUPLICATE:
			counts.Duplicates++
		case tallywirev1.EventStatus_EVENT_STATUS_REJECTED:
			counts.Rejected++
			lost = append(lost, rejected(e, result.GetRejection()))
		default:
			counts.Failed++
			lost = append(lost, lostEvent{event: e, kind: "no result", reason: "the server gave no result"})
		}
	}
	return counts, lost
}

func rejected(e *tallywirev1.Event, rejection *tallywirev1.Rejection) lostEvent {
	reason := strings.TrimPrefix(rejection.GetReason().String(), "ERROR_REASON_")
	return lostEvent{
		event: e,
		kind:  strings.Join([]string{"rejected", e.GetEventType(), reason, rejection.GetField()}, " "),
		reason: fmt.Sprintf("%s rejected: %s %s: %s",
			e.GetEventType(), reason, rejection.GetField(), rejection.GetMessage()),
	}
}
