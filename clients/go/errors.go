package tallywire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tallywire/tallywire/clients/go/answer"
)

// Optional is a value that may be absent: see [answer.Optional].
type Optional[T any] = answer.Optional[T]

// Never as RetryAfter says that the server asked not to be called again.
const Never = time.Duration(-1)

// Error says that a call failed. Use [errors.As] to get it, or [errors.Is] with one of the values below, such as
// [ErrUnavailable], to tell what kind it is.
type Error struct {
	// Code is the status; Unavailable for every failure of the connection, whatever it was reported as.
	Code codes.Code
	// Reason is the machine's word for it: the name of an ErrorReason without its prefix, or empty.
	Reason string
	// Message is for people.
	Message string
	// Field is the path of the request's field at fault, or empty.
	Field string
	// Metadata has further facts, which the contract documents beside each ErrorReason.
	Metadata map[string]string
	// RetryAfter is after which time the server asks to be called again, Never if it asks not to be.
	RetryAfter Optional[time.Duration]
	// Local is true if the client refused the arguments and made no call.
	Local bool

	cause error
	// asked is true if RetryAfter is that of a RetryInfo, and not merely gRPC's own trailer.
	asked bool
}

// The kinds of errors, for [errors.Is].
var (
	// ErrInvalidArgument says that the request makes no sense: sent again unchanged, it fails again.
	ErrInvalidArgument = &kind{code: codes.InvalidArgument}
	// ErrOutOfRange says that a number or a time is outside its limits, which the metadata names.
	ErrOutOfRange = &kind{code: codes.OutOfRange}
	// ErrAlreadyExists says that an event with this id and other content is stored; the first one stands.
	ErrAlreadyExists = &kind{code: codes.AlreadyExists}
	// ErrNotFound says that what was asked for has never been seen.
	ErrNotFound = &kind{code: codes.NotFound}
	// ErrUnauthenticated says that the API key is missing, unknown, expired or revoked.
	ErrUnauthenticated = &kind{code: codes.Unauthenticated}
	// ErrPermissionDenied says that the API key lacks the scope that the metadata names.
	ErrPermissionDenied = &kind{code: codes.PermissionDenied}
	// ErrFailedPrecondition says that the organization is in a state that does not allow the call.
	ErrFailedPrecondition = &kind{code: codes.FailedPrecondition}
	// ErrResourceExhausted says that a limit is reached; calling again helps only if RetryAfter is present.
	ErrResourceExhausted = &kind{code: codes.ResourceExhausted}
	// ErrUnavailable says that the server cannot be reached or cannot work now; the outcome of events is unknown.
	ErrUnavailable = &kind{code: codes.Unavailable}
	// ErrDeadlineExceeded says that the time for the call ran out; the outcome of events is unknown.
	ErrDeadlineExceeded = &kind{code: codes.DeadlineExceeded}
	// ErrCanceled says that the caller cancelled the call or closed the client; the outcome of events is unknown.
	ErrCanceled = &kind{code: codes.Canceled}
	// ErrInternal says that the server has a fault, which Metadata["request_id"] finds in the server's log.
	ErrInternal = &kind{code: codes.Internal}
	// ErrOutOfSequence says that a subscription got a revision that cannot follow the last one; the metadata names it.
	// It is never seen from a sound server. Read the figures anew, and subscribe from there.
	ErrOutOfSequence = &kind{code: codes.DataLoss}
	// ErrCompacted says that the updates after a token are no longer kept; Metadata["oldest_token"] goes on.
	ErrCompacted = &kind{code: codes.OutOfRange, reason: "COMPACTED"}
	// ErrRestored says that the service was restored to an earlier point: read the figures anew, and subscribe without
	// a token.
	ErrRestored = &kind{code: codes.OutOfRange, reason: "RESTORED"}
)

// kind is what errors have in common.
type kind struct {
	code   codes.Code
	reason string
}

// Error returns the name of the kind.
func (k *kind) Error() string {
	if k.reason != "" {
		return "tallywire: " + k.reason
	}
	return "tallywire: " + nameOf(k.code)
}

// Is reports whether the error is of a kind.
func (e *Error) Is(target error) bool {
	wanted, isKind := target.(*kind)
	return isKind && e.Code == wanted.code && (wanted.reason == "" || e.Reason == wanted.reason)
}

// OutcomeUnknown reports whether an event may or may not be stored. Sending it again with the same id is always safe.
func (e *Error) OutcomeUnknown() bool {
	switch e.Code {
	case codes.InvalidArgument, codes.OutOfRange, codes.AlreadyExists, codes.NotFound, codes.Unauthenticated,
		codes.PermissionDenied, codes.FailedPrecondition, codes.ResourceExhausted, codes.Unimplemented:
		return false
	default:
		return true
	}
}

// Error returns status, reason, field and the server's text in one line.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("tallywire: " + nameOf(e.Code))
	if e.Reason != "" {
		text.WriteString(" (" + e.Reason + ")")
	}
	if e.Field != "" && !strings.HasPrefix(e.Message, e.Field) {
		text.WriteString(": " + e.Field)
	}
	text.WriteString(": " + e.Message)
	return text.String()
}

// Unwrap returns what caused the error: that of the context, or that of gRPC.
func (e *Error) Unwrap() error {
	return e.cause
}

// GRPCStatus returns the error as a status, for [status.FromError] and servers that pass it on.
func (e *Error) GRPCStatus() *status.Status {
	return status.New(e.Code, e.Message)
}

// nameOf returns a status as the contract writes it: DEADLINE_EXCEEDED.
func nameOf(code codes.Code) string {
	if name, known := codeNames[code]; known {
		return name
	}
	return fmt.Sprintf("CODE_%d", code)
}

var codeNames = map[codes.Code]string{
	codes.OK: "OK", codes.Canceled: "CANCELLED", codes.Unknown: "UNKNOWN", codes.InvalidArgument: "INVALID_ARGUMENT",
	codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.NotFound: "NOT_FOUND", codes.AlreadyExists: "ALREADY_EXISTS",
	codes.PermissionDenied: "PERMISSION_DENIED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Aborted: "ABORTED", codes.OutOfRange: "OUT_OF_RANGE",
	codes.Unimplemented: "UNIMPLEMENTED", codes.Internal: "INTERNAL", codes.Unavailable: "UNAVAILABLE",
	codes.DataLoss: "DATA_LOSS", codes.Unauthenticated: "UNAUTHENTICATED",
}

// invalid returns the error for arguments that the client refuses itself.
func invalid(field, format string, arguments ...any) *Error {
	return &Error{Code: codes.InvalidArgument, Field: field, Message: fmt.Sprintf(format, arguments...), Local: true}
}

// closedError returns the error for a call of a client that was closed.
func closedError() *Error {
	return &Error{Code: codes.Canceled, Message: "the client is closed", cause: ErrClosed}
}

// ErrClosed is the cause of errors of calls whose client was closed before their end.
var ErrClosed = errors.New("tallywire: the client is closed")

// late returns the error of a call whose deadline has passed.
func late(cause error) *Error {
	return &Error{Code: codes.DeadlineExceeded, Message: "the deadline of the call has passed", cause: cause}
}

// stopped returns the error of a caller that has stopped: its deadline has passed, or it cancelled.
func stopped(ctx context.Context) *Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return late(ctx.Err())
	}
	if errors.Is(context.Cause(ctx), ErrClosed) {
		return closedError()
	}
	return &Error{Code: codes.Canceled, Message: "the call was cancelled", cause: ctx.Err()}
}
