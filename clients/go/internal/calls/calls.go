// Package calls has what the middleware for HTTP and that for gRPC share.
package calls

import (
	"math/rand/v2"
	"path"
	"slices"

	"github.com/tallywire/tallywire/clients/go/event"
)

// NoRoute stands for the template of calls that match no route.
const NoRoute = "(none)"

// Recorder is what takes events in without waiting, such as a *tallywire.Tracker.
type Recorder interface {
	Track(e event.Builder) bool
}

// Settings are what the options of a middleware say; R is what the application is asked about.
type Settings[R any] struct {
	Exclude  []string
	Identify func(R) event.Stamp
	Template func(R) string
	Sample   float64
}

// New returns the settings without any option: nothing is sampled.
func New[R any](exclude ...string) Settings[R] {
	return Settings[R]{Exclude: exclude, Sample: 1}
}

// IsExcluded reports whether calls of an endpoint are left out, or this one is, by sampling.
func (s *Settings[R]) IsExcluded(endpoint string) bool {
	isMatch := func(pattern string) bool {
		matched, err := path.Match(pattern, endpoint)
		return err == nil && matched
	}
	return slices.ContainsFunc(s.Exclude, isMatch) || s.Sample < 1 && rand.Float64() >= s.Sample
}

// Stamp returns what the application says of a call; nothing if its function has a fault.
func (s *Settings[R]) Stamp(of R) (stamp event.Stamp) {
	if s.Identify == nil {
		return event.Stamp{}
	}
	defer func() {
		if recover() != nil { // a request must not fail since it is counted
			stamp = event.Stamp{}
		}
	}()
	return s.Identify(of)
}

// TemplateOf returns the template of a call; NoRoute also if the application's function has a fault.
func (s *Settings[R]) TemplateOf(of R) (template string) {
	defer func() {
		if recover() != nil || template == "" {
			template = NoRoute
		}
	}()
	return s.Template(of)
}
