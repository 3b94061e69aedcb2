package tallyhttp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tallywire/tallywire/clients/go/internal/calls/cases"
	"github.com/tallywire/tallywire/clients/go/tallyhttp"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// served returns the events that a request becomes.
func served(method, path string, options ...tallyhttp.Option) []*tallywirev1.Event {
	kept := newRecorder()
	handler := tallyhttp.Handler(http.NotFoundHandler(), kept, options...)
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
	return kept.events
}

func TestTheCasesOfEveryClient(t *testing.T) {
	all := cases.Load(t, "../../conformance/middleware.json")
	for _, one := range all.LeftOut {
		if one.Protocol != "http" {
			continue
		}
		var options []tallyhttp.Option
		if one.Exclude != nil {
			options = append(options, tallyhttp.WithExclude(one.Exclude...))
		}
		if events := served("GET", one.Path, options...); (len(events) == 0) != one.LeftOut {
			t.Errorf("%+v became %v", one, events)
		}
	}
	for method, wanted := range all.Methods {
		if got := served(method, "/x")[0].GetApi().GetMethod(); got != wanted {
			t.Errorf("%s is reported as %s", method, got)
		}
	}
	for _, one := range all.Endpoints {
		template := strings.Repeat(one.Template, one.Repeated)
		said := tallyhttp.WithTemplate(func(*http.Request) string { return template })
		got := served("GET", "/x", said)[0].GetApi().GetEndpoint()
		if len(got) != one.EndpointBytes || !strings.HasPrefix(template, got) {
			t.Errorf("%+v became %q", one, got)
		}
	}
	for _, one := range all.Sampled {
		var events []*tallywirev1.Event
		for len(events) == 0 { // by chance
			events = served("GET", "/x", tallyhttp.WithSample(one.SampleRate))
		}
		value, has := events[0].GetProperties().AsMap()["sample_rate"]
		if has != (one.Property != nil) || has && value != *one.Property {
			t.Errorf("%+v became %v", one, events[0])
		}
	}
}
