package tallywire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// Client tracks events and reads figures. It is safe for use by several goroutines; close it when it is no longer
// needed.
//
// Every unary RPC of the contract is a method. A question is asked again, and events are sent again with the same ids,
// as long as that helps and the deadline of the context allows; what changes something else is tried again only where
// nothing was done.
type Client struct {
	settings    settings
	connections *connections
	pacing      *pacing
	closed      context.Context
	close       context.CancelCauseFunc
	once        sync.Once
}

// New returns a client of the service at an address, host:port. It connects with the first call; see [Client.Connect].
// Arguments that contradict each other are refused with an [*Error].
func New(address, key string, options ...Option) (*Client, error) {
	settings := newSettings(address)
	for _, option := range options {
		option.applyToClient(&settings)
	}
	return newClient(settings, key)
}

func newClient(settings settings, key string) (*Client, error) {
	if err := settings.check(); err != nil {
		return nil, err
	}
	made, err := connect(settings.addresses, key, &settings)
	if err != nil {
		return nil, err
	}
	closed, cancel := context.WithCancelCause(context.Background())
	return &Client{settings: settings, connections: made, pacing: newPacing(), closed: closed, close: cancel}, nil
}

// Close ends the connection. Calls under way, and later ones, fail with [ErrCanceled]. Closing again does nothing.
func (c *Client) Close() error {
	var err error
	c.once.Do(func() {
		c.close(ErrClosed)
		err = c.connections.close()
	})
	return err
}

// Connect opens the connection now instead of with the first call. It fails with [ErrUnavailable] at the first failed
// attempt.
func (c *Client) Connect(ctx context.Context) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	for _, connection := range c.connections.all {
		connection.Connect()
		for state := connection.GetState(); state != connectivity.Ready; state = connection.GetState() {
			if state == connectivity.TransientFailure {
				return &Error{Code: ErrUnavailable.code, Message: "no connection to " + c.addresses()}
			}
			if !connection.WaitForStateChange(ctx, state) {
				return stopped(ctx)
			}
		}
	}
	return nil
}

// String returns the addresses; never the key.
func (c *Client) String() string {
	return "tallywire.Client(" + c.addresses() + ")"
}

// Format prints the client as String does, whatever the verb: its fields would hold the key.
func (c *Client) Format(state fmt.State, _ rune) {
	_, _ = state.Write([]byte(c.String()))
}

func (c *Client) addresses() string {
	return strings.Join(c.connections.addresses, ", ")
}

// bounded returns a context with the deadline of a call, which ends when the client is closed.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancelTimeout := c.timed(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.closed, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
		cancelTimeout()
	}
}

func (c *Client) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.settings.timeout)
}

// method is one RPC.
type method struct {
	path    string
	kind    callKind
	attempt time.Duration
}

// call fills the response of an RPC, which is tried again as long as that helps and time is left.
func (c *Client) call(ctx context.Context, rpc method, request, response proto.Message) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	deadline, _ := ctx.Deadline()
	tries := attempts{kind: rpc.kind, deadline: deadline}
	for {
		err, gaveUp := c.try(ctx, rpc, request, response)
		switch {
		case err == nil:
			return nil
		case gaveUp:
			return tries.givenUp(err)
		}
		wait, again := tries.next(err, time.Now())
		if !again {
			return tries.verdict(err)
		}
		if !sleep(ctx, wait) {
			return stopped(ctx)
		}
	}
}

// try makes one attempt. It reports whether the attempt was not made, since no slot became free in time.
func (c *Client) try(ctx context.Context, rpc method, request, response proto.Message) (*Error, bool) {
	if rpc.kind != sendsEvents {
		return c.attempt(ctx, rpc, request, response), false
	}
	deadline, _ := ctx.Deadline()
	begun, refusal := c.pacing.begin(ctx, time.Until(deadline)/2)
	if refusal != nil {
		return refusal, ctx.Err() == nil
	}
	err := c.attempt(ctx, rpc, request, response)
	c.pacing.end(begun, err)
	return err, false
}

// attempt makes one attempt, on the connection whose turn it is.
func (c *Client) attempt(ctx context.Context, rpc method, request, response proto.Message) *Error {
	var connection *grpc.ClientConn
	select {
	case connection = <-c.connections.slots:
		defer func() { c.connections.slots <- connection }()
	case <-ctx.Done():
		return stopped(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, rpc.attempt)
	defer cancel()
	var trailer metadata.MD
	// Calls with events wait for a connection that is being made; questions hear of its failure at once.
	waits := rpc.kind == sendsEvents || rpc.kind == background
	err := connection.Invoke(limited, rpc.path, c.stamped(request), response,
		grpc.Trailer(&trailer), grpc.WaitForReady(waits))
	if err == nil {
		return nil
	}
	return c.classified(ctx, limited, err, trailer)
}

// ErrorOf returns the error of a call as an [*Error], nil if it is none.
func ErrorOf(err error) *Error {
	var found *Error
	if errors.As(err, &found) {
		return found
	}
	return nil
}
