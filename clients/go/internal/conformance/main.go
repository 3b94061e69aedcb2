// Command conformance is the testee of the Go client: see clients/conformance/TESTEE.md.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	tallywire "github.com/tallywire/tallywire/clients/go"
)

// command is a line of stdin.
type command struct {
	ID   int    `json:"id"`
	Do   string `json:"do"`
	Of   int    `json:"of"`
	Key  string `json:"key"`
	Kind string `json:"kind"`

	Client  string `json:"client"`
	Tracker string `json:"tracker"`
	Stream  string `json:"stream"`

	Addresses        []string `json:"addresses"`
	Insecure         bool     `json:"insecure"`
	RootCertificates *string  `json:"root_certificates"`
	CertificateChain *string  `json:"certificate_chain"`
	PrivateKey       *string  `json:"private_key"`
	Connections      *int     `json:"connections"`

	Method     string          `json:"method"`
	Request    json.RawMessage `json:"request"`
	TimeoutMs  *int64          `json:"timeout_ms"`
	SilenceMs  *int64          `json:"silence_ms"`
	Bookmarks  bool            `json:"bookmarks"`
	Heartbeats bool            `json:"heartbeats"`

	EventType  string            `json:"event_type"`
	Fields     map[string]any    `json:"fields"`
	Properties map[string]any    `json:"properties"`
	Events     []json.RawMessage `json:"events"`
	Single     bool              `json:"single"`

	MaxEvents       *int   `json:"max_events"`
	MaxBytes        *int   `json:"max_bytes"`
	BatchSize       *int   `json:"batch_size"`
	FlushIntervalMs *int64 `json:"flush_interval_ms"`
	RetryForMs      *int64 `json:"retry_for_ms"`
	MaxUnacked      *int   `json:"max_unacked"`

	Seconds  float64 `json:"seconds"`
	Batch    int     `json:"batch"`
	UnderWay int     `json:"under_way"`
}

// errUnsupported says that the client has no such thing.
var errUnsupported = errors.New("unsupported")

// testee has what the driver has opened.
type testee struct {
	mutex    sync.Mutex
	clients  map[string]*tallywire.Client
	trackers map[string]*tallywire.Tracker
	streams  map[string]*stream
	running  map[int]context.CancelFunc
	output   *json.Encoder
}

func main() {
	t := &testee{
		clients:  map[string]*tallywire.Client{},
		trackers: map[string]*tallywire.Tracker{},
		streams:  map[string]*stream{},
		running:  map[int]context.CancelFunc{},
		output:   json.NewEncoder(os.Stdout),
	}
	t.output.SetEscapeHTML(false)
	var work sync.WaitGroup
	for lines := bufio.NewReader(os.Stdin); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var c command
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber() // properties may have numbers that no float64 keeps
		if err := decoder.Decode(&c); err != nil {
			fmt.Fprintln(os.Stderr, "no command:", err)
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		t.mutex.Lock()
		t.running[c.ID] = cancel
		t.mutex.Unlock()
		work.Add(1)
		go func() {
			defer work.Done()
			t.answer(ctx, &c)
		}()
	}
	t.end()
	work.Wait()
}

// answer does a command and writes its reply.
func (t *testee) answer(ctx context.Context, c *command) {
	reply := map[string]any{"id": c.ID}
	defer func() {
		if fault := recover(); fault != nil {
			reply = map[string]any{"id": c.ID, "fault": fmt.Sprintf("%v\n%s", fault, debug.Stack())}
		}
		t.mutex.Lock()
		defer t.mutex.Unlock()
		t.running[c.ID]()
		delete(t.running, c.ID)
		if err := t.output.Encode(reply); err != nil {
			fmt.Fprintln(os.Stderr, "no reply:", err)
		}
	}()
	result, err := t.do(ctx, c)
	switch failure := tallywire.ErrorOf(err); {
	case err == nil:
		reply["ok"] = result
	case failure != nil:
		reply["error"] = described(failure)
	case errors.Is(err, errUnsupported):
		reply["unsupported"] = err.Error()
	default:
		reply["fault"] = err.Error()
	}
}

func (t *testee) do(ctx context.Context, c *command) (any, error) {
	switch c.Do {
	case "info":
		return map[string]any{
			"language": "go", "version": tallywire.Version, "user_agent": "tallywire-go/" + tallywire.Version,
		}, nil
	case "open":
		return t.open(c)
	case "close":
		return none, t.client(c).Close()
	case "describe":
		client := t.client(c)
		return map[string]any{"text": fmt.Sprintf("%v %+v %#v %s", client, client, client, client)}, nil
	case "call":
		return t.call(ctx, c)
	case "pages":
		return t.pages(ctx, c)
	case "build":
		return build(c)
	case "load":
		return t.load(ctx, c)
	case "track":
		return t.track(ctx, c)
	case "cancel":
		return none, t.cancel(c)
	case "tracker_open", "tracker_track", "tracker_flush", "tracker_close", "tracker_stats":
		return t.tracking(ctx, c)
	case "stream_open", "stream_next", "stream_send", "stream_end", "stream_close":
		return t.streaming(ctx, c)
	default:
		return nil, fmt.Errorf("%w: no command %s", errUnsupported, c.Do)
	}
}

var none = map[string]any{}

func (t *testee) client(c *command) *tallywire.Client {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.clients[c.Client]
}

func (t *testee) cancel(c *command) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if cancel := t.running[c.Of]; cancel != nil {
		cancel()
		return nil
	}
	return fmt.Errorf("no command %d is under way", c.Of)
}

// end closes what is open.
func (t *testee) end() {
	t.mutex.Lock()
	for _, cancel := range t.running {
		cancel()
	}
	t.mutex.Unlock()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, one := range t.streams {
		one.cancel()
	}
	for _, one := range t.clients {
		_ = one.Close()
	}
	for _, one := range t.trackers {
		_ = one.Close(done)
	}
}

// described returns an error as a reply has it.
func described(err *tallywire.Error) map[string]any {
	metadata := err.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	reply := map[string]any{
		"code": codeName(err.Code), "reason": err.Reason, "field": err.Field, "metadata": metadata,
		"message": fmt.Sprintf("%v %+v", err, err), "retry_after_ms": nil,
		"outcome_unknown": err.OutcomeUnknown(), "local": err.Local,
	}
	if wait, asked := err.RetryAfter.Get(); asked {
		reply["retry_after_ms"] = wait.Milliseconds()
		if wait == tallywire.Never {
			reply["retry_after_ms"] = -1
		}
	}
	return reply
}
