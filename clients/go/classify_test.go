package tallywire

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// slowTimer is a context whose deadline has passed while its timer has not run yet.
type slowTimer struct {
	context.Context
	deadline time.Time
}

func (c slowTimer) Deadline() (time.Time, bool) { return c.deadline, true }

func TestTheServerMayBeFasterThanTheTimerOfADeadline(t *testing.T) {
	t.Parallel()
	client := &Client{closed: context.Background()}
	said := status.Error(codes.DeadlineExceeded, "Deadline Exceeded")
	past := slowTimer{context.Background(), time.Now()}
	ahead := slowTimer{context.Background(), time.Now().Add(time.Hour)}
	for _, test := range []struct {
		name           string
		total, attempt context.Context
		code           codes.Code
		isCallers      bool
	}{
		{"of the call", past, past, codes.DeadlineExceeded, true},
		{"of the attempt", ahead, past, codes.DeadlineExceeded, false},
		{"of somebody on the way", ahead, ahead, codes.Unavailable, false},
	} {
		found := client.classified(test.total, test.attempt, said, nil)
		if found.Code != test.code || errors.Is(found, context.DeadlineExceeded) != test.isCallers {
			t.Errorf("%s: %v", test.name, found)
		}
	}
}
