package tallywire

import (
	"context"

	"github.com/tallywire/tallywire/clients/go/event"
)

// With returns a recorder that stamps the events that it takes in: with those fields of the stamp that an event does not
// have itself. It is cheap, so make one for each conversation.
//
//	talk := tracker.With(event.Stamp{Conversation: "c1", Agent: "support-bot", User: "u1", Channel: "web"})
//	talk.Track(event.MessageReceived())
//	talk.Track(event.MessageSent().ResponseTime(time.Since(asked)))
func (t *Tracker) With(stamp event.Stamp) *Stamped {
	return &Stamped{to: t, stamp: stamp}
}

// Stamped takes events in for a [Tracker] and stamps them.
type Stamped struct {
	to    Recorder
	stamp event.Stamp
}

// With returns a recorder that stamps with these fields, and with those of this one where they are empty.
func (s *Stamped) With(stamp event.Stamp) *Stamped {
	return &Stamped{to: s.to, stamp: stamp.Over(s.stamp)}
}

// Track takes an event in and reports whether it was taken; see [Tracker.Track].
func (s *Stamped) Track(e event.Builder) bool {
	return s.to.Track(s.stamp.On(e))
}

type contextKey struct{}

// NewContext returns a context that carries a recorder, for [Track] further down.
func NewContext(ctx context.Context, recorder Recorder) context.Context {
	return context.WithValue(ctx, contextKey{}, recorder)
}

// FromContext returns the recorder that a context carries, and whether there is one.
func FromContext(ctx context.Context) (Recorder, bool) {
	recorder, has := ctx.Value(contextKey{}).(Recorder)
	return recorder, has
}

// Track takes an event in by the recorder that a context carries. It reports whether the event was taken; without a
// recorder it does nothing.
func Track(ctx context.Context, e event.Builder) bool {
	recorder, has := FromContext(ctx)
	return has && recorder.Track(e)
}
