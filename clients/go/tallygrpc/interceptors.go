// Package tallygrpc counts the calls of gRPC servers: each becomes an event api.called with the full method as its
// endpoint, GRPC as its method, the status, how long it took and how large its messages were.
//
//	server := grpc.NewServer(
//		grpc.ChainUnaryInterceptor(tallygrpc.Unary(tracker)),
//		grpc.ChainStreamInterceptor(tallygrpc.Stream(tracker)),
//	)
//
// Put them first in the chain, so that refusals of the others count, too. The service counts HTTP statuses, so that of a
// call is the one that stands for its gRPC status: 200 for OK, 404 for NOT_FOUND, 503 for UNAVAILABLE and so on.
//
// A call is never slowed or failed by it: events go to a Tracker, which neither waits nor fails. Nothing of messages or
// metadata is read.
package tallygrpc

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/internal/calls"
)

// Recorder is what takes events in without waiting, such as a *tallywire.Tracker.
type Recorder = calls.Recorder

// Option is a choice for [Unary] and [Stream].
type Option func(settings *calls.Settings[context.Context])

// WithExclude leaves out calls whose full method matches one of the patterns, in which "*" is any text. They take the place
// of the default, which leaves out health checks, reflection and the calls of tallywire itself.
func WithExclude(patterns ...string) Option {
	return func(s *calls.Settings[context.Context]) { s.Exclude(patterns) }
}

// WithIdentify says who served whom: a function returns the agent, user, conversation and so on of a call, by its
// context as it comes to the interceptor.
func WithIdentify(identify func(ctx context.Context) event.Stamp) Option {
	return func(s *calls.Settings[context.Context]) { s.Identify = identify }
}

// WithSample sends only a share of the calls, from 0 to 1, at random, with the share as the property sample_rate: counts
// and bytes are then the figure divided by it. Without it all are sent, and figures are exact.
func WithSample(share float64) Option {
	return func(s *calls.Settings[context.Context]) { s.Sample = share }
}

func settingsOf(options []Option) *calls.Settings[context.Context] {
	settings := calls.New[context.Context]("/grpc.health.v1.Health/*", "/grpc.reflection.*", "/tallywire.v1.*")
	for _, option := range options {
		option(&settings)
	}
	return &settings
}

// Unary returns an interceptor for unary calls.
func Unary(recorder Recorder, options ...Option) grpc.UnaryServerInterceptor {
	settings := settingsOf(options)
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (response any, err error) {
		call := call{begun: time.Now(), settings: settings, recorder: recorder, context: ctx, endpoint: info.FullMethod}
		call.received.Store(sizeOf(request))
		defer func() { call.end(err) }()
		response, err = next(ctx, request)
		call.hasReturned = true
		if err == nil {
			call.sent.Store(sizeOf(response))
		}
		return response, err
	}
}

// Stream returns an interceptor for calls with streams. They count when they have ended.
func Stream(recorder Recorder, options ...Option) grpc.StreamServerInterceptor {
	settings := settingsOf(options)
	return func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
		call := &call{
			begun: time.Now(), settings: settings, recorder: recorder, context: stream.Context(), endpoint: info.FullMethod,
		}
		defer func() { call.end(err) }()
		err = next(server, countedStream{stream, call})
		call.hasReturned = true
		return err
	}
}

// call is one call under way.
type call struct {
	begun    time.Time
	settings *calls.Settings[context.Context]
	recorder Recorder
	context  context.Context
	endpoint string

	// Messages of a stream may be sent and received by two goroutines.
	received, sent atomic.Int64
	hasReturned    bool
}

// end counts the call. If the handler has panicked, the panic goes on after it.
func (c *call) end(err error) {
	if c.settings.IsExcluded(c.endpoint) {
		return
	}
	code := status.Code(err)
	if !c.hasReturned {
		code = codes.Internal
	} else if err != nil && code == codes.Unknown {
		code = status.FromContextError(err).Code() // as gRPC itself does with errors of a context
	}
	made := c.settings.Called(c.endpoint, "GRPC", httpStatus(code)).
		Latency(time.Since(c.begun)).
		RequestBytes(c.received.Load()).
		ResponseBytes(c.sent.Load())
	c.recorder.Track(c.settings.Stamp(c.context).On(made))
}

type countedStream struct {
	grpc.ServerStream
	call *call
}

func (s countedStream) RecvMsg(message any) error {
	err := s.ServerStream.RecvMsg(message)
	if err == nil {
		s.call.received.Add(sizeOf(message))
	}
	return err
}

func (s countedStream) SendMsg(message any) error {
	err := s.ServerStream.SendMsg(message)
	if err == nil {
		s.call.sent.Add(sizeOf(message))
	}
	return err
}

func sizeOf(message any) int64 {
	if known, isProto := message.(proto.Message); isProto {
		return int64(proto.Size(known))
	}
	return 0
}

// httpStatus returns the status of HTTP that stands for one of gRPC, as google.rpc.Code says.
func httpStatus(code codes.Code) int32 {
	switch code {
	case codes.OK:
		return 200
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return 400
	case codes.Unauthenticated:
		return 401
	case codes.PermissionDenied:
		return 403
	case codes.NotFound:
		return 404
	case codes.AlreadyExists, codes.Aborted:
		return 409
	case codes.ResourceExhausted:
		return 429
	case codes.Canceled:
		return 499
	case codes.Unimplemented:
		return 501
	case codes.Unavailable:
		return 503
	case codes.DeadlineExceeded:
		return 504
	default:
		return 500
	}
}
