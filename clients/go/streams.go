package tallywire

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/tallywire/tallywire/clients/go/answer"
)

var streamOfServer = &grpc.StreamDesc{ServerStreams: true}

// receiver is one call whose responses are read one after the other.
type receiver struct {
	client *Client
	total  context.Context
	stream grpc.ClientStream
	cancel context.CancelFunc
}

// receive begins a call with a stream of responses. cancel of the receiver ends it. It has no timeout of its own.
func (c *Client) receive(ctx context.Context, path string, request proto.Message) (*receiver, *Error) {
	if c.closed.Err() != nil {
		return nil, closedError()
	}
	total, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.closed, func() { cancel(ErrClosed) })
	own, cancelOwn := context.WithCancel(total)
	r := &receiver{client: c, total: total, cancel: func() { stop(); cancelOwn(); cancel(nil) }}
	stream, err := c.connections.forStream().NewStream(own, streamOfServer, path)
	if err == nil {
		r.stream = stream
		if err = stream.SendMsg(request); errors.Is(err, io.EOF) {
			err = nil // the status comes with the first message
		}
	}
	if err == nil {
		err = stream.CloseSend()
	}
	if err != nil {
		defer r.cancel()
		return nil, c.classified(total, own, err, nil)
	}
	return r, nil
}

// next fills a message with the next response. It fails with io.EOF at the end in order.
func (r *receiver) next(message proto.Message) error {
	err := r.stream.RecvMsg(message)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return r.client.classified(r.total, context.Background(), err, r.stream.Trailer())
}

// serverStream yields the responses of a call, which begins with the loop and ends with it.
func serverStream[M, V any](
	ctx context.Context, c *Client, path string, request proto.Message, view func(*M) V,
) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		var none V
		receiver, failure := c.receive(ctx, path, request)
		if failure != nil {
			yield(none, failure)
			return
		}
		defer receiver.cancel()
		for {
			message := new(M)
			switch err := receiver.next(any(message).(proto.Message)); {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(none, err)
				return
			}
			if !yield(view(message), nil) {
				return
			}
		}
	}
}

// wholeExport yields the parts of an export, and an error at its end if lines are missing.
func wholeExport(parts iter.Seq2[answer.ExportUserResponse, error]) iter.Seq2[answer.ExportUserResponse, error] {
	return func(yield func(answer.ExportUserResponse, error) bool) {
		counted, told := map[string]int64{}, map[string]int64(nil)
		for part, err := range parts {
			if err == nil {
				err = countLines(part.Lines(), counted, &told)
			}
			if !yield(part, err) || err != nil {
				return
			}
		}
		maps.DeleteFunc(told, func(_ string, count int64) bool { return count == 0 })
		if told == nil || !maps.Equal(told, counted) {
			failure := &Error{Code: codes.Internal, Message: "the export is not whole: ask for it again"}
			yield(answer.ExportUserResponse{}, failure)
		}
	}
}

// countLines counts lines by their kind; the line of the kind counts says how many there should be.
func countLines(lines []string, counted map[string]int64, told *map[string]int64) error {
	for _, line := range lines {
		var head struct {
			Kind string `json:"kind"`
		}
		if err := json.Unmarshal([]byte(line), &head); err != nil {
			return &Error{Code: codes.Internal, Message: "a line of the export is not JSON", cause: err}
		}
		if head.Kind != "counts" {
			counted[head.Kind]++
			continue
		}
		var all map[string]any
		if err := json.Unmarshal([]byte(line), &all); err != nil {
			return &Error{Code: codes.Internal, Message: "a line of the export is not JSON", cause: err}
		}
		*told = map[string]int64{}
		for kind, count := range all {
			if number, isNumber := count.(float64); isNumber {
				(*told)[kind] = int64(number)
			}
		}
	}
	return nil
}
