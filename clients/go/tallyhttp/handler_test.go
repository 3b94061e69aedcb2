package tallyhttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/event"
	"github.com/tallywire/tallywire/clients/go/tallyhttp"
	"github.com/tallywire/tallywire/clients/go/tallywirev1"
)

// recorder keeps what it is given.
type recorder struct {
	mutex  sync.Mutex
	events []*tallywirev1.Event
	came   chan *tallywirev1.Event
}

func newRecorder() *recorder { return &recorder{came: make(chan *tallywirev1.Event, 100)} }

func (r *recorder) Track(e event.Builder) bool {
	built, err := e.Build()
	if err != nil {
		panic(err)
	}
	r.mutex.Lock()
	r.events = append(r.events, built)
	r.mutex.Unlock()
	r.came <- built
	return true
}

func mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "order") })
	mux.HandleFunc("POST example.org/orders", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprint(w, n)
	})
	mux.HandleFunc("/nothing", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/panics", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/waits", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/hijacked", func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		_ = connection.Close()
	})
	mux.HandleFunc("/flushed", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("1234"))
		if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
			panic(err)
		}
	})
	return mux
}

func TestCallsBecomeEvents(t *testing.T) {
	kept := newRecorder()
	identify := func(r *http.Request) event.Stamp {
		if r.Pattern == "/nothing" {
			panic("a fault")
		}
		return event.Stamp{Agent: r.Header.Get("X-Agent"), Conversation: "c"}
	}
	server := httptest.NewServer(tallyhttp.Handler(mux(), kept, tallyhttp.WithIdentify(identify)))
	defer server.Close()

	// A connection of its own for each request: Go sends again what failed on one that was used before.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, one := range []struct {
		method, path, body string
		endpoint           string
		status             int32
		received, sent     int64
	}{
		{"GET", "/orders/secret?q=secret", "", "/orders/{id}", 200, 0, 5},
		{"POST", "/orders", "12345", "/orders", 201, 5, 1},
		{"GET", "/nothing", "", "/nothing", 200, 0, 0},
		{"GET", "/panics", "", "/panics", 500, 0, 0},
		{"GET", "/half", "", "/half", 500, 0, 0},
		{"GET", "/none/of/them", "", "(none)", 404, 0, 19},
		{"DELETE", "/orders/1", "", "(none)", 405, 0, 19},
		{"GET", "/flushed", "", "/flushed", 200, 0, 4},
	} {
		request, err := http.NewRequestWithContext(context.Background(), one.method, server.URL+one.path, chunked(one.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "example.org"
		request.Header.Set("X-Agent", "bot")
		if response, err := client.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		made := <-kept.came
		call := made.GetApi()
		if call.GetEndpoint() != one.endpoint || call.GetMethod() != one.method || call.GetStatusCode() != one.status ||
			call.GetRequestBytes() != one.received || call.GetResponseBytes() != one.sent || call.LatencyMs == nil {
			t.Errorf("%s %s became %v", one.method, one.path, call)
		}
		if made.GetEventType() != "api.called" || (made.GetAgentId() == "bot") != (one.path != "/nothing") {
			t.Errorf("%s %s became %v", one.method, one.path, made)
		}
		if strings.Contains(made.String(), "secret") {
			t.Errorf("the event has what the caller sent: %v", made)
		}
	}
}

// chunked returns a body whose length the client does not say.
func chunked(text string) io.Reader {
	if text == "" {
		return nil
	}
	return io.MultiReader(strings.NewReader(text))
}

func TestHealthChecksAndSampling(t *testing.T) {
	kept := newRecorder()
	none := tallyhttp.Handler(mux(), kept, tallyhttp.WithSample(0))
	none.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/orders/1", nil))
	usual := tallyhttp.Handler(mux(), kept)
	usual.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/healthz", nil))
	if len(kept.events) != 0 {
		t.Errorf("they became %v", kept.events)
	}
	chosen := tallyhttp.Handler(mux(), kept, tallyhttp.WithExclude("/orders/*"))
	chosen.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/orders/1", nil))
	chosen.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/healthz", nil))
	if len(kept.events) != 1 || kept.events[0].GetApi().GetEndpoint() != "/healthz" {
		t.Errorf("they became %v", kept.events)
	}
}

func TestOtherRouters(t *testing.T) {
	kept := newRecorder()
	for _, template := range []func(*http.Request) string{
		func(*http.Request) string { return "/a/{b}" },
		func(*http.Request) string { return "" },
		func(*http.Request) string { panic("a fault") },
	} {
		handler := tallyhttp.Handler(http.NotFoundHandler(), kept, tallyhttp.WithTemplate(template))
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
	}
	for i, wanted := range []string{"/a/{b}", "(none)", "(none)"} {
		if got := kept.events[i].GetApi().GetEndpoint(); got != wanted {
			t.Errorf("template %d is %s", i, got)
		}
	}
}

func TestAPeerThatHangsUp(t *testing.T) {
	kept := newRecorder()
	server := httptest.NewServer(tallyhttp.Handler(mux(), kept))
	defer server.Close()
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(connection, "GET /waits HTTP/1.1\r\nHost: example.org\r\n\r\n")
	_ = connection.Close()
	if got := (<-kept.came).GetApi().GetStatusCode(); got != 499 {
		t.Errorf("it counts as %d", got)
	}
}

func TestRequestsDoNotNeedTheService(t *testing.T) {
	tracker, err := tallywire.NewTracker("127.0.0.1:1", "key")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(tallyhttp.Handler(mux(), tracker))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for range 50 {
		response, err := server.Client().Get(server.URL + "/orders/1")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := bufio.NewReader(response.Body).ReadString(0)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || text != "order" {
			t.Errorf("the answer is %d %s", response.StatusCode, text)
		}
	}
	server.Close() // waits for the handlers
	if stats := tracker.Stats(); stats.Pending != 50 {
		t.Errorf("stats are %+v", stats)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tracker.Close(done); err == nil {
		t.Error("the events have an outcome")
	}
}
