package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tallywire/tallywire/clients/go/event"
)

// load sends events as fast as it goes, and tells how many were sent.
func (t *testee) load(ctx context.Context, c *command) (any, error) {
	client := t.client(c)
	end := time.Now().Add(time.Duration(c.Seconds * float64(time.Second)))
	var calls, failed atomic.Int64
	var senders sync.WaitGroup
	for range c.UnderWay {
		senders.Add(1)
		go func() {
			defer senders.Done()
			for time.Now().Before(end) {
				events := make([]event.Builder, c.Batch)
				for i := range events {
					events[i] = event.MessageSent()
				}
				var err error
				if c.Batch == 1 {
					_, err = client.Track(ctx, events[0])
				} else {
					_, err = client.TrackBatch(ctx, events...)
				}
				calls.Add(1)
				if err != nil {
					failed.Add(1)
				}
			}
		}()
	}
	senders.Wait()
	sent := (calls.Load() - failed.Load()) * int64(c.Batch)
	return map[string]any{"calls": calls.Load(), "events": sent, "failed": failed.Load()}, nil
}
