package tallywire

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
	// How often a question is asked in all where the server does not say when to ask again.
	questionAttempts = 3
)

// callKind is by which rules a call is tried again.
type callKind int

const (
	// question changes nothing.
	question callKind = iota
	// change is tried again only where nothing was done.
	change
	// sendsEvents has ids that make it safe to send again.
	sendsEvents
	// background sends events that nobody waits for.
	background
)

// attempts are the attempts of one call: decisions without any waiting.
type attempts struct {
	kind     callKind
	deadline time.Time // zero: none
	failures int
	last     *Error // the last error that was not merely a lack of time
	unknown  *Error // the last error that left the outcome open
}

// next returns how long to wait before trying again, and whether to try again at all.
func (a *attempts) next(err *Error, now time.Time) (time.Duration, bool) {
	again := a.isRetried(err)
	wait := backoffAfter(a.failures)
	if asked, said := err.RetryAfter.Get(); said && asked > 0 {
		wait = time.Duration(float64(asked) * (1 + 0.2*rand.Float64()))
	}
	a.failures++
	if again {
		if err.Code != codes.DeadlineExceeded {
			a.last = err
		}
		if err.OutcomeUnknown() {
			a.unknown = err
		}
	}
	return wait, again && (a.deadline.IsZero() || now.Add(wait).Before(a.deadline))
}

// isRetried reports whether an error is worth another attempt.
func (a *attempts) isRetried(err *Error) bool {
	if wait, _ := err.RetryAfter.Get(); wait == Never {
		return false
	}
	exhausted := err.Code == codes.ResourceExhausted && err.asked
	switch a.kind {
	case question:
		return err.asked || err.Code == codes.Unavailable && a.failures < questionAttempts-1
	case change:
		return exhausted || err.Reason == "OVERLOADED"
	case sendsEvents:
		return exhausted || err.Code == codes.Unavailable || err.Code == codes.DeadlineExceeded
	default:
		return exhausted || err.OutcomeUnknown()
	}
}

// verdict returns the error of the whole call: if the last attempt merely ran out of time, that of the one before.
func (a *attempts) verdict(err *Error) *Error {
	if err.Code == codes.DeadlineExceeded && a.last != nil {
		return a.last
	}
	return err
}

// givenUp returns the error of a call that gave up waiting for a slot: one that leaves the outcome open, if any does.
func (a *attempts) givenUp(refusal *Error) *Error {
	if a.unknown != nil {
		return a.unknown
	}
	return refusal
}

// backoffAfter returns the wait after some failures, between a half and the whole of what doubles up to a limit.
func backoffAfter(failures int) time.Duration {
	whole := min(maxBackoff, firstBackoff<<min(failures, 16))
	return time.Duration(float64(whole) * (0.5 + 0.5*rand.Float64()))
}

// sleep waits, unless the context ends before; it reports whether it waited to the end.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
