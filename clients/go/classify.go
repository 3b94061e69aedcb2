package tallywire

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/tallywire/tallywire/clients/go/answer"
)

const (
	domain          = "tallywire"
	pushbackTrailer = "grpc-retry-pushback-ms"
	// What comes so shortly before a deadline is the deadline: timers differ by this.
	clockGrain = 5 * time.Millisecond
)

// classified returns what a failed attempt means. total is the context of the whole call, attempt that of the attempt.
//
// Stacks and what stands between client and server report a lost connection with many statuses; so the status counts
// only where the service itself has spoken, or where the refusal is final whoever made it.
func (c *Client) classified(total, attempt context.Context, err error, trailer metadata.MD) *Error {
	reported := status.Convert(err)
	if spoken := ofService(reported, trailer); spoken != nil {
		spoken.cause = err
		return spoken
	}
	if total.Err() != nil {
		return stopped(total)
	}
	if c.closed.Err() != nil {
		return closedError()
	}
	if isPast(total) {
		return late(context.DeadlineExceeded)
	}
	if attempt.Err() != nil || isPast(attempt) {
		return &Error{Code: codes.DeadlineExceeded, Message: "an attempt took too long: " + reported.Message(), cause: err}
	}
	switch reported.Code() {
	case codes.ResourceExhausted, codes.Unimplemented, codes.InvalidArgument, codes.Unauthenticated,
		codes.PermissionDenied, codes.NotFound:
		return &Error{Code: reported.Code(), Message: reported.Message(), cause: err}
	}
	lost := &Error{Code: codes.Unavailable, Message: reported.Message(), cause: err}
	if reported.Code() != codes.Unavailable {
		lost.Message = nameOf(reported.Code()) + ": " + reported.Message()
	}
	if reported.Code() == codes.Unavailable {
		lost.RetryAfter = pushback(trailer)
	}
	return lost
}

// isPast reports whether the deadline of a context has passed, by the clock: the server, which knows it too, may be heard
// before the context's own timer has run.
func isPast(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return limited && time.Until(deadline) <= clockGrain
}

// ofService returns the error that the service itself has made, nil if it was somebody else.
func ofService(reported *status.Status, trailer metadata.MD) *Error {
	spoken := &Error{Code: reported.Code(), Message: reported.Message()}
	isService := false
	for _, detail := range reported.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == domain && !isService {
				isService = true
				spoken.Reason = strings.TrimPrefix(detail.GetReason(), "ERROR_REASON_")
				spoken.Metadata = detail.GetMetadata()
			}
		case *errdetails.BadRequest:
			if violations := detail.GetFieldViolations(); len(violations) > 0 && spoken.Field == "" {
				spoken.Field = violations[0].GetField()
			}
		case *errdetails.RetryInfo:
			spoken.RetryAfter = answer.Some(max(0, detail.GetRetryDelay().AsDuration()))
			spoken.asked = true
		}
	}
	if !isService {
		return nil
	}
	if spoken.Field == "" {
		spoken.Field = spoken.Metadata["field"]
	}
	if !spoken.RetryAfter.Present() && spoken.Code == codes.Unavailable {
		spoken.RetryAfter = pushback(trailer)
	}
	return spoken
}

// pushback returns the time of gRPC's own trailer: Never for a negative value and for one that is no whole number.
func pushback(trailer metadata.MD) Optional[time.Duration] {
	values := trailer.Get(pushbackTrailer)
	if len(values) == 0 {
		return Optional[time.Duration]{}
	}
	milliseconds, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || milliseconds < 0 || milliseconds > math.MaxInt64/int64(time.Millisecond) {
		return answer.Some(Never)
	}
	return answer.Some(time.Duration(milliseconds) * time.Millisecond)
}
