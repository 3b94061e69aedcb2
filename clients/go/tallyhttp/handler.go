// Package tallyhttp counts the calls of HTTP servers of net/http: each becomes an event api.called with the route's
// template, the method, the status, how long it took and how large it was.
//
//	mux := http.NewServeMux()
//	mux.HandleFunc("GET /orders/{id}", order)
//	http.ListenAndServe(":8080", tallyhttp.Handler(mux, tracker))
//
// The template is the pattern of the mux, without its method and host: "/orders/{id}", and never the path. Calls that
// match no pattern have the template "(none)". Patterns are told by the very request that the handler passes on, so wrap
// the mux itself: [http.StripPrefix], and middleware that makes a copy of the request, hide those behind it. For routers
// that are no [http.ServeMux] there is [WithTemplate].
//
// A request is never slowed or failed by it: events go to a Tracker, which neither waits nor fails. Nothing of bodies,
// queries or headers is read.
package tallyhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/internal/calls"
)

// NoRoute stands for the template of calls that match no pattern.
const NoRoute = calls.NoRoute

// What a peer that hung up before it had an answer is counted as.
const statusClientClosed = 499

// Recorder is what takes events in without waiting, such as a *tallywire.Tracker.
type Recorder = calls.Recorder

// Option is a choice for [Handler].
type Option func(settings *calls.Settings[*http.Request])

// WithExclude leaves out requests whose path matches one of the patterns: "*" is any text, and a slash at the end does not
// count. They take the place of the default, which leaves out health checks: "/health", "/healthz", "/livez", "/readyz",
// "/ping".
func WithExclude(patterns ...string) Option {
	return func(s *calls.Settings[*http.Request]) { s.Exclude(patterns) }
}

// WithTemplate says what the template of a request is, for other routers than [http.ServeMux]; "" is none. With chi, for
// example, use the handler as a middleware of the router, and return chi.RouteContext(request.Context()).RoutePattern().
func WithTemplate(template func(request *http.Request) string) Option {
	return func(s *calls.Settings[*http.Request]) { s.Template = template }
}

// WithIdentify says who served whom: a function returns the agent, user, conversation and so on of a request, once it
// has been served.
func WithIdentify(identify func(request *http.Request) event.Stamp) Option {
	return func(s *calls.Settings[*http.Request]) { s.Identify = identify }
}

// WithSample sends only a share of the calls, from 0 to 1, at random, with the share as the property sample_rate: counts
// and bytes are then the figure divided by it. Without it all are sent, and figures are exact.
func WithSample(share float64) Option {
	return func(s *calls.Settings[*http.Request]) { s.Sample = share }
}

// Handler returns a handler that has the next one serve, and counts the call when that has ended: also when it panics,
// which goes on, and when the peer has hung up.
func Handler(next http.Handler, recorder Recorder, options ...Option) http.Handler {
	settings := calls.New[*http.Request]("/health", "/healthz", "/livez", "/readyz", "/ping")
	settings.Template = func(r *http.Request) string { return pathOf(r.Pattern) }
	for _, option := range options {
		option(&settings)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := &call{
			begun: time.Now(), settings: &settings, recorder: recorder, request: r, context: r.Context(), path: r.URL.Path,
		}
		if r.Body != nil && r.Body != http.NoBody {
			// The mux tells the pattern by the request that it is given, so that is changed and not copied.
			r.Body = &countedBody{ReadCloser: r.Body, call: call}
		}
		defer call.end()
		next.ServeHTTP(wrapped(w, call), r)
		call.hasReturned = true
	})
}

// call is one call under way.
type call struct {
	begun    time.Time
	settings *calls.Settings[*http.Request]
	recorder Recorder
	request  *http.Request
	context  context.Context
	path     string // as it came: what serves the request may cut it

	status      int
	received    atomic.Int64 // a body may still be read by another goroutine
	sent        int64
	hasReturned bool
}

// end counts the call. If the handler has panicked, the panic goes on after it.
func (c *call) end() {
	status := c.statusCode()
	// A WebSocket is no call.
	if status == http.StatusSwitchingProtocols || c.settings.IsExcluded(c.path) {
		return
	}
	received := c.received.Load()
	if c.request.ContentLength > 0 {
		received = c.request.ContentLength
	}
	made := c.settings.Called(c.settings.TemplateOf(c.request), methodOf(c.request), int32(status)).
		Latency(time.Since(c.begun)).
		RequestBytes(received).
		ResponseBytes(c.sent)
	c.recorder.Track(c.settings.Stamp(c.request).On(made))
}

// statusCode returns the status that the peer got whole, or what stands for none.
func (c *call) statusCode() int {
	switch {
	case c.status == http.StatusSwitchingProtocols:
		return c.status
	case errors.Is(c.context.Err(), context.Canceled):
		return statusClientClosed
	case !c.hasReturned:
		return http.StatusInternalServerError // net/http ends the connection in the middle of the answer, or without one
	case c.status != 0:
		return c.status
	default:
		return http.StatusOK
	}
}

// methodOf returns the method of a request; whatever else a peer may invent is "(other)".
func methodOf(request *http.Request) string {
	switch request.Method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY":
		return request.Method
	default:
		return "(other)"
	}
}

// pathOf returns the path of a pattern: "/orders/{id}" of "GET example.org/orders/{id}".
func pathOf(pattern string) string {
	if slash := strings.IndexByte(pattern, '/'); slash >= 0 {
		return pattern[slash:]
	}
	return ""
}

// countedBody counts what the handler reads, for requests that do not say how long they are.
type countedBody struct {
	io.ReadCloser
	call *call
}

func (b *countedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.call.received.Add(int64(n))
	return n, err
}
