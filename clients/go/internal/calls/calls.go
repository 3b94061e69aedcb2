// Package calls has what the middleware for HTTP and that for gRPC share.
package calls

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tallywire/tallywire/clients/go/event"
)

// NoRoute stands for the template of calls that match no route.
const NoRoute = "(none)"

// Recorder is what takes events in without waiting, such as a *tallywire.Tracker.
type Recorder interface {
	Track(e event.Builder) bool
}

// What the service takes of an endpoint.
const maxEndpoint = 256

// Settings are what the options of a middleware say; R is what the application is asked about.
type Settings[R any] struct {
	Identify func(R) event.Stamp
	Template func(R) string
	Sample   float64

	excluded []*regexp.Regexp
}

// New returns the settings without any option: nothing is sampled.
func New[R any](exclude ...string) Settings[R] {
	settings := Settings[R]{Sample: 1}
	settings.Exclude(exclude)
	return settings
}

// Exclude leaves out the calls whose path matches one of these patterns, and no others: "*" is any text, and a slash at
// the end does not count.
func (s *Settings[R]) Exclude(patterns []string) {
	s.excluded = nil
	for _, pattern := range patterns {
		parts := strings.Split(withoutSlash(pattern), "*")
		for i, part := range parts {
			parts[i] = regexp.QuoteMeta(part)
		}
		s.excluded = append(s.excluded, regexp.MustCompile("(?s)^"+strings.Join(parts, ".*")+"$"))
	}
}

// IsExcluded reports whether calls of a path are left out, or this one is, by sampling.
func (s *Settings[R]) IsExcluded(path string) bool {
	plain := withoutSlash(path)
	isMatch := func(pattern *regexp.Regexp) bool { return pattern.MatchString(plain) }
	return slices.ContainsFunc(s.excluded, isMatch) || s.Sample < 1 && rand.Float64() >= s.Sample
}

// Called returns the event of a call, whose method is one of those that everybody knows.
func (s *Settings[R]) Called(endpoint, method string, status int32) *event.APIEvent {
	made := event.APICalled().Endpoint(cut(endpoint)).Method(method).StatusCode(status)
	if s.Sample < 1 {
		made.Property("sample_rate", s.Sample)
	}
	return made
}

func withoutSlash(path string) string {
	if plain := strings.TrimSuffix(path, "/"); plain != "" {
		return plain
	}
	return path
}

// cut returns the beginning of a text that the service takes, without a torn character at its end.
func cut(text string) string {
	if len(text) <= maxEndpoint {
		return text
	}
	end := maxEndpoint
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
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
