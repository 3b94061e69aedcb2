package tallywire

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	longestHold = 5 * time.Second
	lookAgain   = time.Second
)

// pacing limits how many calls with events are under way, once a server has refused one for overload.
//
// A refusal costs a server almost as much as a small call. So the calls of one client share a limit: a refusal holds all
// of them back for as long as the server asks, and halves how many may be under way; every success raises the limit a
// little. This is additive increase, multiplicative decrease (Chiu and Jain, 1989). A client that is never refused never
// waits. Of the calls that wait, the newest is served first: in order of arrival, each would be sent when it is almost
// too late for it.
type pacing struct {
	mutex     sync.Mutex
	limit     float64
	underWay  int
	heldUntil time.Time
	cutAt     time.Time
	refusal   *Error
	waiting   []chan time.Time
	timer     *time.Timer
}

func newPacing() *pacing {
	return &pacing{limit: math.Inf(1)}
}

// begin waits for a slot, for patience at most, and returns when the call began. It fails with the refusal that all
// calls wait for, or with the error of the context.
func (p *pacing) begin(ctx context.Context, patience time.Duration) (time.Time, *Error) {
	p.mutex.Lock()
	now := time.Now()
	if p.wait(now) == 0 {
		p.underWay++
		p.mutex.Unlock()
		return now, nil
	}
	if p.heldUntil.Sub(now) >= patience {
		defer p.mutex.Unlock()
		return time.Time{}, p.refusal
	}
	granted := make(chan time.Time, 1)
	p.waiting = append(p.waiting, granted)
	p.admit(now)
	p.mutex.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case begun := <-granted:
		return begun, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return p.leave(ctx, granted)
}

// leave takes a call out of the queue that has waited long enough.
func (p *pacing) leave(ctx context.Context, granted chan time.Time) (time.Time, *Error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if at := slices.Index(p.waiting, granted); at >= 0 {
		p.waiting = slices.Delete(p.waiting, at, at+1)
		if ctx.Err() != nil {
			return time.Time{}, stopped(ctx)
		}
		return time.Time{}, p.refusal
	}
	begun := <-granted // in the moment in which it stopped waiting
	if ctx.Err() == nil {
		return begun, nil
	}
	p.underWay--
	p.admit(time.Now())
	return time.Time{}, stopped(ctx)
}

// end counts a call as ended, and adapts the limit to how it has ended.
func (p *pacing) end(begun time.Time, err *Error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.underWay--
	now := time.Now()
	switch {
	case err == nil:
		if p.limit += 1 / p.limit; p.limit >= callsPerConnection {
			p.limit = math.Inf(1)
		}
	case err.Reason == "OVERLOADED" || err.Reason == "EVENT_RATE":
		p.refusal = err
		if asked, _ := err.RetryAfter.Get(); asked > 0 {
			p.heldUntil = latest(p.heldUntil, now.Add(min(asked, longestHold)))
		}
		if begun.After(p.cutAt) { // what was under way at the last cut says nothing about it
			p.cutAt = now
			p.limit = max(1, min(p.limit, float64(p.underWay+1))/2)
		}
	}
	p.admit(now)
}

// wait returns after which time to ask again whether a call may begin; 0 says that it may begin now.
func (p *pacing) wait(now time.Time) time.Duration {
	if held := p.heldUntil.Sub(now); held > 0 {
		return held
	}
	if float64(p.underWay+1) <= p.limit {
		return 0
	}
	return lookAgain
}

// admit grants the slots that are free now, and looks again when more may be.
func (p *pacing) admit(now time.Time) {
	for len(p.waiting) > 0 && p.wait(now) == 0 {
		newest := len(p.waiting) - 1
		p.waiting[newest] <- now
		p.waiting = p.waiting[:newest]
		p.underWay++
	}
	if len(p.waiting) > 0 && p.timer == nil {
		p.timer = time.AfterFunc(p.wait(now), func() {
			p.mutex.Lock()
			defer p.mutex.Unlock()
			p.timer = nil
			p.admit(time.Now())
		})
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
