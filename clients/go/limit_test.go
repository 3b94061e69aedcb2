package tallywire

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/tallywire/tallywire/clients/go/answer"
)

func overloaded(wait time.Duration) *Error {
	return &Error{Code: codes.Unavailable, Reason: "OVERLOADED", RetryAfter: answer.Some(wait), asked: true}
}

func TestARefusalHalvesWhatIsUnderWay(t *testing.T) {
	p, ctx := newPacing(), context.Background()
	var begun []time.Time
	for range 16 {
		at, err := p.begin(ctx, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		begun = append(begun, at)
	}
	p.end(begun[0], overloaded(0))
	p.end(begun[1], overloaded(0)) // of the same time: it does not cut again
	if p.limit != 8 {
		t.Errorf("of 16 calls %v may be under way", p.limit)
	}
	for _, at := range begun[2:] {
		p.end(at, nil)
	}
	if p.limit <= 8 || p.limit > 10 {
		t.Errorf("14 successes have made the limit %v", p.limit)
	}
	for range 10_000 {
		at, err := p.begin(ctx, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		p.end(at, nil)
	}
	if p.wait(time.Now()) != 0 || p.limit < callsPerConnection {
		t.Errorf("after many successes the limit is %v", p.limit)
	}
}

func TestTheNewestCallIsServedFirst(t *testing.T) {
	p, ctx := newPacing(), context.Background()
	first, _ := p.begin(ctx, time.Minute)
	p.end(first, overloaded(0))
	held, _ := p.begin(ctx, time.Minute)
	served := make(chan int, 3)
	ready := make(chan time.Time, 3)
	for i := range 3 {
		go func() {
			at, err := p.begin(ctx, time.Minute)
			if err != nil {
				t.Error(err)
			}
			served <- i
			ready <- at
		}()
		for waiting := 0; waiting != i+1; time.Sleep(time.Millisecond) {
			p.mutex.Lock()
			waiting = len(p.waiting)
			p.mutex.Unlock()
		}
	}
	p.limit = 1
	p.end(held, &Error{Code: codes.Internal})
	for _, wanted := range []int{2, 1, 0} {
		if got := <-served; got != wanted {
			t.Errorf("call %d was served, not %d", got, wanted)
		}
		p.end(<-ready, &Error{Code: codes.Internal})
	}
}

func TestACallThatWouldWaitTooLongGivesUp(t *testing.T) {
	p := newPacing()
	at, _ := p.begin(context.Background(), time.Minute)
	p.end(at, overloaded(time.Hour))
	if until := time.Until(p.heldUntil); until > longestHold {
		t.Errorf("an hour is held for %v", until)
	}
	if _, err := p.begin(context.Background(), time.Second); err == nil || err.Reason != "OVERLOADED" {
		t.Errorf("it ended with %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.begin(ctx, time.Minute); err == nil || err.Code != codes.DeadlineExceeded {
		t.Errorf("it ended with %v", err)
	}
	if p.underWay != 0 || len(p.waiting) != 0 {
		t.Errorf("%d are under way, %d wait", p.underWay, len(p.waiting))
	}
}

func TestWhatIsTriedAgain(t *testing.T) {
	plain := func(code codes.Code) *Error { return &Error{Code: code} }
	told := func(code codes.Code) *Error {
		return &Error{Code: code, Reason: "X", RetryAfter: answer.Some(time.Millisecond), asked: true}
	}
	pushed := func(wait time.Duration) *Error { return &Error{Code: codes.Unavailable, RetryAfter: answer.Some(wait)} }
	for _, one := range []struct {
		err                                       *Error
		question, change, sendsEvents, background bool
	}{
		{plain(codes.Unavailable), true, false, true, true},
		{plain(codes.DeadlineExceeded), false, false, true, true},
		{plain(codes.Internal), false, false, false, true},
		{plain(codes.Unknown), false, false, false, true},
		{plain(codes.ResourceExhausted), false, false, false, false},
		{plain(codes.InvalidArgument), false, false, false, false},
		{told(codes.ResourceExhausted), true, true, true, true},
		{told(codes.FailedPrecondition), true, false, false, false},
		{told(codes.Unavailable), true, false, true, true},
		{overloaded(time.Millisecond), true, true, true, true},
		{pushed(Never), false, false, false, false},
		{pushed(time.Millisecond), true, false, true, true},
	} {
		wanted := map[callKind]bool{
			question: one.question, change: one.change, sendsEvents: one.sendsEvents, background: one.background,
		}
		for kind, again := range wanted {
			tries := attempts{kind: kind}
			if _, got := tries.next(one.err, time.Now()); got != again {
				t.Errorf("kind %d, %v: tried again is %v", kind, one.err, got)
			}
		}
	}
}

func TestWaits(t *testing.T) {
	tries := attempts{kind: sendsEvents}
	for i, whole := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		whole *= time.Millisecond
		wait, _ := tries.next(&Error{Code: codes.Unavailable}, time.Now())
		if wait < whole/2 || wait > whole {
			t.Errorf("wait %d is %v", i, wait)
		}
	}
	asked := &Error{Code: codes.Unavailable, RetryAfter: answer.Some(time.Second), asked: true}
	if wait, _ := tries.next(asked, time.Now()); wait < time.Second || wait > 1200*time.Millisecond {
		t.Errorf("a second that was asked for is %v", wait)
	}
	bounded := attempts{kind: sendsEvents, deadline: time.Now().Add(500 * time.Millisecond)}
	if _, again := bounded.next(asked, time.Now()); again {
		t.Error("it waits beyond the deadline")
	}
	late := &Error{Code: codes.DeadlineExceeded}
	if got := bounded.verdict(late); got != asked {
		t.Errorf("the verdict is %v", got)
	}
}
