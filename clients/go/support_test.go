package tallywire_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	tallywire "github.com/tallywire/tallywire/clients/go"
	"github.com/tallywire/tallywire/clients/go/internal/scripted"
)

const key = "tw_secret_key"

// patience ends what would hang; nothing is expected to take as long.
const patience = 60 * time.Second

func clientOf(t *testing.T, server *scripted.Server, options ...tallywire.Option) *tallywire.Client {
	t.Helper()
	client, err := tallywire.New(server.Address, key, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

func trackerOf(t *testing.T, server *scripted.Server, options ...tallywire.TrackerOption) *tallywire.Tracker {
	t.Helper()
	tracker, err := tallywire.NewTracker(server.Address, key, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		done, cancel := context.WithCancel(context.Background())
		cancel()
		_ = tracker.Close(done) // most tests have closed it
	})
	return tracker
}

func withPatience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// until waits for a condition that becomes true by the work of others.
func until(t *testing.T, what string, isTrue func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !isTrue(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// leavesNothing fails the test if there are more goroutines after it than before it.
func leavesNothing(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		until(t, "the goroutines of the test end", func() bool { return runtime.NumGoroutine() <= before })
	})
}
